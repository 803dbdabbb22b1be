package entrasim

import (
	"net/http"

	"github.com/postern/postern/entrasim/passkey"
)

// registerPasskey verifies a registration and stores the passkey, for Graph and Security info alike. reg carries the
// tenant, the name and the credential; user, policy and what exists are filled in here. Refusals are *passkey.Refusal.
// The caller holds no lock.
func (s *Server) registerPasskey(t *Tenant, userID string, reg passkey.Registration) (*Passkey, error) {
	gone := &passkey.Refusal{Status: http.StatusNotFound, Code: "Request_ResourceNotFound", Reason: passkey.ReasonUnknownUser, Message: "The user no longer exists in this tenant."}
	found := false
	t.view(func() {
		u := t.user(userID)
		if u == nil {
			return
		}
		found = true
		reg.User, reg.Policy, reg.Count = t.passkeyUser(u), t.passkeyPolicy(), len(u.livePasskeys())
	})
	if !found {
		return nil, gone
	}
	reg.Registered = func(id []byte) (taken bool) {
		t.view(func() { taken = t.userByCredential(id) != nil })
		return taken
	}
	cred, err := s.relyingParty().Register(reg, s.now())
	if err != nil {
		return nil, err
	}
	added := t.addPasskey(userID, *cred)
	if added == nil {
		return nil, &passkey.Refusal{Status: http.StatusConflict, Code: "conflict", Reason: passkey.ReasonDuplicate, Message: "A passkey with this credential id is already registered."}
	}
	return added, nil
}

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

// auditPasskey writes the two events the service logs for one change of a passkey: one by the authentication methods
// service, one by the device registration service. The caller holds no lock.
func (t *Tenant) auditPasskey(u *User, by Actor, methodsActivity, deviceActivity string, c *passkey.Credential) {
	correlation, now := t.srv.newID(), t.now()
	event := Audit{Time: now, Correlation: correlation, Category: "UserManagement", By: by, TargetType: "User", TargetID: u.ID, TargetName: u.DisplayName, TargetUPN: u.UPN}
	methods, device := event, event
	methods.ID, methods.Service, methods.Activity, methods.Operation = t.srv.newID(), "Authentication Methods", methodsActivity, "Update"
	device.ID, device.Service, device.Activity, device.Operation = t.srv.newID(), "Device Registration Service", deviceActivity, "Update"
	device.Details = map[string]string{"AAGuid": c.AAGUID}
	t.update(func() {
		t.Audits.add(device)
		t.Audits.add(methods)
	})
}

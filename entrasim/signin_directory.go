package entrasim

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

func encodeBase64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decodeBase64URL returns nil for what is not base64url.
func decodeBase64URL(text string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil
	}
	return b
}

func contains(list []string, v string) bool { return slices.Contains(list, v) }

func sortedKeys(v url.Values) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// signInDirectory is a tenant as passkey.Directory: a snapshot of what one sign-in needs, taken under the lock.
type signInDirectory struct {
	tenantID string
	policy   passkey.Policy
	accounts map[string]passkey.Account
	creds    map[string][]passkey.Credential
}

// directory takes the snapshot: the owner of the credential and the user who signs in, if known; or, when nobody owns the
// credential, everybody by id, so that a removed passkey is told apart from a stranger's.
func (s *Server) directory(t *Tenant, credentialID []byte, userID string) *signInDirectory {
	d := &signInDirectory{tenantID: t.ID, accounts: make(map[string]passkey.Account), creds: make(map[string][]passkey.Credential)}
	t.view(func() {
		d.policy = t.passkeyPolicy()
		add := func(u *User, subject passkey.Subject) {
			d.accounts[u.ID] = passkey.Account{Subject: subject, Name: u.UPN, Enabled: !u.Disabled}
			for _, k := range u.livePasskeys() {
				d.creds[u.ID] = append(d.creds[u.ID], k.Credential)
			}
		}
		if owner := t.userByCredential(credentialID); owner != nil {
			add(owner, t.subject(owner))
			if u := t.user(userID); u != nil && u != owner {
				add(u, t.subject(u))
			}
			return
		}
		// Nobody gets in without a credential, so groups do not matter here.
		t.Users.all(func(u *User) bool { add(u, passkey.Subject{ID: u.ID}); return true })
	})
	return d
}

func (d *signInDirectory) TenantID() string { return d.tenantID }

func (d *signInDirectory) AccountByHandle(handle []byte) (passkey.Account, bool) {
	for id, a := range d.accounts {
		if own, err := passkey.UserHandle(d.tenantID, id); err == nil && bytes.Equal(own, handle) {
			return a, true
		}
	}
	return passkey.Account{}, false
}

func (d *signInDirectory) Account(userID string) (passkey.Account, bool) {
	a, ok := d.accounts[userID]
	return a, ok
}

func (d *signInDirectory) Credential(userID string, credentialID []byte) (passkey.Credential, bool) {
	for _, c := range d.creds[userID] {
		if bytes.Equal(c.ID, credentialID) {
			return c, true
		}
	}
	return passkey.Credential{}, false
}

func (d *signInDirectory) Policy() passkey.Policy { return d.policy }

// event is the sign-in log's line about a passkey.
func (d *signInDirectory) event(credentialID []byte) SignIn {
	for _, list := range d.creds {
		for _, c := range list {
			if bytes.Equal(c.ID, credentialID) {
				method := "Passkey (device-bound)"
				if c.Type == passkey.Synced {
					method = "Passkey (synced)"
				}
				return SignIn{Method: method, Detail: c.DisplayName}
			}
		}
	}
	return SignIn{Method: "Passkey (device-bound)"}
}

// tenantByHandle finds the tenant a user handle names.
func (s *Server) tenantByHandle(handle string) *Tenant {
	id, ok := passkey.HandleTenant(decodeBase64URL(handle))
	if !ok {
		return nil
	}
	return s.tenant(id)
}

// usable says whether a Temporary Access Pass signs in now.
func (p *TemporaryPass) usable(now time.Time) bool {
	return p != nil && !now.Before(p.From) && now.Before(p.Until) && !(p.OneTime && p.Used)
}

// redeemTemporaryPass signs in with a Temporary Access Pass. It counts as multifactor; "otp" for its amr is the emulator's
// choice.
func (t *Tenant) redeemTemporaryPass(name, code string) (proof SignInProof, ok bool) {
	now := t.now()
	t.update(func() {
		u := t.user(name)
		if u == nil || u.Disabled || !u.TemporaryPass.usable(now) || subtle.ConstantTimeCompare([]byte(u.TemporaryPass.Code), []byte(code)) != 1 {
			return
		}
		u.TemporaryPass.Used = true
		mode := "temporaryAccessPassMultiUse"
		if u.TemporaryPass.OneTime {
			mode = "temporaryAccessPassOneTime"
		}
		proof, ok = SignInProof{UserID: u.ID, AuthTime: now, AMR: []string{"otp", amrMFA}, Modes: []string{mode}}, true
	})
	return proof, ok
}

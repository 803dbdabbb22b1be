package entrasim

import (
	"slices"
	"time"
)

// Codes of refused requests of Windows computers. The list of codes is public; which of them the service uses for what is
// not always, and where it is not the nearest one is taken.
const (
	codeDeviceMissing  = 700003
	codeDeviceDisabled = 135011
	codeDeviceAuth     = 50155   // DeviceAuthenticationFailed
	codeBadAssertion   = 50013   // InvalidAssertion
	codeKeyDerivation  = 5000611 // the version of the key derivation function is not valid
	codeRevoked        = 50173
	codeInactive       = 700082
)

// PrimaryToken is a primary refresh token (PRT): what a sign-in to Windows ends in. It is kept under the hash of its value.
type PrimaryToken struct {
	SignInProof // with the device

	ID         string // for the control API, the same after a renewal
	Issued     time.Time
	Expires    time.Time
	SessionKey []byte
	Passkey    string `json:",omitempty"` // method id of the passkey it was got with
	Password   string `json:",omitempty"` // hash of the password it was got with
	Renewals   int    `json:",omitempty"`
}

// prtLife is how long a PRT is good when it is not renewed.
func (s *Server) prtLife() time.Duration {
	if d := time.Duration(s.Levers().PRTLifetime); d > 0 {
		return d
	}
	return 14 * 24 * time.Hour
}

// newPrimaryToken stores a PRT and returns its value. The caller holds no lock.
func (t *Tenant) newPrimaryToken(p PrimaryToken) string {
	value := t.srv.newToken("0.AP")
	p.Issued = t.now()
	p.Expires = p.Issued.Add(t.srv.prtLife())
	t.update(func() {
		if t.Sessions.Primary == nil {
			t.Sessions.Primary = make(map[string]*PrimaryToken)
		}
		bound(t.Sessions.Primary, p.Issued, func(p *PrimaryToken) time.Time { return p.Expires })
		t.Sessions.Primary[hashToken(value)] = &p
		if c := t.computer(p.DeviceID); c != nil {
			c.LastSignIn = p.Issued.UTC().Truncate(time.Second)
		}
	})
	return value
}

// primaryToken finds a PRT by its value and says why it is good for nothing now, if it is not. The caller holds no lock.
func (t *Tenant) primaryToken(value string) (p *PrimaryToken, problem *oauthError) {
	ends := t.srv.Levers().PRTEndsWithPasskey
	t.view(func() {
		if stored := t.Sessions.Primary[hashToken(value)]; stored != nil {
			copied := *stored
			p, problem = &copied, t.primaryProblem(stored, ends)
		}
	})
	return p, problem
}

// primaryProblem is why a PRT is good for nothing now; nil if it is good. ends says that it ends with its passkey. The caller
// holds the lock.
func (t *Tenant) primaryProblem(p *PrimaryToken, ends bool) *oauthError {
	u := t.user(p.UserID)
	switch {
	case u == nil:
		return &oauthError{status: 400, kind: "invalid_grant", number: codeUserUnknown, text: "The user account does not exist in the " + t.Name + " directory."}
	case u.Disabled:
		return &oauthError{status: 400, kind: "invalid_grant", number: codeUserDisabled, text: "The user account is disabled."}
	}
	if e := t.deviceProblem(p.DeviceID); e != nil {
		return e
	}
	revoked := p.Issued.Before(u.SessionsValidFrom) || p.Password != "" && p.Password != t.passwordHash(u) ||
		ends && p.Passkey != "" && !slices.ContainsFunc(u.livePasskeys(), func(k *Passkey) bool { return k.ID == p.Passkey })
	switch {
	case revoked:
		return &oauthError{
			status: 400, kind: "invalid_grant", number: codeRevoked,
			text: "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
		}
	case !t.now().Before(p.Expires):
		return &oauthError{
			status: 400, kind: "invalid_grant", number: codeInactive, text: "The refresh token has expired due to inactivity.",
		}
	}
	return nil
}

// passwordHash tells one password of a user from another. The caller holds the lock.
func (t *Tenant) passwordHash(u *User) string {
	password := u.Password
	if password == "" {
		password = t.Password
	}
	return hashToken(u.ID + " " + password)
}

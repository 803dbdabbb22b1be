package passkey_test

import (
	"testing"

	"github.com/postern/postern/entrasim/passkey"
)

// TestSignInOver signs in over a challenge that no relying party sealed.
func TestSignInOver(t *testing.T) {
	rp := newRP(t)
	a := newAuthenticator(t)
	cred, err := register(t, rp, a, openPolicy())
	must(t, err)
	dir := newDirectory(*cred)
	const nonce = "AwABAAAAAAACAOz_BQD0"
	in, err := rp.SignInOver(nonce, a.get(nonce), dir)
	must(t, err)
	if in.UserID != dir.account.ID || string(in.CredentialID) != string(a.id) {
		t.Errorf("%+v", in)
	}
	sealed, err := rp.RequestChallenge("", "", nil, testNow.Add(1))
	must(t, err)
	for name, c := range map[string]struct {
		change func(*testAuthenticator)
		signed string
		want   passkey.Reason
	}{
		"another nonce":             {nil, "AwABAAAAAAACAOz_BQD1", passkey.ReasonChallenge},
		"no nonce":                  {nil, "", passkey.ReasonChallenge},
		"a challenge of the page":   {nil, sealed, passkey.ReasonChallenge},
		"no user handle":            {func(a *testAuthenticator) { a.handle = nil }, nonce, passkey.ReasonUserHandle},
		"no user verification":      {func(a *testAuthenticator) { a.flags = flagUP }, nonce, passkey.ReasonUserVerification},
		"another relying party":     {func(a *testAuthenticator) { a.rpID = "login.example" }, nonce, passkey.ReasonRelyingParty},
		"a signature of nobody":     {func(a *testAuthenticator) { a.breakSig = true }, nonce, passkey.ReasonSignature},
		"a registration, not a use": {func(a *testAuthenticator) { a.editClient = set("type", "webauthn.create") }, nonce, passkey.ReasonCeremonyType},
	} {
		t.Run(name, func(t *testing.T) {
			bad := *a
			bad.t = t
			if c.change != nil {
				c.change(&bad)
			}
			_, err := rp.SignInOver(nonce, bad.get(c.signed), dir)
			wantReason(t, err, c.want)
		})
	}
	dir.policy.State = "disabled"
	_, err = rp.SignInOver(nonce, a.get(nonce), dir)
	wantReason(t, err, passkey.ReasonMethodDisabled)
}

package entrasim

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/postern/postern/entrasim/passkey"
)

// grantFIDO2 and the form of its claim assertion (that of the login page, as text) are the emulator's own: how Windows carries
// a FIDO2 assertion in a request for a PRT is not published.
const grantFIDO2 = "urn:entrasim:grant-type:fido2"

const windowsSignInName = "Windows Sign In"

// credential checks the credential of a request for a PRT. The sign-in log gets the event whether it is good or not; the user
// of the PRT is set as soon as it is known.
func (c *tokenCall) credential(t *Tenant, request *windowsToken) (p PrimaryToken, event SignIn, e *oauthError) {
	switch request.claims.Grant {
	case "password":
		event.Method = "Password"
		e = c.passwordCredential(t, &request.claims, &p)
	case "refresh_token":
		event.Method = previouslySatisfied
		e = c.refreshCredential(t, &request.claims, &p)
	case grantFIDO2:
		event, e = c.passkeyCredential(t, &request.claims, &p)
	default:
		e = &oauthError{
			status: 400, kind: "unsupported_grant_type", number: 70003,
			text: "The request carries an unsupported grant type '" + shorten(request.claims.Grant, 64) + "'. The emulator takes 'password', 'refresh_token' and '" + grantFIDO2 + "'.",
		}
	}
	if e == nil && slices.Contains(p.AMR, amrPassword) {
		t.view(func() {
			if u := t.user(p.UserID); u != nil {
				p.Password = t.passwordHash(u)
			}
		})
	}
	return p, event, e
}

// passwordCredential takes a password alone, also where a second factor is asked for: the PRT says how it was got.
func (c *tokenCall) passwordCredential(t *Tenant, claims *windowsClaims, p *PrimaryToken) *oauthError {
	switch {
	case claims.Username == "":
		return missing("username")
	case claims.Password == "":
		return missing("password")
	}
	u, e := t.knowsPassword(claims.Username, claims.Password)
	if e != nil {
		return e
	}
	p.SignInProof = SignInProof{UserID: u.ID, AuthTime: c.s.now(), AMR: []string{amrPassword}, Modes: []string{"password"}}
	return nil
}

// refreshCredential takes a refresh token that the broker got in a sign-in with a page.
func (c *tokenCall) refreshCredential(t *Tenant, claims *windowsClaims, p *PrimaryToken) *oauthError {
	if claims.RefreshToken == "" {
		return missing("refresh_token")
	}
	var stored *RefreshToken
	var problem *oauthError
	t.view(func() {
		found := t.Sessions.Refresh[hashToken(claims.RefreshToken)]
		if found == nil || found.ClientID != brokerID {
			return
		}
		copied := *found
		stored = &copied
		// What ends a PRT ends this one, but for the device: it had none.
		u := t.user(found.UserID)
		switch {
		case u == nil:
			problem = unknownUser("of the token", t.Name)
		case u.Disabled:
			problem = &oauthError{status: 400, kind: "invalid_grant", number: codeUserDisabled, text: "The user account is disabled."}
		case found.Issued.Before(u.SessionsValidFrom):
			problem = &oauthError{status: 400, kind: "invalid_grant", number: codeRevoked, text: "The provided grant has expired due to it being revoked, a fresh auth token is needed."}
		case !c.s.now().Before(found.Expires):
			problem = &oauthError{status: 400, kind: "invalid_grant", number: codeInactive, text: "The refresh token has expired due to inactivity."}
		}
	})
	if stored == nil {
		return &oauthError{status: 400, kind: "invalid_grant", number: 9002313, text: "Invalid request. Request is malformed or invalid."}
	}
	p.SignInProof = stored.SignInProof
	return problem
}

// passkeyCredential verifies an assertion over the nonce of the request as the web sign-in does.
func (c *tokenCall) passkeyCredential(t *Tenant, claims *windowsClaims, p *PrimaryToken) (SignIn, *oauthError) {
	event := SignIn{Method: "Passkey (device-bound)"}
	var a passkey.Assertion
	if json.Unmarshal([]byte(claims.Assertion), &a) != nil {
		return event, &oauthError{status: 400, kind: "invalid_grant", number: 90013, text: "Invalid input received from the user: the assertion is not a JSON object."}
	}
	dir := c.s.directory(t, decodeBase64URL(a.ID), "")
	if account, ok := dir.AccountByHandle(decodeBase64URL(a.UserHandle)); ok {
		p.UserID = account.ID
	}
	in, err := c.s.relyingParty().SignInOver(claims.Nonce, a, dir)
	var refusal *passkey.Refusal
	switch {
	case errors.As(err, &refusal):
		page := refusalPage(refusal)
		return event, &oauthError{status: 400, kind: "invalid_grant", number: page.number, text: page.text}
	case err != nil:
		return event, internal()
	}
	t.usedPasskey(in.UserID, in.CredentialID, in.SignCount)
	used, _ := dir.Credential(in.UserID, in.CredentialID)
	p.SignInProof = SignInProof{
		UserID: in.UserID, AuthTime: c.s.now(), AMR: []string{amrFIDO, amrMFA}, Modes: []string{"fido2"}, AAGUID: used.AAGUID,
	}
	p.Passkey = passkey.MethodID(in.CredentialID)
	return dir.event(in.CredentialID), nil
}

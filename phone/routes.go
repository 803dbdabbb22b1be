package phone

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/signed"
)

const provisionings = "/provisionings"

// API calls the phone's routes of a control center.
type API struct{ *signed.Caller }

func (a API) enrol(ctx context.Context, in postern.PhoneEnrolment) (out postern.PhoneSelf, err error) {
	return out, a.Call(ctx, "POST", "/enrolments", nil, in, &out)
}

// Self is what the phone may know of itself.
func (a API) Self(ctx context.Context) (out postern.PhoneSelf, err error) {
	return out, a.Call(ctx, "GET", "/self", nil, nil, &out)
}

// Revoke has the phone and its passkeys revoked.
func (a API) Revoke(ctx context.Context) error {
	return a.Call(ctx, "DELETE", "/self", nil, nil, nil)
}

// GiveLinkKey hands the public part of the link key in. The control center takes one, and it again.
func (a API) GiveLinkKey(ctx context.Context, public []byte) error {
	return a.Call(ctx, "PUT", "/self/link-key", nil, postern.LinkKeyInput{LinkKey: public}, nil)
}

// ReportPasskey tells of a passkey that was made for Entra by somebody other than the control center, as at Security info.
func (a API) ReportPasskey(ctx context.Context, credentialID []byte) error {
	return a.Call(ctx, "POST", "/passkeys", nil, postern.SelfServicePasskey{CredentialID: credentialID, RPID: postern.EntraRPID}, nil)
}

// TellUse tells when the phone last signed in with a passkey that the control center lists: its hour, and nothing else.
func (a API) TellUse(ctx context.Context, id postern.PasskeyID, used time.Time) error {
	return a.Call(ctx, "PUT", "/passkeys/"+url.PathEscape(string(id))+"/use", nil, postern.PasskeyUse{UsedAt: used.UTC().Truncate(time.Hour)}, nil)
}

// RevokePasskey has one passkey of the phone revoked.
func (a API) RevokePasskey(ctx context.Context, id postern.PasskeyID) error {
	return a.Call(ctx, "DELETE", "/passkeys/"+url.PathEscape(string(id)), nil, nil, nil)
}

// Begin asks for a passkey, or finds the provisioning that is under way.
func (a API) Begin(ctx context.Context) (out postern.PhoneProvisioning, err error) {
	return out, a.Call(ctx, "POST", provisionings, nil, nil, &out)
}

// Offers lists the provisionings under way, waiting until one is offered or the time is over.
func (a API) Offers(ctx context.Context, wait time.Duration) (out []postern.PhoneProvisioning, err error) {
	return out, a.Call(ctx, "GET", provisionings, waiting(wait), nil, &out)
}

// Provisioning looks at a provisioning, waiting until its version is above the one given or the time is over.
func (a API) Provisioning(ctx context.Context, id postern.ProvisioningID, version int64, wait time.Duration) (out postern.PhoneProvisioning, err error) {
	query := waiting(wait)
	if query != nil {
		query.Set("version", strconv.FormatInt(version, 10))
	}
	return out, a.Call(ctx, "GET", of(id), query, nil, &out)
}

// SignIn begins a sign-in at Entra that proves who holds the phone. The language is that of Entra's page.
func (a API) SignIn(ctx context.Context, language string) (out postern.SignInStart, err error) {
	query := url.Values{}
	if language != "" {
		query.Set("language", language)
	}
	return out, a.Call(ctx, "POST", "/proofs/sign-in", query, nil, &out)
}

func (a API) attest(ctx context.Context, id postern.ProvisioningID, in postern.AttestationRequest) (out postern.AttestationLeaf, err error) {
	return out, a.Call(ctx, "POST", of(id)+"/attestation", nil, in, &out)
}

func (a API) submit(ctx context.Context, id postern.ProvisioningID, in postern.CredentialSubmission) (out postern.PhoneProvisioning, err error) {
	return out, a.Call(ctx, "POST", of(id)+"/credential", nil, in, &out)
}

// Decline says no to a provisioning.
func (a API) Decline(ctx context.Context, id postern.ProvisioningID, reason string) (out postern.PhoneProvisioning, err error) {
	return out, a.Call(ctx, "POST", of(id)+"/decline", nil, postern.DeclineInput{Reason: reason}, &out)
}

// AgreeOffline tells that the user agreed to a batch of codes on the workstation of a pairing. It asks again while the
// control center cannot be reached, until ctx ends.
func (a API) AgreeOffline(ctx context.Context, id postern.PairingID, batch []byte) error {
	for wait := time.Second; ; wait = min(2*wait, agreeAgain) {
		err := a.Call(ctx, "PUT", "/pairings/"+url.PathEscape(string(id))+"/offline", nil, postern.OfflineConsent{BatchID: batch}, nil)
		if !postern.IsCode(err, postern.CodeUnavailable) && !postern.IsCode(err, postern.CodeTooMany) && !postern.IsCode(err, postern.CodeInternal) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// agreeAgain is the longest time between two calls of [API.AgreeOffline].
const agreeAgain = 8 * time.Second

// EndOffline has the offline passkey of a pairing taken away.
func (a API) EndOffline(ctx context.Context, id postern.PairingID) error {
	return a.Call(ctx, "DELETE", "/pairings/"+url.PathEscape(string(id))+"/offline", nil, nil, nil)
}

func of(id postern.ProvisioningID) string { return provisionings + "/" + url.PathEscape(string(id)) }

// waiting is the query of a long poll; whole seconds, at most what the control center grants.
func waiting(wait time.Duration) url.Values {
	seconds := int64(min(wait, postern.PhoneWaitMax) / time.Second)
	if seconds < 1 {
		return nil
	}
	return url.Values{"wait": {strconv.FormatInt(seconds, 10)}}
}

package ceremony

import (
	"io"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/vault"
)

// AfterToken is how long an approval given for a pinUvAuthToken waits for the ceremony it was given for: as long as the
// gesture counts (CTAP 2.1 §6.5.2.1), and a little for the way.
const AfterToken = 35 * time.Second

// neverReset closes the time after power-up in which CTAP hears a reset (CTAP 2.1 §6.6) before it has begun: nobody
// holding the phone has plugged it in, and what deletes every passkey is done on the phone.
const neverReset = time.Nanosecond

// User is whom the authenticator asks.
type User interface {
	authenticator.User
	authenticator.Chooser
}

// NewAuthenticator makes the authenticator of one session: tokens, remembered assertions and enumerations of one session
// are no other's. One yes of the user's gives one use of one key, for what was shown.
func NewAuthenticator(store authenticator.Store, user User, random io.Reader, now func() time.Time) (*authenticator.Authenticator, error) {
	held := &consent{Store: store, user: user}
	return authenticator.New(authenticator.Config{
		AAGUID: phone.AAGUID, Store: held, User: held, Chooser: held, Random: random, Now: now, SilentByThrowaway: true,
		Algorithms: []ctap.Algorithm{ctap.ES256}, ResetWindow: neverReset, MaxLargeBlobs: ctap.MinLargeBlobCapacity,
		Transports: []string{"usb"}, FirmwareVersion: 1, MaxMsgSize: channel.MaxCTAP,
	})
}

// Refused gives the answer to a request that no authenticator of a phone is to get from a workstation: a reset, a token of more
// than the user would be shown, and what is for vendors. Nil: it may have it.
func Refused(request []byte) []byte {
	command, params, err := ctap.SplitRequest(request)
	switch {
	case err != nil:
	case Vendor(request):
		return []byte{byte(ctap.ErrInvalidCommand)}
	case command == ctap.Reset:
		return []byte{byte(ctap.ErrNotAllowed)}
	case command == ctap.ClientPIN && overreaches(params):
		return []byte{byte(ctap.ErrUnauthorizedPermission)}
	}
	return nil
}

// overreaches reports whether a token is wanted that signs in or registers and manages passkeys or settings as well: the
// user is shown the one and not the other. So is a token that lists passkeys for good: it outlives the session, and the
// user who agreed to be asked once is not asked again.
func overreaches(params []byte) bool {
	r, err := ctap.DecodeClientPINRequest(params)
	if err != nil || r.Permissions == nil {
		return false
	}
	const ceremonies, manages = ctap.PermitMakeCredential | ctap.PermitGetAssertion, ctap.PermitCredentialManagement | ctap.PermitAuthenticatorConfig
	asked := *r.Permissions
	return asked&ctap.PermitCredentialReadOnly != 0 || asked&ceremonies != 0 && asked&manages != 0
}

// Begins reports whether a yes to a question is for a ceremony, for which it counts until that is over.
func Begins(r authenticator.Reason) bool { return vault.NeedsUnlock(r) }

// Ends reports whether a request is the one that a ceremony ends with, whatever its answer: a registration or a sign-in.
func Ends(request []byte) bool {
	command, _, err := ctap.SplitRequest(request)
	return err == nil && (command == ctap.MakeCredential || command == ctap.GetAssertion && !Silent(request))
}

// Over reports whether the ceremony that an approval was given for has ended with a response.
func Over(request, response []byte) bool { return vault.Over(request, response) }

// Used gives the credential that a response made or signed with, and whether it was made. It is nil for all other
// requests, for those that failed, and for those that only looked for a passkey.
func Used(request, response []byte) (credentialID []byte, made bool) {
	command, _, err := ctap.SplitRequest(request)
	if err != nil || Silent(request) {
		return nil, false
	}
	result, err := ctap.SplitResponse(response)
	if err != nil {
		return nil, false
	}
	switch command {
	case ctap.MakeCredential:
		return madeID(result), true
	case ctap.GetAssertion:
		return assertedID(result), false
	}
	return nil, false
}

func madeID(result []byte) []byte {
	m, err := ctap.DecodeMakeCredentialResponse(result)
	if err != nil {
		return nil
	}
	data, err := ctap.ParseAuthenticatorData(m.AuthData)
	if err != nil || data.Attested == nil {
		return nil
	}
	return data.Attested.ID
}

func assertedID(result []byte) []byte {
	g, err := ctap.DecodeGetAssertionResponse(result)
	if err != nil || g.Credential == nil {
		return nil
	}
	return g.Credential.ID
}

// Silent reports whether a request only looks for a passkey.
func Silent(request []byte) bool {
	command, params, err := ctap.SplitRequest(request)
	if err != nil || command != ctap.GetAssertion {
		return false
	}
	g, err := ctap.DecodeGetAssertionRequest(params)
	if err != nil {
		return true
	}
	up, told := g.Options[ctap.OptionUP]
	return told && !up
}

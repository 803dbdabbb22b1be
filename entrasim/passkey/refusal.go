package passkey

import (
	"fmt"
	"net/http"
)

// Reason names why a ceremony was turned down. Callers branch on it; people read [Refusal.Message].
type Reason string

// The reasons, in the order in which the checks run.
const (
	ReasonMalformed           Reason = "malformed"
	ReasonTimeoutRange        Reason = "timeoutRange"
	ReasonDisplayName         Reason = "displayName"
	ReasonGuest               Reason = "guest"
	ReasonMethodDisabled      Reason = "methodDisabled"
	ReasonExcluded            Reason = "excluded"
	ReasonNotTargeted         Reason = "notTargeted"
	ReasonSelfServiceOff      Reason = "selfServiceOff"
	ReasonTooMany             Reason = "tooMany"
	ReasonCeremonyType        Reason = "ceremonyType"
	ReasonChallenge           Reason = "challenge"
	ReasonChallengeExpired    Reason = "challengeExpired"
	ReasonChallengeUser       Reason = "challengeUser"
	ReasonOrigin              Reason = "origin"
	ReasonCrossOrigin         Reason = "crossOrigin"
	ReasonRelyingParty        Reason = "relyingParty"
	ReasonUserPresence        Reason = "userPresence"
	ReasonUserVerification    Reason = "userVerification"
	ReasonBackupFlags         Reason = "backupFlags"
	ReasonAlgorithm           Reason = "algorithm"
	ReasonAttestationFormat   Reason = "attestationFormat"
	ReasonAttestation         Reason = "attestation"
	ReasonCredentialID        Reason = "credentialID"
	ReasonDuplicate           Reason = "duplicate"
	ReasonPasskeyType         Reason = "passkeyType"
	ReasonKeyRestriction      Reason = "keyRestriction"
	ReasonAttestationRequired Reason = "attestationRequired"
	ReasonUnknownUser         Reason = "unknownUser"
	ReasonAccountDisabled     Reason = "accountDisabled"
	ReasonUserHandle          Reason = "userHandle"
	ReasonUnknownCredential   Reason = "unknownCredential"
	ReasonSignature           Reason = "signature"
	ReasonCounter             Reason = "counter"
)

// Refusal is the answer to a request that was understood and turned down.
//
// Microsoft publishes neither codes nor texts for these cases of POST fido2Methods; status 400 with code badRequest and a
// distinct message each is our choice, as is 409 for a credential id that is already registered.
type Refusal struct {
	Status  int    // HTTP status of the Graph answer
	Code    string // error.code of the Graph answer
	Message string // one or more sentences for people
	Reason  Reason
}

// Error returns the message; it never carries a challenge, a key or a signature.
func (r *Refusal) Error() string { return r.Message }

// refuse is the common case: 400 badRequest.
func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: "badRequest", Message: fmt.Sprintf(format, args...), Reason: reason}
}

// deny is for calls that are well formed and not permitted: 403 accessDenied.
func deny(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: "accessDenied", Message: fmt.Sprintf(format, args...), Reason: reason}
}

// conflict is for what exists already: 409.
func conflict(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusConflict, Code: "conflict", Message: fmt.Sprintf(format, args...), Reason: reason}
}

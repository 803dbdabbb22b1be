package entrasim

import "github.com/postern/postern/entrasim/passkey"

// Codes of the sign-in page. The list of AADSTS codes is public; which of them the service uses for a refused passkey is
// not, so the mapping is the emulator's choice, with the code whose published text comes nearest.
const (
	codeBlockedByPolicy = 130501 // Sign in was blocked due to User Credential Policy
	codeKeyNotFound     = 135010 // KeyNotFound
	codeUserDisabled    = 50057
	codeUserUnknown     = 50034
	codeFlowExpired     = 50089
	codeNonceInvalid    = 140000 // InvalidRequestNonce
	codeStrongAuth      = 500121 // Authentication failed during strong authentication request
)

// refusalPage turns the refusal of a passkey into the service's voice: a code, its sentence, the cause, the next step.
func refusalPage(r *passkey.Refusal) pageError {
	switch r.Reason {
	case passkey.ReasonMethodDisabled, passkey.ReasonExcluded, passkey.ReasonNotTargeted, passkey.ReasonKeyRestriction, passkey.ReasonPasskeyType:
		return pageError{
			number: codeBlockedByPolicy, text: "Sign in was blocked due to User Credential Policy. " + r.Message,
			advice: "Use another way to sign in, or ask your administrator to review the passkey policy.",
		}
	case passkey.ReasonUnknownCredential:
		return pageError{
			number: codeKeyNotFound, text: "KeyNotFound. " + r.Message,
			advice: "Use another passkey. If this one should still work, ask your administrator to register it again.",
		}
	case passkey.ReasonUnknownUser:
		return pageError{
			number: codeUserUnknown, text: "The user account does not exist in this directory. " + r.Message,
			advice: "Use a passkey of an account in this directory.",
		}
	case passkey.ReasonAccountDisabled:
		return pageError{number: codeUserDisabled, text: r.Message, advice: "Ask your administrator to enable the account."}
	case passkey.ReasonChallengeExpired:
		return pageError{
			number: codeFlowExpired, text: "Authentication failed due to flow token expired. " + r.Message,
			advice: "Start again and use the passkey within five minutes.",
		}
	case passkey.ReasonChallenge, passkey.ReasonChallengeUser:
		return pageError{number: codeNonceInvalid, text: "InvalidRequestNonce. " + r.Message, advice: "Start again."}
	default:
		return pageError{
			number: codeStrongAuth, text: "Authentication failed during strong authentication request. " + r.Message,
			advice: "Try again, or use another passkey.",
		}
	}
}

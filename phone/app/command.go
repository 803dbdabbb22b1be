package app

import "github.com/postern/postern"

// The names of the commands. Each takes the struct of its name as JSON; those whose comment says so take the output of
// the gate as well, 32 bytes that never become JSON. A command answers when what it began is under way or done, with
// nothing; what comes of it the view shows. A command that cannot be begun answers a [Problem].
const (
	CommandEnrol     = "enrol"
	CommandPair      = "pair"
	CommandSame      = "same"
	CommandDifferent = "different"
	CommandClose     = "close"
	CommandApprove   = "approve"
	CommandChoose    = "choose"
	CommandDeny      = "deny"
	CommandAsk       = "ask"
	CommandSignIn    = "sign_in"
	CommandOffer     = "look_for_sign_in"
	CommandBegin     = "enrol_by_sign_in"
	CommandAccept    = "accept"
	CommandDecline   = "decline"
	CommandLook      = "look"
	CommandRename    = "rename"
	CommandDelete    = "delete"
	CommandUnpair    = "unpair"
	CommandDismiss   = "dismiss"
	CommandPush      = "push"
	CommandVisible   = "visible"
	CommandDiagnose  = "diagnose"
	CommandForget    = "forget"
	CommandCode      = "show_code"
	CommandHide      = "hide_code"
	CommandNoCodes   = "forget_codes"
)

type (
	// LookForSignIn asks whether this phone may be set up with a sign-in at Entra, at the integration, or where none is
	// named, at the only one that allows it. The view's Setup says.
	LookForSignIn struct {
		Integration postern.IntegrationID `json:"integration,omitempty"`
	}
	// EnrolBySignIn begins that sign-in. The view's Setup says where it is done and which number is typed after it.
	EnrolBySignIn struct {
		Name     string `json:"name"`
		Platform string `json:"platform"`
		Language string `json:"language,omitempty"`
	}
	// Enrol is the first start: the one-time code of the invitation, or none after [EnrolBySignIn], and the gate that was
	// made. With the output of the
	// gate; without one the platform has no PRF, and the phone is of lower assurance.
	Enrol struct {
		Code         string        `json:"code"`
		Name         string        `json:"name"`
		Platform     string        `json:"platform"`
		CredentialID postern.Bytes `json:"credential_id"`
	}
	// Pair joins a workstation: the text of a QR code, or a code that was typed.
	Pair struct {
		Text string `json:"text"`
	}
	// Same says that the workstation shows the digits too; Different that it does not, or that nobody wanted to pair.
	Same struct{}
	// Different is the other answer.
	Different struct{}
	// Close puts away a pairing or an offer that is done or has failed.
	Close struct{}
	// Approve accepts a request. With the output of the gate where Approval.Biometric says so.
	Approve struct {
		ID string `json:"id"`
	}
	// Choose picks one of the accounts of a request that was accepted.
	Choose struct {
		ID      string `json:"id"`
		Account int    `json:"account"` // index
	}
	// Deny refuses a request.
	Deny struct {
		ID string `json:"id"`
	}
	// Ask asks the control center for a passkey.
	Ask struct{}
	// SignIn begins a sign-in at Entra that proves who holds the phone. The view's Enrolment says where it is done.
	SignIn struct {
		Language string `json:"language,omitempty"`
	}
	// Accept takes an offer. With the output of the gate.
	Accept struct {
		ID postern.ProvisioningID `json:"id"`
	}
	// Decline refuses an offer.
	Decline struct {
		ID     postern.ProvisioningID `json:"id"`
		Reason string                 `json:"reason,omitempty"`
	}
	// Look tells the control center once more of a passkey made at Security info that Entra did not list, so that it is
	// looked for again.
	Look struct {
		Key string `json:"key"`
	}
	// Rename gives a key or a computer a name of the user's own.
	Rename struct {
		Key      string            `json:"key,omitempty"`
		Computer postern.PairingID `json:"computer,omitempty"`
		Name     string            `json:"name"`
	}
	// Delete deletes a key, here and at Entra.
	Delete struct {
		Key string `json:"key"`
	}
	// Unpair ends a pairing.
	Unpair struct {
		Computer postern.PairingID `json:"computer"`
	}
	// Dismiss takes a notice away.
	Dismiss struct {
		Notice string `json:"notice"`
	}
	// Subscribe has the phone woken at the subscription; nil ends that.
	Subscribe struct {
		Subscription *postern.PushSubscription `json:"subscription"`
	}
	// Visible says whether the app is on the screen. Shown again, it connects at once.
	Visible struct {
		Visible bool `json:"visible"`
	}
	// Diagnose checks everything. The skin says what only it can know: whether the storage is persistent, and what the
	// browser lacks.
	Diagnose struct {
		Persistent bool     `json:"persistent"`
		Missing    []string `json:"missing"` // "prf", "webauthn", "camera", "push", "indexeddb", "serviceworker"
	}
	// ShowCode shows the next code for signing in at a computer without a network. It needs none itself. With the output of
	// the gate.
	ShowCode struct {
		Computer postern.PairingID `json:"computer"`
	}
	// HideCode takes it off the screen before its time is over.
	HideCode struct{}
	// ForgetCodes ends signing in without a network at a computer.
	ForgetCodes struct {
		Computer postern.PairingID `json:"computer"`
	}
	// Forget has the phone revoked and deletes everything it holds.
	Forget struct{}
)

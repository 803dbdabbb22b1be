package app

import (
	"time"

	"github.com/postern/postern"
)

// View is everything a screen may show. It goes to the skin as JSON; texts are for people and in English, and where a
// Code stands beside one, the skin may have a translation.
type View struct {
	Revision uint64 `json:"revision"` // counts up
	Version  string `json:"version"`  // of the app
	// Fault is there when the app has stopped because of a fault. It does nothing more until it is opened anew.
	Fault *Problem `json:"fault,omitempty"`
	// Setup is there until the phone is enrolled. Then Phone is.
	Setup     *Setup      `json:"setup,omitempty"`
	Phone     *Phone      `json:"phone,omitempty"`
	Link      Link        `json:"link"`
	Keys      []Key       `json:"keys"`      // My Security Keys: one for each account, passkey or not
	Computers []Computer  `json:"computers"` // My Computers
	Approval  *Approval   `json:"approval,omitempty"`
	Code      *Code       `json:"code,omitempty"` // on the screen for its time
	Offer     *Offer      `json:"offer,omitempty"`
	Enrolment *Enrolment  `json:"enrolment,omitempty"` // until there is a passkey, where there is something to say
	Pairing   *Pairing    `json:"pairing,omitempty"`
	Notices   []Notice    `json:"notices"`  // the gravest first
	Activity  []Activity  `json:"activity"` // the newest first, at most 100
	Push      Push        `json:"push"`
	Diagnosis []Diagnosis `json:"diagnosis,omitempty"` // of the last time it was asked for
}

// Gate is what the skin needs to ask the platform authenticator for the key of the vault: navigator.credentials.get with
// allowCredentials of this one id, userVerification required, and extensions prf.eval.first of the salt.
type Gate struct {
	CredentialID postern.Bytes `json:"credential_id"`
	Salt         postern.Bytes `json:"salt"`
}

// Setup is what the first start needs to make the gate: navigator.credentials.create for the app's own origin, with a
// platform authenticator, residentKey and userVerification required, and extensions prf.eval.first of the salt. Where the
// platform gives the output with a get only, the skin asks for it with one.
type Setup struct {
	UserID postern.Bytes `json:"user_id"`
	Salt   postern.Bytes `json:"salt"`
	// Step is where the first start stands: "begin", or "enrolling".
	Step    string   `json:"step"`
	Problem *Problem `json:"problem,omitempty"`
	// Offer is the organisation whose users may set a phone up with a sign-in; nil: a code is needed.
	Offer *postern.SignInOffer `json:"offer,omitempty"`
	// SignIn is there after [EnrolBySignIn] and until its time is over.
	SignIn *SignInView `json:"sign_in,omitempty"`
}

// SignInView is where the user signs in, and the number that the page after it asks for. Nobody but who looks at this
// phone shall know it.
type SignInView struct {
	URL    string `json:"url"`
	Number string `json:"number"`
}

// Problem is an error for people.
type Problem struct {
	Code    postern.Code `json:"code"`
	Field   string       `json:"field,omitempty"`
	Message string       `json:"message"` // what happened and why
	Next    string       `json:"next"`    // what to do
}

// Phone is this phone.
type Phone struct {
	ID          postern.PhoneID   `json:"id"`
	Name        string            `json:"name"`
	Server      string            `json:"server"`
	UPN         string            `json:"user_principal_name"`
	User        string            `json:"user"`
	Application string            `json:"application_name"`
	Phase       postern.Phase     `json:"phase"`
	Assurance   postern.Assurance `json:"assurance"`
	Gate        Gate              `json:"gate"`
	// CanProvision says that a passkey can be asked for here; otherwise it is made at Security info.
	CanProvision bool      `json:"can_provision"`
	Synced       time.Time `json:"synced"` // when the control center last told; zero: not since the start
}

// The states of a [Link].
const (
	LinkConnecting = "connecting"
	LinkOnline     = "online"
	LinkOffline    = "offline" // no network, or nobody there
	LinkRefused    = "refused" // the control center does not take this phone; Problem says why
)

// Link is how the phone stands with the control center. Before the phone is enrolled there is no state.
type Link struct {
	State   string   `json:"state,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// The states of a [Key].
const (
	KeyReady      = "ready"      // Entra knows the passkey
	KeyIncomplete = "incomplete" // paired with Postern, not with Entra yet; one that has a passkey can be looked for again
	KeyChecking   = "checking"   // made at Security info; being looked for in Entra
	KeyWorking    = "working"    // a provisioning is under way
	KeyDamaged    = "damaged"    // its record cannot be used
	KeyRemoving   = "removing"   // deleted here, Entra has not said that it is gone
)

// Key is an account, and the passkey for it if there is one.
type Key struct {
	ID           string            `json:"id"` // base64url of the credential id; "account" for one without a passkey
	PasskeyID    postern.PasskeyID `json:"passkey_id,omitempty"`
	Name         string            `json:"name"` // the user's own, else the relying party's
	Account      string            `json:"account"`
	RPID         string            `json:"rp_id"`
	State        string            `json:"state"`
	Created      *time.Time        `json:"created,omitempty"`
	LastUsed     *time.Time        `json:"last_used,omitempty"`
	Provisioning string            `json:"provisioning,omitempty"` // state of the one under way
	Problem      *Problem          `json:"problem,omitempty"`
}

// Computer is a paired workstation.
type Computer struct {
	ID       postern.PairingID       `json:"id"`
	Name     string                  `json:"name"` // the user's own, else its own
	Kind     postern.WorkstationKind `json:"kind"`
	OS       string                  `json:"os"`
	Join     string                  `json:"join"` // the join state in words
	Present  bool                    `json:"present"`
	Paired   time.Time               `json:"paired"`
	LastUsed *time.Time              `json:"last_used,omitempty"`
	Notice   *Problem                `json:"notice,omitempty"`
	// Offline is there when the phone has codes for signing in at the computer without a network.
	Offline *Codes `json:"offline,omitempty"`
}

// The states of [Codes].
const (
	CodesReady   = "ready"
	CodesLow     = "low"     // it is time to get new ones
	CodesNone    = "none"    // every code was shown
	CodesExpired = "expired" // by this phone's clock; the computer goes by its own
)

// Codes are the codes for signing in at a computer without a network.
type Codes struct {
	State   string    `json:"state"`
	Left    int       `json:"left"`
	Expires time.Time `json:"expires"` // as this phone's clock shows it
}

// Code is a code that is shown.
type Code struct {
	Computer    postern.PairingID `json:"computer"`
	Workstation string            `json:"workstation"`
	Code        string            `json:"code"` // digits
	Shown       time.Time         `json:"shown"`
	Until       time.Time         `json:"until"`
	Left        int               `json:"left"` // codes after this one
	State       string            `json:"state"`
}

// The kinds of [Approval].
const (
	ApproveRegister = "register" // make a passkey
	ApproveSignIn   = "sign_in"
	ApproveTouch    = "touch"   // only that somebody is there: which key to use, that one exists already
	ApproveManage   = "manage"  // let a program manage the passkeys
	ApproveReset    = "reset"   // delete every passkey
	ApproveOffline  = "offline" // take codes for signing in without a network
)

// activityCode is the kind of an [Activity] that is no answer to a workstation: a code was shown.
const activityCode = "code"

// Approval is a request of a workstation that waits for the user.
type Approval struct {
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`
	RPID        string    `json:"rp_id"`
	RPName      string    `json:"rp_name,omitempty"`
	Accounts    []string  `json:"accounts"` // known ones; more than one: the user picks after Accept, when Choosing is set
	Choosing    bool      `json:"choosing"`
	Workstation string    `json:"workstation"`
	Program     string    `json:"program,omitempty"`
	Number      string    `json:"number"` // the two digits that the workstation shows too
	Asked       time.Time `json:"asked"`
	Deadline    time.Time `json:"deadline"`
	// Biometric says that accepting carries the output of the gate.
	Biometric bool `json:"biometric"`
	// Terms are those of the codes, where it is about them.
	Terms *Terms `json:"terms,omitempty"`
}

// Terms are what a computer wants codes for.
type Terms struct {
	Codes   int       `json:"codes"`
	Expires time.Time `json:"expires"` // as this phone's clock shows it
	Seconds int       `json:"seconds"` // one is shown for so long
}

// Offer is a provisioning that waits for the user.
type Offer struct {
	ID      postern.ProvisioningID `json:"id"`
	RPID    string                 `json:"rp_id"`
	RPName  string                 `json:"rp_name"`
	Account string                 `json:"account"`
	Step    string                 `json:"step"` // "ask", then "making", "sent", "done", "failed"
	// Mandatory says that it cannot be declined.
	Mandatory bool     `json:"mandatory"`
	Problem   *Problem `json:"problem,omitempty"`
}

// Enrolment is what the organisation says of the passkey that is not there yet.
type Enrolment struct {
	Mandatory bool            `json:"mandatory"` // it cannot be skipped
	CanAsk    bool            `json:"can_ask"`
	Missing   []postern.Proof `json:"missing"` // proofs that it waits for
	// Approvals is how many of the Needed there are.
	Approvals   int    `json:"approvals"`
	Needed      int    `json:"needed"`
	Fingerprint string `json:"fingerprint"` // of this phone, for the help desk
	// SignIn is there after the command [SignIn] and until its time is over.
	SignIn *SignInView `json:"sign_in,omitempty"`
}

// The steps of a [Pairing].
const (
	PairingJoining = "joining"
	PairingCompare = "compare" // both show digits
	PairingWaiting = "waiting" // for the other end to confirm
	PairingDone    = "done"
	PairingFailed  = "failed"
)

// Pairing is a pairing that is being made, until it is closed by the user.
type Pairing struct {
	Step        string    `json:"step"`
	Workstation string    `json:"workstation,omitempty"`
	Digits      string    `json:"digits,omitempty"`
	Deadline    time.Time `json:"deadline"`
	Notice      *Problem  `json:"notice,omitempty"` // it can be paired but not used yet
	Problem     *Problem  `json:"problem,omitempty"`
}

// Notice is something the user should know.
type Notice struct {
	ID      string       `json:"id"`
	Code    postern.Code `json:"code"`
	Grave   bool         `json:"grave"` // sign-in does not work while it stands
	Message string       `json:"message"`
	Next    string       `json:"next"`
	Account string       `json:"account,omitempty"`
	// Computer is the name of the workstation it is about, as it was then.
	Computer string `json:"computer,omitempty"`
	// Dismissible says that [Dismiss] takes it away; others go when their cause does.
	Dismissible bool `json:"dismissible"`
}

// Activity is something a passkey was asked for.
type Activity struct {
	At          time.Time `json:"at"`
	Kind        string    `json:"kind"`    // as Approval, or "code": one was shown
	Outcome     string    `json:"outcome"` // "accepted", "denied", "late", "cancelled", "failed"
	RPID        string    `json:"rp_id"`
	Account     string    `json:"account,omitempty"`
	Workstation string    `json:"workstation"`

	session uint64 // in which it was asked
}

// Push is whether the phone can be woken.
type Push struct {
	PublicKey  postern.Bytes `json:"public_key,omitempty"` // applicationServerKey
	Subscribed bool          `json:"subscribed"`
}

// Diagnosis is one thing that was checked: network, clock, control center, relay, integration, browser, storage, gate.
type Diagnosis struct {
	Check string       `json:"check"`
	OK    bool         `json:"ok"`
	Code  postern.Code `json:"code,omitempty"`
	Text  string       `json:"text"` // one sentence: what is so, or what is wrong and what to do next
}

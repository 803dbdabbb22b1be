package postern

import "time"

// What the two ends of a pairing are told of each other by the control center. The page to read is docs/link.md. Link keys
// are not among it but for a code to type: the ends learnt them from each other.

// PairedPhone is a pairing as its workstation is told of it.
type PairedPhone struct {
	Pairing Pairing      `json:"pairing"`
	Name    string       `json:"name" doc:"Of the phone."`
	UPN     string       `json:"user_principal_name"`
	User    string       `json:"user" doc:"Display name."`
	Phase   Phase        `json:"phase" enum:"eligible,paired,active,suspended,revoked"`
	Notice  *PhoneNotice `json:"notice,omitempty" doc:"Why the phone cannot be used now."`

	Offline *OfflineOffer `json:"offline,omitempty" doc:"Signing in without a network; left out where that is off or may not be."`
}

// Incomplete reports whether the phone's user has no passkey at Microsoft Entra ID yet: paired with Postern alone.
func (p PairedPhone) Incomplete() bool { return p.Phase == PhaseEligible || p.Phase == PhasePaired }

// PairedWorkstation is a pairing as its phone is told of it.
type PairedWorkstation struct {
	Pairing    Pairing         `json:"pairing"`
	Name       string          `json:"name" doc:"Of the workstation."`
	Kind       WorkstationKind `json:"kind" enum:"agent,extension"`
	OS         string          `json:"os"`
	JoinState  JoinState       `json:"join_state" enum:"not_joined,ad,entra,hybrid"`
	LastSeenAt *time.Time      `json:"last_seen_at,omitempty"`
	Notice     *PhoneNotice    `json:"notice,omitempty" doc:"Why the workstation cannot be used now."`

	Offline *OfflineAnswer `json:"offline,omitempty" doc:"The offline passkey of this pairing, where there is one or was."`
}

// WorkstationSelf is what a workstation learns of itself.
type WorkstationSelf struct {
	Workstation Workstation      `json:"workstation"`
	Integration PhoneIntegration `json:"integration"`
	Notice      *PhoneNotice     `json:"notice,omitempty" doc:"Why no phone can be used here now."`
}

// WorkstationUpdate is what a workstation says of itself anew: after an update, or when it joined a directory.
type WorkstationUpdate struct {
	Name             string    `json:"name" minLength:"1" maxLength:"64"`
	Software         string    `json:"software" maxLength:"120"`
	OS               string    `json:"os" maxLength:"120"`
	JoinState        JoinState `json:"join_state" enum:"not_joined,ad,entra,hybrid"`
	EnterpriseJoined bool      `json:"enterprise_joined,omitempty"`
}

// LinkKeyInput is a phone's link key.
type LinkKeyInput struct {
	LinkKey Bytes `json:"link_key" doc:"X25519 public key, 32 bytes."`
}

// PushSubscription is where a phone may be woken (RFC 8030), and the keys its messages are encrypted with (RFC 8291).
type PushSubscription struct {
	Endpoint string `json:"endpoint" maxLength:"1024" format:"uri"`
	P256DH   Bytes  `json:"p256dh" doc:"P-256 public key, uncompressed, 65 bytes."`
	Auth     Bytes  `json:"auth" doc:"16 bytes."`
}

// PushState is what a phone may know of its push messages.
type PushState struct {
	PublicKey  Bytes `json:"public_key" doc:"The control center's key (RFC 8292), the applicationServerKey of a subscription."`
	Subscribed bool  `json:"subscribed"`
}

// PushKind says what a push message is about. It holds nothing else but the name of the workstation: the phone asks.
type PushKind string

// The kinds of push message.
const (
	PushRequest      PushKind = "request"      // a workstation wants to use the phone
	PushProvisioning PushKind = "provisioning" // a passkey is offered
	PushNotice       PushKind = "notice"       // something changed that the user should know
)

// PushMessage is the plaintext of a push message.
type PushMessage struct {
	Kind        PushKind `json:"kind"`
	Workstation string   `json:"workstation,omitempty"` // its name
}

// PasskeyUse tells the control center when a phone last signed in with a passkey that is managed, and nothing else of it.
type PasskeyUse struct {
	UsedAt time.Time `json:"used_at" doc:"Rounded down to the hour."`
}

// SelfServicePasskey tells the control center of a passkey that the phone made at Security info. It is looked for in
// Entra, and managed from when it is found there.
type SelfServicePasskey struct {
	CredentialID Bytes  `json:"credential_id"`
	RPID         string `json:"rp_id" maxLength:"253"`
}

package postern

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// EnrolmentMode says whether somebody may or must have a passkey on a phone.
type EnrolmentMode string

// The modes.
const (
	EnrolmentOff       EnrolmentMode = "off"      // only who is invited by name is offered one, and may skip it
	EnrolmentOptional  EnrolmentMode = "OPTIONAL" // members may enrol by themselves, and may skip it
	EnrolmentMandatory EnrolmentMode = "TRUE"     // the same, but skipping is refused
)

// Valid reports whether m is one of the three modes.
func (m EnrolmentMode) Valid() bool {
	return m == EnrolmentOff || m == EnrolmentOptional || m == EnrolmentMandatory
}

// Proof is a kind of evidence of who holds a phone.
type Proof string

// The proofs.
const (
	ProofCode     Proof = "one_time_code" // the phone was enrolled with the code of an invitation
	ProofSignIn   Proof = "entra_sign_in" // the user signed in at Entra for this phone
	ProofApproval Proof = "approval"      // the help desk vouched for the user
)

// Proofs lists all kinds, in the order in which they are asked for.
var Proofs = []Proof{ProofCode, ProofSignIn, ProofApproval}

// Bounds of an [EnrolmentPolicy].
const (
	MaxEnrolmentRules = 50
	MaxProofNote      = 500
)

// EnrolmentRule gives the members of a group a mode. Members of its member groups count.
type EnrolmentRule struct {
	GroupID   string        `json:"group_id" doc:"Entra's object id of the group." maxLength:"64"`
	GroupName string        `json:"group_name,omitempty" doc:"Its display name when the rule was written." maxLength:"256"`
	Mode      EnrolmentMode `json:"mode" enum:"off,OPTIONAL,TRUE"`
}

// EnrolmentPolicy says who of an integration may or must have a passkey, and what proves who they are before it is
// registered. The first rule whose group has the user counts.
type EnrolmentPolicy struct {
	Version int64           `json:"version" doc:"0 when nothing was ever set."`
	Rules   []EnrolmentRule `json:"rules" maxItems:"50"`
	Default EnrolmentMode   `json:"default" enum:"off,OPTIONAL,TRUE" doc:"The mode of who is in no group of the rules."`
	Proofs  []Proof         `json:"proofs" minItems:"1" maxItems:"3" doc:"Everything that is needed: one_time_code, entra_sign_in, approval."`
}

// EnrolmentPolicyInput replaces a policy.
type EnrolmentPolicyInput struct {
	EnrolmentPolicy
	AcknowledgedHit int `json:"acknowledged_hit,omitempty" minimum:"0" doc:"How many people the writer knows the policy to be of no use to; the number of the impact."`
}

// EnrolmentImpact is what a policy would mean today.
type EnrolmentImpact struct {
	Rules     []RuleImpact       `json:"rules" doc:"One for each rule, in order, and one without a group for the default."`
	Members   int                `json:"members" doc:"People whom a rule or the default lets or makes enrol."`
	Offered   int                `json:"offered" doc:"Those who can be offered a passkey."`
	Active    int                `json:"active" doc:"Those who have one already."`
	Hit       int                `json:"hit" doc:"Those who cannot enrol, each counted once. It is to be acknowledged when the policy is saved."`
	Obstacles []EnrolmentProblem `json:"obstacles,omitempty" doc:"What stands in everybody's way."`
	Refused   bool               `json:"refused" doc:"The policy cannot be saved like this."`
}

// RuleImpact is what one rule would mean today. A person counts with the first rule that has them.
type RuleImpact struct {
	GroupID   string             `json:"group_id,omitempty"`
	GroupName string             `json:"group_name,omitempty"`
	Mode      EnrolmentMode      `json:"mode"`
	Members   int                `json:"members"`
	Offered   int                `json:"offered"`
	Active    int                `json:"active"`
	Hit       int                `json:"hit"`
	Why       []EnrolmentProblem `json:"why,omitempty" doc:"Why people are hit or what they need besides, with how many."`
}

// EnrolmentProblem says what keeps people from enrolling, or what they need besides.
type EnrolmentProblem struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Next    string   `json:"next,omitempty"`
	Count   int      `json:"count,omitempty"`
	Names   []string `json:"names,omitempty" doc:"Up to five of them."`
	Hit     bool     `json:"hit" doc:"They cannot enrol; otherwise it is only to be known."`
}

// IdentityProof is evidence of who holds a phone.
type IdentityProof struct {
	Kind   Proof     `json:"kind" enum:"one_time_code,entra_sign_in,approval"`
	At     time.Time `json:"at"`
	ByID   string    `json:"by_id,omitempty" doc:"The administrator, for an approval."`
	ByName string    `json:"by_name,omitempty"`
	Note   string    `json:"note,omitempty" doc:"The reason, for an approval."`
	Addr   string    `json:"addr,omitempty"`
}

// PhoneStanding says what a phone's user may or must do, and what is missing until a passkey is registered.
type PhoneStanding struct {
	Mode        EnrolmentMode `json:"mode" enum:"off,OPTIONAL,TRUE"`
	Missing     []Proof       `json:"missing,omitempty" doc:"Proofs that a passkey waits for."`
	Approvals   int           `json:"approvals,omitempty" doc:"How many the phone has."`
	Needed      int           `json:"approvals_needed,omitempty" doc:"How many it needs."`
	CanAsk      bool          `json:"can_ask" doc:"The phone may begin a provisioning by itself."`
	Fingerprint string        `json:"fingerprint" doc:"Of the phone's identity key; the help desk compares it."`
}

// AwaitedApproval is a phone that waits for somebody to vouch for its user.
type AwaitedApproval struct {
	Phone       Phone           `json:"phone"`
	User        User            `json:"user"`
	Fingerprint string          `json:"fingerprint" doc:"Of the phone's identity key; the app shows the same."`
	Proofs      []IdentityProof `json:"proofs"`
	Missing     []Proof         `json:"missing"`
	Needed      int             `json:"approvals_needed"`
	InvitedBy   string          `json:"invited_by,omitempty"`
	Addr        string          `json:"addr,omitempty" doc:"Where the phone enrolled from."`
}

// ApprovalInput approves or rejects a phone.
type ApprovalInput struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500"`
}

// SignInStart is where the user signs in at Entra for a phone.
type SignInStart struct {
	URL       string    `json:"url"`
	Number    string    `json:"number" doc:"Three digits. The phone shows them, and the page after the sign-in asks for them."`
	Ticket    string    `json:"ticket,omitempty" doc:"Enrols a phone, once, when the number was typed. A secret."`
	ExpiresAt time.Time `json:"expires_at"`
}

// SignInInput begins a sign-in at Entra with which a phone is to be enrolled.
type SignInInput struct {
	IntegrationID IntegrationID `json:"integration_id,omitempty" maxLength:"64" doc:"Empty where only one integration allows it."`
	Name          string        `json:"name" minLength:"1" maxLength:"60" doc:"Of the phone; the page after the sign-in shows it."`
	Platform      string        `json:"platform,omitempty" maxLength:"120"`
	Language      string        `json:"language,omitempty" maxLength:"10" doc:"Of Entra's page, such as de."`
}

// SignInOffer is an organisation whose users may enrol phones with a sign-in at Entra.
type SignInOffer struct {
	IntegrationID   IntegrationID `json:"integration_id"`
	ApplicationName string        `json:"application_name"`
}

// PhoneFingerprint is a phone's identity key in sixteen digits, for people who compare it by telephone.
func PhoneFingerprint(identityKey []byte) string {
	sum := sha256.Sum256(append([]byte("postern/phone-fingerprint/v1\x00"), identityKey...))
	digits := fmt.Sprintf("%016d", binary.BigEndian.Uint64(sum[:])%1e16)
	return strings.Join([]string{digits[:4], digits[4:8], digits[8:12], digits[12:]}, " ")
}

// GroupChoice is a group of the tenant that a rule may name.
type GroupChoice struct {
	ID      string `json:"id"`
	Name    string `json:"display_name"`
	Dynamic bool   `json:"dynamic,omitempty" doc:"Its members follow a rule of the tenant."`
	Synced  bool   `json:"on_premises_synced,omitempty"`
}

package postern

import "time"

// RotationState is where a rotation of a credential stands.
type RotationState string

// The states of a rotation. Until [RotationOverlap] the integration uses the old credential, from then on the new one.
const (
	RotationWaiting   RotationState = "waiting"    // needs a person; Problem says why and what helps
	RotationSigningIn RotationState = "signing_in" // a code waits to be typed by an administrator of the tenant
	RotationAdding    RotationState = "adding"     // the new credential is being registered with Entra
	RotationProving   RotationState = "proving"    // Entra has it, or somebody is uploading it: tokens are bought with it until one is given
	RotationOverlap   RotationState = "overlap"    // both are good, and the integration uses the new one
	RotationRemoving  RotationState = "removing"   // the old one is being removed from Entra
	RotationUndoing   RotationState = "undoing"    // the new one is being taken away
	RotationDone      RotationState = "done"
	RotationCancelled RotationState = "cancelled" // somebody took it back, and the old one is in use
	RotationFailed    RotationState = "failed"    // the new one did not prove itself, and the old one is in use
)

// Over reports whether nothing more will happen.
func (s RotationState) Over() bool {
	return s == RotationDone || s == RotationCancelled || s == RotationFailed
}

// Switched reports whether the integration uses the new credential.
func (r Rotation) Switched() bool { return r.SwitchedAt != nil }

// RotationWay is who registers the new credential with Entra.
type RotationWay string

// The ways.
const (
	RotationBySelf          RotationWay = "self"          // the application, proving that it holds its present key
	RotationByAdministrator RotationWay = "administrator" // an administrator of the tenant, who signs in
	RotationByHand          RotationWay = "by_hand"       // somebody in the Entra admin center
)

// Rotation replaces the credential of an integration by a new one, while both are good.
type Rotation struct {
	ID            RotationID     `json:"id"`
	IntegrationID IntegrationID  `json:"integration_id"`
	Version       int64          `json:"version"`
	State         RotationState  `json:"state" enum:"waiting,signing_in,adding,proving,overlap,removing,undoing,done,cancelled,failed"`
	Way           RotationWay    `json:"way" enum:"self,administrator,by_hand"`
	From          Credential     `json:"from" doc:"The old credential."`
	To            CredentialKind `json:"to" enum:"certificate,client_secret"`
	Automatic     bool           `json:"automatic,omitempty" doc:"Postern began it by itself, because the old one ends soon."`

	Certificate *CertificateInfo `json:"certificate,omitempty" doc:"The new one. Its key was made here and never leaves."`
	PEM         string           `json:"pem,omitempty" doc:"The new certificate, to be uploaded where that is done by hand."`
	EndsAt      *time.Time       `json:"ends_at,omitempty" doc:"When the new credential ends."`

	SignIn        *SetupSignIn        `json:"sign_in,omitempty"`
	Administrator *SetupAdministrator `json:"administrator,omitempty"`
	Problem       *SetupProblem       `json:"problem,omitempty"`

	OverlapHours int        `json:"overlap_hours" doc:"For how long the old one stays good once the new one is in use."`
	OverlapUntil *time.Time `json:"overlap_until,omitempty"`
	Kept         bool       `json:"kept,omitempty" doc:"Not everything that ought to be gone could be removed at Entra: the old credential of a rotation that is done, or the new one of one that was taken back."`

	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	SwitchedAt *time.Time `json:"switched_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

// RotationInput begins a rotation.
type RotationInput struct {
	Version int64          `json:"version" doc:"The version of the integration that you saw."`
	To      CredentialKind `json:"to,omitempty" enum:"certificate,client_secret" doc:"Empty: the kind that the integration has."`
	ByHand  bool           `json:"by_hand,omitempty" doc:"Somebody uploads the certificate. Only for a certificate."`
	SignIn  bool           `json:"sign_in,omitempty" doc:"An administrator of the tenant signs in, even where the application could do it by itself."`
	Days    int            `json:"days,omitempty" minimum:"0" maximum:"730" doc:"How long the new credential is good; 0 means a year for a certificate, half a year for a secret."`
	Now     bool           `json:"now,omitempty" doc:"Remove the old credential as soon as the new one is in use."`
}

// RotationAct is a step that a person asks for: cancelling, signing in, ending the overlap.
type RotationAct struct {
	Version int64 `json:"version" doc:"The version of the rotation that you saw."`
}

// RotationSettings say how credentials of an integration are rotated.
type RotationSettings struct {
	Version      int64 `json:"version" doc:"Grows with every change; 0 means that nothing is set."`
	Automatic    bool  `json:"automatic" doc:"Rotate a certificate by itself 30 days before it ends."`
	OverlapHours int   `json:"overlap_hours" minimum:"0" maximum:"720" doc:"For how long the old credential stays good once the new one is in use."`
}

// CredentialStatus is how the credential of an integration stands.
type CredentialStatus struct {
	IntegrationID IntegrationID    `json:"integration_id"`
	Credential    Credential       `json:"credential"`
	EndsAt        *time.Time       `json:"ends_at,omitempty" doc:"When it ends; absent where nobody knows."`
	DaysLeft      *int             `json:"days_left,omitempty" doc:"Whole days; negative once it has ended."`
	Level         CredentialLevel  `json:"level" enum:"unknown,fine,soon,urgent,ended"`
	Settings      RotationSettings `json:"settings"`
	Rotation      *Rotation        `json:"rotation,omitempty" doc:"The one under way, or the last one."`
}

// CredentialLevel says how urgent a new credential is.
type CredentialLevel string

// The levels.
const (
	CredentialUnknown CredentialLevel = "unknown" // nobody knows when it ends
	CredentialFine    CredentialLevel = "fine"
	CredentialSoon    CredentialLevel = "soon"   // within 60 days
	CredentialUrgent  CredentialLevel = "urgent" // within 14 days
	CredentialEnded   CredentialLevel = "ended"
)

// CredentialWarnings are the days before the end at which people are told, and 0 for the end.
var CredentialWarnings = []int{60, 30, 14, 7, 3, 1, 0}

// LevelOf says how urgent a new credential is, for one that ends at that time, and how many whole days are left.
func LevelOf(ends *time.Time, now time.Time) (CredentialLevel, int) {
	if ends == nil {
		return CredentialUnknown, 0
	}
	left := ends.Sub(now)
	days := int(left / (24 * time.Hour))
	switch {
	case left <= 0:
		return CredentialEnded, days
	case left <= 14*24*time.Hour:
		return CredentialUrgent, days
	case left <= 60*24*time.Hour:
		return CredentialSoon, days
	}
	return CredentialFine, days
}

// EndOf is when a credential ends; nil where nobody knows.
func (c Credential) EndOf() *time.Time {
	if c.Kind == CredentialCertificate && c.Certificate != nil {
		return &c.Certificate.NotAfter
	}
	return c.EndsAt
}

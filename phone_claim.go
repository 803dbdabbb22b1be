package postern

import "time"

// EntraRPID is the relying party of passkeys for Microsoft Entra ID. A phone tells the control center of passkeys it made
// for this one, and of no others: those are the user's own business.
const EntraRPID = "login.microsoft.com"

// ClaimState is the state of a claim.
type ClaimState string

// The states of a claim. One whose passkey was found is no more: the passkey is listed instead.
const (
	ClaimLooking ClaimState = "looking"  // Entra does not list the passkey yet
	ClaimGivenUp ClaimState = "given_up" // and did not within the time
)

// ClaimWindow is how long Entra's list is looked at for a passkey that a phone told of. It covers the user, who names the
// key before Security info stores it, and replication after that.
const ClaimWindow = 30 * time.Minute

// PasskeyClaim is a phone's word that it made a passkey at Security info, until Entra lists it.
type PasskeyClaim struct {
	CredentialID Bytes      `json:"credential_id"`
	State        ClaimState `json:"state" enum:"looking,given_up"`
	CreatedAt    time.Time  `json:"created_at"`
	ExpiresAt    time.Time  `json:"expires_at" doc:"Until when it is looked for."`
	Code         Code       `json:"code,omitempty" doc:"Why it was given up."`
	Message      string     `json:"message,omitempty"`
	Next         string     `json:"next,omitempty"`
}

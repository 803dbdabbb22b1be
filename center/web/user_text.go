package web

import (
	"slices"

	"github.com/postern/postern"
)

// way is the picture of a provisioning.
var way = []struct {
	state postern.ProvisioningState
	name  string
}{
	{postern.ProvisioningRequested, "Requested"},
	{postern.ProvisioningOffered, "On the phone"},
	{postern.ProvisioningSubmitted, "Accepted"},
	{postern.ProvisioningRegistered, "Registered"},
	{postern.ProvisioningActive, "Active"},
}

// step is one point of the picture.
type step struct{ Name, Class, Spoken string }

// steps says which points of the way are behind, which one is now. A provisioning that ended early stops at the point
// that can be told from what it left behind.
func steps(v postern.Provisioning) []step {
	way, at := way, 0
	if v.Carrier == postern.CarrierSecurityKey {
		way = slices.Clone(way)
		way[1].name, way[2].name = "At the security key", "Touched"
	}
	for i, w := range way {
		if w.state == v.State {
			at = i
		}
	}
	halted := false
	switch v.State {
	case postern.ProvisioningDeclined:
		at, halted = 1, true
	case postern.ProvisioningFailed, postern.ProvisioningCancelled:
		halted = true
		if v.MethodID != "" || v.Code == postern.CodeEntraPasskeyRefused {
			at = 3 // the credential was made
		} else if v.ExpiresAt != nil {
			at = 1
		}
	}
	out := make([]step, len(way))
	for i, w := range way {
		s := step{Name: w.name, Spoken: "not yet"}
		switch {
		case halted && i == at:
			s.Class, s.Spoken = "halt", "stopped here"
		case i < at || v.State == postern.ProvisioningActive:
			s.Class, s.Spoken = "done", "done"
		case i == at:
			s.Class, s.Spoken = "now", "now"
		}
		out[i] = s
	}
	return out
}

// provisioningText says how a provisioning stands; on is what its passkey lies on.
func provisioningText(v postern.Provisioning, on string) string {
	if v.Carrier == postern.CarrierSecurityKey {
		switch v.State {
		case postern.ProvisioningRequested:
			return "Waiting for the administrator who has the security key to go on."
		case postern.ProvisioningOffered:
			return "Waiting for the security key to be touched at the administrator's machine."
		case postern.ProvisioningSubmitted:
			return "The security key made the passkey. Postern is registering it with Entra."
		}
	}
	switch v.State {
	case postern.ProvisioningRequested:
		return "Postern is fetching the registration options from Entra."
	case postern.ProvisioningOffered:
		return "Waiting for the user to accept on " + on + "."
	case postern.ProvisioningSubmitted:
		return "The phone made the passkey. Postern is registering it with Entra."
	case postern.ProvisioningRegistered:
		return "Entra took the passkey. Postern reads it back until Entra lists it."
	case postern.ProvisioningActive:
		return "Entra lists the passkey. The user can sign in with " + on + "."
	case postern.ProvisioningDeclined:
		return "The user declined on " + on + "."
	case postern.ProvisioningCancelled:
		return "The provisioning was cancelled."
	}
	return "The provisioning failed."
}

func invitationKind(s postern.InvitationState) string {
	switch s {
	case postern.InvitationOpen:
		return "info"
	case postern.InvitationUsed:
		return "ok"
	case postern.InvitationLocked:
		return "bad"
	}
	return ""
}

func assuranceText(a postern.Assurance) string {
	switch a {
	case postern.AssuranceGated:
		return "Keys open only by the phone's own biometric."
	case postern.AssuranceFile:
		return "Keys lie in a file on a machine without a screen."
	}
	return "Keys are not bound to a biometric."
}

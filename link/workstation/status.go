package workstation

import (
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/relay"
)

// Status is how a workstation stands, for screens.
type Status struct {
	Server      string
	ID          postern.WorkstationID
	Name        string
	Application string // the integration's name; empty before the control center told it
	Connected   bool   // with the relay
	// Problem is why the control center cannot be reached, or does not take this workstation. nil: nothing is known to be
	// wrong.
	Problem *postern.Error
	// Notice is why no phone can be used here now.
	Notice *postern.PhoneNotice
	Phones []Phone
}

// Phone is a paired phone, for screens.
type Phone struct {
	Pairing postern.PairingID
	ID      postern.PhoneID
	Name    string
	UPN     string
	User    string // display name
	Phase   postern.Phase
	// Incomplete says that the user has no passkey at Microsoft Entra ID yet.
	Incomplete bool
	Presence   relay.State
	// Ready says that there is a session: a request reaches the phone at once.
	Ready bool
	// Notice is why the phone cannot be used now.
	Notice *postern.PhoneNotice
	Paired time.Time // zero while unknown
}

package model_test

import "github.com/postern/postern"

// model is what the sequence did and was told: the account that everything else has to agree with.
type model struct {
	people   []*person
	handsets []*handset
	secrets  []string // nothing of these may be written down anywhere
	named    int
	answered bool // a phone did something in the last round

	disagrees []string

	// What was acknowledged, and so must hold for good.
	withdrawn     map[postern.InvitationID]bool
	submitted     map[postern.ProvisioningID]bool
	declined      map[postern.ProvisioningID]bool
	cancelled     map[postern.ProvisioningID]bool
	revokedKeys   map[postern.PasskeyID]bool
	revokedPhones map[postern.PhoneID]bool
	claimRefused  map[*credential]bool
}

func emptyModel() model {
	return model{
		withdrawn: make(map[postern.InvitationID]bool), submitted: make(map[postern.ProvisioningID]bool),
		declined: make(map[postern.ProvisioningID]bool), cancelled: make(map[postern.ProvisioningID]bool),
		revokedKeys: make(map[postern.PasskeyID]bool), revokedPhones: make(map[postern.PhoneID]bool), claimRefused: make(map[*credential]bool),
	}
}

// person is a user of the tenant.
type person struct {
	slot     int
	objectID string
	upn      string
	disabled bool
	gone     bool // deleted

	known       bool // Postern was heard to know them
	id          postern.UserID
	codes       []string
	typed       int // how many of them, the last one included, somebody typed
	invitations []postern.InvitationID
	foreign     []string        // method ids of passkeys that are none of Postern's business
	groups      []postern.Phase // whose groups somebody put a stranger into
}

// outcome of a sequence.
type outcome struct {
	faults    int
	disagrees []string
}

package model_test

import (
	"time"

	"github.com/postern/postern"
)

// model is what the sequence did and was told: the account that everything else has to agree with.
type model struct {
	people    []*person
	handsets  []*handset
	secrets   []string // nothing of these may be written down anywhere, and
	overheard []string // nothing of these challenges and tokens where people read
	named     int
	answered  bool // a phone did something in the last round
	bulks     []bulkRun
	mailRead  int // letters that somebody read

	deaths, leaps, lags int  // faults that struck, beside those of the wire and of the mail server
	retried             bool // failed rows of a bulk job were begun anew
	approval            policyView

	quiet     bool // the last comparison changed nothing
	disagrees []string

	// What was acknowledged, and so must hold for good.
	withdrawn     map[postern.InvitationID]bool
	withdrawnAt   map[postern.InvitationID]time.Time
	submitted     map[postern.ProvisioningID]bool
	declined      map[postern.ProvisioningID]bool
	cancelled     map[postern.ProvisioningID]bool
	revokedKeys   map[postern.PasskeyID]bool
	revokedPhones map[postern.PhoneID]bool
	claimRefused  map[*credential]bool

	codeOf  map[postern.InvitationID]string
	vouched map[postern.PhoneID]map[string]bool // who perhaps vouched for a phone
	taken   map[string]bool                     // method ids of passkeys that somebody else deleted at Entra
	touched map[memberOf]bool                   // memberships that somebody else changed
}

// memberOf is a membership: of a user, in the group of a phase.
type memberOf struct {
	objectID string
	phase    postern.Phase
}

// policyView is whether the enrolment policy asks for an approval: surely, or perhaps because the control center died
// while it was changed.
type policyView struct{ asked, unsure bool }

func emptyModel() model {
	return model{
		withdrawn: make(map[postern.InvitationID]bool), withdrawnAt: make(map[postern.InvitationID]time.Time), submitted: make(map[postern.ProvisioningID]bool),
		declined: make(map[postern.ProvisioningID]bool), cancelled: make(map[postern.ProvisioningID]bool),
		revokedKeys: make(map[postern.PasskeyID]bool), revokedPhones: make(map[postern.PhoneID]bool), claimRefused: make(map[*credential]bool),
		codeOf: make(map[postern.InvitationID]string), vouched: make(map[postern.PhoneID]map[string]bool), taken: make(map[string]bool), touched: make(map[memberOf]bool),
	}
}

// person is a user of the tenant.
type person struct {
	slot     int
	objectID string
	upn      string
	disabled bool
	gone     bool // deleted
	wasGone  bool // deleted once, perhaps restored
	admin    bool // holds a privileged role

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

package offline

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps records and recoveries. Methods join the transaction of ctx; what is not there is CodeNotFound, an outdated
// version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)

	Pairing(ctx context.Context, id postern.PairingID) (postern.Pairing, error)
	Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	Workstation(ctx context.Context, id postern.WorkstationID) (postern.Workstation, error)
	Workstations(ctx context.Context, integration postern.IntegrationID) ([]postern.Workstation, error)
	User(ctx context.Context, id postern.UserID) (postern.User, error)

	OfflineSignIn(ctx context.Context, pairing postern.PairingID) (Record, error)
	OfflineSignInsOfUser(ctx context.Context, user postern.UserID) ([]Record, error)                      // newest first
	OfflineSignInsOfWorkstation(ctx context.Context, workstation postern.WorkstationID) ([]Record, error) // newest first
	// OpenOfflineSignIns lists those of an integration that have not ended, by pairing, beginning behind after.
	OpenOfflineSignIns(ctx context.Context, integration postern.IntegrationID, after postern.PairingID, limit int) ([]Record, error)
	CreateOfflineSignIn(ctx context.Context, r Record) error
	UpdateOfflineSignIn(ctx context.Context, r *Record) error // increments r.Version

	Recovery(ctx context.Context, id postern.RecoveryID) (Request, error)
	Recoveries(ctx context.Context, q RecoveryQuery) ([]Request, error) // newest first
	// CountRecoveries counts those that one person asked for, or that were asked for one pairing, since a time.
	CountRecoveries(ctx context.Context, by postern.AdministratorID, pairing postern.PairingID, since time.Time) (byPerson, ofPairing int, err error)
	// CreateRecovery answers CodeConflict while another one of the pairing is waiting or ready.
	CreateRecovery(ctx context.Context, r Request) error
	UpdateRecovery(ctx context.Context, r *Request) error // increments r.Version
}

// RecoveryQuery chooses recoveries; empty members choose all.
type RecoveryQuery struct {
	Integration postern.IntegrationID
	User        postern.UserID
	Pairing     postern.PairingID
	State       postern.RecoveryState
	Limit       int
}

// Record is the offline sign-in of one pairing with what only this package reads. Its name of the workstation is not kept.
type Record struct {
	postern.OfflineSignIn
	ProvisioningID postern.ProvisioningID
	Batch          Batch  // asked for, agreed to or in use
	Next           *Batch // announced by the workstation of an active passkey, which has not said yet that it uses it
	EventsThrough  int64  // the number of the last event that was taken
	Sheets         Sheets
}

// Batch is what the control center knows of the codes that phone and workstation share: never the codes.
type Batch struct {
	ID        []byte    `json:"id"`
	Length    int       `json:"length"`
	Codes     int       `json:"codes"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Sheets are the recovery codes of one workstation. A new sheet becomes the one in use when the workstation says that it
// has it; until then the old one is kept.
type Sheets struct {
	InUse *Sheet `json:"in_use,omitempty"`
	Fresh *Sheet `json:"fresh,omitempty"`
}

// Sheet is one batch of recovery codes.
type Sheet struct {
	ID        []byte    `json:"id"`
	Sealed    []byte    `json:"sealed"` // [secret]
	Length    int       `json:"length"`
	Codes     int       `json:"codes"`
	Given     int       `json:"given"` // the first code that was not given out
	Used      int       `json:"used"`  // the first code that is unused, by the workstation's word
	MadeAt    time.Time `json:"made_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Left is how many codes can still be given out.
func (s *Sheet) Left() int {
	if s == nil {
		return 0
	}
	return max(0, s.Codes-s.next())
}

// next is the index of the code to give out.
func (s *Sheet) next() int { return max(s.Given, s.Used) }

// Request is a recovery with what only this package reads.
type Request struct {
	postern.Recovery
	DecidedByID  postern.AdministratorID
	DecisionNote string
	SheetID      []byte // of the code that was shown
	Index        int
}

package device

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps phones, workstations, pairings and attestation CAs. Methods join the transaction of ctx; what is not there is CodeNotFound, an
// outdated version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	Integrations(ctx context.Context) ([]postern.Integration, error)
	Workstations
	Pairings

	Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	Phones(ctx context.Context, user postern.UserID) ([]postern.Phone, error)
	CreatePhone(ctx context.Context, p postern.Phone) error
	UpdatePhone(ctx context.Context, p *postern.Phone) error // increments p.Version
	// SeePhone notes when the phone was last heard of, without changing its version.
	SeePhone(ctx context.Context, id postern.PhoneID, at time.Time) error
	// UsePhoneProof remembers the id of a signed request until expires and reports whether it is new. It also forgets
	// those whose time is over.
	UsePhoneProof(ctx context.Context, phone postern.PhoneID, id string, now, expires time.Time) (fresh bool, err error)

	AttestationCA(ctx context.Context, integration postern.IntegrationID) (certificate, sealedKey []byte, err error)
	// CreateAttestationCA answers CodeConflict when another replica was first.
	CreateAttestationCA(ctx context.Context, integration postern.IntegrationID, certificate, sealedKey []byte) error
}

// Workstations keeps workstations.
type Workstations interface {
	Workstation(ctx context.Context, id postern.WorkstationID) (postern.Workstation, error)
	WorkstationByKey(ctx context.Context, identityKey []byte) (postern.Workstation, error)
	Workstations(ctx context.Context, integration postern.IntegrationID) ([]postern.Workstation, error)
	CreateWorkstation(ctx context.Context, w postern.Workstation) error
	UpdateWorkstation(ctx context.Context, w *postern.Workstation) error // increments w.Version
	// SeeWorkstation and UseWorkstationProof are what SeePhone and UsePhoneProof are.
	SeeWorkstation(ctx context.Context, id postern.WorkstationID, at time.Time) error
	UseWorkstationProof(ctx context.Context, workstation postern.WorkstationID, id string, now, expires time.Time) (fresh bool, err error)

	// Unpaired are workstations that never had an active pairing. Those with an install token are not counted, and listed
	// when nothing was heard of them since silent; the others when they are older than before.
	CountUnpairedWorkstations(ctx context.Context, integration postern.IntegrationID) (int64, error)
	UnpairedWorkstations(ctx context.Context, before, silent time.Time, limit int32) ([]postern.Workstation, error)
	// DeleteUnpairedWorkstation answers CodeNotFound when the workstation was paired meanwhile.
	DeleteUnpairedWorkstation(ctx context.Context, id postern.WorkstationID) error
}

// Pairings keeps pairings. Lists leave ended ones out, except PairingsBetween: there are those that both had confirmed,
// newest first.
type Pairings interface {
	Pairing(ctx context.Context, id postern.PairingID) (postern.Pairing, error)
	PairingsOfPhone(ctx context.Context, phone postern.PhoneID) ([]postern.Pairing, error)
	PairingsOfWorkstation(ctx context.Context, workstation postern.WorkstationID) ([]postern.Pairing, error)
	PairingsBetween(ctx context.Context, phone postern.PhoneID, workstation postern.WorkstationID) ([]postern.Pairing, error)
	// CountPairings counts the active ones of each workstation that has any.
	CountPairings(ctx context.Context, integration postern.IntegrationID) (map[postern.WorkstationID]int, error)
	CreatePairing(ctx context.Context, p postern.Pairing) error
	UpdatePairing(ctx context.Context, p *postern.Pairing) error // increments p.Version
	EndPairingsOfPhone(ctx context.Context, phone postern.PhoneID, at time.Time, reason string) ([]postern.Pairing, error)
	EndPairingsOfWorkstation(ctx context.Context, workstation postern.WorkstationID, at time.Time, reason string) ([]postern.Pairing, error)
	// DeleteUnconfirmedPairings forgets those that never became active and whose time was over.
	DeleteUnconfirmedPairings(ctx context.Context, expired time.Time) error
}

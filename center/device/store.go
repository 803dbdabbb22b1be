package device

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps phones and attestation CAs. Methods join the transaction of ctx; what is not there is CodeNotFound, an
// outdated version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error

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

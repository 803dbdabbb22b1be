package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/enrolment"
	"github.com/postern/postern/center/store/internal/query"
)

// KnownUsers are the users of an integration, by object id.
func (s *Store) KnownUsers(ctx context.Context, integration postern.IntegrationID) (map[string]enrolment.Known, error) {
	rows, err := s.read(ctx).ListUserPhases(ctx, string(integration))
	if err != nil {
		return nil, failure(err, "user")
	}
	known := make(map[string]enrolment.Known, len(rows))
	for _, row := range rows {
		known[row.ObjectID] = enrolment.Known{UPN: row.Upn, Phase: postern.Phase(row.Phase)}
	}
	return known, nil
}

// PhonesAwaitingProof are active phones on which a passkey waits for proofs, the longest waiting first.
func (s *Store) PhonesAwaitingProof(ctx context.Context, integration postern.IntegrationID) ([]postern.Phone, error) {
	rows, err := s.read(ctx).ListPhonesAwaitingProof(ctx, string(integration))
	return convert(rows, err, "phone", phoneOf)
}

// IdentityProofs lists what proves who holds a phone, oldest first.
func (s *Store) IdentityProofs(ctx context.Context, phone postern.PhoneID) ([]postern.IdentityProof, error) {
	rows, err := s.read(ctx).ListIdentityProofs(ctx, string(phone))
	return convert(rows, err, "identity proof", func(row query.IdentityProof) (postern.IdentityProof, error) {
		return postern.IdentityProof{
			Kind: postern.Proof(row.Kind), At: fromMillis(row.At), ByID: row.ByID, ByName: row.ByName, Note: row.Note, Addr: row.Addr,
		}, nil
	})
}

// AddIdentityProof stores a proof: CodeConflict when the phone has an approval of the same person. A proof of another
// kind takes the place of the one before.
func (s *Store) AddIdentityProof(ctx context.Context, phone postern.PhoneID, p postern.IdentityProof) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if p.Kind != postern.ProofApproval {
			rows, err := t.q.RenewIdentityProof(ctx, query.RenewIdentityProofParams{PhoneID: string(phone), Kind: string(p.Kind), At: millis(p.At), Addr: p.Addr})
			if err != nil || rows > 0 {
				return failure(err, "identity proof")
			}
		}
		rows, err := t.q.InsertIdentityProof(ctx, query.InsertIdentityProofParams{
			PhoneID: string(phone), Kind: string(p.Kind), ByID: p.ByID, ByName: p.ByName, Note: p.Note, Addr: p.Addr, At: millis(p.At),
		})
		return inserted(rows, err, "identity proof")
	})
}

// SignIn returns a sign-in that was begun.
func (s *Store) SignIn(ctx context.Context, id string) (enrolment.SignIn, error) {
	row, err := s.read(ctx).GetSignIn(ctx, id)
	return signInOf(row), failure(err, "sign-in")
}

// CreateSignIn stores a sign-in and forgets those whose time was over.
func (s *Store) CreateSignIn(ctx context.Context, in enrolment.SignIn, now time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if err := t.q.DeleteOldSignIns(ctx, millis(now)); err != nil {
			return failure(err, "sign-in")
		}
		rows, err := t.q.InsertSignIn(ctx, query.InsertSignInParams{
			ID: in.ID, IntegrationID: string(in.IntegrationID), PhoneID: optionalText(in.PhoneID), Version: in.Version, Step: string(in.Step),
			Sealed: blob(in.Sealed), ExpiresAt: millis(in.ExpiresAt),
		})
		return inserted(rows, err, "sign-in")
	})
}

// UpdateSignIn stores what became of a sign-in.
func (s *Store) UpdateSignIn(ctx context.Context, in *enrolment.SignIn) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.UpdateSignIn(ctx, query.UpdateSignInParams{ID: in.ID, Version: in.Version, Step: string(in.Step), Sealed: blob(in.Sealed)})
		if err != nil {
			return failure(err, "sign-in")
		}
		if rows == 0 {
			return postern.Errorf(postern.CodeStale, "")
		}
		in.Version++
		return nil
	})
}

func signInOf(row query.SignIn) enrolment.SignIn {
	return enrolment.SignIn{
		ID: row.ID, IntegrationID: postern.IntegrationID(row.IntegrationID), PhoneID: postern.PhoneID(row.PhoneID.String), Version: row.Version,
		Step: enrolment.Step(row.Step), Sealed: fromBlob(row.Sealed), ExpiresAt: fromMillis(row.ExpiresAt),
	}
}

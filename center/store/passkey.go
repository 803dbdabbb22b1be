package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// Passkey returns one managed passkey.
func (s *Store) Passkey(ctx context.Context, id postern.PasskeyID) (postern.Passkey, error) {
	row, err := s.read(ctx).GetPasskey(ctx, string(id))
	if err != nil {
		return postern.Passkey{}, failure(err, "passkey")
	}
	return passkeyOf(row)
}

// PasskeysOfUser lists the managed passkeys of a user, oldest first, revoked ones included.
func (s *Store) PasskeysOfUser(ctx context.Context, user postern.UserID) ([]postern.Passkey, error) {
	rows, err := s.read(ctx).ListPasskeysOfUser(ctx, string(user))
	return convert(rows, err, "passkey", passkeyOf)
}

// PasskeysOfPhone lists the passkeys on a phone, oldest first, revoked ones included.
func (s *Store) PasskeysOfPhone(ctx context.Context, phone postern.PhoneID) ([]postern.Passkey, error) {
	rows, err := s.read(ctx).ListPasskeysOfPhone(ctx, optionalText(phone))
	return convert(rows, err, "passkey", passkeyOf)
}

// WorkstationPasskeysOfPhone lists those on workstations to which a user agreed on a phone, oldest first, revoked ones
// included.
func (s *Store) WorkstationPasskeysOfPhone(ctx context.Context, phone postern.PhoneID) ([]postern.Passkey, error) {
	rows, err := s.read(ctx).ListWorkstationPasskeysOfPhone(ctx, optionalText(phone))
	return convert(rows, err, "passkey", passkeyOf)
}

// CreatePasskey stores a new managed passkey; CodeConflict when its provisioning has made one already, or when the user
// has one of that method id that is not revoked.
func (s *Store) CreatePasskey(ctx context.Context, p postern.Passkey) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertPasskey(ctx, query.InsertPasskeyParams(passkeyRow(p)))
		return inserted(rows, err, "passkey")
	})
}

// UpdatePasskey stores p if p.Version is still the stored one, and increments it. User, carrier and provisioning
// never change.
func (s *Store) UpdatePasskey(ctx context.Context, p *postern.Passkey) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		row := passkeyRow(*p)
		rows, err := t.q.UpdatePasskey(ctx, query.UpdatePasskeyParams{
			ID: row.ID, Version: row.Version, Managed: row.Managed, State: row.State, MethodID: row.MethodID,
			DisplayName: row.DisplayName, Aaguid: row.Aaguid, Model: row.Model, Attested: row.Attested, Synced: row.Synced,
			CredentialID: row.CredentialID, CreatedAt: row.CreatedAt, RevokedAt: row.RevokedAt, Problem: row.Problem,
			Upn: row.Upn, Reason: row.Reason,
		})
		if err := versioned(rows, err, "passkey", func() error { _, err := t.q.GetPasskey(ctx, row.ID); return err }); err != nil {
			return err
		}
		t.bump(&p.Version)
		return nil
	})
}

// NotePasskeyUse keeps when an active passkey of a phone was used, unless a later use is kept already. Of any other passkey
// it keeps nothing and answers CodeNotFound.
func (s *Store) NotePasskeyUse(ctx context.Context, id postern.PasskeyID, phone postern.PhoneID, at time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		row, err := t.q.GetPasskey(ctx, string(id))
		if err != nil {
			return failure(err, "passkey")
		}
		if row.PhoneID.String != string(phone) || row.Carrier != string(postern.CarrierPhone) || row.State != string(postern.PasskeyActive) {
			return postern.Errorf(postern.CodeNotFound, "The phone has no such active passkey.")
		}
		return failure(t.q.NotePasskeyUse(ctx, query.NotePasskeyUseParams{PasskeyID: string(id), UsedAt: millis(at)}), "passkey")
	})
}

func passkeyRow(p postern.Passkey) query.Passkey {
	return query.Passkey{
		ID: string(p.ID), IntegrationID: string(p.IntegrationID), UserID: string(p.UserID),
		Carrier: string(p.Carrier), PhoneID: optionalText(p.PhoneID),
		ProvisioningID: string(p.ProvisioningID), Version: p.Version, Managed: p.Managed, State: string(p.State),
		MethodID: p.MethodID, DisplayName: p.DisplayName, Aaguid: p.AAGUID, Model: p.Model, Attested: p.Attested,
		Synced: p.Synced, CredentialID: blob(p.CredentialID), CreatedAt: millis(p.CreatedAt),
		RevokedAt: optionalMillis(p.RevokedAt), Problem: p.Problem, Upn: p.UPN, Reason: string(p.Reason),
		WorkstationID: optionalText(p.WorkstationID), PairingID: optionalText(p.PairingID),
	}
}

func passkeyOf(row query.Passkey) (postern.Passkey, error) {
	return postern.Passkey{
		ID: postern.PasskeyID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID),
		UserID: postern.UserID(row.UserID), Carrier: postern.Carrier(row.Carrier), PhoneID: postern.PhoneID(row.PhoneID.String),
		ProvisioningID: postern.ProvisioningID(row.ProvisioningID), Version: row.Version, Managed: row.Managed,
		State: postern.PasskeyState(row.State), MethodID: row.MethodID, DisplayName: row.DisplayName, AAGUID: row.Aaguid,
		Model: row.Model, Attested: row.Attested, Synced: row.Synced, CredentialID: fromBlob(row.CredentialID),
		CreatedAt: fromMillis(row.CreatedAt), RevokedAt: fromOptionalMillis(row.RevokedAt), Problem: row.Problem,
		UPN: row.Upn, Reason: postern.RevocationReason(row.Reason),
		WorkstationID: postern.WorkstationID(row.WorkstationID.String), PairingID: postern.PairingID(row.PairingID.String),
	}, nil
}

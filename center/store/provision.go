package store

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/store/internal/query"
)

// Provisioning returns one provisioning.
func (s *Store) Provisioning(ctx context.Context, id postern.ProvisioningID) (provision.Record, error) {
	row, err := s.read(ctx).GetProvisioning(ctx, string(id))
	if err != nil {
		return provision.Record{}, failure(err, "provisioning")
	}
	return provisioningOf(row)
}

// OpenProvisionings lists those on a phone that are not final, oldest first.
func (s *Store) OpenProvisionings(ctx context.Context, phone postern.PhoneID) ([]provision.Record, error) {
	rows, err := s.read(ctx).ListOpenProvisionings(ctx, optionalText(phone))
	return convert(rows, err, "provisioning", provisioningOf)
}

// OpenSecurityKeyProvisionings lists those of a user's security key that are not final, oldest first.
func (s *Store) OpenSecurityKeyProvisionings(ctx context.Context, user postern.UserID) ([]provision.Record, error) {
	rows, err := s.read(ctx).ListOpenSecurityKeyProvisionings(ctx, string(user))
	return convert(rows, err, "provisioning", provisioningOf)
}

// ProvisioningsOfUser lists those of a user, oldest first.
func (s *Store) ProvisioningsOfUser(ctx context.Context, user postern.UserID) ([]provision.Record, error) {
	rows, err := s.read(ctx).ListProvisioningsOfUser(ctx, string(user))
	return convert(rows, err, "provisioning", provisioningOf)
}

// WaitingProvisionings lists those of an integration in state requested or submitted, which a DISABLED integration
// holds back, oldest first.
func (s *Store) WaitingProvisionings(ctx context.Context, integration postern.IntegrationID) ([]provision.Record, error) {
	rows, err := s.read(ctx).ListWaitingProvisionings(ctx, string(integration))
	return convert(rows, err, "provisioning", provisioningOf)
}

// CreateProvisioning stores a new provisioning; CodeConflict when the phone, or for a security key the user, or for a
// workstation the pairing, has one that is not final.
func (s *Store) CreateProvisioning(ctx context.Context, r provision.Record) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertProvisioning(ctx, query.InsertProvisioningParams(provisioningRow(r)))
		return inserted(rows, err, "provisioning")
	})
}

// UpdateProvisioning stores r if r.Version is still the stored one, and increments it. User and carrier never change.
func (s *Store) UpdateProvisioning(ctx context.Context, r *provision.Record) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		row := provisioningRow(*r)
		rows, err := t.q.UpdateProvisioning(ctx, query.UpdateProvisioningParams{
			ID: row.ID, Version: row.Version, State: row.State, DisplayName: row.DisplayName, Code: row.Code, Message: row.Message,
			Next: row.Next, MethodID: row.MethodID, RequestedBy: row.RequestedBy, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
			ExpiresAt: row.ExpiresAt, UserObjectID: row.UserObjectID, Sealed: row.Sealed, ChallengeHash: row.ChallengeHash,
			RpID: row.RpID, UserHandle: row.UserHandle, CredentialID: row.CredentialID, ClientDataJson: row.ClientDataJson,
			AttestationObject: row.AttestationObject, AttestationKeyHash: row.AttestationKeyHash, Renewals: row.Renewals,
			Posts: row.Posts, Seen: row.Seen,
		})
		if err := versioned(rows, err, "provisioning", func() error { _, err := t.q.GetProvisioning(ctx, row.ID); return err }); err != nil {
			return err
		}
		t.bump(&r.Version)
		return nil
	})
}

func provisioningRow(r provision.Record) query.Provisioning {
	return query.Provisioning{
		ID: string(r.ID), IntegrationID: string(r.IntegrationID), UserID: string(r.UserID),
		Carrier: string(r.Carrier), PhoneID: optionalText(r.PhoneID),
		Version: r.Version, State: string(r.State), DisplayName: r.DisplayName, Code: string(r.Code), Message: r.Message,
		Next: r.Next, MethodID: r.MethodID, RequestedBy: r.RequestedBy, CreatedAt: millis(r.CreatedAt),
		UpdatedAt: millis(r.UpdatedAt), ExpiresAt: optionalMillis(r.ExpiresAt), UserObjectID: r.UserObjectID,
		Sealed: blob(r.Sealed), ChallengeHash: blob(r.ChallengeHash), RpID: r.RPID, UserHandle: blob(r.UserHandle),
		CredentialID: blob(r.CredentialID), ClientDataJson: blob(r.ClientDataJSON),
		AttestationObject: blob(r.AttestationObject), AttestationKeyHash: blob(r.AttestationKeyHash),
		Renewals: int64(r.Renewals), Posts: int64(r.Posts), Seen: int64(r.Seen),
		WorkstationID: optionalText(r.WorkstationID), PairingID: optionalText(r.PairingID),
	}
}

func provisioningOf(row query.Provisioning) (provision.Record, error) {
	return provision.Record{
		Provisioning: postern.Provisioning{
			ID: postern.ProvisioningID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID),
			UserID: postern.UserID(row.UserID), Carrier: postern.Carrier(row.Carrier), PhoneID: postern.PhoneID(row.PhoneID.String), Version: row.Version,
			WorkstationID: postern.WorkstationID(row.WorkstationID.String), PairingID: postern.PairingID(row.PairingID.String),
			State: postern.ProvisioningState(row.State), DisplayName: row.DisplayName, Code: postern.Code(row.Code),
			Message: row.Message, Next: row.Next, MethodID: row.MethodID, RequestedBy: row.RequestedBy,
			CreatedAt: fromMillis(row.CreatedAt), UpdatedAt: fromMillis(row.UpdatedAt), ExpiresAt: fromOptionalMillis(row.ExpiresAt),
		},
		UserObjectID: row.UserObjectID, Sealed: fromBlob(row.Sealed), ChallengeHash: fromBlob(row.ChallengeHash),
		RPID: row.RpID, UserHandle: fromBlob(row.UserHandle), CredentialID: fromBlob(row.CredentialID),
		ClientDataJSON: fromBlob(row.ClientDataJson), AttestationObject: fromBlob(row.AttestationObject),
		AttestationKeyHash: fromBlob(row.AttestationKeyHash), Renewals: int(row.Renewals), Posts: int(row.Posts), Seen: int(row.Seen),
	}, nil
}

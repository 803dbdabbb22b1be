package offline

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Options gives a workstation what it makes the passkey from, once the user agreed to its batch. Asking again gives new
// options, and those given before no longer count.
func (s *Service) Options(ctx context.Context, w postern.Workstation, id postern.PairingID) (postern.OfflineOptions, error) {
	var none postern.OfflineOptions
	p, err := s.mine(ctx, postern.DeviceID(w.ID), id)
	if err != nil {
		return none, err
	}
	if err := p.allows(); err != nil {
		return none, err
	}
	r, err := s.Store.OfflineSignIn(ctx, id)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
		return none, err
	}
	if err := registers(p, r); err != nil {
		return none, err
	}
	sheet, words, err := s.sheetFor(ctx, p, r)
	if err != nil {
		return none, err
	}
	r, err = s.change(ctx, id, func(ctx context.Context, r *Record) error {
		if err := registers(p, *r); err != nil {
			return err
		}
		if sheet != nil {
			r.Sheets.Fresh = sheet
		}
		if r.State == postern.OfflineConsented {
			provisioning, err := s.Passkeys.BeginWorkstation(ctx, p.pairing)
			if err != nil {
				return err
			}
			r.State, r.ProvisioningID = postern.OfflineRegistering, provisioning.ID
			r.Code, r.Message, r.OfflineSignIn.Next = "", "", ""
		}
		return s.put(ctx, r)
	})
	if err != nil {
		return none, err
	}
	options, err := s.Passkeys.WorkstationOptions(ctx, r.ProvisioningID)
	if err != nil {
		return none, err
	}
	return postern.OfflineOptions{PublicKey: options.PublicKey, DisplayName: options.Provisioning.DisplayName, Recovery: words}, nil
}

// registers refuses where a record is not at the point at which a passkey is made.
func registers(p parties, r Record) error {
	switch r.State {
	case postern.OfflineConsented, postern.OfflineRegistering:
		return p.sealed(r.Seal)
	case postern.OfflineAsked:
		return postern.Errorf(postern.CodeOfflineConsent, "")
	case postern.OfflineActive:
		return postern.Errorf(postern.CodeOfflineState, "This pairing has an offline passkey already.").
			WithNext("Remove it first, if the workstation has lost it.")
	}
	return postern.Errorf(postern.CodeOfflineState, "The workstation has not asked for an offline passkey.").WithNext("Ask first.")
}

// Submit takes the passkey that a workstation made and has it registered. The same again is answered with what became of it.
func (s *Service) Submit(ctx context.Context, w postern.Workstation, id postern.PairingID, in postern.OfflineCredential) (postern.OfflineAnswer, error) {
	p, err := s.mine(ctx, postern.DeviceID(w.ID), id)
	if err != nil {
		return postern.OfflineAnswer{}, err
	}
	r, err := s.Store.OfflineSignIn(ctx, id)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
		return postern.OfflineAnswer{}, err
	}
	switch {
	case r.State == postern.OfflineActive:
		return p.answer(r), nil
	case r.State != postern.OfflineRegistering || r.ProvisioningID == "":
		return postern.OfflineAnswer{}, postern.Errorf(postern.CodeOfflineState, "No passkey is being made for this pairing.").WithNext("Ask for options first.")
	}
	if err := p.allows(); err != nil {
		return postern.OfflineAnswer{}, err
	}
	if _, err := s.Passkeys.SubmitWorkstation(ctx, r.ProvisioningID, postern.CredentialSubmission{
		ID: in.CredentialID, ClientDataJSON: in.ClientDataJSON, AttestationObject: in.AttestationObject,
	}); err != nil {
		return postern.OfflineAnswer{}, err
	}
	r, err = s.Store.OfflineSignIn(ctx, id)
	return p.answer(r), err
}

// Registered is told by package provision, in its transaction, that Entra lists the passkey of a provisioning.
func (s *Service) Registered(ctx context.Context, provisioning postern.Provisioning, key postern.PasskeyID) error {
	r, found, err := s.of(ctx, provisioning.PairingID)
	if err != nil {
		return err
	}
	if !found || r.ProvisioningID != provisioning.ID || r.State != postern.OfflineRegistering {
		return s.Passkeys.TakeWorkstation(ctx, key, postern.RevocationRequested) // nobody wants it any more
	}
	r.State, r.PasskeyID = postern.OfflineActive, key
	r.Code, r.Message, r.OfflineSignIn.Next = "", "", ""
	if err := s.put(ctx, &r); err != nil {
		return err
	}
	return s.record(ctx, audit.OfflineActive, r, "The workstation can be signed in to offline.", map[string]string{"passkey": string(key)})
}

// Unregistered is told by package provision, in its transaction, that a provisioning ended without a passkey. Where the
// challenge ran out, what the user agreed to still holds; anything else ends it, and the workstation says why.
func (s *Service) Unregistered(ctx context.Context, provisioning postern.Provisioning) error {
	r, found, err := s.of(ctx, provisioning.PairingID)
	if err != nil || !found || r.ProvisioningID != provisioning.ID || r.State != postern.OfflineRegistering {
		return err
	}
	r.ProvisioningID = ""
	r.Code, r.Message, r.OfflineSignIn.Next = provisioning.Code, provisioning.Message, provisioning.Next
	if provisioning.Code == postern.CodeChallengeExpired {
		r.State = postern.OfflineConsented
		return s.put(ctx, &r)
	}
	s.ended(&r, postern.OfflineEndFailed)
	if provisioning.State == postern.ProvisioningCancelled {
		r.Reason = postern.OfflineEndAdministrator
	}
	if err := s.put(ctx, &r); err != nil {
		return err
	}
	failed, err := s.Store.Workstation(ctx, r.WorkstationID)
	if err != nil {
		return err
	}
	r.Workstation = failed.Name
	e := event(audit.OfflineFailed, r, "The offline passkey was not registered. "+r.Message, map[string]string{"reason": r.Reason})
	e.Success, e.ErrorCode = false, r.Code
	return s.Audit.Record(ctx, e)
}

// of finds a record in the transaction of ctx.
func (s *Service) of(ctx context.Context, id postern.PairingID) (r Record, found bool, err error) {
	r, err = s.Store.OfflineSignIn(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) {
		return r, false, nil
	}
	return r, err == nil, err
}

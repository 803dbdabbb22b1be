package provision

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// A provisioning on a workstation goes the way of one on a security key: the workstation asks for the options, which are
// answered and never kept, and it is not renewed. That its user agreed on the phone, package offline has seen to before.

// Offline is told in the transaction in which something happens to what lies on a workstation.
type Offline interface {
	Registered(ctx context.Context, p postern.Provisioning, key postern.PasskeyID) error
	Unregistered(ctx context.Context, p postern.Provisioning) error
	PasskeyChanged(ctx context.Context, key postern.Passkey) error
}

// BeginWorkstation stores the intent to register a passkey on the workstation of a pairing, in the transaction of ctx.
func (s *Service) BeginWorkstation(ctx context.Context, pairing postern.Pairing) (postern.Provisioning, error) {
	var none postern.Provisioning
	phone, err := s.Phones.Phone(ctx, pairing.PhoneID)
	if err != nil {
		return none, err
	}
	i, err := s.Integrations.Get(ctx, pairing.IntegrationID)
	if err != nil {
		return none, err
	}
	u, err := s.Users.User(ctx, phone.UserID)
	if err != nil {
		return none, err
	}
	now := s.Now().UTC()
	id := postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning)
	r := Record{
		Provisioning: postern.Provisioning{
			ID: id, IntegrationID: i.ID, UserID: u.ID, Carrier: postern.CarrierWorkstation, PhoneID: phone.ID,
			WorkstationID: pairing.WorkstationID, PairingID: pairing.ID, Version: 1, State: postern.ProvisioningRequested,
			DisplayName: postern.PasskeyDisplayName(i.ApplicationName, id), RequestedBy: postern.ActorFrom(ctx).Name, CreatedAt: now, UpdatedAt: now,
		},
		UserObjectID: u.ObjectID,
	}
	if err := s.Store.CreateProvisioning(ctx, r); err != nil {
		return none, err
	}
	if err := s.Queue.Enqueue(ctx, LapseJob{id}, job.After(startWithin)); err != nil {
		return none, err
	}
	s.Store.AfterCommit(ctx, func() { s.publish(context.WithoutCancel(ctx), r.Provisioning) })
	return r.Provisioning, s.Audit.Record(ctx, event(audit.ProvisioningAsked, r, "A passkey was asked for on a workstation.", nil))
}

// WorkstationOptions fetches Entra's creation options for a workstation and answers them. Only what a submission is checked
// against is kept. Asking again gives new ones, and those given before no longer count.
func (s *Service) WorkstationOptions(ctx context.Context, id postern.ProvisioningID) (postern.SecurityKeyOptions, error) {
	r, err := s.on(ctx, id, postern.CarrierWorkstation)
	if err != nil {
		return postern.SecurityKeyOptions{}, err
	}
	return s.answerOptions(ctx, r)
}

// SubmitWorkstation takes the credential that a workstation made, checks it as Entra will, and has it registered. The same
// submission again is answered with the present state.
func (s *Service) SubmitWorkstation(ctx context.Context, id postern.ProvisioningID, in postern.CredentialSubmission) (postern.Provisioning, error) {
	r, err := s.submit(ctx, in, func(ctx context.Context) (Record, error) { return s.on(ctx, id, postern.CarrierWorkstation) })
	return r.Provisioning, err
}

// DropWorkstation cancels a provisioning unless it is at its end, in the transaction of ctx. What may have reached Entra is
// undone by a job.
func (s *Service) DropWorkstation(ctx context.Context, id postern.ProvisioningID) error {
	r, err := s.Store.Provisioning(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State.Final() {
		return nil
	}
	if err != nil {
		return err
	}
	return s.cancel(ctx, &r)
}

// TakeWorkstation stores the intent to take a passkey away, in the transaction of ctx.
func (s *Service) TakeWorkstation(ctx context.Context, id postern.PasskeyID, reason postern.RevocationReason) error {
	p, err := s.Store.Passkey(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.intendRevocation(ctx, p, reason)
	return err
}

// takeWorkstationsOf stores the intent to take away the passkeys on workstations to which a user agreed on a phone, and says
// how many those are.
func (s *Service) takeWorkstationsOf(ctx context.Context, phone postern.PhoneID, reason postern.RevocationReason) (int, error) {
	all, err := s.Store.WorkstationPasskeysOfPhone(ctx, phone)
	if err != nil {
		return 0, err
	}
	taken := 0
	for _, p := range all {
		if p.State == postern.PasskeyActive {
			taken++
		}
		if _, err := s.intendRevocation(ctx, p, reason); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// Roles asks the directory afresh whether a user holds a privileged role, and keeps it. Where it cannot be asked, what is
// stored serves.
func (s *Service) Roles(ctx context.Context, id postern.UserID) (postern.User, error) {
	u, err := s.Users.User(ctx, id)
	if err != nil {
		return u, err
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	graph, _, err := s.Integrations.Graph(ctx, u.IntegrationID)
	if err != nil {
		s.Logger.WarnContext(ctx, "a user's roles could not be read", "user", id, "cause", err)
		return u, nil
	}
	who, err := graph.User(ctx, u.ObjectID)
	if err != nil {
		s.Logger.WarnContext(ctx, "a user's roles could not be read", "user", id, "cause", err)
		return u, nil
	}
	return s.noteRoles(ctx, u, who)
}

// askFor bounds how long somebody waits for what the directory says of a user's roles.
const askFor = 10 * time.Second

// tellOffline tells package offline of a provisioning on a workstation that ended without a passkey.
func (s *Service) tellOffline(ctx context.Context, p postern.Provisioning) error {
	if s.Offline == nil || p.Carrier != postern.CarrierWorkstation {
		return nil
	}
	return s.Offline.Unregistered(ctx, p)
}

// tellOfflinePasskey tells it what became of a passkey on a workstation.
func (s *Service) tellOfflinePasskey(ctx context.Context, p postern.Passkey) error {
	if s.Offline == nil || p.Carrier != postern.CarrierWorkstation {
		return nil
	}
	return s.Offline.PasskeyChanged(ctx, p)
}

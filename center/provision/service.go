package provision

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/lifecycle"
)

// Graph is what provisioning needs of the connector.
type Graph interface {
	User(ctx context.Context, idOrUPN string) (postern.DirectoryUser, error)
	CreationOptions(ctx context.Context, user string, minutes int) (entra.CreationOptions, error)
	RegisterPasskey(ctx context.Context, user, displayName string, c entra.NewCredential) (entra.Passkey, error)
	Passkeys(ctx context.Context, user string) ([]entra.Passkey, error)
	Passkey(ctx context.Context, user, methodID string) (entra.Passkey, error)
	DeletePasskey(ctx context.Context, user, methodID string) error
}

// Integrations opens the connector of an integration.
type Integrations interface {
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Graph(ctx context.Context, id postern.IntegrationID) (Graph, postern.Integration, error)
}

// Users is what provisioning needs of package lifecycle.
type Users interface {
	User(ctx context.Context, id postern.UserID) (postern.User, error)
	Know(ctx context.Context, id postern.IntegrationID, who postern.DirectoryUser) (postern.User, error)
	Settle(ctx context.Context, id postern.UserID) error
	// TakenAway is told when everything of a user is taken away.
	TakenAway(ctx context.Context, id postern.UserID) (u postern.User, changed bool, err error)
}

// Phones is what provisioning needs of package device.
type Phones interface {
	Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	Phones(ctx context.Context, user postern.UserID) ([]postern.Phone, error)
	TellWorkstations(ctx context.Context, id postern.PhoneID)
	PairedWorkstations(ctx context.Context, p postern.Phone) ([]postern.PairedWorkstation, error)
	MarkRevoked(ctx context.Context, id postern.PhoneID) (postern.Phone, bool, error)
	Certify(ctx context.Context, id postern.IntegrationID, provisioning postern.ProvisioningID, in postern.AttestationRequest) ([]byte, error)
}

// Push wakes phones. Its methods return at once.
type Push interface {
	State(ctx context.Context, phone postern.PhoneID) (postern.PushState, error)
	Offered(phone postern.PhoneID, until time.Time)
	Notify(phone postern.PhoneID)
}

// Mail writes to users, in the transaction of ctx.
type Mail interface {
	PhoneRevoked(ctx context.Context, user postern.UserID, phone string) error
}

// Service is everything that can be done with provisionings and managed passkeys. All fields are needed.
type Service struct {
	Store        Store
	Integrations Integrations
	Users        Users
	Phones       Phones
	Audit        audit.Recorder
	Queue        job.Queue
	Notices      backbone.Backbone
	// Disable disables an integration, joining the transaction of ctx.
	Disable func(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Push    Push    // nil: phones are not woken
	Mail    Mail    // nil: nobody is written to
	Proofs  Proofs  // nil: nobody is asked to prove who they are, and nobody has to have a passkey
	Offline Offline // nil: nobody signs in offline
	Logger  *slog.Logger
	Now     func() time.Time
}

// Begin asks for a passkey on a phone. If the phone has a provisioning under way that one is returned, and created is
// false.
func (s *Service) Begin(ctx context.Context, id postern.PhoneID) (p postern.Provisioning, created bool, err error) {
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		phone, err := s.Phones.Phone(ctx, id)
		if err != nil {
			return err
		}
		p, created, err = s.begin(ctx, phone)
		return err
	})
	if err == nil {
		s.publish(ctx, p)
	}
	return p, created, err
}

// Enrolled begins a provisioning in the transaction that enrols a phone, if the integration provisions at all.
func (s *Service) Enrolled(ctx context.Context, phone postern.Phone) error {
	i, err := s.Integrations.Get(ctx, phone.IntegrationID)
	if err != nil || !i.Flags[postern.FlagProvisionAPI] {
		return err
	}
	_, _, err = s.begin(ctx, phone)
	return err
}

func (s *Service) begin(ctx context.Context, phone postern.Phone) (postern.Provisioning, bool, error) {
	var none postern.Provisioning
	if phone.State != postern.PhoneActive {
		return none, false, postern.Errorf(postern.CodePhoneRevoked, "")
	}
	open, err := s.Store.OpenProvisionings(ctx, phone.ID)
	if err != nil {
		return none, false, err
	}
	if len(open) > 0 {
		return open[0].Provisioning, false, nil
	}
	held, err := s.Store.PasskeysOfPhone(ctx, phone.ID)
	if err != nil {
		return none, false, err
	}
	if slices.ContainsFunc(held, func(p postern.Passkey) bool { return p.State == postern.PasskeyActive }) {
		return none, false, postern.Errorf(postern.CodeConflict, "The phone has a passkey of this user already.").
			WithNext("Use that one. If it no longer works, revoke it first, and then ask for another.")
	}
	i, err := s.Integrations.Get(ctx, phone.IntegrationID)
	if err != nil {
		return none, false, err
	}
	u, err := s.Users.User(ctx, phone.UserID)
	if err != nil {
		return none, false, err
	}
	if err := standing(u); err != nil {
		return none, false, err
	}
	if err := i.Admit(u.UPN, postern.FlagFIDO2MobileAuthenticator, postern.FlagProvisionAPI); err != nil {
		return none, false, err
	}
	now := s.Now().UTC()
	id := postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning)
	r := Record{
		Provisioning: postern.Provisioning{
			ID: id, IntegrationID: i.ID, UserID: u.ID, Carrier: postern.CarrierPhone, PhoneID: phone.ID, Version: 1,
			State: postern.ProvisioningRequested, DisplayName: postern.PasskeyDisplayName(i.ApplicationName, id),
			RequestedBy: postern.ActorFrom(ctx).Name, CreatedAt: now, UpdatedAt: now,
		},
		UserObjectID: u.ObjectID,
	}
	if i.State != postern.StateEnabled {
		waitFor(&r, postern.Errorf(postern.CodeIntegrationDisabled, ""))
	}
	if err := s.Store.CreateProvisioning(ctx, r); err != nil {
		return none, false, err
	}
	if err := s.Queue.Enqueue(ctx, OfferJob{id}); err != nil {
		return none, false, err
	}
	return r.Provisioning, true, s.Audit.Record(ctx, event(audit.ProvisioningAsked, r, "A passkey was asked for on the phone "+phone.Name+".", nil))
}

// standing refuses what a user who is held back may not have.
func standing(u postern.User) error {
	if u.Phase == postern.PhaseSuspended {
		return postern.Errorf(postern.CodeUserSuspended, "")
	}
	return nil
}

// Resume makes everything go on that waited for the integration to be enabled, in the transaction that enables it.
func (s *Service) Resume(ctx context.Context, id postern.IntegrationID) error {
	waiting, err := s.Store.WaitingProvisionings(ctx, id)
	if err != nil {
		return err
	}
	for _, r := range waiting {
		var args job.Args = OfferJob{r.ID}
		switch {
		case r.State == postern.ProvisioningSubmitted:
			args = RegisterJob{r.ID}
		case r.Carrier != postern.CarrierPhone:
			continue // whoever holds the key, or the workstation, asks for options
		}
		if err := s.Queue.Enqueue(ctx, args); err != nil {
			return err
		}
	}
	return nil
}

// Provisioning returns one provisioning.
func (s *Service) Provisioning(ctx context.Context, id postern.ProvisioningID) (postern.Provisioning, error) {
	r, err := s.Store.Provisioning(ctx, id)
	return r.Provisioning, err
}

// Provisionings lists those of a user, newest first.
func (s *Service) Provisionings(ctx context.Context, id postern.UserID) ([]postern.Provisioning, error) {
	records, err := s.Store.ProvisioningsOfUser(ctx, id)
	out := make([]postern.Provisioning, len(records))
	for n, r := range records {
		out[n] = r.Provisioning
	}
	return out, err
}

// Cancel ends a provisioning that is not final. What may have reached Entra already is undone by a job.
func (s *Service) Cancel(ctx context.Context, id postern.ProvisioningID) (postern.Provisioning, error) {
	var out postern.Provisioning
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.Store.Provisioning(ctx, id)
		if err != nil {
			return err
		}
		if err := s.cancel(ctx, &r); err != nil {
			return err
		}
		out = r.Provisioning
		return nil
	})
	if err == nil {
		s.publish(ctx, out)
	}
	return out, err
}

func (s *Service) cancel(ctx context.Context, r *Record) error {
	if r.State.Final() {
		return postern.Errorf(postern.CodeProvisioningState, "The provisioning is %s already.", r.State)
	}
	if err := s.end(ctx, r, postern.ProvisioningCancelled, nil); err != nil {
		return err
	}
	return s.Audit.Record(ctx, event(audit.ProvisioningCancelled, *r, "The provisioning was cancelled.", nil))
}

// end brings a record into a final state, wipes what is no longer needed, and has undone what Entra may have.
func (s *Service) end(ctx context.Context, r *Record, state postern.ProvisioningState, why *postern.Error) error {
	r.State = state
	r.Code, r.Message, r.Next = "", "", ""
	if why != nil {
		waitFor(r, why)
	}
	r.Sealed, r.ExpiresAt = nil, nil
	r.UpdatedAt = s.Now().UTC()
	if err := s.Store.UpdateProvisioning(ctx, r); err != nil {
		return err
	}
	if state != postern.ProvisioningActive && r.Posts > 0 {
		if err := s.Queue.Enqueue(ctx, UndoJob{r.ID}); err != nil {
			return err
		}
	}
	if state != postern.ProvisioningActive {
		return s.tellOffline(ctx, r.Provisioning)
	}
	return nil
}

// waitFor notes why a provisioning does not go on.
func waitFor(r *Record, why *postern.Error) {
	r.Code, r.Message, r.Next = why.Code, why.Message, why.Next
}

// publish tells whoever waits that a provisioning changed.
func (s *Service) publish(ctx context.Context, p postern.Provisioning) {
	s.tell(ctx, p.UserID, p.PhoneID)
}

// tell wakes whoever waits for news of a user, and of a phone and the workstations paired with it if there is one.
func (s *Service) tell(ctx context.Context, user postern.UserID, phone postern.PhoneID) {
	if phone != "" {
		s.Notices.Publish(device.Topic(phone))
		s.Phones.TellWorkstations(ctx, phone)
	}
	s.Notices.Publish(lifecycle.Topic(user))
}

func event(code audit.Code, r Record, message string, fields map[string]string) postern.AuditEvent {
	if fields == nil {
		fields = make(map[string]string)
	}
	fields["user"] = string(r.UserID)
	onto(fields, r.Carrier, r.PhoneID, r.WorkstationID)
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: r.IntegrationID, Target: string(r.ID), TargetName: r.DisplayName,
		Success: true, Message: message, Fields: fields,
	}
}

// onto notes in an audit entry what a passkey lies on.
func onto(fields map[string]string, carrier postern.Carrier, phone postern.PhoneID, workstation postern.WorkstationID) {
	switch carrier {
	case postern.CarrierPhone:
		fields["phone"] = string(phone)
		return
	case postern.CarrierWorkstation:
		fields["phone"], fields["workstation"] = string(phone), string(workstation)
	}
	fields["carrier"] = string(carrier)
}

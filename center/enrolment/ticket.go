package enrolment

import (
	"context"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
)

// offers reports whether a policy lets somebody enrol a phone with a sign-in alone.
func offers(p postern.EnrolmentPolicy) bool {
	return !slices.Contains(p.Proofs, postern.ProofCode) &&
		(p.Default != postern.EnrolmentOff || slices.ContainsFunc(p.Rules, func(r postern.EnrolmentRule) bool { return r.Mode != postern.EnrolmentOff }))
}

func notOffered() *postern.Error {
	return postern.Errorf(postern.CodeEnrolmentOff, "Phones are enrolled with the code of an invitation here.")
}

// SignInOffer says at whose organisation a phone may be enrolled with a sign-in: that of the integration, or where none is
// named, of the only one that allows it. It is for everybody, so it tells nothing that an app does not show anyway.
func (s *Service) SignInOffer(ctx context.Context, id postern.IntegrationID) (postern.SignInOffer, error) {
	var none postern.SignInOffer
	all, err := s.Store.Integrations(ctx)
	if err != nil {
		return none, err
	}
	var found []postern.Integration
	for _, i := range all {
		if i.State == postern.StateDisabled || id != "" && i.ID != id {
			continue
		}
		p, err := s.Policy(ctx, i.ID)
		if err != nil {
			return none, err
		}
		if offers(p) && i.Credential.Kind != postern.CredentialServiceAccount {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		return none, notOffered()
	}
	return postern.SignInOffer{IntegrationID: found[0].ID, ApplicationName: found[0].ApplicationName}, nil
}

// BeginEnrolment begins a sign-in at Entra with which a phone is to be enrolled. The phone holds the ticket, which enrols
// it once the number was typed.
func (s *Service) BeginEnrolment(ctx context.Context, in postern.SignInInput) (postern.SignInStart, error) {
	var none postern.SignInStart
	if len(in.Name) > 60 || !postern.Showable(in.Name) {
		return none, postern.FieldErrorf("name", "The name is longer than 60 bytes, or holds characters that cannot be shown.")
	}
	if len(in.Platform) > 120 || !postern.Showable(in.Platform) {
		return none, postern.FieldErrorf("platform", "The platform is longer than 120 bytes, or holds characters that cannot be shown.")
	}
	offer, err := s.SignInOffer(ctx, in.IntegrationID)
	if err != nil {
		return none, err
	}
	device := Device{Name: in.Name, Platform: in.Platform, At: s.Now().UTC(), Addr: postern.ActorFrom(ctx).Addr}
	return s.begin(ctx, SignIn{IntegrationID: offer.IntegrationID}, secrets{Device: device}, "", in.Language)
}

// eligible looks up who signed in, and whether they may enrol a phone by themselves.
func (s *Service) eligible(ctx context.Context, id postern.IntegrationID, signed entra.SignedIn) (*postern.DirectoryUser, error) {
	tenant, i, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	who, err := tenant.User(ctx, signed.ObjectID)
	if postern.IsCode(err, postern.CodeEntraDirectoryClosed) {
		// The least permission set looks nobody up; Entra has just vouched for this name.
		who, err = postern.DirectoryUser{ObjectID: signed.ObjectID, UPN: signed.UPN, DisplayName: signed.UPN, Enabled: true}, nil
	}
	if err != nil {
		return nil, err
	}
	switch {
	case who.Guest:
		return nil, postern.Errorf(postern.CodeGuestUser, "")
	case !who.Enabled:
		return nil, postern.Errorf(postern.CodeAccountDisabled, "")
	}
	u, err := s.Store.UserByObjectID(ctx, id, who.ObjectID)
	if postern.IsCode(err, postern.CodeNotFound) {
		// Groups are remembered by user, and this one has no id yet.
		u, err = postern.User{ID: postern.UserID("directory/" + who.ObjectID), IntegrationID: id, ObjectID: who.ObjectID, UPN: who.UPN}, nil
	}
	if err != nil {
		return nil, err
	}
	return &who, s.mayEnrol(ctx, i, u)
}

// mayEnrol says why a user may not enrol a phone by themselves. Who was revoked comes back by an invitation alone: taking
// access away must not be undone by whom it was taken from.
func (s *Service) mayEnrol(ctx context.Context, i postern.Integration, u postern.User) error {
	if err := i.Admit(u.UPN, postern.FlagFIDO2MobileAuthenticator); err != nil {
		return err
	}
	switch {
	case u.Suspension != nil:
		return postern.Errorf(postern.CodeUserSuspended, "")
	case u.Phase == postern.PhaseRevoked:
		return postern.Errorf(postern.CodeUserRevoked, "")
	}
	p, err := s.Policy(ctx, i.ID)
	if err != nil {
		return err
	}
	if !offers(p) || s.modeUnder(ctx, p, u) == postern.EnrolmentOff {
		return postern.Errorf(postern.CodeEnrolmentOff, "")
	}
	return nil
}

// issue makes the ticket good, in the transaction of ctx.
func (s *Service) issue(ctx context.Context, in *SignIn, own secrets) error {
	u, err := s.Know(ctx, in.IntegrationID, *own.Who)
	if err != nil {
		return err
	}
	i, err := s.Tenants.Get(ctx, in.IntegrationID)
	if err != nil {
		return err
	}
	if err := s.mayEnrol(ctx, i, u); err != nil {
		return err
	}
	own.User = u.ID
	if err := s.move(ctx, in, own, StepConfirmed); err != nil {
		return err
	}
	e := event(audit.ProofGiven, postern.Phone{IntegrationID: in.IntegrationID, UserID: u.ID}, u.UPN+" signed in at Entra to enrol the phone "+own.Device.Name+".",
		map[string]string{"proof": string(postern.ProofSignIn), "from": own.Device.Addr})
	e.Target, e.TargetName = string(u.ID), u.UPN
	return s.Audit.Record(ctx, e)
}

// Holder is the user of a ticket whose number was typed: CodeSignInPending until then.
func (s *Service) Holder(ctx context.Context, ticket string) (postern.UserID, error) {
	_, own, err := s.ticket(ctx, ticket)
	return own.User, err
}

func (s *Service) ticket(ctx context.Context, ticket string) (SignIn, secrets, error) {
	var none secrets
	id, secret, err := split(ticket)
	if err != nil {
		return SignIn{}, none, err
	}
	in, err := s.Store.SignIn(ctx, id)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
		return in, none, err
	}
	step := StepConfirmed
	if in.Step == StepBegun || in.Step == StepReturned {
		step = in.Step // whether the ticket is right is seen before anything is said of it
	}
	in, own, err := s.find(ctx, id, step)
	switch {
	case err != nil:
		return in, none, err
	case !holds(secret, own.Ticket):
		return in, none, postern.Errorf(postern.CodeSignInExpired, "")
	case step != StepConfirmed:
		return in, none, postern.Errorf(postern.CodeSignInPending, "")
	}
	return in, own, nil
}

// Spend uses a ticket up, in the transaction of ctx, which is the one that creates the phone.
func (s *Service) Spend(ctx context.Context, ticket string) error {
	in, own, err := s.ticket(ctx, ticket)
	if err != nil {
		return err
	}
	i, err := s.Tenants.Get(ctx, in.IntegrationID)
	if err != nil {
		return err
	}
	u, err := s.Store.User(ctx, own.User)
	if err != nil {
		return err
	}
	if err := s.mayEnrol(ctx, i, u); err != nil {
		return err
	}
	return s.move(ctx, &in, own, StepOver)
}

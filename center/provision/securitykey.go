package provision

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// A provisioning on a hardware security key goes the way of one on a phone, with two differences. Nobody waits for a
// phone to come: an administrator has the key at hand and fetches the options, which are answered and never kept. And
// it is not renewed: when the challenge runs out before a credential came, it has lapsed.

// startWithin is how long an intent may stand before options are asked for.
const startWithin = 10 * time.Minute

// BeginSecurityKey stores the intent to register a passkey of a user on a security key. If the user has such a
// provisioning under way that one is returned, and created is false: whoever holds the key goes on with it.
func (s *Service) BeginSecurityKey(ctx context.Context, id postern.IntegrationID, in postern.SecurityKeyInput) (p postern.Provisioning, created bool, err error) {
	var none postern.Provisioning
	if in.User == "" || len(in.User) > 320 {
		return none, false, postern.FieldErrorf("user", "A user principal name or object id is required.")
	}
	graph, i, err := s.Integrations.Graph(ctx, id)
	if err != nil {
		return none, false, err
	}
	if i.State != postern.StateEnabled {
		return none, false, postern.Errorf(postern.CodeIntegrationDisabled, "")
	}
	who, err := graph.User(ctx, in.User)
	if postern.IsCode(err, postern.CodeEntraDirectoryClosed) {
		// The least permission set cannot look anybody up: the name is taken as given, and Entra has the last word.
		who, err = postern.DirectoryUser{ObjectID: in.User, UPN: in.User, DisplayName: in.User, Enabled: true}, nil
	}
	if err != nil {
		return none, false, err
	}
	if err := eligible(who, false); err != nil {
		return none, false, postern.AsError(err).OnField("user")
	}
	if err := i.Admit(who.UPN, flagsFor(postern.CarrierSecurityKey)...); err != nil {
		return none, false, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		u, err := s.Users.Know(ctx, i.ID, who)
		if err != nil {
			return err
		}
		p, created, err = s.beginSecurityKey(ctx, i, u)
		return err
	})
	if err == nil {
		s.publish(ctx, p)
	}
	return p, created, err
}

func (s *Service) beginSecurityKey(ctx context.Context, i postern.Integration, u postern.User) (postern.Provisioning, bool, error) {
	open, err := s.Store.OpenSecurityKeyProvisionings(ctx, u.ID)
	if err != nil {
		return postern.Provisioning{}, false, err
	}
	if len(open) > 0 {
		return open[0].Provisioning, false, nil
	}
	now := s.Now().UTC()
	id := postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning)
	r := Record{
		Provisioning: postern.Provisioning{
			ID: id, IntegrationID: i.ID, UserID: u.ID, Carrier: postern.CarrierSecurityKey, Version: 1,
			State: postern.ProvisioningRequested, DisplayName: postern.PasskeyDisplayName(i.ApplicationName, id),
			RequestedBy: postern.ActorFrom(ctx).Name, CreatedAt: now, UpdatedAt: now,
		},
		UserObjectID: u.ObjectID,
	}
	if err := s.Store.CreateProvisioning(ctx, r); err != nil {
		return postern.Provisioning{}, false, err
	}
	if err := s.Queue.Enqueue(ctx, LapseJob{id}, job.After(startWithin)); err != nil {
		return postern.Provisioning{}, false, err
	}
	return r.Provisioning, true, s.Audit.Record(ctx, event(audit.ProvisioningAsked, r, "A passkey was asked for on a security key.", nil))
}

// SecurityKeyOptions fetches Entra's creation options for a security key and answers them. Only what a submission is
// checked against is kept. Asking again gives new ones, and those given before no longer count.
func (s *Service) SecurityKeyOptions(ctx context.Context, id postern.ProvisioningID) (postern.SecurityKeyOptions, error) {
	r, err := s.on(ctx, id, postern.CarrierSecurityKey)
	if err != nil {
		return postern.SecurityKeyOptions{}, err
	}
	return s.answerOptions(ctx, r)
}

func (s *Service) answerOptions(ctx context.Context, r Record) (postern.SecurityKeyOptions, error) {
	var none postern.SecurityKeyOptions
	if r.State != postern.ProvisioningRequested && r.State != postern.ProvisioningOffered {
		return none, wrongState(r)
	}
	graph, i, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return none, err
	}
	if i.State != postern.StateEnabled {
		return none, postern.Errorf(postern.CodeIntegrationDisabled, "")
	}
	if _, err := s.admit(ctx, graph, i, r); err != nil {
		return none, s.refuse(ctx, r, err)
	}
	options, err := graph.CreationOptions(ctx, r.UserObjectID, i.ChallengeTimeout)
	if err != nil {
		return none, s.refuse(ctx, r, err)
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		expires := options.Expires.UTC()
		r.State, r.ExpiresAt, r.UpdatedAt = postern.ProvisioningOffered, &expires, s.Now().UTC()
		r.RPID, r.UserHandle, r.ChallengeHash = options.RPID, options.UserHandle, challengeHash(options)
		if err := s.Store.UpdateProvisioning(ctx, &r); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.ProvisioningOffered, r, "Entra's options were given out for a "+carrierName(r.Carrier)+".",
			map[string]string{"expires": expires.Format(time.RFC3339)}))
	})
	if postern.IsCode(err, postern.CodeStale) {
		return none, postern.Errorf(postern.CodeProvisioningTaken, "")
	}
	if err != nil {
		return none, err
	}
	s.publish(ctx, r.Provisioning)
	return postern.SecurityKeyOptions{Provisioning: r.Provisioning, PublicKey: options.PublicKey}, nil
}

// refuse answers an error to whoever asked for options. What will not pass by waiting ends the provisioning.
func (s *Service) refuse(ctx context.Context, r Record, cause error) error {
	e := postern.AsError(cause)
	if passes(e.Code) {
		return cause
	}
	if err := s.fail(ctx, r, e); err != nil {
		return err
	}
	return cause
}

// SubmitSecurityKey takes the credential that a security key made, checks it as Entra will, and has it registered. The
// same submission again is answered with the present state.
func (s *Service) SubmitSecurityKey(ctx context.Context, id postern.ProvisioningID, in postern.CredentialSubmission) (postern.Provisioning, error) {
	r, err := s.submit(ctx, in, func(ctx context.Context) (Record, error) { return s.on(ctx, id, postern.CarrierSecurityKey) })
	return r.Provisioning, err
}

// on finds a provisioning only if it is one on such a carrier.
func (s *Service) on(ctx context.Context, id postern.ProvisioningID, carrier postern.Carrier) (Record, error) {
	r, err := s.Store.Provisioning(ctx, id)
	if err == nil && r.Carrier != carrier {
		return Record{}, postern.Errorf(postern.CodeProvisioningState, "The provisioning is one on a %s.", carrierName(r.Carrier)).
			WithNext("The user goes on with it there.")
	}
	return r, err
}

// LapseJob ends a provisioning on a security key or a workstation that nobody went on with.
type LapseJob struct {
	Provisioning postern.ProvisioningID `json:"provisioning"`
}

// Kind implements [job.Args].
func (LapseJob) Kind() string { return "provision.lapse" }

// Lapse handles [LapseJob].
func (s *Service) Lapse(ctx context.Context, args LapseJob) error {
	r, err := s.Store.Provisioning(ctx, args.Provisioning)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil || r.State != postern.ProvisioningRequested && r.State != postern.ProvisioningOffered {
		return err
	}
	until := r.UpdatedAt.Add(startWithin)
	if r.ExpiresAt != nil {
		until = *r.ExpiresAt
	}
	if left := until.Sub(s.Now()); left > 0 {
		return job.Snooze(left)
	}
	return s.advance(ctx, &r, func(ctx context.Context) error { return s.lapse(ctx, &r) })
}

// lapse fails a provisioning whose challenge ran out before Entra had the credential.
func (s *Service) lapse(ctx context.Context, r *Record) error {
	why := postern.Errorf(postern.CodeChallengeExpired, "Entra's registration challenge ran out before the %s's credential was registered.", carrierName(r.Carrier)).
		WithNext("Begin again. Making a new passkey on the same key replaces what was left on it.")
	if r.Carrier == postern.CarrierWorkstation {
		why = why.WithNext("Begin again at the workstation.")
	}
	if err := s.end(ctx, r, postern.ProvisioningFailed, why); err != nil {
		return err
	}
	failed := event(audit.ProvisioningFailed, *r, why.Message, nil)
	failed.Success, failed.ErrorCode = false, why.Code
	return s.Audit.Record(ctx, failed)
}

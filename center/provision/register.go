package provision

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

const (
	// doubtFor is how long after a sending with unknown outcome the passkey may still turn up in Entra's list. Only
	// when it is over is the credential sent again, or an undo believed to find nothing.
	doubtFor = 30 * time.Second
	// listedWithin is how long Entra may take to list a passkey that it has accepted.
	listedWithin = 10 * time.Minute
	// readBackEvery is the pause between two looks.
	readBackEvery = 2 * time.Second
	// lookForOldEvery is the pause between two looks at a passkey that is to be gone before the next may come. Its
	// revocation says so too, and this is for when that word is lost.
	lookForOldEvery = time.Minute
)

// RegisterJob sends the credential that was made to Entra and reads it back.
type RegisterJob struct {
	Provisioning postern.ProvisioningID `json:"provisioning"`
}

// Kind implements [job.Args].
func (RegisterJob) Kind() string { return "provision.register" }

// Register handles [RegisterJob]. Wherever it is cut off, the next run finds in the record what was meant and at Entra
// what was done:
//
//	cut off                        next run finds                  and
//	before the sending is counted  submitted, Posts 0              sends
//	before the sending             submitted, Posts 1, not listed  waits out the doubt, sends again
//	after the sending              submitted, Posts 1, listed      goes on as registered
//	after registered is stored     registered                      reads back
func (s *Service) Register(ctx context.Context, args RegisterJob) error {
	r, err := s.Store.Provisioning(ctx, args.Provisioning)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.State != postern.ProvisioningSubmitted && r.State != postern.ProvisioningRegistered {
		return nil
	}
	graph, i, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	if r.State == postern.ProvisioningSubmitted {
		if r.Posts == 0 { // once it was sent, what became of it has to be found out, whatever holds by now
			if i.State != postern.StateEnabled {
				return s.hold(ctx, r, postern.Errorf(postern.CodeIntegrationDisabled, ""))
			}
			u, err := s.Users.User(ctx, r.UserID)
			if err != nil {
				return err
			}
			if err := i.Admit(u.UPN, flagsFor(r.Carrier)...); err != nil {
				return s.fail(ctx, r, postern.AsError(err))
			}
		}
		if r, err = s.send(ctx, graph, r); err != nil || r.State != postern.ProvisioningRegistered {
			return err
		}
	}
	return s.readBack(ctx, graph, r)
}

// send brings a submitted record to registered, sending the credential if Entra does not have it yet.
func (s *Service) send(ctx context.Context, graph Graph, r Record) (Record, error) {
	if r.Posts > 0 {
		listed, found, err := find(ctx, graph, r)
		if err != nil {
			return r, s.settleFailure(ctx, r, err)
		}
		if found {
			return s.registered(ctx, r, listed)
		}
		if left := doubtFor - s.Now().Sub(r.UpdatedAt); left > 0 {
			return r, job.Snooze(min(left, readBackEvery))
		}
	}
	if r.ExpiresAt != nil && !s.Now().Before(*r.ExpiresAt) {
		return r, s.advance(ctx, &r, func(ctx context.Context) error { return s.renew(ctx, &r) })
	}
	if err := s.countSending(ctx, &r, 1); err != nil {
		return r, err
	}
	passkey, err := graph.RegisterPasskey(ctx, r.UserObjectID, r.DisplayName, entra.NewCredential{
		ID: r.CredentialID, ClientDataJSON: r.ClientDataJSON, AttestationObject: r.AttestationObject,
	})
	switch {
	case err == nil:
		return s.registered(ctx, r, passkey)
	case errors.Is(err, entra.ErrOutcomeUnknown):
		return r, err
	case postern.IsCode(err, postern.CodeEntraAlreadyExists):
		listed, found, findErr := find(ctx, graph, r)
		if findErr != nil {
			return r, findErr
		}
		if found {
			return s.registered(ctx, r, listed)
		}
		return r, err // it is there and not listed yet: look again
	}
	// Graph said no, so nothing was made, and a later end need not undo it.
	if err := s.countSending(ctx, &r, -1); err != nil {
		return r, err
	}
	return r, s.settleFailure(ctx, r, err)
}

// countSending stores the intent to send before the sending, or takes it back.
func (s *Service) countSending(ctx context.Context, r *Record, by int) error {
	r.Posts += by
	r.UpdatedAt = s.Now().UTC()
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		fresh := *r
		if err := s.Store.UpdateProvisioning(ctx, &fresh); err != nil {
			return err
		}
		r.Version = fresh.Version
		return nil
	})
}

// registered stores what Entra answered. If the provisioning was ended meanwhile, the passkey is undone instead.
func (s *Service) registered(ctx context.Context, r Record, passkey entra.Passkey) (Record, error) {
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		fresh, err := s.Store.Provisioning(ctx, r.ID)
		if err != nil {
			return err
		}
		if fresh.State.Final() {
			fresh.MethodID = passkey.ID
			if err := s.Store.UpdateProvisioning(ctx, &fresh); err != nil {
				return err
			}
			r = fresh
			return s.Queue.Enqueue(ctx, UndoJob{r.ID})
		}
		fresh.State, fresh.MethodID = postern.ProvisioningRegistered, passkey.ID
		fresh.Code, fresh.Message, fresh.Next = "", "", ""
		fresh.ExpiresAt, fresh.UpdatedAt = nil, s.Now().UTC()
		if err := s.Store.UpdateProvisioning(ctx, &fresh); err != nil {
			return err
		}
		r = fresh
		return s.Audit.Record(ctx, event(audit.ProvisioningRegistered, r, "Entra registered the passkey.",
			map[string]string{"method": passkey.ID}))
	})
	if err == nil {
		s.publish(ctx, r.Provisioning)
	}
	return r, err
}

// readBack waits until Entra lists the passkey and makes it active.
func (s *Service) readBack(ctx context.Context, graph Graph, r Record) error {
	passkey, err := graph.Passkey(ctx, r.UserObjectID, r.MethodID)
	if isGone(err) {
		if s.Now().Sub(r.UpdatedAt) < listedWithin {
			return job.Snooze(readBackEvery)
		}
		return s.fail(ctx, r, postern.Errorf(postern.CodeEntraNotFound, "Entra accepted the passkey but does not list it.").
			WithNext("Begin the provisioning again. If the passkey turns up later, it is removed by itself."))
	}
	if err != nil {
		return s.settleFailure(ctx, r, err)
	}
	u, err := s.Users.User(ctx, r.UserID)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	key := postern.Passkey{
		ID: postern.NewID[postern.PasskeyID](postern.PrefixPasskey), IntegrationID: r.IntegrationID, UserID: r.UserID,
		Carrier: r.Carrier, PhoneID: r.PhoneID, WorkstationID: r.WorkstationID, PairingID: r.PairingID, ProvisioningID: r.ID, Version: 1, Managed: true, State: postern.PasskeyActive,
		MethodID: passkey.ID, DisplayName: passkey.DisplayName, AAGUID: passkey.AAGUID, Model: passkey.Model,
		Attested: passkey.Attested(), Synced: passkey.Synced(), CredentialID: r.CredentialID, CreatedAt: now,
		UPN: u.UPN,
	}
	return s.advance(ctx, &r, func(ctx context.Context) error {
		if err := s.Store.CreatePasskey(ctx, key); err != nil {
			return err
		}
		if err := s.end(ctx, &r, postern.ProvisioningActive, nil); err != nil {
			return err
		}
		if err := s.Users.Settle(ctx, r.UserID); err != nil {
			return err
		}
		if s.Offline != nil && r.Carrier == postern.CarrierWorkstation {
			if err := s.Offline.Registered(ctx, r.Provisioning, key.ID); err != nil {
				return err
			}
		}
		return s.Audit.Record(ctx, event(audit.ProvisioningActive, r, "Entra lists the passkey.",
			map[string]string{"passkey": string(key.ID), "method": passkey.ID, "aaguid": passkey.AAGUID}))
	})
}

// GivenUp is called when no attempt at offering or registering is left.
func (s *Service) GivenUp(ctx context.Context, id postern.ProvisioningID, cause error) error {
	r, err := s.Store.Provisioning(ctx, id)
	if err != nil || r.State.Final() {
		return err
	}
	e := postern.AsError(cause)
	halted := postern.Errorf(postern.CodeProvisioningHalted, "The provisioning gave up: %s", e.Message).Because(cause)
	return s.fail(ctx, r, halted)
}

// find looks for the record's passkey among those that Entra lists: by credential id, or by the name, which carries a
// mark of its own, where the id has another form.
func find(ctx context.Context, graph Graph, r Record) (entra.Passkey, bool, error) {
	listed, err := graph.Passkeys(ctx, r.UserObjectID)
	if err != nil {
		return entra.Passkey{}, false, err
	}
	for _, p := range listed {
		if p.ID == r.MethodID && p.ID != "" || entra.MatchesCredential(p.ID, r.CredentialID) || p.DisplayName == r.DisplayName {
			return p, true, nil
		}
	}
	return entra.Passkey{}, false, nil
}

func isGone(err error) bool {
	return postern.IsCode(err, postern.CodeEntraNotFound) || postern.IsCode(err, postern.CodeEntraUserNotFound)
}

// UndoJob deletes the passkey of a provisioning that ended without becoming active, if Entra has it.
type UndoJob struct {
	Provisioning postern.ProvisioningID `json:"provisioning"`
}

// Kind implements [job.Args].
func (UndoJob) Kind() string { return "provision.undo" }

// Undo handles [UndoJob]. It looks until the doubt about the last sending is over, because a passkey that was made can
// be listed late.
func (s *Service) Undo(ctx context.Context, args UndoJob) error {
	r, err := s.Store.Provisioning(ctx, args.Provisioning)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil || r.State == postern.ProvisioningActive || !r.State.Final() {
		return err
	}
	graph, _, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return err
	}
	listed, found, err := find(ctx, graph, r)
	if err != nil && !isGone(err) {
		return retryLater(err)
	}
	if !found {
		if left := 2*doubtFor + job.DefaultTimeout - s.Now().Sub(r.UpdatedAt); left > 0 && err == nil {
			return job.Snooze(min(left, 2*readBackEvery))
		}
		return nil
	}
	if err := graph.DeletePasskey(ctx, r.UserObjectID, listed.ID); err != nil {
		return retryLater(err)
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		return s.Audit.Record(ctx, event(audit.ProvisioningUndone, r, "The passkey was deleted from Entra, because its provisioning had ended.",
			map[string]string{"method": listed.ID}))
	})
}

// retryLater waits as long as Graph asked, without counting that as a failure.
func retryLater(err error) error {
	if e := postern.AsError(err); e.After > 0 {
		return job.Snooze(e.After)
	}
	return err
}

package phone

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
)

// Provisioning steers [Phone.Provision].
type Provisioning struct {
	// OfferWait is how long to wait for Entra's options.
	OfferWait time.Duration
	// Wait is how long to wait for the outcome once the credential is handed in; 0 does not wait.
	Wait time.Duration
	// Accept asks the user; an error declines, with its text as the reason. Nil accepts.
	Accept func(ctx context.Context, o Offer) error
	// Step is told of every state that is seen. Nil tells nobody.
	Step func(postern.Provisioning)
}

// maxAnswers bounds how often one run answers offers whose challenge ran out meanwhile.
const maxAnswers = 5

// pauseAfterFailure is how long a wait rests when the control center cannot be reached.
const pauseAfterFailure = time.Second

// Provision takes the provisioning that is under way to its end, beginning one where there is none and the phone has no
// passkey yet, and gives the state in which it left it: a final one, or where the time was over, the last one seen.
func (p *Phone) Provision(ctx context.Context, how Provisioning) (postern.Provisioning, error) {
	current, err := p.underWay(ctx)
	if err != nil {
		return current.Provisioning, err
	}
	offerEnd := p.env.Now().Add(how.OfferWait)
	var outcomeEnd time.Time
	answers := 0
	for seen := int64(-1); ; {
		record := current.Provisioning
		if record.Version != seen && how.Step != nil {
			how.Step(record)
		}
		seen = record.Version
		end := offerEnd
		switch {
		case record.State.Final():
			return record, p.settle(ctx, record)
		case record.State == postern.ProvisioningOffered:
			if answers++; answers > maxAnswers {
				return record, postern.Errorf(postern.CodeChallengeExpired, "")
			}
			if current, err = p.answer(ctx, current, how); err != nil {
				return record, err
			}
			continue
		case record.State != postern.ProvisioningRequested:
			if outcomeEnd.IsZero() {
				outcomeEnd = p.env.Now().Add(how.Wait)
			}
			end = outcomeEnd
		}
		left := end.Sub(p.env.Now())
		if left <= 0 {
			return record, nil
		}
		if current, err = p.await(ctx, current, left); err != nil {
			return record, err
		}
	}
}

// underWay finds the provisioning to work on: the one that is open, else the one that gave the phone the passkey it
// has, else a new one. It looks twice before it begins a new one, because one that ends while it looks is neither open
// nor a passkey yet.
func (p *Phone) underWay(ctx context.Context) (postern.PhoneProvisioning, error) {
	for range 2 {
		self, err := p.Sync(ctx)
		if err != nil {
			return postern.PhoneProvisioning{}, err
		}
		if len(self.Provisionings) > 0 {
			return p.API.Provisioning(ctx, self.Provisionings[0].ID, 0, 0)
		}
		for _, k := range self.Passkeys {
			if k.State == postern.PasskeyActive && k.ProvisioningID != "" && p.holds(ctx, k.CredentialID) {
				return p.API.Provisioning(ctx, k.ProvisioningID, 0, 0)
			}
		}
	}
	return p.API.Begin(ctx)
}

// await waits for a change, at most as long as one long poll takes. A control center that cannot be reached is asked
// again after a pause.
func (p *Phone) await(ctx context.Context, current postern.PhoneProvisioning, left time.Duration) (postern.PhoneProvisioning, error) {
	next, err := p.API.Provisioning(ctx, current.Provisioning.ID, current.Provisioning.Version, max(left, time.Second))
	if err == nil || !passing(err) {
		return next, err
	}
	pause := time.NewTimer(max(pauseAfterFailure, postern.AsError(err).After))
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return current, ctx.Err()
	case <-pause.C:
		return current, nil
	}
}

// passing reports whether asking again may help.
func passing(err error) bool {
	return postern.IsCode(err, postern.CodeUnavailable) || postern.IsCode(err, postern.CodeTooMany)
}

// answer makes the credential of an offer, unless it is made already, and hands it in.
func (p *Phone) answer(ctx context.Context, offer postern.PhoneProvisioning, how Provisioning) (postern.PhoneProvisioning, error) {
	id := offer.Provisioning.ID
	sealed, options, err := p.open(offer)
	if err != nil {
		return offer, err
	}
	if options.RP.ID != postern.EntraRPID {
		// A control center that offers passkeys for others would have the user's own replaced there.
		return p.API.Decline(ctx, id, "The phone takes passkeys for "+postern.EntraRPID+" from its control center, and no others.")
	}
	if how.Accept != nil {
		ask := Offer{Provisioning: offer.Provisioning, RPID: options.RP.ID, RPName: options.RP.Name, Account: options.User.Name}
		if err := how.Accept(ctx, ask); err != nil {
			return p.API.Decline(ctx, id, err.Error())
		}
	}
	// What was made for earlier options answers another challenge.
	if err := p.discard(ctx, id); err != nil {
		return offer, err
	}
	if err := p.makeCredential(ctx, id, sealed.Attestation, options); err != nil {
		if reason := declineReason(err); reason != "" {
			return p.API.Decline(ctx, id, reason)
		}
		return offer, err
	}
	return p.handIn(ctx, id)
}

// handIn submits the credential kept for a provisioning. Where the answer is that its challenge ran out meanwhile, the
// provisioning goes on with new options.
func (p *Phone) handIn(ctx context.Context, id postern.ProvisioningID) (postern.PhoneProvisioning, error) {
	out, err := p.API.submit(ctx, id, *p.State.pending(id).Submission)
	if postern.IsCode(err, postern.CodeChallengeExpired) || postern.IsCode(err, postern.CodeProvisioningState) {
		return p.API.Provisioning(ctx, id, 0, 0)
	}
	return out, err
}

// settlePending looks after what an earlier run left: it hands in what was made and never arrived, and tidies up after
// provisionings that have ended.
func (p *Phone) settlePending(ctx context.Context) error {
	for id, pending := range p.State.Pending {
		current, err := p.API.Provisioning(ctx, id, 0, 0)
		if postern.IsCode(err, postern.CodeNotFound) {
			current.Provisioning = postern.Provisioning{ID: id, State: postern.ProvisioningCancelled}
			err = nil
		}
		if err == nil && current.Provisioning.State == postern.ProvisioningOffered && pending.Submission != nil {
			// Refused: Provision answers the offer afresh.
			if current, err = p.handIn(ctx, id); postern.IsCode(err, postern.CodeCredentialRefused) {
				err = nil
			}
		}
		if err == nil && current.Provisioning.State.Final() {
			err = p.settle(ctx, current.Provisioning)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settle ends a provisioning on the phone: unless a passkey came of it, the credential goes.
func (p *Phone) settle(ctx context.Context, ended postern.Provisioning) error {
	if _, kept := p.State.Pending[ended.ID]; !kept {
		return nil
	}
	if ended.State != postern.ProvisioningActive {
		if err := p.discard(ctx, ended.ID); err != nil {
			return err
		}
	}
	delete(p.State.Pending, ended.ID)
	return p.env.Keeper.Save(ctx, p.State)
}

// discard removes the credential made for a provisioning. The attestation key stays: the control center certifies no
// other.
func (p *Phone) discard(ctx context.Context, id postern.ProvisioningID) error {
	pending := p.State.Pending[id]
	if pending == nil || pending.CredentialID == nil {
		return nil
	}
	if err := p.remove(ctx, pending.CredentialID); err != nil {
		return err
	}
	pending.CredentialID, pending.Submission = nil, nil
	return p.env.Keeper.Save(ctx, p.State)
}

// Outcome gives the error a provisioning in this state is to whoever wanted a passkey: nil for an active one.
func Outcome(r postern.Provisioning) error {
	if r.State == postern.ProvisioningActive {
		return nil
	}
	if r.Code != "" || r.Message != "" {
		return &postern.Error{Code: r.Code, Message: r.Message, Next: r.Next}
	}
	if r.State.Final() {
		return postern.Errorf(postern.CodeProvisioningState, "The provisioning is %s.", r.State).WithNext("Ask for a new one.")
	}
	return errors.New("the provisioning is still under way: " + string(r.State))
}

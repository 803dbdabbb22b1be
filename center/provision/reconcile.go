package provision

import (
	"context"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
)

const (
	// listingLags is how long after a change here Entra's listing may not show it yet: what is younger is not judged.
	listingLags = 10 * time.Minute
	// Provisionings that stand this long get stuck: ours those in which it is Postern's turn, waiting those that wait
	// for somebody.
	oursStuckAfter    = time.Hour
	waitingStuckAfter = 24 * time.Hour
	// tellTime bounds how long telling of a change may take.
	tellTime = 10 * time.Second
)

// Look says how sure the caller of [Service.ReconcileUser] is of what it brings.
type Look int

// The looks.
const (
	// FirstLook is one listing: what it misses is named, and nothing is taken away for it.
	FirstLook Look = iota
	// SecondLook is a listing some time after the first that missed the same: what it misses is gone.
	SecondLook
)

// Reconciled is what became of comparing one user.
type Reconciled struct {
	// Differences have everything but ID, IntegrationID, RunID and times filled in.
	Differences []postern.Difference
	Unmanaged   int // passkeys listed that are not Postern's
}

// ReconcileUser compares what Entra lists of a user with the books, in the order of who is to decide: what Entra lists
// no longer is gone here too, what was taken away here and is listed is deleted again, and what belongs to neither is
// counted and left alone. Doing it again changes nothing.
func (s *Service) ReconcileUser(ctx context.Context, id postern.UserID, listed []entra.Passkey, look Look) (Reconciled, error) {
	var out Reconciled
	u, err := s.Users.User(ctx, id)
	if err != nil {
		return out, err
	}
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
	h := holdings{user: u, listed: listed}
	if err := s.books(ctx, &h); err != nil {
		return out, err
	}
	if err := s.reconcileListed(ctx, &h, &out); err != nil {
		return out, err
	}
	for _, p := range h.stored {
		if slices.ContainsFunc(listed, func(l entra.Passkey) bool { return l.ID == p.MethodID }) {
			continue
		}
		d, err := s.reconcileMissing(ctx, h.user, p, look)
		if err != nil {
			return out, err
		}
		if d.Kind == "" {
			continue
		}
		out.Differences = append(out.Differences, d)
	}
	out.Differences = append(out.Differences, s.stuck(h)...)
	for n := range out.Differences {
		out.Differences[n].UserID, out.Differences[n].UserName = u.ID, u.UPN
	}
	return out, nil
}

// reconcileListed judges what Entra lists.
func (s *Service) reconcileListed(ctx context.Context, h *holdings, out *Reconciled) error {
	known := make(map[string]bool, len(h.stored))
	for _, p := range h.stored {
		known[p.MethodID] = true
	}
	any, err := s.adoptUntold(ctx, *h)
	if err != nil {
		return err
	}
	if any {
		if h.stored, err = s.Store.PasskeysOfUser(ctx, h.user.ID); err != nil {
			return err
		}
	}
	for _, l := range h.listed {
		at := slices.IndexFunc(h.stored, func(p postern.Passkey) bool { return p.MethodID == l.ID && p.State != postern.PasskeyRevoked })
		if at < 0 {
			at = slices.IndexFunc(h.stored, func(p postern.Passkey) bool { return p.MethodID == l.ID })
		}
		switch {
		case at < 0 && isOurs(l) && !h.booked(l):
			out.Unmanaged++
			out.Differences = append(out.Differences, postern.Difference{
				Kind: postern.DifferencePasskeyUnclaimed, Object: l.ID, ObjectName: l.DisplayName, Outcome: postern.OutcomeReported,
				Entra: "Lists a passkey of Postern's authenticator.", Postern: "Knows no phone that it lies on.",
				Why:  "The user registered it and the phone never told, and the user has or had several phones, so that it is not clear which one holds it.",
				Done: "It was left alone.", Next: "Open the app on the user's phone while it is online, so that it tells of its passkeys; or delete this one at Entra.",
			})
		case at < 0:
			if !h.booked(l) {
				out.Unmanaged++
			}
		case !known[l.ID]:
			out.Differences = append(out.Differences, postern.Difference{
				Kind: postern.DifferencePasskeyAdopted, Object: string(h.stored[at].ID), ObjectName: l.DisplayName, Outcome: postern.OutcomeMended,
				Entra: "Lists a passkey of Postern's authenticator.", Postern: "Did not know it.",
				Why: "The user registered it at Security info, and the phone's word of it was lost.", Done: "It is managed from now on.",
			})
		case h.stored[at].State == postern.PasskeyRevoked:
			d, err := s.deleteAgain(ctx, h.stored[at])
			if err != nil {
				return err
			}
			if d.Kind != "" {
				out.Differences = append(out.Differences, d)
			}
		case h.stored[at].State == postern.PasskeyRevocation && h.stored[at].Problem != "":
			d, err := s.tryRevocationAgain(ctx, h.stored[at])
			if err != nil {
				return err
			}
			out.Differences = append(out.Differences, d)
		}
	}
	return nil
}

// deleteAgain has a passkey deleted that was revoked and is listed nevertheless.
func (s *Service) deleteAgain(ctx context.Context, p postern.Passkey) (postern.Difference, error) {
	if p.RevokedAt != nil && s.Now().Sub(*p.RevokedAt) < listingLags {
		return postern.Difference{}, nil // the listing is behind
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		p.State, p.RevokedAt = postern.PasskeyRevocation, nil
		if err := s.Store.UpdatePasskey(ctx, &p); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, RevokeJob{p.ID}); err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() { s.tellLater(p) })
		return s.Audit.Record(ctx, passkeyEvent(audit.PasskeyListedAgain, p, "Entra lists the passkey although it was revoked. It is deleted again.", nil))
	})
	return postern.Difference{
		Kind: postern.DifferencePasskeyListedAgain, Object: string(p.ID), ObjectName: p.DisplayName, Outcome: postern.OutcomeWaiting,
		Entra: "Lists the passkey.", Postern: "It was revoked.",
		Why:  "A copy of Entra's directory brought it back, or did not list it when it was looked for.",
		Done: "It is being deleted again.",
	}, ignoreStale(err)
}

// tryRevocationAgain begins the attempts anew at a revocation that was given up.
func (s *Service) tryRevocationAgain(ctx context.Context, p postern.Passkey) (postern.Difference, error) {
	return postern.Difference{
		Kind: postern.DifferenceRevocationStuck, Object: string(p.ID), ObjectName: p.DisplayName, Outcome: postern.OutcomeWaiting,
		Entra: "Lists the passkey.", Postern: "It is to be revoked.", Why: "Deleting it failed: " + p.Problem,
		Done: "It is being tried again.", Next: "If it stays like this, delete it at Entra, in the user's authentication methods.",
	}, s.Queue.Enqueue(ctx, RevokeJob{p.ID})
}

// reconcileMissing judges a managed passkey that Entra does not list.
func (s *Service) reconcileMissing(ctx context.Context, u postern.User, p postern.Passkey, look Look) (postern.Difference, error) {
	d := postern.Difference{
		Kind: postern.DifferencePasskeyRemoved, Object: string(p.ID), ObjectName: p.DisplayName, Outcome: postern.OutcomeWaiting,
		Entra: "Does not list the passkey.", Postern: "It is active.",
		Why: "Somebody deleted it at Entra: an administrator there, the user at Security info, or another application.",
	}
	switch {
	case p.State == postern.PasskeyRevocation && p.Problem != "":
		// The job finds it gone and says so.
		return postern.Difference{}, s.Queue.Enqueue(ctx, RevokeJob{p.ID})
	case p.State != postern.PasskeyActive:
		return postern.Difference{}, nil
	case s.Now().Sub(p.CreatedAt) < listingLags:
		d.Kind = postern.DifferencePasskeyNotYet
		d.Why = "It was registered a moment ago, and Entra's servers have not caught up with each other."
		d.Done = "It is looked at again."
		return d, nil
	case look == FirstLook:
		d.Done = "A second look is taken before anything is done."
		return d, nil
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		now := s.Now().UTC()
		p.State, p.RevokedAt, p.Problem, p.Reason = postern.PasskeyRevoked, &now, "", postern.RevocationAtEntra
		if err := s.Store.UpdatePasskey(ctx, &p); err != nil {
			return err
		}
		if err := s.tellOfflinePasskey(ctx, p); err != nil {
			return err
		}
		if err := s.Users.Settle(ctx, u.ID); err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() {
			if s.Push != nil && p.PhoneID != "" {
				s.Push.Notify(p.PhoneID)
			}
			s.tellLater(p)
		})
		return s.Audit.Record(ctx, passkeyEvent(audit.PasskeyGone, p, "Entra no longer lists the passkey, and Postern did not remove it.",
			map[string]string{"reason": string(p.Reason)}))
	})
	d.Outcome, d.Done = postern.OutcomeMended, "It is revoked here too, and the phone is told."
	d.Next = "If the user needs one, have the phone register a new passkey."
	if p.Carrier == postern.CarrierWorkstation {
		d.Done, d.Next = "It is revoked here too, and the workstation is told.", "If the user is to sign in offline again, set it up anew at the workstation."
	}
	return d, ignoreStale(err)
}

// tellLater wakes whoever waits for news of a passkey, when the transaction that changed it is over: its context then
// leads nowhere.
func (s *Service) tellLater(p postern.Passkey) {
	ctx, cancel := context.WithTimeout(context.Background(), tellTime)
	defer cancel()
	s.publishPasskey(ctx, p)
}

// ignoreStale passes over a passkey that somebody else changed at the same time: the next look sees what became of it.
func ignoreStale(err error) error {
	if postern.IsCode(err, postern.CodeStale) {
		return nil
	}
	return err
}

// stuck names provisionings that do not get on.
func (s *Service) stuck(h holdings) []postern.Difference {
	var out []postern.Difference
	for _, r := range h.provisionings {
		age := s.Now().Sub(r.UpdatedAt)
		switch r.State {
		case postern.ProvisioningSubmitted, postern.ProvisioningRegistered:
			if age < oursStuckAfter {
				continue
			}
		case postern.ProvisioningRequested:
			if age < waitingStuckAfter {
				continue
			}
		default:
			continue // an offer runs out by itself
		}
		d := postern.Difference{
			Kind: postern.DifferenceProvisioningStuck, Object: string(r.ID), ObjectName: r.DisplayName, Outcome: postern.OutcomeReported,
			Entra: "Does not list a passkey of this provisioning.", Postern: "The provisioning is " + string(r.State) + ".",
			Why: r.Message, Done: "It was left as it is.", Next: r.Next,
		}
		if slices.ContainsFunc(h.listed, func(l entra.Passkey) bool { return l.DisplayName == r.DisplayName }) {
			d.Entra = "Lists the passkey of this provisioning."
		}
		if d.Why == "" {
			d.Why = "It stands still, and nothing says why."
		}
		if d.Next == "" {
			d.Next = "Cancel it on the user's page, and begin it again."
		}
		out = append(out, d)
	}
	return out
}

package reconcile

import (
	"context"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/provision"
)

const (
	// atOnce is how many users are looked at in one request and one transaction: as many as Graph takes in a batch.
	atOnce = 20
	// eventsLag is how far the tenant's log may be behind. What it named a moment ago is read again.
	eventsLag = 30 * time.Minute
	// firstEvents is how far back the log is read the first time.
	firstEvents = 24 * time.Hour
	// Everybody with a managed passkey is looked at within that many incremental runs: within a day where the tenant's log
	// names changes, within four hours where it may not be read.
	roundsWithEvents    = 96
	roundsWithoutEvents = 16
	// secondLook is how long after the first listing that missed a passkey another one has to miss it, where the tenant's
	// log does not say that something was taken away: one server of Entra's may be behind for minutes.
	secondLook = 10 * time.Minute
	// A run takes away by itself at most this many passkeys, or this share of all.
	mostRemoved      = 10
	mostRemovedShare = 20 // one in twenty
)

// passkeys compares what Entra lists of users: of those who are named, and of a share in turn.
func (w *work) passkeys(ctx context.Context) error {
	p := &w.run.Progress
	if !p.Planned {
		if err := w.plan(ctx); err != nil {
			return err
		}
	}
	for len(p.Named) > 0 {
		n := min(len(p.Named), atOnce)
		users := make([]postern.User, 0, n)
		for _, id := range p.Named[:n] {
			u, err := w.Store.User(ctx, id)
			if postern.IsCode(err, postern.CodeNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			users = append(users, u)
		}
		rest := p.Named[n:]
		if err := w.look(ctx, users, provision.FirstLook, func() { p.Named = rest }); err != nil {
			return err
		}
	}
	choice := WithPasskeys
	if w.run.Mode == postern.ReconcileFull {
		choice = WithDevices
	}
	for p.Share > 0 {
		users, err := w.Store.UsersAfter(ctx, w.integration.ID, choice, p.After, min(p.Share, atOnce))
		if err != nil {
			return err
		}
		if len(users) == 0 {
			if w.run.Mode == postern.ReconcileFull || p.Wrapped {
				p.Share = 0
				break
			}
			p.After, p.Wrapped = "", true
			continue
		}
		if err := w.look(ctx, users, provision.FirstLook, func() {
			p.After = users[len(users)-1].ID
			if w.run.Mode != postern.ReconcileFull {
				p.Share -= len(users)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// plan decides whose passkeys are looked at.
func (w *work) plan(ctx context.Context) error {
	p := &w.run.Progress
	state, err := w.Store.ReconcileState(ctx, w.integration.ID)
	if err != nil {
		return err
	}
	total, err := w.Store.CountUsersWithPasskeys(ctx, w.integration.ID)
	if err != nil {
		return err
	}
	p.Planned, p.Named, p.Removed = true, nil, nil
	if w.run.Mode == postern.ReconcileFull {
		p.Share, p.After = max(total, 1), ""
		w.run.UsersPlanned = total
		return w.save(ctx)
	}
	if p.Named, p.EventsRead, err = w.named(ctx, state); err != nil {
		return err
	}
	for after := postern.UserID(""); ; {
		more, err := w.Store.UsersWithDifferences(ctx, w.integration.ID, after, false, 1000)
		if err != nil {
			return err
		}
		if len(more) == 0 {
			break
		}
		p.Named, after = append(p.Named, more...), more[len(more)-1]
	}
	slices.Sort(p.Named)
	p.Named = slices.Compact(p.Named)
	rounds := roundsWithoutEvents
	if p.EventsRead {
		rounds = roundsWithEvents
	}
	share := (total + rounds - 1) / rounds
	share = (share + atOnce - 1) / atOnce * atOnce // a request costs the same for one as for twenty
	p.Share, p.After = min(share, total), state.Swept
	w.run.UsersPlanned = len(p.Named) + p.Share
	return w.save(ctx)
}

// named reads from the tenant's log whose passkeys changed since the last run.
func (w *work) named(ctx context.Context, state State) (users []postern.UserID, read bool, err error) {
	since := state.EventsAt.Add(-eventsLag)
	if state.EventsAt.IsZero() {
		since = w.run.Progress.Began.Add(-firstEvents)
	}
	events, err := w.graph.PasskeyEvents(ctx, since)
	if postern.IsCode(err, postern.CodeEntraPermission) || postern.IsCode(err, postern.CodeEntraLicence) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	for _, e := range events {
		u, err := w.Store.UserByObjectID(ctx, w.integration.ID, e.ObjectID)
		if postern.IsCode(err, postern.CodeNotFound) && e.ObjectID == "" {
			u, err = w.Store.UserByUPN(ctx, w.integration.ID, e.UPN)
		}
		if postern.IsCode(err, postern.CodeNotFound) {
			continue // nobody of ours
		}
		if err != nil {
			return nil, false, err
		}
		users = append(users, u.ID)
		if e.Removed {
			w.run.Progress.Removed = append(w.run.Progress.Removed, u.ID)
		}
	}
	return users, true, nil
}

// look compares up to [atOnce] users, and keeps how far the run came in the transaction that records what was found.
func (w *work) look(ctx context.Context, users []postern.User, how provision.Look, advance func()) error {
	if w.Now().After(w.until) {
		return errPause
	}
	ids := make([]string, len(users))
	for n, u := range users {
		ids[n] = u.ObjectID
		if u.ObjectID == "" {
			ids[n] = u.UPN
		}
	}
	listed := make([][]entra.Passkey, len(users))
	var told []entra.UserPasskeys
	gone := make([]error, len(users))
	at := 0
	for keys, err := range w.graph.PasskeysOf(ctx, ids) {
		switch {
		case postern.IsCode(err, postern.CodeEntraUserNotFound), postern.IsCode(err, postern.CodeEntraNotFound):
			gone[at] = err
		case err != nil:
			return err
		}
		listed[at] = keys.Passkeys
		if id := users[at].ObjectID; err == nil && id != "" {
			told = append(told, entra.UserPasskeys{User: id, Passkeys: keys.Passkeys})
		}
		at++
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	before := *w.run
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		*w.run = before // the transaction may be begun again
		if w.Listed != nil {
			if err := w.Listed(ctx, w.integration.ID, told); err != nil {
				return err
			}
		}
		unmanaged := 0
		for n, u := range users {
			found, err := w.compare(ctx, u, listed[n], gone[n], how)
			if err != nil {
				return err
			}
			unmanaged += found.Unmanaged
			open, err := w.Store.OpenDifferencesOfUser(ctx, w.integration.ID, u.ID)
			if err != nil {
				return err
			}
			open = slices.DeleteFunc(open, func(d postern.Difference) bool { return aboutMembers(d.Kind) })
			if len(found.Differences) == 0 && len(open) == 0 {
				continue
			}
			if err := w.settle(ctx, found.Differences, open); err != nil {
				return err
			}
		}
		if how == provision.FirstLook {
			w.run.Users += len(users)
			w.run.Unmanaged += unmanaged
		}
		advance()
		if err := w.sweptTo(ctx, how); err != nil {
			return err
		}
		return w.save(ctx)
	})
}

// sweptTo keeps where the next run takes its turn from.
func (w *work) sweptTo(ctx context.Context, how provision.Look) error {
	if how != provision.FirstLook || w.run.Mode == postern.ReconcileFull || len(w.run.Progress.Named) > 0 {
		return nil
	}
	state, err := w.Store.ReconcileState(ctx, w.integration.ID)
	if err != nil || state.Swept == w.run.Progress.After {
		return err
	}
	state.Swept = w.run.Progress.After
	return w.Store.SetReconcileState(ctx, w.integration.ID, state)
}

// compare judges one user.
func (w *work) compare(ctx context.Context, u postern.User, listed []entra.Passkey, gone error, how provision.Look) (provision.Reconciled, error) {
	if gone == nil {
		return w.Passkeys.ReconcileUser(ctx, u.ID, listed, how)
	}
	if u.Account == postern.AccountDeleted {
		return provision.Reconciled{}, nil // what becomes of leavers is decided elsewhere
	}
	return provision.Reconciled{Differences: []postern.Difference{{
		Kind: postern.DifferenceUserGone, UserID: u.ID, UserName: u.UPN, Object: string(u.ID), ObjectName: u.UPN,
		Outcome: postern.OutcomeReported, Entra: "Does not know the user.", Postern: "Knows the user, with phone or passkey.",
		Why:  "The account was deleted, or lies in another tenant by now.",
		Done: "It was left as it is.", Next: "If the person has left, revoke the user. A deleted account can be restored at Entra for 30 days.",
	}}}, nil
}

// confirm takes a second look at users with passkeys that Entra did not list, unless there are too many. It is taken at
// once of those from whom the tenant's log says that something was taken away, and of others by a later run.
func (w *work) confirm(ctx context.Context) error {
	p := &w.run.Progress
	open, err := w.Store.OpenDifferencesOfKind(ctx, w.integration.ID, postern.DifferencePasskeyRemoved)
	if err != nil {
		return err
	}
	early := w.tooEarly(open)
	if p.Confirmed == "" {
		all, err := w.Store.CountActivePasskeys(ctx, w.integration.ID)
		if err != nil {
			return err
		}
		w.run.Missing = len(open)
		if len(open) > max(mostRemoved, all/mostRemovedShare) && w.run.Approved == "" {
			return w.stop(ctx, len(open), all)
		}
	}
	for {
		ids, err := w.Store.UsersWithDifferences(ctx, w.integration.ID, p.Confirmed, true, atOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		users := make([]postern.User, 0, len(ids))
		for _, id := range ids {
			if early[id] {
				continue
			}
			u, err := w.Store.User(ctx, id)
			if err != nil {
				return err
			}
			users = append(users, u)
		}
		if len(users) == 0 {
			p.Confirmed = ids[len(ids)-1]
			continue
		}
		if err := w.look(ctx, users, provision.SecondLook, func() { p.Confirmed = ids[len(ids)-1] }); err != nil {
			return err
		}
	}
}

// tooEarly are the users of whom a second look would prove nothing yet.
func (w *work) tooEarly(open []postern.Difference) map[postern.UserID]bool {
	early := make(map[postern.UserID]bool)
	for _, d := range open {
		if w.Now().Sub(d.FoundAt) < secondLook && !slices.Contains(w.run.Progress.Removed, d.UserID) {
			early[d.UserID] = true
		}
	}
	return early
}

func aboutMembers(k postern.DifferenceKind) bool {
	switch k {
	case postern.DifferenceMemberMissing, postern.DifferenceMemberExtra, postern.DifferenceMemberStranger, postern.DifferenceGroup:
		return true
	}
	return false
}

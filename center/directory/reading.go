package directory

import (
	"context"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
)

// reading is one run over the directory: steps that each end in one transaction, any of which may be the last before a
// crash.
type reading struct {
	s        *Service
	id       postern.IntegrationID
	graph    Graph
	wantFull bool
	resynced bool // Entra forgot the place once already; a second time is an error
	read     bool // a round was read to its end

	roles     map[string][]string // of privileged users
	rolesRead bool
}

// run takes steps until a round is over.
func (r *reading) run(ctx context.Context) (SyncResult, error) {
	if err := r.readRoles(ctx); err != nil {
		return SyncResult{}, err
	}
	for range maxSteps {
		p, err := r.s.Store.DirectoryProgress(ctx, r.id)
		if err != nil {
			return SyncResult{}, err
		}
		p.Integration = r.id
		var over bool
		if p.Sweeping {
			over, err = r.sweep(ctx, p)
		} else {
			over, err = r.page(ctx, p)
		}
		switch {
		case postern.IsCode(err, postern.CodeStale):
			continue // another process took the same step
		case err != nil:
			return SyncResult{}, err
		case over && r.read:
			return r.close(ctx)
		}
	}
	return SyncResult{}, postern.Errorf(postern.CodeEntraAnswerUnexpected, "Entra's list of users does not end.")
}

// readRoles learns who holds a privileged role, once for the whole reading.
func (r *reading) readRoles(ctx context.Context) error {
	may, err := r.graph.MayReadRoles(ctx)
	if err != nil || !may {
		return err
	}
	r.roles, err = r.graph.PrivilegedUsers(ctx)
	r.rolesRead = err == nil
	return err
}

// page reads one page and puts it into the mirror. over says that the round is complete and nothing is left to sweep.
func (r *reading) page(ctx context.Context, p Progress) (over bool, err error) {
	if !p.Reading {
		r.begin(&p)
	} else if p.Full {
		r.wantFull = false
	}
	page, err := r.graph.UsersDelta(ctx, p.Cursor)
	if err != nil {
		if p.Cursor == "" || !entra.ResyncNeeded(err) || r.resynced {
			return false, err
		}
		r.resynced = true
		p.Cursor, p.Reading = "", false
		r.begin(&p)
		if page, err = r.graph.UsersDelta(ctx, ""); err != nil {
			return false, err
		}
	}
	err = r.s.Store.Atomically(ctx, func(ctx context.Context) error {
		over = false
		next := p
		next.Cursor, next.Failure, next.RolesRead = page.Next, nil, r.rolesRead
		// The progress is claimed first: of two readings that hold the same page, one puts it into the mirror.
		if err := r.s.Store.SetDirectoryProgress(ctx, &next); err != nil {
			return err
		}
		changed, removed, err := r.apply(ctx, p.Generation, p.Full, page.Changes)
		if err != nil {
			return err
		}
		next.Seen, next.Changed, next.Removed = p.Seen+len(page.Changes)-removed, p.Changed+changed, p.Removed+removed
		if page.Done {
			r.read = true
			if over, err = r.complete(ctx, &next); err != nil {
				return err
			}
		}
		r.s.tell(ctx, r.id)
		return r.s.Store.SetDirectoryProgress(ctx, &next)
	})
	return over, err
}

// begin opens a round in p.
func (r *reading) begin(p *Progress) {
	p.Full = p.Cursor == "" || r.wantFull
	if p.Full {
		p.Cursor = ""
		p.Generation++
		r.wantFull = false
	}
	p.Reading, p.StartedAt = true, r.s.Now().UTC()
	p.Seen, p.Changed, p.Removed = 0, 0, 0
}

// apply puts changes into the mirror and tells the followers what is different now.
func (r *reading) apply(ctx context.Context, generation int64, full bool, changes []postern.DirectoryChange) (changed, removed int, err error) {
	ids := make([]string, len(changes))
	for n, c := range changes {
		ids[n] = c.User.ObjectID
	}
	known, err := r.mirrored(ctx, ids)
	if err != nil {
		return 0, 0, err
	}
	var put []postern.DirectoryUser
	var drop []string
	var told []postern.DirectoryChange
	for _, c := range changes {
		was, have := known[c.User.ObjectID]
		switch {
		case c.Removed && !have:
			// Gone before it was ever here; but somebody may have been invited in between.
			told = append(told, c)
		case c.Removed:
			drop = append(drop, was.ObjectID)
			told = append(told, postern.DirectoryChange{User: was, Removed: true})
			removed++
		default:
			u := c.User
			u.Roles, u.Privileged = was.Roles, was.Privileged
			if r.rolesRead {
				u.Roles, u.Privileged = r.rolesOf(u.ObjectID)
			}
			differs := !have || !same(was, u)
			if differs {
				told = append(told, postern.DirectoryChange{User: u})
				changed++
			}
			if differs || full {
				put = append(put, u)
			}
		}
	}
	if err := r.s.Store.PutDirectoryUsers(ctx, r.id, generation, put); err != nil {
		return 0, 0, err
	}
	if err := r.s.Store.DropDirectoryUsers(ctx, r.id, drop); err != nil {
		return 0, 0, err
	}
	return changed, removed, r.s.follow(ctx, r.id, told)
}

func (r *reading) mirrored(ctx context.Context, ids []string) (map[string]postern.DirectoryUser, error) {
	have, err := r.s.Store.DirectoryUsers(ctx, r.id, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]postern.DirectoryUser, len(have))
	for _, u := range have {
		byID[u.ObjectID] = u
	}
	return byID, nil
}

func (r *reading) rolesOf(objectID string) ([]string, bool) {
	names := r.roles[objectID]
	return names, len(names) > 0
}

func same(a, b postern.DirectoryUser) bool {
	roles := slices.Equal(a.Roles, b.Roles)
	a.Roles, b.Roles = nil, nil
	return roles && a.ObjectID == b.ObjectID && a.UPN == b.UPN && a.DisplayName == b.DisplayName && a.Mail == b.Mail &&
		a.Enabled == b.Enabled && a.Guest == b.Guest && a.Synced == b.Synced && a.Privileged == b.Privileged
}

// The guard against a reading that went wrong. A directory loses few people between two readings; one that seems to have
// lost so many was more likely not read well, and to take them for gone would take their passkeys.
const (
	guardAbove = 50 // users
	guardShare = 5  // one in
	// unseenAfter is for how long the directory may not show a user whom Postern looked up: it may be behind.
	unseenAfter = 2 * time.Minute
)

// suspicious reports whether a reading of the whole directory that showed seen users missed too many of all.
func suspicious(seen, all, missing int) bool {
	return missing > 0 && (seen == 0 || missing > guardAbove && missing*guardShare > all)
}

// complete ends a round in p. over is false while those that the directory did not show are yet to be swept.
func (r *reading) complete(ctx context.Context, p *Progress) (over bool, err error) {
	if err := r.neverSeen(ctx, p); err != nil {
		return false, err
	}
	if !p.Full {
		r.finish(p)
		return true, nil
	}
	all, missing, err := r.s.Store.CountDirectoryUsers(ctx, r.id, p.Generation)
	if err != nil {
		return false, err
	}
	p.FullAt, p.Held = r.s.Now().UTC(), suspicious(p.Seen, all, missing)
	switch {
	case p.Held:
		r.finish(p)
		return true, r.s.record(ctx, r.id, audit.DirectoryHeld, false, "The directory did not show so many known users that nobody was taken for gone.",
			counts(map[string]int{"users": all, "missing": missing}))
	case missing > 0:
		p.Reading, p.Sweeping = false, true
		return false, nil
	}
	r.finish(p)
	return true, r.fullRead(ctx, *p)
}

// neverSeen takes those for gone whom Postern looked up and the directory never showed: deleted before the mirror had
// them, they are in no list of who went. Too many at once are left alone, for a person to look at.
func (r *reading) neverSeen(ctx context.Context, p *Progress) error {
	ids, err := r.s.Store.KnownOutsideDirectory(ctx, r.id, p.StartedAt.Add(-unseenAfter), sweepAtOnce)
	if err != nil || len(ids) == 0 {
		return err
	}
	all, _, err := r.s.Store.CountDirectoryUsers(ctx, r.id, p.Generation)
	if err != nil || suspicious(all, all, len(ids)) {
		return err
	}
	told := make([]postern.DirectoryChange, len(ids))
	for n, id := range ids {
		told[n] = postern.DirectoryChange{User: postern.DirectoryUser{ObjectID: id}, Removed: true}
	}
	p.Removed += len(ids)
	return r.s.follow(ctx, r.id, told)
}

// finish marks the end of a round in p.
func (r *reading) finish(p *Progress) {
	p.Reading, p.Sweeping, p.FinishedAt = false, false, r.s.Now().UTC()
}

func (r *reading) fullRead(ctx context.Context, p Progress) error {
	return r.s.record(ctx, r.id, audit.DirectoryRead, true, "The whole directory was read.",
		counts(map[string]int{"users": p.Seen, "changed": p.Changed, "removed": p.Removed}))
}

// sweepAtOnce is how many missing users one transaction takes for gone.
const sweepAtOnce = 500

// sweep takes the next missing users for gone. over says that none is left.
func (r *reading) sweep(ctx context.Context, p Progress) (over bool, err error) {
	err = r.s.Store.Atomically(ctx, func(ctx context.Context) error {
		next := p
		if err := r.s.Store.SetDirectoryProgress(ctx, &next); err != nil {
			return err
		}
		missing, err := r.s.Store.DirectoryUsersBefore(ctx, r.id, p.Generation, sweepAtOnce)
		if err != nil {
			return err
		}
		told := make([]postern.DirectoryChange, len(missing))
		ids := make([]string, len(missing))
		for n, u := range missing {
			told[n], ids[n] = postern.DirectoryChange{User: u, Removed: true}, u.ObjectID
		}
		if err := r.s.Store.DropDirectoryUsers(ctx, r.id, ids); err != nil {
			return err
		}
		if err := r.s.follow(ctx, r.id, told); err != nil {
			return err
		}
		next.Removed = p.Removed + len(missing)
		if over = len(missing) < sweepAtOnce; over {
			r.finish(&next)
			if err := r.fullRead(ctx, next); err != nil {
				return err
			}
		}
		r.s.tell(ctx, r.id)
		return r.s.Store.SetDirectoryProgress(ctx, &next)
	})
	return over, err
}

// close brings the marks of privileged users up to date, which delta does not tell of, and says how the round went. A
// whole reading that was asked for while another round was under way begins now.
func (r *reading) close(ctx context.Context) (SyncResult, error) {
	if r.wantFull {
		return r.run(ctx)
	}
	marked, err := r.mark(ctx)
	if err != nil {
		return SyncResult{}, err
	}
	p, err := r.s.Store.DirectoryProgress(ctx, r.id)
	return SyncResult{Full: p.Full, Changed: p.Changed + marked, Removed: p.Removed, Held: p.Held}, err
}

// mark compares the marks in the mirror with who holds a privileged role now.
func (r *reading) mark(ctx context.Context) (marked int, err error) {
	if !r.rolesRead {
		return 0, nil
	}
	has, err := r.s.Store.DirectoryUsersWithRoles(ctx, r.id)
	if err != nil {
		return 0, err
	}
	right := make(map[string]bool, len(has))
	var wrong []string
	for _, u := range has {
		names, _ := r.rolesOf(u.ObjectID)
		if right[u.ObjectID] = slices.Equal(names, u.Roles); !right[u.ObjectID] {
			wrong = append(wrong, u.ObjectID)
		}
	}
	for id := range r.roles {
		if _, seen := right[id]; !seen {
			wrong = append(wrong, id)
		}
	}
	slices.Sort(wrong)
	for ids := range slices.Chunk(wrong, sweepAtOnce) {
		n, err := r.markSome(ctx, ids)
		if err != nil {
			return marked, err
		}
		marked += n
	}
	return marked, nil
}

func (r *reading) markSome(ctx context.Context, ids []string) (marked int, err error) {
	err = r.s.Store.Atomically(ctx, func(ctx context.Context) error {
		marked = 0
		users, err := r.s.Store.DirectoryUsers(ctx, r.id, ids)
		if err != nil || len(users) == 0 {
			return err // roles are held by others than users too
		}
		var told []postern.DirectoryChange
		for n := range users {
			users[n].Roles, users[n].Privileged = r.rolesOf(users[n].ObjectID)
			told = append(told, postern.DirectoryChange{User: users[n]})
		}
		if err := r.s.Store.MarkDirectoryUsers(ctx, r.id, users); err != nil {
			return err
		}
		marked = len(users)
		r.s.tell(ctx, r.id)
		return r.s.follow(ctx, r.id, told)
	})
	return marked, err
}

package inventory

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

const (
	// attemptTime is how long one attempt works before it makes room for other jobs and goes on later.
	attemptTime = 10 * time.Minute
	jobTimeout  = 30 * time.Minute
	jobAttempts = 8
	// longestReading is after what time a reading that cannot get on is ended, so that another may begin: where Graph takes
	// one request in two seconds, fifty thousand users take that long.
	longestReading = 36 * time.Hour
	// askAttempts is how often a user is asked for in one reading.
	askAttempts = 3
	// toldEvery is how often pages hear how far a reading is.
	toldEvery = time.Second
	// dueAtOnce is how many users are taken off the list of those to be asked at a time; notedAtOnce how many are put there
	// or marked in one transaction.
	dueAtOnce   = 2000
	notedAtOnce = 5000
	// eventsLag is how far the tenant's log may be behind: what it named a moment ago is read again.
	eventsLag = time.Hour
	// reportLag is how far the report may be behind its own word, and longestLog how far back the tenant's log is read.
	reportLag  = 48 * time.Hour
	longestLog = 29 * 24 * time.Hour
	// Everybody is looked at within that many small readings: within a week where the tenant's log names changes, within a
	// day where it may not be read.
	roundsWithEvents    = 7 * 96
	roundsWithoutEvents = 96
)

var (
	errPause = errors.New("inventory: the attempt has worked long enough")
	errOver  = errors.New("inventory: the reading was ended by somebody else")
)

// Handle registers the handlers of this package's jobs, and its schedule.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{MaxAttempts: jobAttempts, Timeout: jobTimeout}, s.Do, s.GivenUp)
	job.Handle(r, job.Rules{MaxAttempts: jobAttempts, Timeout: jobTimeout}, s.DoMethods, nil)
	job.Handle(r, job.Rules{}, s.Tick, nil)
	job.Every(r, TickJob{}, tickEvery)
}

// Do handles [ReadJob].
func (s *Service) Do(ctx context.Context, args ReadJob) error {
	p, err := s.Store.InventoryProgress(ctx, args.Integration)
	if err != nil || !p.Reading || p.Number != args.Number {
		return err
	}
	ctx = unattended(ctx)
	if s.Now().Sub(p.BegunAt) > longestReading {
		return job.Cancel(postern.Errorf(postern.CodeUnavailable, "The reading of the tenant's passkeys did not come to its end."))
	}
	graph, i, err := s.Integrations.Graph(ctx, args.Integration)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return later(err)
	}
	var tally entra.Tally
	r := &reading{
		Service: s, graph: graph, integration: i, number: args.Number, until: s.Now().Add(attemptTime),
		tally: &tally, requests: p.Requests, throttled: p.Throttled,
	}
	err = r.run(entra.WithTally(ctx, &tally))
	switch {
	case errors.Is(err, errPause):
		return job.Snooze(time.Second)
	case errors.Is(err, errOver):
		return nil
	}
	return later(err)
}

// unattended is the context of work that nobody waits for.
func unattended(ctx context.Context) context.Context {
	return postern.WithBackground(postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"}))
}

// later has the job come back when Graph said that it may.
func later(err error) error {
	if err == nil {
		return nil
	}
	if e := postern.AsError(err); e.After > 0 {
		return job.Snooze(e.After)
	}
	return err
}

// GivenUp is called when no attempt is left. What was known before stands.
func (s *Service) GivenUp(ctx context.Context, args ReadJob, cause error) error {
	e := postern.AsError(cause)
	i, err := s.Integrations.Get(ctx, args.Integration)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.change(ctx, args.Integration, func(ctx context.Context, p *Progress) error {
		if !p.Reading || p.Number != args.Number {
			return nil
		}
		// A tenant that is away for a day fails every quarter of an hour; the first one tells of it.
		first := p.Failure == nil || p.Failure.Code != e.Code
		p.Reading, p.Failure = false, &Failure{Code: e.Code, Message: e.Message, Next: e.Next, At: s.Now().UTC()}
		if !first {
			return nil
		}
		failed := event(audit.InventoryFailed, i, e.Message, nil)
		failed.Success, failed.ErrorCode = false, e.Code
		return s.Audit.Record(ctx, failed)
	})
}

// reading is one attempt at a reading: steps that each end in a transaction, any of which may be the last before a crash.
type reading struct {
	*Service
	graph       Graph
	integration postern.Integration
	number      int64
	until       time.Time

	tally               *entra.Tally
	requests, throttled int // before this attempt
	told                time.Time
}

func (r *reading) run(ctx context.Context) error {
	for {
		p, err := r.Store.InventoryProgress(ctx, r.integration.ID)
		if err != nil {
			return err
		}
		if !p.Reading || p.Number != r.number {
			return errOver
		}
		take := map[Step]func(context.Context, Progress) error{
			StepDirectory: r.directory, StepReport: r.report, StepEvents: r.events, StepPasskeys: r.passkeys,
		}[p.Step]
		if take == nil {
			return postern.Errorf(postern.CodeInternal, "").Because(errors.New("inventory: unknown step " + strconv.Quote(string(p.Step))))
		}
		over := p.Step == StepPasskeys
		if err := take(ctx, p); err != nil || over {
			return err
		}
		if r.Now().After(r.until) {
			return errPause
		}
	}
}

// save changes the progress of this reading in a transaction. Pages hear at once of a step that begins and of the end, and of
// what lies between not more often than they can show it.
func (r *reading) save(ctx context.Context, edit func(ctx context.Context, p *Progress) error) error {
	return r.alter(ctx, r.integration.ID, func(ctx context.Context, p *Progress) error {
		if !p.Reading || p.Number != r.number {
			return errOver
		}
		step := p.Step
		p.Requests, p.Throttled = r.requests+r.tally.Requests(), r.throttled+r.tally.Throttled()
		if err := edit(ctx, p); err != nil {
			return err
		}
		if now := r.Now(); !p.Reading || p.Number != r.number || p.Step != step || now.Sub(r.told) >= toldEvery {
			r.Store.AfterCommit(ctx, func() { r.told = now })
			r.tell(ctx, r.integration.ID)
		}
		return nil
	})
}

func (r *reading) peopleOf(p *Progress) People { return r.people(*p) }

// directory brings the mirror up to date. Where it may not be read, those whom Postern knows are everybody.
func (r *reading) directory(ctx context.Context, _ Progress) error {
	closed, err := r.refreshDirectory(ctx, r.integration)
	if err != nil {
		return err
	}
	return r.save(ctx, func(ctx context.Context, p *Progress) error {
		p.Closed, p.Step, p.Place = closed, StepReport, ""
		return r.Store.ForgetDue(ctx, r.integration.ID)
	})
}

func (s *Service) refreshDirectory(ctx context.Context, i postern.Integration) (closed bool, err error) {
	if i.PermissionSet == postern.PermissionsPasskeys {
		return true, nil
	}
	err = s.Directory.Refresh(ctx, i.ID)
	if postern.IsCode(err, postern.CodeEntraDirectoryClosed) || postern.IsCode(err, postern.CodeEntraPermission) {
		return true, nil
	}
	return false, err
}

// report puts those on the list whom the registration report names, or everybody where it cannot be read. A small reading
// does not need it.
func (r *reading) report(ctx context.Context, p Progress) error {
	if !p.Full {
		return r.save(ctx, func(_ context.Context, p *Progress) error {
			p.Step = StepEvents
			return nil
		})
	}
	if p.Closed || p.Source == SourceEverybody && p.Place != "" {
		return r.everybody(ctx, p)
	}
	oldest := p.BegunAt
	var named []string
	note := func() error {
		defer func() { named = named[:0] }()
		return r.Store.NoteDue(ctx, r.integration.ID, named)
	}
	for row, err := range r.graph.RegistrationReport(ctx, false) {
		if unreadable(err) {
			return r.everybody(ctx, p)
		}
		if err != nil {
			return err
		}
		if !row.UpdatedAt.IsZero() && row.UpdatedAt.Before(oldest) {
			oldest = row.UpdatedAt
		}
		if row.ObjectID == "" {
			continue
		}
		if named = append(named, row.ObjectID); len(named) == notedAtOnce {
			if err := note(); err != nil {
				return err
			}
		}
	}
	if err := note(); err != nil {
		return err
	}
	return r.save(ctx, func(_ context.Context, p *Progress) error {
		p.Source, p.Step, p.Place, p.MethodsKnown = SourceReport, StepEvents, "", true
		p.Since = latest(earliest(oldest, p.BegunAt.Add(-reportLag)), p.BegunAt.Add(-longestLog))
		return nil
	})
}

// unreadable says of an error that the tenant keeps the log or report from us, and everything else goes on.
func unreadable(err error) bool {
	return postern.IsCode(err, postern.CodeEntraPermission) || postern.IsCode(err, postern.CodeEntraLicence)
}

// everybody puts all people on the list, some at a time.
func (r *reading) everybody(ctx context.Context, p Progress) error {
	source := SourceEverybody
	if p.Closed {
		source = SourceKnown
	}
	for more := true; more; {
		if err := r.save(ctx, func(ctx context.Context, p *Progress) error {
			last, err := r.Store.NoteEverybodyDue(ctx, r.peopleOf(p), strings.TrimPrefix(p.Place, "after "), notedAtOnce)
			if err != nil {
				return err
			}
			p.Source, p.Place, more = source, "after "+last, last != ""
			if !more {
				p.Step, p.Place, p.MethodsKnown = StepEvents, "", false
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// events puts those on the list whom the tenant's own log names, and whoever else is to be looked at, and counts them.
func (r *reading) events(ctx context.Context, p Progress) error {
	if p.Place == "" {
		if p.Full && p.Source != SourceReport {
			return r.plan(ctx) // everybody is on the list already
		}
		since := p.Since
		if !p.Full {
			since = p.EventsAt.Add(-eventsLag)
		}
		ids, err := r.named(ctx, r.people(p), since)
		switch {
		case unreadable(err) && p.Full:
			// Without the log nobody knows what the report does not know yet.
			return r.save(ctx, func(_ context.Context, p *Progress) error {
				p.Source, p.Step, p.Place = SourceEverybody, StepReport, "after "
				return nil
			})
		case err != nil && !unreadable(err):
			return err
		}
		read := err == nil
		if err := r.save(ctx, func(ctx context.Context, p *Progress) error {
			p.EventsRead = read
			if err := r.Store.NoteDue(ctx, r.integration.ID, ids); err != nil {
				return err
			}
			p.Place = "after "
			if !p.Full {
				return nil
			}
			return r.Store.NoteHoldersDue(ctx, r.peopleOf(p))
		}); err != nil {
			return err
		}
	}
	if p.Full {
		for more := true; more; {
			if err := r.save(ctx, func(ctx context.Context, p *Progress) error {
				last, err := r.Store.CoverPeople(ctx, r.peopleOf(p), p.BegunAt, strings.TrimPrefix(p.Place, "after "), notedAtOnce)
				p.Place, more = "after "+last, last != ""
				return err
			}); err != nil {
				return err
			}
		}
	}
	return r.plan(ctx)
}

// named lists the users whose security info changed since a time, as the tenant's log has it.
func (r *reading) named(ctx context.Context, people People, since time.Time) (ids []string, err error) {
	return namedBy(ctx, r.graph, r.Store, people, since)
}

func namedBy(ctx context.Context, graph Graph, store Store, people People, since time.Time) (ids []string, err error) {
	events, err := graph.PasskeyEvents(ctx, since)
	if err != nil {
		return nil, err
	}
	var upns []string
	for _, e := range events {
		if e.ObjectID != "" {
			ids = append(ids, e.ObjectID)
		} else {
			upns = append(upns, e.UPN)
		}
	}
	more, err := store.ObjectIDs(ctx, people, upns)
	return append(ids, more...), err
}

// plan forgets who is gone, adds whoever else is to be looked at, and counts the list.
func (r *reading) plan(ctx context.Context) error {
	return r.save(ctx, func(ctx context.Context, p *Progress) error {
		people := r.peopleOf(p)
		gone, err := r.Store.ForgetGone(ctx, people)
		if err != nil {
			return err
		}
		p.Changed += gone
		if !p.Full {
			if err := r.Store.NoteUnreadDue(ctx, people); err != nil {
				return err
			}
			all, err := r.Store.CountPeople(ctx, people)
			if err != nil {
				return err
			}
			rounds := roundsWithoutEvents
			if p.EventsRead {
				rounds = roundsWithEvents
			}
			share := (all + rounds - 1) / rounds
			share = (share + batchSize - 1) / batchSize * batchSize // a request costs the same for one as for twenty
			if err := r.Store.NoteOldestDue(ctx, people, share); err != nil {
				return err
			}
		}
		_, p.Planned, err = r.Store.Due(ctx, r.integration.ID, 1)
		p.Step, p.Place = StepPasskeys, ""
		return err
	})
}

// passkeys asks for everybody on the list, and ends the reading.
func (r *reading) passkeys(ctx context.Context, _ Progress) error {
	for {
		ids, _, err := r.Store.Due(ctx, r.integration.ID, dueAtOnce)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return r.finish(ctx)
		}
		if err := look(ctx, r.graph, ids, func(found []Looked) error { return r.keep(ctx, found) }); err != nil {
			return err
		}
	}
}

// keep stores what a few batches taught.
func (r *reading) keep(ctx context.Context, found []Looked) error {
	if err := r.save(ctx, func(ctx context.Context, p *Progress) error {
		changed, failures, err := r.Store.PutLooked(ctx, r.integration.ID, found, r.Now().UTC(), askAttempts)
		p.Changed += changed
		p.Failures += failures
		for _, l := range found {
			if l.Failed == nil {
				p.Users++
				p.LastUseKnown = l.LastUse
			}
		}
		p.Users += failures
		return err
	}); err != nil {
		return err
	}
	if r.Now().After(r.until) {
		return errPause
	}
	return nil
}

// finish ends the reading, and begins another one if that was asked for.
func (r *reading) finish(ctx context.Context) error {
	return r.save(ctx, func(ctx context.Context, p *Progress) error {
		p.Reading, p.FinishedAt, p.Failure, p.Planned = false, r.Now().UTC(), nil, p.Users
		// What happens from the beginning of this reading on belongs to the next one.
		if p.EventsRead || p.Full {
			p.EventsAt = p.BegunAt
		}
		if p.Full {
			p.FullAt = p.BegunAt
			if err := r.Audit.Record(ctx, event(audit.InventoryRead, r.integration, audit.InventoryRead.Text, map[string]string{
				"users": strconv.Itoa(p.Users), "source": string(p.Source), "changed": strconv.Itoa(p.Changed), "failures": strconv.Itoa(p.Failures),
			})); err != nil {
				return err
			}
		}
		if p.Source == SourceReport && (p.Full || p.FinishedAt.Sub(p.ReportAt) > methodsEvery) {
			if err := r.Queue.Enqueue(ctx, MethodsJob{r.integration.ID}, job.Bulk()); err != nil {
				return err
			}
		}
		if p.Again {
			r.begin(p, true)
			return r.Queue.Enqueue(ctx, ReadJob{r.integration.ID, p.Number})
		}
		return nil
	})
}

package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/workstation"
)

const (
	// tryTime is how long the offline key is there in place of the phone's after somebody asked to try it.
	tryTime = 10 * time.Minute
	// pollEvery is how often the control center is asked whether Entra lists a new passkey, if no news come before.
	pollEvery = 15 * time.Second
	// refusedEvery is how long the control center is left alone that refused for a reason that stays a while.
	refusedEvery = time.Hour
	reportEvery  = 24 * time.Hour
	dutyFirst    = 5 * time.Second
	dutyLongest  = 10 * time.Minute
)

// duty keeps the offline passkeys in order: has them issued, renewed, reported on and taken away. docs/offline.md says when.
type duty struct {
	w       *workstation.Workstation
	shelf   *offline.Shelf
	now     func() time.Time
	log     *slog.Logger
	changed func() // something to show changed
	poke    func() // something to decide changed

	mu   sync.Mutex
	jobs map[postern.PairingID]*job
	done sync.WaitGroup
}

// job is what is under way for one pairing.
type job struct {
	running   bool
	wanted    bool   // somebody asked for a passkey by hand
	hurried   bool   // what is due next does not wait, whatever comes of what is running
	heeded    string // the end of a passkey that was hurried for
	taken     int    // how often the control center had not heard of a consent
	notBefore time.Time
	pause     time.Duration
	reported  time.Time
	problem   *Problem
	asked     Request
}

func newDuty(w *workstation.Workstation, shelf *offline.Shelf, now func() time.Time, log *slog.Logger, changed, poke func()) *duty {
	return &duty{w: w, shelf: shelf, now: now, log: log, changed: changed, poke: poke, jobs: map[postern.PairingID]*job{}}
}

// follow brings the passkeys in line with what the control center says, and begins what is due. It returns when it wants to be
// called again though nothing changed; zero: never.
func (d *duty) follow(ctx context.Context, s workstation.Status) (again time.Time) {
	if s.Problem != nil && s.Problem.Code == postern.CodeWorkstationRevoked {
		d.drop(nil)
		return again
	}
	here := map[postern.PairingID]bool{}
	for _, p := range s.Phones {
		here[p.Pairing] = true
	}
	d.drop(here)
	sooner := func(t time.Time) {
		if !t.IsZero() && (again.IsZero() || t.Before(again)) {
			again = t
		}
	}
	for _, p := range s.Phones {
		if key := d.shelf.Get(p.Pairing); key != nil {
			key.Online(s.Connected, d.w.Now())
			d.obey(s, p, key)
			sooner(d.now().Add(time.Minute)) // the clock is looked at
		} else if p.Offline != nil && p.Offline.State == postern.OfflineEnded {
			d.hurry(p.Pairing, p.Offline) // whoever wants another one waits for nothing any more
		}
		if s.Connected && p.Told {
			sooner(d.begin(ctx, s, p))
		}
	}
	return again
}

// drop takes away the passkeys of pairings that are over.
func (d *duty) drop(here map[postern.PairingID]bool) {
	for _, id := range d.shelf.Pairings() {
		if !here[id] {
			d.keep(d.remove(id))
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, j := range d.jobs {
		if !here[id] && !j.running {
			delete(d.jobs, id)
		}
	}
}

// obey does what the control center says of a passkey that is here.
func (d *duty) obey(s workstation.Status, p workstation.Phone, key *offline.Passkey) {
	if !s.Connected || !p.Told {
		return
	}
	offer := p.Offline
	key.Bar(offer == nil || barred(s, p) != nil)
	if offer == nil {
		return
	}
	if !offer.Recovery {
		if err := key.DropRecovery(); err != nil {
			d.log.Warn("the codes of the help desk could not be forgotten", "error", err)
		}
	}
	mine := key.Is(offer.BatchID)
	switch offer.State {
	case postern.OfflineActive:
		if stage := key.Stage(); mine && (stage == offline.Told || stage == offline.Made) { // of Made the answer was lost
			d.keep(key.Activate())
		}
	case postern.OfflineEnding, postern.OfflineEnded:
		switch key.Stage() {
		case offline.Active:
			d.keep(d.remove(p.Pairing))
		case offline.Taken, offline.Made, offline.Told:
			if mine {
				d.hurry(p.Pairing, offer) // the control center is asked why
			}
		default:
			if mine {
				d.keep(d.remove(p.Pairing))
			}
		}
	}
}

// hurry has what is due for a pairing done now, once for each thing that the control center says.
func (d *duty) hurry(id postern.PairingID, said *postern.OfflineOffer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if j, what := d.jobs[id], string(said.State)+string(said.BatchID); j != nil && j.heeded != what {
		j.heeded, j.hurried, j.notBefore = what, j.running, time.Time{}
	}
}

// remove takes a passkey away at once. What happened here since the last report is still told, as well as that goes.
func (d *duty) remove(id postern.PairingID) error {
	key := d.shelf.Get(id)
	if key == nil {
		return nil
	}
	last := key.Report()
	d.log.Info("the offline passkey is taken away", "pairing", id)
	err := d.shelf.Remove(id)
	if len(last.Events) > 0 && len(last.BatchID) > 0 {
		d.done.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), infoTime)
			defer cancel()
			if _, err := d.w.ReportOffline(ctx, id, last); err != nil {
				d.log.Warn("the control center does not hear what happened last with an offline passkey", "pairing", id, "events", len(last.Events), "error", err)
			}
		})
	}
	return err
}

func (d *duty) keep(err error) {
	if err != nil {
		d.log.Error("an offline passkey could not be kept as it should be", "error", err)
	}
}

// begin has done what is due for a pairing. It returns when that will be.
func (d *duty) begin(ctx context.Context, s workstation.Status, p workstation.Phone) time.Time {
	d.mu.Lock()
	j := d.jobs[p.Pairing]
	if j == nil {
		j = new(job)
		d.jobs[p.Pairing] = j
	}
	if j.running {
		d.mu.Unlock()
		return time.Time{}
	}
	wanted, reported, notBefore := j.wanted, j.reported, j.notBefore
	d.mu.Unlock()
	work := d.due(s, p, wanted, reported)
	if work == nil {
		return time.Time{}
	}
	if d.now().Before(notBefore) {
		return notBefore
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if j.running {
		return time.Time{}
	}
	j.running, j.hurried = true, false
	d.done.Go(func() { d.ended(ctx, p.Pairing, j, work(ctx, p, j)) })
	return time.Time{}
}

// due is what there is to do now, nil for nothing.
func (d *duty) due(s workstation.Status, p workstation.Phone, wanted bool, reported time.Time) func(context.Context, workstation.Phone, *job) error {
	key, offer, now := d.shelf.Get(p.Pairing), p.Offline, d.now()
	if offer == nil || barred(s, p) != nil || key != nil && key.Usable() != nil {
		return nil
	}
	stage := offline.Stage("")
	if key != nil {
		stage = key.Stage()
	}
	switch stage {
	case offline.Active:
		switch {
		case key.Unsaid(), now.Sub(reported) >= reportEvery:
			return d.report
		case p.Ready && offer.Settings.Enabled && key.Wearing(offer.Settings, d.w.Now()) && !key.LeftAlone(now):
			return d.renew
		}
		return nil
	case offline.Taken, offline.Made, offline.Told:
		return d.issue
	}
	// Nobody has agreed yet. It begins by itself where nobody has said otherwise: with a new pairing.
	fresh := offer.State == "" || offer.State == postern.OfflineAsked || offer.State == postern.OfflineConsented
	leftAlone := key != nil && key.LeftAlone(now)
	if p.Ready && offer.Settings.Enabled && (wanted || fresh && !leftAlone) {
		return d.issue
	}
	return nil
}

// ended notes what came of a job.
func (d *duty) ended(ctx context.Context, id postern.PairingID, j *job, err error) {
	d.mu.Lock()
	j.running, j.asked = false, Request{}
	now := d.now()
	wait := (*waiting)(nil)
	switch {
	case err == nil:
		j.problem, j.pause, j.notBefore, j.taken = nil, 0, time.Time{}, 0
	case errors.As(err, &wait):
		j.problem, j.notBefore = wait.problem, now.Add(wait.pause)
	case ctx.Err() != nil:
	default:
		j.pause = min(max(2*j.pause, dutyFirst), dutyLongest)
		j.problem, j.notBefore = problemOf(err), now.Add(j.pause)
		d.log.Warn("signing in offline could not be set up or renewed; it is tried again", "pairing", id, "error", err)
	}
	if j.hurried {
		j.hurried, j.notBefore = false, time.Time{}
	}
	d.mu.Unlock()
	d.changed()
	d.poke()
}

// waiting ends a job that goes on later, and says why.
type waiting struct {
	problem *Problem
	pause   time.Duration
}

func (w *waiting) Error() string {
	if w.problem != nil {
		return w.problem.Message
	}
	return "it takes a while"
}

// later is how an error of the control center is taken: what it refuses now it refuses for a while.
func later(err error) error {
	e, ok := errors.AsType[*postern.Error](err)
	if !ok {
		return err
	}
	switch e.Code {
	case postern.CodeOfflineOff, postern.CodeOfflineSeal, postern.CodeOfflineState, postern.CodeForbidden, postern.CodeInvalid, postern.CodeNotFound, postern.CodeConflict:
		return &waiting{problemOf(e), refusedEvery}
	}
	if e.After > 0 {
		return &waiting{problemOf(e), max(e.After, dutyFirst)}
	}
	return err
}

// signedInByPhone is told that a phone has signed somebody in, which forgives wrong codes.
func (d *duty) signedInByPhone(id postern.PairingID, answer []byte) {
	key := d.shelf.Get(id)
	if key == nil {
		return
	}
	body, err := ctap.SplitResponse(answer)
	if err != nil {
		return
	}
	a, err := ctap.DecodeGetAssertionResponse(body)
	if err != nil {
		return
	}
	data, err := ctap.ParseAuthenticatorData(a.AuthData)
	if err == nil && data.Flags&(ctap.FlagUP|ctap.FlagUV) == ctap.FlagUP|ctap.FlagUV {
		d.keep(key.SignedInByPhone())
	}
}

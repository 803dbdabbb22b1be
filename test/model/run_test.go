package model_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/reconcile"
)

// play runs a sequence to its end and says what does not agree then.
func play(t testing.TB, l *lab, m *mutant, acts []act) (out outcome, err error) {
	w, err := newWorld(t, l, m)
	if w != nil {
		defer w.close()
	}
	if err != nil {
		return out, fmt.Errorf("the sequence cannot begin: %w", err)
	}
	defer func() {
		_, refused := l.sink.taken()
		out.disagrees = w.disagrees
		out.faults = w.deaths + w.leaps + w.lags + w.wire.hits + refused
	}()
	for n, a := range acts {
		v := verbByName[a.name]
		if v == nil {
			return out, fmt.Errorf("step %d: there is no act %q", n+1, a.name)
		}
		if w.dies(func() { err = v.do(w, a.a, a.b) }) {
			err = w.restart()
		}
		if err != nil {
			w.disagree("step %d, %s: %v", n+1, a, err)
			return out, nil
		}
	}
	if err := w.settle(); err != nil {
		w.disagree("nothing comes to rest: %v", err)
		return out, nil
	}
	return out, w.agree()
}

func (w *world) disagree(format string, args ...any) {
	w.disagrees = append(w.disagrees, fmt.Sprintf(format, args...))
}

// rounds bounds how often comparisons, phones and jobs take turns until all is quiet.
const rounds = 20

// betweenComparisons is longer than anything that a comparison passes over because it is too young.
const betweenComparisons = 16 * time.Minute

// settle ends all trouble and lets everything that can still happen do so: Entra replicates, phones that are not lost
// answer, jobs run, approvals are given, and Entra and Postern are compared until that changes nothing.
func (w *world) settle() error {
	w.wire.troubles, w.wire.out, w.crash.left = nil, time.Time{}, 0
	w.lab.sink.feel("")
	if err := w.lab.server.SetLevers(healthy()); err != nil {
		return err
	}
	if err := w.restart(); err != nil {
		return err
	}
	w.lab.now = w.lab.now.Add(time.Minute) // what replicates has done so
	for n := range phases {
		if err := w.makeDynamic(n, false); err != nil {
			return err
		}
	}
	for _, h := range w.handsets {
		h.offline = false
	}
	for range rounds {
		run, err := w.compareAll()
		if err != nil {
			return err
		}
		moved, err := w.everybodyAnswers()
		if err != nil {
			return err
		}
		// Of two comparisons in a row that change nothing, the second saw what became of everything.
		if quiet := !moved && run.State == postern.ReconcileDone && run.Mended == 0 && run.Waiting == 0; quiet && w.quiet {
			return nil
		} else {
			w.quiet = quiet
		}
	}
	open, err := w.reconcile.Differences(w.ctx, reconcile.DifferenceQuery{IntegrationID: w.integration, Open: true})
	return errors.Join(fmt.Errorf("phones, jobs and comparisons never come to an end; open differences: %+v", open), err)
}

// compareAll has everybody compared, and the jobs run that follow from it.
func (w *world) compareAll() (postern.ReconcileRun, error) {
	w.lab.now = w.lab.now.Add(betweenComparisons)
	if err := w.setState(postern.StateEnabled); err != nil {
		return postern.ReconcileRun{}, err
	}
	if err := errors.Join(w.resumeBulk(), w.queue.Enqueue(w.ctx, mail.DrainJob{})); err != nil {
		return postern.ReconcileRun{}, err
	}
	run, _, err := w.reconcile.Run(w.ctx, w.integration, postern.ReconcileFull)
	if err != nil && !postern.IsCode(err, postern.CodeConflict) { // one that looks at less is under way
		return run, fmt.Errorf("a comparison cannot begin: %w", err)
	}
	asked := err == nil
	if err := w.runJobs(4); err != nil || !asked {
		return run, err
	}
	run, err = w.reconcile.ReconcileRun(w.ctx, run.ID)
	if err == nil && run.State != postern.ReconcileDone {
		err = fmt.Errorf("a comparison is %s at the step %s: %s %s", run.State, run.Step, run.Code, run.Message)
	}
	return run, err
}

// everybodyAnswers has phones, approvers and jobs take turns until nobody has anything to do. It reports whether anybody had.
func (w *world) everybodyAnswers() (any bool, err error) {
	for range rounds {
		if err := w.phonesAnswer(); err != nil {
			return any, err
		}
		approved, err := w.approveAll()
		if err != nil || !w.answered && !approved {
			return any, err
		}
		any = true
		if err := w.runJobs(0); err != nil {
			return any, err
		}
	}
	return any, errors.New("phones have always something to answer")
}

// approveAll gives every phone that waits for it the word of two people.
func (w *world) approveAll() (any bool, err error) {
	waiting, err := w.enrolment.Approvals(w.ctx, w.integration)
	for _, r := range waiting {
		if h := w.handset(r.Phone.ID); h != nil && h.lost {
			continue
		}
		for n := range 2 {
			err := w.vouch(r.Phone.ID, n)
			if err := w.refusal(err); err != nil {
				return any, err
			}
			any = any || err == nil
		}
	}
	return any, err
}

// phonesAnswer has every phone at hand do what it was asked for and tell what it has not.
func (w *world) phonesAnswer() error {
	w.answered = false
	for _, h := range w.handsets {
		if h.id == "" || h.lost {
			continue
		}
		_, _, err := w.call(h)
		if postern.IsCode(err, postern.CodePhoneRevoked) {
			continue
		}
		if err != nil {
			return fmt.Errorf("a phone is not let in: %w", err)
		}
		open, err := w.offers(h)
		if err != nil {
			return err
		}
		for _, p := range open {
			if p.Provisioning.State != postern.ProvisioningOffered {
				w.answered = w.answered || p.Provisioning.Code == postern.CodeChallengeExpired // new options are on their way
				continue
			}
			w.answered = true
			if err := w.answer(h, p.Provisioning.ID); err != nil {
				return fmt.Errorf("a phone cannot answer: %w", err)
			}
		}
		for _, c := range h.made {
			if !c.own || c.told {
				continue
			}
			said := w.tellOf(h, c)
			if err := w.refusal(said); err != nil {
				return err
			}
			w.claimRefused[c] = said != nil // of a suspended user, say: then nobody knows of it, and that is right
			w.answered = w.answered || said == nil
		}
	}
	return nil
}

// runJobs runs jobs, moving the clock to each in turn, until none waits but bulk jobs whose rows wait for phones.
//
// looks is how often a bulk job may look at its rows while nothing else happens.
func (w *world) runJobs(looks int) error {
	const most = 3000
	patience := looks
	for range most {
		waiting, err := w.queue.Waiting(w.ctx)
		if err != nil || len(waiting) == 0 {
			return err
		}
		next, bulk := waiting[0], true
		for _, j := range waiting {
			if j.Due.Before(next.Due) {
				next = j
			}
			bulk = bulk && j.Kind == bulkJob
		}
		if !bulk {
			patience = looks
		} else if patience--; patience < 0 {
			return nil
		}
		if wait := next.Due.Sub(w.lab.now); wait > 0 {
			w.lab.now = next.Due
		}
		if _, err := w.queue.RunOne(w.ctx); err != nil {
			var crash jobtest.Crash
			if errors.As(err, &crash) {
				return fmt.Errorf("a death that nobody armed: %w", err)
			}
			return err
		}
	}
	waiting, _ := w.queue.Waiting(w.ctx)
	return fmt.Errorf("the jobs never come to an end: %+v", waiting)
}

var bulkJob = bulk.RunJob{}.Kind()

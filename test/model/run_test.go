package model_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job/jobtest"
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
	defer func() { out.disagrees = w.disagrees }()
	for n, a := range acts {
		v := verbByName[a.name]
		if v == nil {
			return out, fmt.Errorf("step %d: there is no act %q", n+1, a.name)
		}
		if v.fault {
			out.faults++
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

// rounds bounds how often phones and jobs take turns until all is quiet.
const rounds = 30

// settle ends all trouble and lets everything that can still happen do so: Entra replicates, phones that are not lost
// answer, jobs run.
func (w *world) settle() error {
	w.wire.troubles, w.crash.left = nil, 0
	if err := w.lab.server.SetLevers(healthy()); err != nil {
		return err
	}
	if err := w.restart(); err != nil {
		return err
	}
	w.lab.now = w.lab.now.Add(time.Minute) // what replicates has done so
	if err := w.setState(postern.StateEnabled); err != nil {
		return err
	}
	for _, h := range w.handsets {
		h.offline = false
	}
	for range rounds {
		if err := w.compareAll(); err != nil {
			return err
		}
		if err := w.runJobs(); err != nil {
			return err
		}
		if err := w.phonesAnswer(); err != nil {
			return err
		}
		waiting, err := w.queue.Waiting(w.ctx)
		if err != nil {
			return err
		}
		if len(waiting) == 0 && !w.answered {
			return nil
		}
	}
	return errors.New("phones and jobs never come to an end")
}

// compareAll is what the schedule does: it reads the directory and looks at the groups.
func (w *world) compareAll() error {
	w.lab.now = w.lab.now.Add(3 * time.Minute) // a group that was just made is not looked for
	if err := w.setState(postern.StateEnabled); err != nil {
		return err
	}
	if _, err := w.directory.Sync(w.ctx, w.integration); err != nil {
		return fmt.Errorf("the directory: %w", err)
	}
	if _, err := w.integrations.MendGroups(w.ctx, w.integration); err != nil {
		return fmt.Errorf("the groups: %w", err)
	}
	return nil
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

// runJobs runs jobs, moving the clock to each in turn, until none waits.
func (w *world) runJobs() error {
	const most = 3000
	for range most {
		due, any, err := w.queue.NextDue(w.ctx)
		if err != nil || !any {
			return err
		}
		if wait := due.Sub(w.lab.now); wait > 0 {
			w.lab.now = due
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

package model_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/directory"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/reconcile"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/ctap"
)

func (w *world) foreignPasskey(a, _ int) error {
	p := w.person(a)
	k, err := newKey(ctap.AAGUID{0xf0, 0x0e, 1}, w.lab.clock)
	if err != nil {
		return err
	}
	w.named++
	if c, err := w.register(p, k, fmt.Sprintf("Key %d", w.named)); err == nil {
		p.foreign = append(p.foreign, c.method)
	}
	return nil
}

func (w *world) renameUser(a, b int) error {
	p := w.person(a)
	upn := fmt.Sprintf("p%d.%d@%s", p.slot, b, w.domain)
	err := w.patchUser(p, map[string]any{"upn": upn})
	if err == nil {
		p.upn = upn
	}
	return nil
}

func (w *world) setEnabled(a int, on bool) error {
	p := w.person(a)
	if err := w.patchUser(p, map[string]any{"enabled": on}); err != nil {
		return ignoreMissing(err)
	}
	p.disabled = !on
	return nil
}

// addStranger puts somebody into one of the groups whom Postern does not know.
func (w *world) addStranger(a, b int) error {
	groups, err := w.groupsOf()
	if err != nil {
		return err
	}
	p, phase := w.people[peopleKnown+a%peopleStrangers], phases[b%len(phases)]
	if groups[phase] == "" {
		return nil
	}
	err = w.graph(http.MethodPost, "groups/"+groups[phase]+"/members/$ref",
		map[string]string{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + p.objectID}, nil)
	if err == nil {
		p.groups = append(p.groups, phase)
	}
	return nil
}

var phases = []postern.Phase{postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive}

// work runs some of the jobs that are due, or goes to the next one that will be.
func (w *world) work(a, b int) error {
	for range 1 + a%6 {
		ran, err := w.queue.RunOne(w.ctx)
		if err != nil {
			var crash jobtest.Crash
			if errors.As(err, &crash) {
				panic(crash)
			}
			return err
		}
		if ran {
			continue
		}
		due, any, err := w.queue.NextDue(w.ctx)
		if err != nil || !any || b%4 == 0 {
			return err
		}
		if wait := due.Sub(w.lab.now); wait > 0 && wait < 5*time.Minute {
			w.lab.now = due
		}
	}
	return nil
}

func (w *world) wait(a, _ int) error {
	w.lab.now = w.lab.now.Add([]time.Duration{time.Second, 5 * time.Second, 20 * time.Second, time.Minute, 6 * time.Minute, 40 * time.Minute}[a%6])
	return nil
}

// jump moves the clock on by hours or days, or back by what a clock that is set right goes back.
func (w *world) jump(a int) error {
	w.leaps++
	to := w.lab.now.Add([]time.Duration{
		time.Hour, -2 * time.Second, 24 * time.Hour, -time.Minute, 5 * 24 * time.Hour, -10 * time.Minute,
	}[a%6])
	if to.Before(begin) { // when the token of the model's own client was issued
		to = begin
	}
	w.lab.now = to
	return nil
}

// outage has Graph answer nothing but 503 for a while.
func (w *world) outage(a int) error {
	w.wire.out = w.lab.now.Add([]time.Duration{time.Minute, 20 * time.Minute, 3 * time.Hour}[a%3])
	return nil
}

// clockwork does what the runner's schedule does.
func (w *world) clockwork(a, _ int) error {
	var args job.Args = mail.DrainJob{}
	switch a % 6 {
	case 0:
		args = bulk.TidyJob{}
	case 1:
		args = reconcile.TickJob{}
	case 2:
		args = directory.ScheduleJob{}
	case 3:
		args = integration.GroupsRoundJob{}
	case 4:
		args = mail.CampaignJob{}
	}
	return w.queue.Enqueue(w.ctx, args)
}

func (w *world) trouble(a, b int) error {
	kinds := []string{"429", "500", "503", "504", "before", "after", "after", "slow"}
	w.wire.troubles = append(w.wire.troubles, &trouble{
		kind: kinds[a%len(kinds)], skip: b % 4, count: 1 + b/4%3, wait: []time.Duration{2 * time.Second, 20 * time.Second, 50 * time.Second}[b/12%3],
	})
	return nil
}

// lag has Entra replicate slowly: no slower than the doubt that Postern waits out.
func (w *world) lag(a, b int) error {
	delays := []time.Duration{0, 2 * time.Second, 10 * time.Second, 25 * time.Second}
	l := healthy()
	l.MethodDelay = entrasim.Duration(delays[a%len(delays)])
	l.MembershipDelay = entrasim.Duration(delays[b%len(delays)])
	l.ReplicationDelay = entrasim.Duration(delays[b/4%len(delays)])
	w.levered = !reflect.DeepEqual(l, healthy())
	if w.levered {
		w.lags++
	}
	return w.lab.server.SetLevers(l)
}

func (w *world) renameGroup(a, b int) error {
	groups, err := w.groupsOf()
	if err != nil || groups[phases[a%3]] == "" {
		return err
	}
	return ignoreMissing(w.graph(http.MethodPatch, "groups/"+groups[phases[a%3]], map[string]any{"displayName": fmt.Sprintf("Renamed %d", b)}, nil))
}

// ignoreMissing passes over a group that somebody deleted, or that replication does not show yet.
func ignoreMissing(err error) error {
	if refusedWith(err, http.StatusNotFound) {
		return nil
	}
	return err
}

func (w *world) deleteGroup(b int) error {
	groups, err := w.groupsOf()
	phase := phases[b%3]
	if err != nil || groups[phase] == "" {
		return err
	}
	if err := w.graph(http.MethodDelete, "groups/"+groups[phase], nil, nil); err != nil {
		return ignoreMissing(err)
	}
	w.anyTouched(phase)
	for _, p := range w.people {
		p.groups = slices.DeleteFunc(p.groups, func(x postern.Phase) bool { return x == phase })
	}
	return nil
}

func (w *world) deleteUser(b int) error {
	p := w.person(b)
	p.gone, p.wasGone = true, true
	return ignoreMissing(w.lab.control(w.ctx, http.MethodDelete, "tenants/"+w.tenant+"/users/"+p.objectID, nil, nil))
}

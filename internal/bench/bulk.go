package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/phone"
)

// The published limit of writes (Microsoft Graph documentation, "throttling limits").
const (
	writesAllowed = 3000
	writesWindow  = 150 * time.Second
)

const (
	manyUsers = 5000
	// manyTime bounds the run: on a slow machine the clocks run slower, and fewer users fit in.
	manyTime     = 150 * time.Second
	phonesComing = 48
	// What a user needs at least: the registration, one place in a request that puts twenty into a group, and one of the
	// parts of a batch that takes them out of another.
	leastWrites = 1 + 1./20 + 1

	trialUsers = 150
	trialSpeed = 50
	trialShare = 0.75 // of what the machine can do

	plainWrites = 2 * writesAllowed
	plainSpeed  = 20
	plainOnce   = 4
	plainGroup  = 20 // users put in and taken out by one hand
)

// measureWrites provisions five thousand users, whose phones are enrolled, under the documented throttle of writes, with
// all clocks running faster: how much of the writes was made that the throttle allowed in that time.
//
// A trial without a throttle comes first. It tells how fast the clocks may run so that the throttle is what holds the work
// up, and not the machine.
func measureWrites(ctx context.Context) (figures []figure, err error) {
	trial, err := provisionFleet(ctx, trialUsers, trialSpeed, false)
	if err != nil {
		return nil, err
	}
	perSecond := float64(writesAllowed) / writesWindow.Seconds()
	speed := trialShare * trialUsers * leastWrites / trial.real.Seconds() / perSecond
	count := min(manyUsers, int(manyTime.Seconds()*speed*perSecond/leastWrites))
	fmt.Fprintf(os.Stderr, "bench: bulk: %d users, with clocks %.1f times as fast\n", count, speed)
	run, err := provisionFleet(ctx, count, speed, true)
	if err != nil {
		return nil, err
	}
	minutes, made := run.took.Minutes(), float64(run.made.writes)
	const perMinute, against = writesAllowed / (float64(writesWindow) / float64(time.Minute)), "the documented throttle of 3,000 in 150 s, used to the full"
	return []figure{
		{Name: "bulk_writes.used", Value: made / minutes, Unit: "1/min", Baseline: perMinute, Against: against},
		{Name: fmt.Sprintf("bulk_writes.%d_users", count), Value: minutes, Unit: "min", Baseline: made / perMinute, Against: against},
		{Name: "bulk_writes.users", Value: float64(count) / minutes, Unit: "1/min", Baseline: float64(count) * perMinute / made, Against: against},
		{Name: "bulk_writes.each", Value: made / float64(count), Unit: "writes", Baseline: leastWrites, Against: "what a user needs at least"},
		{Name: "bulk_writes.refused", Value: float64(run.made.refused), Unit: "calls", Baseline: made, Against: "writes made"},
	}, nil
}

// fleet is what giving passkeys to many phones took.
type fleet struct {
	took time.Duration // by the clock of the world
	real time.Duration
	made tally
}

// provisionFleet makes a world of its own with users whose phones are enrolled, and has all phones get a passkey.
func provisionFleet(ctx context.Context, count int, speed float64, throttled bool) (f fleet, err error) {
	w, err := newWorld(ctx, count*13/10+100, speed, entrasim.Levers{})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	phones, err := w.seedFleet(ctx, count)
	if err != nil {
		return f, err
	}
	if throttled {
		if err := w.throttle(); err != nil {
			return f, err
		}
	}
	seen := watchTraffic(ctx, w.sim.Server)
	defer seen.stop()
	begin, really := w.clock.now(), time.Now()
	if err := each(ctx, phones, phonesComing, func(ctx context.Context, s *phone.State) error {
		p, err := phone.Open(s, w.phoneEnv())
		if err != nil {
			return err
		}
		if _, _, err := w.center.Passkeys.Begin(ctx, s.ID); err != nil {
			return err
		}
		return w.provision(ctx, p)
	}); err != nil {
		return f, err
	}
	if err := w.settled(ctx); err != nil {
		return f, err
	}
	f.took, f.real = w.clock.now().Sub(begin), time.Since(really)
	f.made, err = seen.now()
	return f, err
}

// seedFleet writes users with an enrolled phone into the books, and puts them into the group of their phase.
func (w *world) seedFleet(ctx context.Context, count int) (all []*phone.State, err error) {
	users, err := w.take(count)
	if err != nil {
		return nil, err
	}
	i, err := w.grouped(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, count)
	if err := w.center.Store.Atomically(ctx, func(ctx context.Context) error {
		all = nil
		for n, u := range users {
			ids[n] = u.ObjectID
			one, s, err := w.newPhone(w.known(u, postern.PhasePaired), n)
			if err != nil {
				return err
			}
			if err := w.bookPhone(ctx, one); err != nil {
				return err
			}
			if err := w.center.Enrolment.Enrolled(ctx, one.phone, postern.ProofCode); err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	hand, err := w.otherHand()
	if err != nil {
		return nil, err
	}
	defer hand.Close()
	for _, g := range i.Groups {
		if g.Phase == postern.PhasePaired {
			err = hand.AddMembers(ctx, g.ID, ids)
		}
	}
	return all, err
}

// throttle has the emulator apply the documented limits from now on. What came before does not count.
func (w *world) throttle() error {
	levers := w.sim.Server.Levers()
	levers.Throttle = true
	return w.sim.Server.SetLevers(levers)
}

// grouped waits until the integration has its groups.
func (w *world) grouped(ctx context.Context) (postern.Integration, error) {
	for {
		i, err := w.center.Integrations.Get(ctx, w.integration.ID)
		if err != nil {
			return i, err
		}
		if !slices.ContainsFunc(i.Groups, func(g postern.PhaseGroup) bool { return g.ID == "" }) && len(i.Groups) > 0 {
			return i, nil
		}
		if err := w.clock.sleep(ctx, time.Second); err != nil {
			return i, err
		}
	}
}

// settled waits until everybody is in the group of their phase.
func (w *world) settled(ctx context.Context) error {
	for {
		out, err := w.center.Store.UsersOutOfGroup(ctx, w.integration.ID, lifecycle.Mover{}, 1)
		if err != nil || len(out) == 0 {
			return err
		}
		if err := w.clock.sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// measurePlainWrites moves users in and out of groups as fast as the throttle lets, with nothing but the connector.
func measurePlainWrites(ctx context.Context) (figures []figure, err error) {
	w, err := newWorld(ctx, 2*plainOnce*plainGroup, plainSpeed, entrasim.Levers{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	tenant, err := w.tenant(ctx)
	if err != nil {
		return nil, err
	}
	group, err := tenant.CreateGroup(ctx, entra.NewGroup{DisplayName: "Bench"})
	if err != nil {
		return nil, err
	}
	var hands [][]string
	for range plainOnce {
		users, err := w.take(plainGroup)
		if err != nil {
			return nil, err
		}
		ids := make([]string, len(users))
		for n, u := range users {
			ids[n] = u.ObjectID
		}
		hands = append(hands, ids)
	}
	if err := w.throttle(); err != nil {
		return nil, err
	}
	count := watchTraffic(ctx, w.sim.Server)
	defer count.stop()
	begin := w.clock.now()
	rounds := plainWrites / plainOnce / (plainGroup + 1)
	if err := each(entra.WithPriority(ctx, entra.Bulk), hands, plainOnce, func(ctx context.Context, ids []string) error {
		for range rounds {
			if err := tenant.AddMembers(ctx, group.ID, ids); err != nil {
				return err
			}
			if err := tenant.RemoveMembers(ctx, group.ID, ids); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	took := w.clock.now().Sub(begin)
	made, err := count.now()
	if err != nil {
		return nil, err
	}
	return []figure{{
		Name: "bulk_plain.used", Value: float64(made.writes) / took.Minutes(), Unit: "1/min", Baseline: float64(writesAllowed) / writesWindow.Minutes(),
		Against: "what the throttle allows",
	}}, nil
}

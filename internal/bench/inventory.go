package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/policy/inventory"
	"github.com/postern/postern/entrasim"
)

const (
	inventoryLatency = 50 * time.Millisecond
	inventorySample  = 300 // users that are asked for in turn; a hundred thousand would take an hour and a half
	inventoryChanges = 100
)

// measureInventory reads every passkey of large tenants under Microsoft's published throttle and with a latency, first
// whole and then after a hundred changes, against the way of the known scripts that list AAGUIDs: all users, and then one
// request for each of them in turn.
func measureInventory(ctx context.Context) (figures []figure, err error) {
	for _, users := range []int{10_000, 100_000} {
		more, err := measureInventoryOf(ctx, users)
		if err != nil {
			return nil, fmt.Errorf("of %d users: %w", users, err)
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

func measureInventoryOf(ctx context.Context, users int) (figures []figure, err error) {
	levers := entrasim.DefaultLevers()
	levers.Latency = entrasim.Duration(inventoryLatency)
	w, err := openWorld(ctx, users, 1, levers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	hand, err := w.otherHand()
	if err != nil {
		return nil, err
	}
	defer hand.Close()
	s := &surveyed{compared: &compared{world: w, hand: hand, count: watchTraffic(ctx, w.sim.Server)}, has: make(map[string]int)}
	defer s.count.stop()
	listing, err := s.measured(ctx, s.everybody)
	if err != nil {
		return nil, err
	}
	sample, err := s.measured(ctx, s.inTurn)
	if err != nil {
		return nil, err
	}
	scale := float64(len(s.ids)) / inventorySample
	plain := effort{tally: tally{requests: listing.requests + len(s.ids)}, seconds: listing.seconds + sample.seconds*scale}
	fmt.Fprintf(os.Stderr, "bench: inventory: %d users, one by one %.0f s by %d of them\n", len(s.ids), plain.seconds, inventorySample)
	for _, full := range []bool{true, false} {
		name := fmt.Sprintf("inventory.%d.after_%d_changes", users, inventoryChanges)
		if full {
			name = fmt.Sprintf("inventory.%d.whole", users)
		} else if err := s.change(ctx); err != nil {
			return nil, err
		}
		took, err := s.measured(ctx, func(ctx context.Context) error { return s.read(ctx, full) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := s.check(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		against := fmt.Sprintf("all users, then one request for each in turn; %d measured, and scaled", inventorySample)
		figures = append(figures,
			figure{Name: name + ".seconds", Value: took.seconds, Unit: "s", Baseline: plain.seconds, Against: against},
			figure{Name: name + ".requests", Value: float64(took.requests), Unit: "requests", Baseline: float64(plain.requests), Against: against},
			figure{Name: name + ".parts", Value: float64(took.parts), Unit: "in batches", Baseline: float64(len(s.ids)), Against: "all users"},
			figure{Name: name + ".throttled", Value: float64(took.refused), Unit: "requests", Baseline: float64(took.requests + took.parts), Against: "all requests and parts"},
		)
	}
	return figures, nil
}

// surveyed is a tenant whose passkeys are read.
type surveyed struct {
	*compared
	ids []string
	has map[string]int // how many passkeys those have who were asked for in turn
}

// everybody lists all users.
func (s *surveyed) everybody(ctx context.Context) error {
	s.ids = s.ids[:0]
	for u, err := range s.hand.AllUsers(ctx) {
		if err != nil {
			return err
		}
		s.ids = append(s.ids, u.ObjectID)
	}
	return nil
}

// inTurn asks for one user after the other, evenly over the tenant.
func (s *surveyed) inTurn(ctx context.Context) error {
	for n := range inventorySample {
		id := s.ids[n*len(s.ids)/inventorySample]
		listed, err := s.hand.Passkeys(ctx, id)
		if err != nil {
			return err
		}
		s.has[id] = len(listed)
	}
	return nil
}

// change has another hand delete passkeys.
func (s *surveyed) change(ctx context.Context) error {
	gone := 0
	for u, err := range s.center.Inventory.Each(ctx, s.integration.ID) {
		if err != nil {
			return err
		}
		if gone == inventoryChanges {
			break
		}
		if len(u.Passkeys) == 0 {
			continue
		}
		gone++
		if err := s.hand.DeletePasskey(ctx, u.ObjectID, u.Passkeys[0].MethodID); err != nil {
			return err
		}
		if _, sampled := s.has[u.ObjectID]; sampled {
			s.has[u.ObjectID]--
		}
	}
	return nil
}

// read does a reading to its end, as its job does.
func (s *surveyed) read(ctx context.Context, full bool) error {
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
	if _, err := s.center.Inventory.Read(ctx, s.integration.ID, full); err != nil {
		return err
	}
	for {
		p, err := s.center.Store.InventoryProgress(ctx, s.integration.ID)
		if err != nil {
			return err
		}
		if !p.Reading {
			break
		}
		err = s.center.Inventory.Do(ctx, inventory.ReadJob{Integration: s.integration.ID, Number: p.Number})
		wait, again := job.SnoozeOf(err)
		if err != nil && !again {
			return err
		}
		if err := s.clock.sleep(ctx, wait); err != nil {
			return err
		}
	}
	status, err := s.center.Inventory.Status(ctx, s.integration.ID)
	if err == nil && (!status.Complete || status.Failures > 0) {
		err = fmt.Errorf("the inventory is not complete: %+v", status)
	}
	return err
}

// check compares the inventory with what those have who were asked for in turn.
func (s *surveyed) check(ctx context.Context) error {
	seen := 0
	for u, err := range s.center.Inventory.Each(ctx, s.integration.ID) {
		if err != nil {
			return err
		}
		want, sampled := s.has[u.ObjectID]
		if !sampled {
			continue
		}
		if seen++; len(u.Passkeys) != want {
			return fmt.Errorf("%s has %d passkeys by the inventory, and %d", u.ObjectID, len(u.Passkeys), want)
		}
	}
	if seen != len(s.has) {
		return fmt.Errorf("the inventory has %d of %d users", seen, len(s.has))
	}
	return nil
}

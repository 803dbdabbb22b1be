// Package core measures the authenticator against the bare operations of crypto/ecdsa that it cannot do without, in one
// process, natively and in WebAssembly alike. It owns what is run and how two things are compared; the table is its
// parent's.
package core

import (
	"runtime"
	"slices"
	"time"
)

// Pair is what an operation of ours and its baseline cost, each once.
type Pair struct {
	Name                   string
	Ours, Bare             time.Duration
	OursAllocs, BareAllocs float64
	Against                string
}

const (
	rounds = 201
	batch  = time.Millisecond
	decile = rounds / 10
)

// Compare runs ours and bare by turns, in short batches that take about the same time, and keeps the lowest decile of
// each: what else the machine does falls on both, and only ever adds.
func Compare(name, against string, ours, bare func() error) (Pair, error) {
	p := Pair{Name: name, Against: against}
	oursN, err := fitting(ours)
	if err != nil {
		return p, err
	}
	bareN, err := fitting(bare)
	if err != nil {
		return p, err
	}
	var oursTook, bareTook []time.Duration
	for round := range 2 * rounds {
		// Each goes first in every other round, or the second would always find the machine warm.
		if (round%2 == 0) == (round/2%2 == 0) {
			took, err := repeat(ours, oursN)
			if err != nil {
				return p, err
			}
			oursTook = append(oursTook, took)
			continue
		}
		took, err := repeat(bare, bareN)
		if err != nil {
			return p, err
		}
		bareTook = append(bareTook, took)
	}
	p.Ours, p.Bare = undisturbed(oursTook), undisturbed(bareTook)
	if p.OursAllocs, err = allocations(ours, oursN); err != nil {
		return p, err
	}
	p.BareAllocs, err = allocations(bare, bareN)
	return p, err
}

// fitting finds how often f runs in one batch.
func fitting(f func() error) (int, error) {
	for n := 1; ; n *= 2 {
		took, err := repeat(f, n)
		if err != nil {
			return 0, err
		}
		if took*time.Duration(n) >= batch {
			return n, nil
		}
	}
}

// repeat gives the time of one of n runs.
func repeat(f func() error, n int) (time.Duration, error) {
	begin := time.Now()
	for range n {
		if err := f(); err != nil {
			return 0, err
		}
	}
	return time.Since(begin) / time.Duration(n), nil
}

func undisturbed(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[decile]
}

func allocations(f func() error, n int) (float64, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := repeat(f, n)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), err
}

package app

import (
	"context"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/phone/vault"
)

// TestFault: what fails while it holds the app's lock ends in a view that says so, and every command after it answers.
func TestFault(t *testing.T) {
	before := stuckAfter
	stuckAfter = 20 * time.Millisecond
	t.Cleanup(func() { stuckAfter = before })
	holding := func(a *App) {
		a.mu.Lock()
		panic("a fault")
	}
	commands["fail"] = command{true, func(a *App, _ context.Context, _, _ []byte) error { holding(a); return nil }}
	t.Cleanup(func() { delete(commands, "fail") })
	for name, fail := range map[string]func(a *App){
		"beside the commands": func(a *App) { a.work("a test", func() { holding(a) }) },
		"in a command": func(a *App) {
			if err := a.Do(t.Context(), "fail", nil, nil); codeOf(err) != postern.CodeInternal {
				t.Errorf("it answered %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			views := make(chan View, 100)
			a := newOffline(t, new(vault.Memory))
			a.host.View = func(v View) { views <- v }
			if err := a.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(a.Stop)
			fail(a)
			last := uint64(0)
			for v := range views {
				if v.Revision <= last {
					t.Fatalf("revision %d follows %d", v.Revision, last)
				}
				last = v.Revision
				if v.Fault == nil {
					continue
				}
				if v.Fault.Code != postern.CodeInternal || v.Fault.Message == "" || v.Fault.Next == "" {
					t.Errorf("the fault is told as %+v", v.Fault)
				}
				break
			}
			if err := a.Do(t.Context(), CommandVisible, nil, nil); codeOf(err) != postern.CodeInternal {
				t.Errorf("a command after it answered %v", err)
			}
		})
	}
}

// TestFaultThatHoldsNothing: where nothing is stuck the app stays up, and says what happened.
func TestFaultThatHoldsNothing(t *testing.T) {
	a := newOffline(t, new(vault.Memory))
	views := make(chan View, 100)
	a.host.View = func(v View) { views <- v }
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	a.work("a test", func() { panic("a fault") })
	for v := range views {
		if v.Fault != nil {
			t.Fatal("the app stopped")
		}
		if v.Setup != nil && v.Setup.Problem != nil {
			break
		}
	}
	if err := a.Do(t.Context(), CommandVisible, nil, nil); err != nil {
		t.Errorf("a command after it answered %v", err)
	}
}

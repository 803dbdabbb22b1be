package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/workstation"
)

// Config is what an [App] stands on.
type Config struct {
	Host Host
	// Env is what the workstation stands on, but for its Keeper, which is the App.
	Env     workstation.Env
	Policy  Policy
	Version string // of the extension
	Browser string // name and version, for people: "Chrome 140"
	OS      string
}

// App is the extension. [App.Run] runs it; the other methods may be called from any goroutine.
type App struct {
	cfg  Config
	host Host
	now  func() time.Time
	log  *slog.Logger
	poke chan struct{} // reconcile: whether the proxy is attached may have to change
	turn chan struct{} // whoever holds its one token may ask a phone
	gone chan struct{} // departing: there is a control center to tell

	run    context.Context // set by Run before ready is closed
	ready  chan struct{}
	saving sync.Mutex

	mu        sync.Mutex
	kept      kept
	policy    Policy
	station   *workstation.Workstation
	stopped   chan struct{} // closed when the station's Run has returned
	stopRun   context.CancelFunc
	refused   *postern.Error // why the station's Run ended
	proxy     string
	setup     Setup
	pairing   *pairing
	open      map[int]*ceremony
	shown     *ceremony // what the window shows
	diagnosis []Diagnosis
	revision  uint64
	skew      time.Duration // how far the control center's clock is ahead, as last seen
	skewKnown bool
}

// kept is what survives the end of the browser.
type kept struct {
	Version     int                `json:"version"`
	Workstation *workstation.State `json:"workstation,omitempty"`
	Off         bool               `json:"off,omitempty"`         // the person does not want phones to be used
	Paused      time.Time          `json:"paused,omitzero"`       // until when the browser's own keys are used
	Integration string             `json:"integration,omitempty"` // as it was typed
	Left        []left             `json:"left,omitempty"`        // places that are given up and still to be told
}

const keptVersion = 1

// New returns an extension that does not run yet.
func New(cfg Config) *App {
	a := &App{
		cfg: cfg, host: cfg.Host, now: cfg.Env.Now, log: cfg.Env.Log, policy: cfg.Policy,
		poke: make(chan struct{}, 1), turn: make(chan struct{}, 1), gone: make(chan struct{}, 1), ready: make(chan struct{}),
		open: map[int]*ceremony{}, proxy: ProxyOff,
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Env.Transport != nil {
		a.cfg.Env.Transport = watched{cfg.Env.Transport, a}
	}
	a.cfg.Env.Keeper = keeper{a}
	a.cfg.Env.Now = a.now
	a.turn <- struct{}{}
	return a
}

// Run takes up what was kept, and runs until ctx ends. It is called once.
func (a *App) Run(ctx context.Context) error {
	data, err := a.host.Load(ctx)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	var k kept
	if len(data) > 0 {
		if err := json.Unmarshal(data, &k); err != nil || k.Version != keptVersion {
			// Nothing can be made of it, and nothing is lost but pairings, which are made again in a minute.
			a.log.Error("the state that was kept is damaged; starting anew", "version", k.Version)
			k = kept{}
		}
	}
	k.Version = keptVersion
	k.Left = slices.DeleteFunc(k.Left, func(l left) bool { return l.Workstation == nil })
	a.mu.Lock()
	a.kept, a.run = k, ctx
	a.mu.Unlock()
	if s := k.Workstation; s != nil && s.ID != "" {
		w, err := workstation.Open(s, a.cfg.Env)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		a.start(w)
	}
	close(a.ready)
	go a.departing(ctx)
	a.changed()
	a.reconciled(ctx)
	return ctx.Err()
}

// start runs a workstation beside the App.
func (a *App) start(w *workstation.Workstation) {
	ctx, cancel := context.WithCancel(a.run)
	stopped := make(chan struct{})
	a.mu.Lock()
	a.station, a.stopRun, a.stopped, a.refused = w, cancel, stopped, nil
	a.mu.Unlock()
	go func() {
		defer close(stopped)
		err := w.Run(ctx)
		if ctx.Err() == nil {
			a.log.Warn("the control center does not take this browser any more", "err", err)
			a.mu.Lock()
			if a.station == w {
				a.refused = postern.AsError(err)
			}
			a.mu.Unlock()
			a.changed()
		}
	}()
	go func() {
		for {
			next := w.Changed()
			a.changed()
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// changed tells the pages, and has the proxy looked at.
func (a *App) changed() {
	select {
	case a.poke <- struct{}{}:
	default:
	}
	a.show()
}

// SetPolicy takes a policy that has changed.
func (a *App) SetPolicy(p Policy) {
	a.mu.Lock()
	a.policy = p
	a.mu.Unlock()
	a.changed()
}

// keeper keeps the workstation's state within the App's.
type keeper struct{ a *App }

// Save implements [workstation.Keeper].
func (k keeper) Save(ctx context.Context, s *workstation.State) error {
	return k.a.keep(ctx, func(kept *kept) { kept.Workstation = s })
}

// keep changes what is kept.
func (a *App) keep(ctx context.Context, change func(*kept)) error {
	a.saving.Lock()
	defer a.saving.Unlock()
	a.mu.Lock()
	next := a.kept
	change(&next)
	a.mu.Unlock()
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := a.host.Save(ctx, data); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	a.mu.Lock()
	a.kept = next
	a.mu.Unlock()
	return nil
}

// wait waits until Run has taken up what was kept.
func (a *App) wait(ctx context.Context) error {
	select {
	case <-a.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enrolled gives the workstation, or says that there is none.
func (a *App) enrolled(ctx context.Context) (*workstation.Workstation, error) {
	if err := a.wait(ctx); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.station == nil {
		return nil, postern.Errorf(postern.CodeConflict, "This browser is not connected to a control center yet.").
			WithNext("Enter the address of your control center first.")
	}
	return a.station, nil
}

// problem turns an error into words for people.
func problem(err error) *Problem {
	if err == nil {
		return nil
	}
	var refusal *workstation.Refusal
	if errors.As(err, &refusal) {
		return &Problem{Code: "phone_refused", Message: refusal.Error()}
	}
	e := postern.AsError(err)
	return &Problem{Code: e.Code, Field: e.Field, Message: e.Message, Next: e.Next}
}

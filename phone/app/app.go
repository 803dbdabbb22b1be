package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/link"
	"github.com/postern/postern/phone/vault"
)

// Host is what the app stands on. All fields are needed.
type Host struct {
	Server   string // address of the control center, which is the app's own origin
	Platform string // what the app runs on, for people
	Version  string // of the app
	// Backing keeps the vault, and the app's own records beside it.
	Backing vault.Backing
	// Erase deletes everything the backing keeps, and whatever it encrypts it with.
	Erase     func(ctx context.Context) error
	Transport signed.Transport
	Dial      func(ctx context.Context, url string) (relay.Conn, error)
	Random    io.Reader
	Now       func() time.Time
	// View is told of every change, by one goroutine at a time. What it is given is its own.
	View func(View)
	Log  *slog.Logger
}

// App is the phone app. [App.Start] comes first; the other methods may be called at once.
type App struct {
	host    Host
	records records
	traffic *traffic

	ctx  context.Context // of everything that runs
	stop context.CancelFunc
	all  sync.WaitGroup

	dirty  chan struct{} // the view is to be shown anew
	unkept chan struct{} // the memory is to be written
	sync   chan struct{} // the control center is to be asked

	// phoneUse is held while the phone's own machine works: its methods may not be called at once.
	phoneUse sync.Mutex

	// showing is held while the host is told of a view. It guards revision.
	showing  sync.Mutex
	revision uint64
	faulty   atomic.Bool // the app has stopped for good

	mu        sync.Mutex
	identity  identity
	memory    memory
	vault     *vault.Vault
	kind      vault.Kind
	gate      vault.Gate
	phone     *phone.Phone // nil until enrolled
	link      *link.Link
	live      context.Context // of what an enrolled phone does
	retire    context.CancelFunc
	linkDone  context.CancelFunc
	enrolling bool
	setupFail *Problem
	held      []authenticator.Credential // what the vault holds
	damaged   []*vault.RecordError
	synced    time.Time
	refusal   *postern.Error // why the control center does not take this phone
	seats     map[postern.WorkstationID]*seat
	patience  map[postern.WorkstationID]*ceremony.Patience
	lease     lease
	approval  *approval
	code      *shownCode
	// codesTurn counts changes of codes made here; codesAsked is what it was when the control center was asked last.
	codesTurn  uint64
	codesAsked uint64
	asked      uint64
	offer      *offer
	signing    *signIn
	// signInOffer is the organisation whose users may set a phone up with a sign-in.
	signInOffer *postern.SignInOffer
	provides    context.CancelFunc // of the provisioning under way
	providing   bool
	pairing     *pairing
	diagnosis   []Diagnosis
	away        time.Time // since when the app is not on the screen; zero: it is
}

// New makes an app that does nothing yet.
func New(host Host) *App {
	a := &App{host: host, stop: func() {}, dirty: make(chan struct{}, 1), unkept: make(chan struct{}, 1), sync: make(chan struct{}, 1)}
	a.records.backing = host.Backing
	a.traffic = &traffic{Transport: host.Transport}
	a.clear()
	return a
}

func (a *App) clear() {
	a.identity, a.memory = identity{}, memory{}
	a.seats, a.patience = map[postern.WorkstationID]*seat{}, map[postern.WorkstationID]*ceremony.Patience{}
}

// Start reads what the phone holds and begins to work: the view follows, and with it the first start or the connection to
// the control center. Everything ends with ctx, or with [App.Stop].
func (a *App) Start(ctx context.Context) error {
	a.ctx, a.stop = context.WithCancel(ctx)
	a.all.Go(a.show)
	a.all.Go(a.keepMemory)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.load(ctx); err != nil {
		a.setupFail = problemOf(err)
		a.changed()
		return err
	}
	a.changed()
	if a.phone != nil {
		a.begin()
	}
	return nil
}

// Stop ends everything that runs, and wipes what can be wiped. After a fault that cannot be waited for.
func (a *App) Stop() {
	a.stop()
	if a.faulty.Load() {
		return
	}
	a.all.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hide()
	a.lock()
}

// load reads the records, and makes those that a first start needs. a.mu is held.
func (a *App) load(ctx context.Context) error {
	if err := a.records.read(ctx, identityName, &a.identity); err != nil {
		return err
	}
	if err := a.records.read(ctx, memoryName, &a.memory); err != nil {
		// What is only remembered may be lost: the control center tells again what matters.
		a.host.Log.Warn("what the app remembered cannot be read, and begins anew", "error", err)
		a.memory = memory{}
	}
	a.memory.bound()
	if len(a.identity.Salt) == 0 {
		a.identity.UserID, a.identity.Salt = make(postern.Bytes, 32), make(postern.Bytes, vault.SaltSize)
		for _, b := range [][]byte{a.identity.UserID, a.identity.Salt} {
			if _, err := io.ReadFull(a.host.Random, b); err != nil {
				return err
			}
		}
		if err := a.records.write(ctx, identityName, a.identity); err != nil {
			return err
		}
	}
	if a.identity.Phone == nil {
		return nil
	}
	return a.open(ctx)
}

// open finds the vault and the phone of an enrolled app. a.mu is held.
func (a *App) open(ctx context.Context) error {
	v, err := vault.Open(ctx, a.vaultConfig())
	if err != nil {
		return err
	}
	g, err := v.Gate(ctx)
	if err != nil {
		return err
	}
	a.vault, a.gate, a.kind = v, g, g.Kind
	state := new(phone.State)
	if data, err := json.Marshal(a.identity.Phone); err != nil {
		return err
	} else if err := json.Unmarshal(data, state); err != nil {
		return err
	}
	p, err := phone.Open(state, a.env())
	if err != nil {
		return err
	}
	a.phone = p
	a.sweepCodes(ctx)
	return a.look(ctx)
}

func (a *App) vaultConfig() vault.Config {
	return vault.Config{Backing: a.host.Backing, Random: a.host.Random, Now: a.host.Now}
}

func (a *App) env() phone.Env {
	return phone.Env{
		Keeper: (*keeper)(a), Passkeys: store{a.vault, a, provisioningOwner}, User: accepted{}, Random: a.host.Random, Now: a.host.Now,
		Transport: a.traffic,
	}
}

// begin has an enrolled phone connect and stay in step with the control center. a.mu is held.
func (a *App) begin() {
	a.live, a.retire = context.WithCancel(a.ctx)
	live := a.live
	a.work("keeping in step", func() { a.keepInStep(live) })
	a.connect()
}

// look reads which passkeys the vault holds. a.mu is held.
func (a *App) look(ctx context.Context) error {
	held, err := a.vault.List(ctx)
	a.damaged = nil
	if refused := (*vault.RecordError)(nil); errors.As(err, &refused) {
		if a.damaged, err = a.vault.Check(ctx); err != nil {
			return err
		}
		held = a.readable(ctx)
		err = nil
	}
	if err != nil {
		return err
	}
	a.held = held
	return nil
}

// readable keeps of the known passkeys those whose records are whole.
func (a *App) readable(ctx context.Context) (out []authenticator.Credential) {
	for _, c := range a.held {
		if again, err := a.vault.Get(ctx, c.RPIDHash, c.ID); err == nil {
			out = append(out, *again)
		}
	}
	return out
}

// work runs something beside the commands. A fault in it ends that and not the app: it is told, and what stands stays.
func (a *App) work(name string, f func()) {
	a.all.Go(func() {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			a.host.Log.Error("the app has a fault", "in", name, "kind", fmt.Sprintf("%T", r))
			a.suspect(a.broken)
		}()
		f()
	})
}

// changed has the view shown anew.
func (a *App) changed() {
	select {
	case a.dirty <- struct{}{}:
	default:
	}
}

// show tells the host of changes, of several at once where they come faster than it takes them.
func (a *App) show() {
	for {
		select {
		case <-a.dirty:
		case <-a.ctx.Done():
			return
		}
		a.present()
	}
}

// remember keeps the memory. a.mu is held. What cannot be kept is said, and known until the app is closed.
func (a *App) remember(ctx context.Context) error {
	a.changed()
	return a.records.write(context.WithoutCancel(ctx), memoryName, a.memory)
}

// remembered is remember where nobody waits for it: several changes at once are written once.
func (a *App) remembered() {
	a.changed()
	select {
	case a.unkept <- struct{}{}:
	default:
	}
}

// keepMemory writes what is to be remembered, and the last of it when everything ends.
func (a *App) keepMemory() {
	for open := true; open; {
		select {
		case <-a.unkept:
		case <-a.ctx.Done():
			open = false
		}
		a.mu.Lock()
		if a.phone != nil {
			if err := a.remember(a.ctx); err != nil {
				a.host.Log.Error("what happened could not be kept", "error", err)
			}
		}
		a.mu.Unlock()
	}
}

// keeper keeps the state of package phone as part of the identity.
type keeper App

// Save implements [phone.Keeper].
func (k *keeper) Save(ctx context.Context, s *phone.State) error {
	a := (*App)(k)
	a.mu.Lock()
	defer a.mu.Unlock()
	// The phone goes on with its own copy, which is not guarded by a.mu.
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	defer clear(data)
	kept := new(phone.State)
	if err := json.Unmarshal(data, kept); err != nil {
		return err
	}
	if a.phone == nil && !a.enrolling {
		return context.Canceled // it was forgotten meanwhile
	}
	a.identity.Phone = kept
	return a.records.write(ctx, identityName, a.identity)
}

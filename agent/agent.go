package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/join"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/agent/remote"
	"github.com/postern/postern/fido/authenticator/tpmseal"
	"github.com/postern/postern/link/channel"
	codes "github.com/postern/postern/link/offline"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/link/workstation"
)

// Config is what an agent stands on. Dir, Software and System are required; the zero value of the rest is this machine.
type Config struct {
	Dir      string // of the state; see [Agent.Close]
	Software string // name and version of the program, for people
	System   string // of the machine, for people
	// Socket is where keys are plugged in; nil: nowhere, for a command that only pairs.
	Socket Socket
	// InstallFiles are where the file of the installer may lie, the first that is there counts. See [Agent.Run].
	InstallFiles []string

	Transport signed.Transport
	Dial      func(ctx context.Context, url string) (relay.Conn, error)
	Join      func(context.Context) (join.Status, error)
	Remote    func() remote.Session
	TPM       func() (transport.TPMCloser, error)
	Random    io.Reader
	Now       func() time.Time
	Sleep     func(ctx context.Context, d time.Duration) error // before an enrolment, or plugging a key in, is tried again
	Log       *slog.Logger
}

func (c *Config) complete() {
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Transport == nil {
		c.Transport = signed.HTTP(nil)
	}
	if c.Dial == nil {
		c.Dial = websocket.Dial
	}
	if c.Join == nil {
		c.Join = join.Read
	}
	if c.Remote == nil {
		c.Remote = remote.Here
	}
	if c.TPM == nil {
		c.TPM = tpmseal.Device
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Agent is the workstation. Its methods may be called from any goroutine; those that reach for the control center need
// [Agent.Run] to be running.
type Agent struct {
	c     Config
	vault *vault
	shelf *offline.Shelf
	pairs pairs
	base  context.Context
	stop  context.CancelFunc

	mu      sync.Mutex
	w       *workstation.Workstation // nil: not enrolled
	keys    *ring                    // of w
	duty    *duty                    // of w
	enrol   bool                     // an enrolment is under way
	fatal   *Problem                 // why w was refused for good
	join    Join
	told    join.Status
	changed chan struct{}
	rest    rest
	new     chan struct{} // there is another w, or the work is to begin anew
	looks   chan struct{} // has one element when keys and passkeys are to be looked at anew
}

// New opens the state. It fails with [ErrRunning] where another process has it open.
func New(c Config) (*Agent, error) {
	c.complete()
	v, err := openVault(c.Dir, c.TPM, c.Log)
	if err != nil {
		return nil, err
	}
	a := &Agent{c: c, vault: v, changed: make(chan struct{}), new: make(chan struct{}, 1), looks: make(chan struct{}, 1), join: Join{State: postern.JoinNone}}
	a.shelf, err = offline.Open(offline.Env{
		Dir: c.Dir, TPM: c.TPM, Random: c.Random, Now: c.Now, Log: c.Log, Cost: codes.DefaultCost, Changed: func() { a.look(); a.notify() },
	})
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	a.base, a.stop = context.WithCancel(context.Background())
	a.pairs.changed = a.notify
	if state := v.read().Workstation; state != nil && state.ID != "" {
		w, err := workstation.Open(state, a.env())
		if err != nil {
			return nil, errors.Join(err, a.shelf.Close(), v.close())
		}
		a.set(w)
	}
	return a, nil
}

// Close ends what is under way and closes the state.
func (a *Agent) Close() error {
	a.pairs.putAway()
	a.stop()
	a.pairs.running.Wait()
	return errors.Join(a.shelf.Close(), a.vault.close())
}

func (a *Agent) env() workstation.Env {
	return workstation.Env{Keeper: a.vault, Transport: a.c.Transport, Dial: a.c.Dial, Random: a.c.Random, Now: a.c.Now, Log: a.c.Log}
}

// set takes another workstation, or none.
func (a *Agent) set(w *workstation.Workstation) {
	a.mu.Lock()
	a.w, a.keys, a.duty, a.fatal = w, nil, nil, nil
	if w != nil {
		a.duty = newDuty(w, a.shelf, a.c.Now, a.c.Log, a.notify, a.look)
	}
	if w != nil && a.c.Socket != nil {
		a.keys = newRing(a.c.Socket, w, a.c.Now, a.c.Sleep, a.c.Log, a.notify)
		a.keys.shelf, a.keys.signedIn = a.shelf, a.duty.signedInByPhone
	}
	a.mu.Unlock()
	select {
	case a.new <- struct{}{}:
	default:
	}
	a.notify()
}

// look has keys and passkeys looked at anew, soon.
func (a *Agent) look() {
	select {
	case a.looks <- struct{}{}:
	default:
	}
}

func (a *Agent) current() (*workstation.Workstation, *ring) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.w, a.keys
}

var errNotEnrolled = postern.Errorf(postern.CodeNotFound, "This workstation is not known to a control center yet.").
	WithNext("Run postern-agent enroll --server with the address of your control center.")

// enrolled gives the workstation, or the error for people that there is none.
func (a *Agent) enrolled() (*workstation.Workstation, error) {
	if w, _ := a.current(); w != nil {
		return w, nil
	}
	return nil, errNotEnrolled
}

// Changed is closed at the next change of [Agent.View]. Who asks for it before the view misses nothing.
func (a *Agent) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

func (a *Agent) notify() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.changed)
	a.changed = make(chan struct{})
}

// Enrolment is what a person says to make this workstation known.
type Enrolment struct {
	Server      string `json:"server"`
	Integration string `json:"integration,omitempty"` // identifier or application name; may be empty when there is only one
	Name        string `json:"name,omitempty"`        // empty: the machine's own

	InstallToken string `json:"install_token,omitempty"` // from the file beside the installer
}

// Enrol makes this workstation known to a control center.
func (a *Agent) Enrol(ctx context.Context, in Enrolment) error {
	a.mu.Lock()
	if a.w != nil || a.enrol {
		a.mu.Unlock()
		return postern.Errorf(postern.CodeConflict, "This workstation is enrolled already.").WithNext("Run postern-agent leave first to give it up.")
	}
	a.enrol = true
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.enrol = false
		a.mu.Unlock()
	}()
	status := a.readJoin(ctx)
	if in.Name == "" {
		in.Name = machineName(status)
	}
	about := postern.WorkstationUpdate{
		Name: channel.Label(in.Name), Software: a.c.Software, OS: a.c.System, JoinState: status.State, EnterpriseJoined: status.EnterpriseJoined,
	}
	w, err := workstation.Enrol(ctx, workstation.Enrolment{
		Server: in.Server, Integration: in.Integration, Name: about.Name, Kind: postern.WorkstationAgent, Software: about.Software, OS: about.OS,
		JoinState: about.JoinState, EnterpriseJoined: about.EnterpriseJoined,
		InstallToken: in.InstallToken, Begun: a.vault.read().Workstation,
	}, a.env())
	if err != nil {
		return err
	}
	if err := a.vault.write(func(c *content) { c.Told = &about }); err != nil {
		return err
	}
	a.set(w)
	return nil
}

// machineName is what the machine calls itself.
func machineName(s join.Status) string {
	name := s.DeviceName
	if name == "" {
		name, _ = os.Hostname()
	}
	if short, _, ok := strings.Cut(name, "."); ok && short != "" {
		name = short
	}
	if name == "" {
		name = "Workstation"
	}
	return name
}

// Leave gives the workstation up, at the control center too unless local is set, and forgets its keys.
func (a *Agent) Leave(ctx context.Context, local bool) error {
	w, err := a.enrolled()
	if err != nil {
		return err
	}
	if !local {
		if err := w.Leave(ctx); err != nil && !postern.IsCode(err, postern.CodeWorkstationRevoked) && !postern.IsCode(err, postern.CodeWorkstationUnknown) {
			return err
		}
	}
	a.pairs.putAway()
	if err := a.vault.write(func(c *content) { *c = content{} }); err != nil {
		return err
	}
	a.set(nil)
	for _, id := range a.shelf.Pairings() {
		err = errors.Join(err, a.shelf.Remove(id))
	}
	return err
}

// Rename gives the workstation another name.
func (a *Agent) Rename(ctx context.Context, name string) error {
	w, err := a.enrolled()
	if err != nil {
		return err
	}
	if name = channel.Label(name); name == "" {
		return postern.FieldErrorf("name", "The name is empty.").WithNext("Give a name of at most 64 characters.")
	}
	told := a.vault.read().Told
	if told == nil {
		told = &postern.WorkstationUpdate{}
	}
	next := a.about(*told)
	next.Name = name
	return a.tell(ctx, w, next)
}

// about is what the control center should know of this machine now.
func (a *Agent) about(before postern.WorkstationUpdate) postern.WorkstationUpdate {
	a.mu.Lock()
	status := a.told
	a.mu.Unlock()
	before.Software, before.OS = a.c.Software, a.c.System
	if status.State.Valid() {
		before.JoinState, before.EnterpriseJoined = status.State, status.EnterpriseJoined
	}
	return before
}

func (a *Agent) tell(ctx context.Context, w *workstation.Workstation, u postern.WorkstationUpdate) error {
	if err := w.Update(ctx, u); err != nil {
		return err
	}
	defer a.notify()
	return a.vault.write(func(c *content) { c.Told = &u })
}

// Pair opens a pairing, with a code to type or for a QR code. The rest shows in [View.Pairing].
func (a *Agent) Pair(ctx context.Context, typed bool) error {
	w, err := a.enrolled()
	if err != nil {
		return err
	}
	return a.pairs.begin(a.base, ctx, w, typed)
}

// Compared says whether phone and workstation show the same digits.
func (a *Agent) Compared(_ context.Context, same bool) error { return a.pairs.decide(same) }

// EndPairing ends the pairing that is under way, or puts away what is shown of the last one.
func (a *Agent) EndPairing(context.Context) error {
	a.pairs.putAway()
	return nil
}

// Unpair ends the pairing with a phone.
func (a *Agent) Unpair(ctx context.Context, id postern.PairingID) error {
	w, err := a.enrolled()
	if err != nil {
		return err
	}
	return w.Unpair(ctx, id)
}

// Refresh asks the control center how everything stands.
func (a *Agent) Refresh(ctx context.Context) error {
	w, err := a.enrolled()
	if err != nil {
		return err
	}
	return w.Refresh(ctx)
}

func isDeadline(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

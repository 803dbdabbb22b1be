package agent

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/link/workstation"
)

// OfflineStep is how far signing in offline has come for a phone.
type OfflineStep string

// The steps.
const (
	OfflineOffered     OfflineStep = "offered"     // it may be set up
	OfflineAsking      OfflineStep = "asking"      // control center and phone are asked
	OfflineRegistering OfflineStep = "registering" // the phone agreed; Entra is being told
	OfflineReady       OfflineStep = "ready"       // it is set up; Why says whether it can be used now
	OfflineBroken      OfflineStep = "broken"      // its file does not open
)

// Offline is signing in offline, for one phone.
type Offline struct {
	Step     OfflineStep       `json:"step"`
	Offered  bool              `json:"offered"` // the control center allows it, as last heard
	Standing *offline.Standing `json:"standing,omitempty"`
	Key      KeyState          `json:"key"` // of the offline key
	Serial   string            `json:"serial"`
	TryUntil *time.Time        `json:"try_until,omitempty"`
	Problem  *Problem          `json:"problem,omitempty"` // what went wrong last
	Why      *Problem          `json:"why,omitempty"`     // why it cannot be used now
	Next     string            `json:"next,omitempty"`    // what to do
}

// view is what is shown of a pairing, nil where there is nothing to show.
func (d *duty) view(p workstation.Phone) (*Offline, *Request) {
	key := d.shelf.Get(p.Pairing)
	if key == nil && (p.Offline == nil || !p.Offline.Settings.Enabled) {
		return nil, nil
	}
	v := &Offline{Step: OfflineOffered, Offered: p.Offline != nil && p.Offline.Settings.Enabled, Key: KeyOut, Serial: offlineSerial(p.Pairing)}
	d.mu.Lock()
	var asked *Request
	running := false
	if j := d.jobs[p.Pairing]; j != nil {
		v.Problem, running = j.problem, j.running
		if j.asked != (Request{}) {
			q := j.asked
			asked = &q
		}
	}
	d.mu.Unlock()
	if key == nil {
		if running {
			v.Step = OfflineAsking
		}
		v.Next = nextOffline(v)
		return v, asked
	}
	s := key.Standing()
	v.Standing = &s
	switch {
	case s.Broken != "":
		v.Step, v.Why = OfflineBroken, problemOf(s.Why)
	case s.Stage == offline.Active:
		v.Step = OfflineReady
		if s.Why != nil {
			v.Why = problemOf(s.Why)
		}
	case s.Stage == offline.Taken || s.Stage == offline.Made || s.Stage == offline.Told:
		v.Step = OfflineRegistering
	case running:
		v.Step = OfflineAsking
	}
	v.Next = nextOffline(v)
	return v, asked
}

// nextOffline is what to do, where no problem says it.
func nextOffline(v *Offline) string {
	switch {
	case v.Why != nil:
		return v.Why.Next
	case v.Step == OfflineOffered && v.Problem == nil:
		return "Have the app open on the phone, and press Set up."
	case v.Step == OfflineAsking:
		return "Look at the phone: it asks whether you want to sign in here without a network."
	case v.Step == OfflineRegistering:
		return "Wait: Entra is being told, which can take some minutes."
	case v.Step != OfflineReady || v.Standing == nil:
		return ""
	case v.TryUntil != nil:
		return "Lock Windows, choose Sign-in options and the security key, and type the code that the phone shows: Show a code, under Sign in without a network."
	case v.Standing.ProvenAt == nil:
		return "Try it once while there is a network: Windows lets nobody in offline with a key it has never seen online."
	case v.Standing.Left <= v.Standing.WarnAt:
		return "Few codes are left. Connect to the network with the app open on the phone; new ones are fetched by themselves."
	}
	return "Without a network choose the security key and type the code that the phone shows."
}

var errNoOffline = postern.Errorf(postern.CodeOfflineOff, "Signing in offline is not offered for this phone here.").
	WithNext("Ask your administrator to switch it on under Workstation Settings of the integration.")

// pairing finds the phone of a pairing.
func (a *Agent) pairing(id postern.PairingID) (*workstation.Workstation, *duty, workstation.Phone, error) {
	w, err := a.enrolled()
	if err != nil {
		return nil, nil, workstation.Phone{}, err
	}
	a.mu.Lock()
	d := a.duty
	a.mu.Unlock()
	for _, p := range w.Status().Phones {
		if p.Pairing == id && d != nil {
			return w, d, p, nil
		}
	}
	return nil, nil, workstation.Phone{}, postern.Errorf(postern.CodeNotFound, "There is no such pairing at this workstation.")
}

// IssueOffline has signing in offline set up with the phone of a pairing. What comes of it shows in [View].
func (a *Agent) IssueOffline(_ context.Context, id postern.PairingID) error {
	w, d, p, err := a.pairing(id)
	if err != nil {
		return err
	}
	switch key := d.shelf.Get(id); {
	case !w.Status().Connected:
		return postern.Errorf(postern.CodeUnavailable, "This computer is not connected to the control center.").WithNext("Connect to the network, then try again.")
	case p.Offline == nil || !p.Offline.Settings.Enabled:
		return errNoOffline
	case key != nil && key.Usable() != nil:
		return problemErr(key.Standing().Why)
	case key != nil && key.Stage() == offline.Active:
		return postern.Errorf(postern.CodeConflict, "Signing in offline is set up with this phone already.").WithNext("Remove it first to set it up anew.")
	case !p.Ready:
		return postern.Errorf(postern.CodeUnavailable, "The phone is not connected.").WithNext("Open the app on the phone, wait until it says that it is connected, then try again.")
	}
	d.want(id)
	return nil
}

func problemErr(e *postern.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// TryOffline puts the offline key of a pairing in the place of the phone's for ten minutes, so that Windows sees it once while
// there is a network.
func (a *Agent) TryOffline(_ context.Context, id postern.PairingID) error {
	_, d, _, err := a.pairing(id)
	if err != nil {
		return err
	}
	key := d.shelf.Get(id)
	if key == nil {
		return postern.Errorf(postern.CodeOfflineState, "Signing in offline is not set up with this phone.").WithNext("Set it up first.")
	}
	if why := key.Standing().Why; why != nil {
		return why
	}
	_, keys := a.current()
	if keys == nil {
		return postern.Errorf(postern.CodeUnavailable, "No key can be plugged in here.").WithNext("Start the service, or run postern-agent run.")
	}
	keys.try(id)
	a.look()
	return nil
}

// ForgetOffline takes signing in offline with the phone of a pairing away.
func (a *Agent) ForgetOffline(ctx context.Context, id postern.PairingID) error {
	_, d, p, err := a.pairing(id)
	if err != nil {
		return err
	}
	if err := d.forget(ctx, p); err != nil {
		return err
	}
	a.look()
	a.notify()
	return nil
}

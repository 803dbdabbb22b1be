package extension

import (
	"context"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/workstation"
)

// clockTolerance is how far the clocks may differ before it is told; see [postern.PhoneProofWindow].
const clockTolerance = time.Minute

// watched is a transport that looks at the clock of the control center.
type watched struct {
	signed.Transport
	a *App
}

// RoundTrip implements [signed.Transport].
func (w watched) RoundTrip(ctx context.Context, r signed.Request) (*signed.Response, error) {
	resp, err := w.Transport.RoundTrip(ctx, r)
	if err == nil && !resp.Date.IsZero() {
		skew := resp.Date.Sub(w.a.now())
		w.a.mu.Lock()
		w.a.skew, w.a.skewKnown = skew, true
		w.a.mu.Unlock()
	}
	return resp, err
}

// diagnose checks everything between the page and the phone, in the order in which a request passes it.
func (a *App) diagnose(ctx context.Context, online bool) error {
	if err := a.wait(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	w := a.station
	a.skewKnown = false
	a.mu.Unlock()
	var asked error
	if w != nil && online {
		asked = w.Refresh(ctx)
	}
	a.changed()
	a.mu.Lock()
	f := findings{proxy: a.proxy, online: online, enrolled: w != nil, asked: asked, refused: a.refused}
	if a.skewKnown {
		f.skew = a.skew
	}
	if w != nil {
		f.status = w.Status()
	}
	a.diagnosis = f.list()
	a.mu.Unlock()
	a.show()
	return nil
}

// findings is what the diagnosis looks at.
type findings struct {
	proxy    string
	online   bool
	enrolled bool
	asked    error
	refused  *postern.Error
	skew     time.Duration
	status   workstation.Status
}

func (f findings) list() []Diagnosis {
	list := []Diagnosis{f.browser(), f.network()}
	if !f.online {
		return list
	}
	list = append(list, f.clock())
	if !f.enrolled {
		return append(list, Diagnosis{Code: "enrolment", Message: "This browser is not connected to a control center.", Next: "Enter the address of your control center."})
	}
	return append(list, f.center(), f.relay(), f.integration(), f.phones())
}

func (f findings) browser() Diagnosis {
	switch f.proxy {
	case ProxyMissing:
		return Diagnosis{Code: "browser_too_old", Message: "This browser does not let the extension answer sign-ins.", Next: "Update the browser: Chrome or Edge 116 or newer is needed."}
	case ProxyHeld:
		return Diagnosis{Code: "proxy_held", Message: "Another extension answers the sign-ins of this browser.", Next: "Turn the other extension off, such as one for remote desktops, at chrome://extensions."}
	}
	return Diagnosis{Code: "browser", OK: true, Message: "The browser lets the extension answer sign-ins."}
}

func (f findings) network() Diagnosis {
	if !f.online {
		return Diagnosis{Code: "offline", Message: "This computer has no network.", Next: "Connect it to a network, then check again."}
	}
	return Diagnosis{Code: "network", OK: true, Message: "This computer has a network."}
}

func (f findings) clock() Diagnosis {
	if f.skew.Abs() > clockTolerance {
		return Diagnosis{
			Code: "clock_wrong", Next: "Set the computer's clock to automatic time.",
			Message: fmt.Sprintf("The clock of this computer and the control center's differ by %s.", f.skew.Abs().Round(time.Second)),
		}
	}
	return Diagnosis{Code: "clock", OK: true, Message: "The clock is right."}
}

func (f findings) center() Diagnosis {
	for _, err := range []error{asError(f.refused), f.asked} {
		if err != nil {
			p := problem(err)
			return Diagnosis{Code: "center_" + string(p.Code), Message: p.Message, Next: p.Next}
		}
	}
	return Diagnosis{Code: "center", OK: true, Message: "The control center knows this browser."}
}

// asError keeps a nil *Error from being an error that is not nil.
func asError(e *postern.Error) error {
	if e == nil {
		return nil
	}
	return e
}

func (f findings) relay() Diagnosis {
	if !f.status.Connected {
		return Diagnosis{
			Code: "relay_dead", Message: "The control center answers, but its link to the phones does not.",
			Next: "If a proxy or firewall is between, it has to let WebSockets through to " + f.status.Server + relay.Path + ".",
		}
	}
	return Diagnosis{Code: "relay", OK: true, Message: "The link to the phones is up."}
}

func (f findings) integration() Diagnosis {
	if n := f.status.Notice; n != nil {
		return Diagnosis{Code: string(n.Code), Message: n.Message, Next: n.Next}
	}
	return Diagnosis{Code: "integration", OK: true, Message: "Phones may be used here."}
}

func (f findings) phones() Diagnosis {
	if len(f.status.Phones) == 0 {
		return Diagnosis{Code: "no_phone_paired", Message: "No phone is paired with this browser.", Next: "Pair one."}
	}
	can := usable(f.status)
	if len(can) == 0 {
		n := f.status.Phones[0].Notice
		return Diagnosis{Code: string(n.Code), Message: n.Message, Next: n.Next}
	}
	for _, p := range can {
		if p.Presence != relay.Gone {
			return Diagnosis{Code: "phones", OK: true, Message: p.Name + " can be reached."}
		}
	}
	return Diagnosis{Code: "phone_absent", Message: "No paired phone can be reached now.", Next: "Open Postern on your phone, and see that it has a network."}
}

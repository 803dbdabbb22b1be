package extension

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/client/suffix"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/workstation"
)

// maxOpen is how many requests may be open. One is asked at a time; more than a few are a page that misbehaves.
const maxOpen = 8

// Why a ceremony ended before its time.
var (
	errPage     = errors.New("the page gave up")
	errPerson   = errors.New("cancelled in the window")
	errAnother  = errors.New("another way was chosen")
	errDetached = errors.New("phones are not used any more")
	errLeft     = errors.New("the browser was disconnected")
)

// phones is what a ceremony needs of a workstation.
type phones interface {
	Status() workstation.Status
	Changed() <-chan struct{}
	Request(ctx context.Context, phone postern.PhoneID, r workstation.Request) ([]byte, error)
}

// act is what a person does about an open request.
type act struct {
	phone postern.PhoneID // asks this one
	retry bool            // asks the same one again
}

// ceremony is an open request. Its view is guarded by App.mu.
type ceremony struct {
	*call
	view   Request
	cancel context.CancelCauseFunc
	acts   chan act
	over   chan struct{} // closed when the page has its answer
}

// ceremony opens a call. Its deadline is one for the page, the window and the phone, which counts whole seconds.
func (a *App) ceremony(id int, c *call) *ceremony {
	return &ceremony{call: c, acts: make(chan act, 1), over: make(chan struct{}), view: Request{
		ID: id, Kind: c.kind, Site: c.origin, RPID: c.rpID, Account: channel.Label(c.account),
		Step: RequestChecking, Deadline: a.now().Add(c.timeout).Truncate(time.Second),
	}}
}

// Begin takes a request of a page: requestDetailsJson as the browser gave it. It does not wait; the answer goes to
// [Host.Complete].
func (a *App) Begin(kind string, id int, details []byte) {
	go func() {
		<-a.ready
		a.begin(kind, id, details)
	}()
}

// Cancel ends a request that the browser has given up, because the page did or its time was over.
func (a *App) Cancel(id int) {
	go func() {
		<-a.ready
		_ = a.giveUp(id, errPage)
	}()
}

func (a *App) begin(kind string, id int, details []byte) {
	reject := func(err error) { a.complete(Answer{ID: id, Kind: kind, Error: domError(err)}) }
	c, err := parseCall(kind, details)
	if err != nil {
		a.log.Warn("a request was not understood", "kind", kind, "err", err)
		if !errors.Is(err, errNoOrigin) {
			err = &malformed{err}
		}
		reject(err)
		return
	}
	ceremony, began := a.ceremony(id, c), a.now()
	ctx, expire := context.WithTimeout(a.run, ceremony.view.Deadline.Sub(began))
	ctx, cancel := context.WithCancelCause(ctx)
	ceremony.cancel = cancel
	a.mu.Lock()
	station, allowed, full := a.station, a.policy.allows(c.rpID), len(a.open) >= maxOpen || a.open[id] != nil
	if !full {
		a.open[id] = ceremony
	}
	a.mu.Unlock()
	switch {
	case full:
		err = errors.New("too many requests are open")
	case station == nil:
		err = errDetached
	case !allowed:
		err = errForeign
	}
	if full {
		expire()
		reject(err)
		return
	}
	defer expire()
	defer cancel(nil)
	var response []byte
	if err == nil {
		response, err = a.queued(ctx, station, ceremony)
	}
	a.finish(ceremony, response, err)
}

// queued waits for the request's turn and has it answered.
func (a *App) queued(ctx context.Context, p phones, c *ceremony) ([]byte, error) {
	a.show()
	select {
	case <-a.turn:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { a.turn <- struct{}{} }()
	a.mu.Lock()
	a.shown = c
	a.mu.Unlock()
	a.show()
	a.window(true)
	return a.hold(ctx, p, c)
}

// hold asks a phone, and again for as long as that may help, the person wants it, and the page waits.
func (a *App) hold(ctx context.Context, p phones, c *ceremony) ([]byte, error) {
	phone, err := a.pick(ctx, p, c)
	for {
		if err != nil {
			return nil, err
		}
		var response []byte
		response, err = a.perform(ctx, p, c, phone)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		several := len(usable(p.Status())) > 1
		if err == nil || !again(err, several) {
			return response, err
		}
		a.step(c, func(v *Request) { v.Step, v.Digits, v.Problem = RequestFailed, "", wordsFor(err) })
		select {
		case do := <-c.acts:
			if do.phone != "" {
				phone = do.phone
			}
			err = nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// pick finds the phone to ask. One that is there is asked before one that is not; of several that are alike, the person
// says which.
func (a *App) pick(ctx context.Context, p phones, c *ceremony) (postern.PhoneID, error) {
	for {
		next := p.Changed()
		status := p.Status()
		known := usable(status)
		var present []workstation.Phone
		for _, phone := range known {
			if phone.Presence != relay.Gone {
				present = append(present, phone)
			}
		}
		switch {
		case len(known) == 0:
			if err := barred(status); err != nil {
				return "", err
			}
			return "", errNoPhone
		case len(present) == 1:
			return present[0].ID, nil
		case len(known) == 1:
			return known[0].ID, nil
		}
		a.step(c, func(v *Request) { v.Step = RequestChoose })
		select {
		case do := <-c.acts:
			if do.phone != "" {
				return do.phone, nil
			}
		case <-next:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// perform holds the ceremony with one phone.
func (a *App) perform(ctx context.Context, p phones, c *ceremony, phone postern.PhoneID) ([]byte, error) {
	a.step(c, func(v *Request) {
		v.Step, v.Phone, v.Digits, v.Problem, v.Silent = RequestChecking, phone, "", nil, false
	})
	platform := &client.Client{
		Random:      a.cfg.Env.Random,
		CrossOrigin: c.crossOrigin,
		Registrable: suffix.Registrable,
		Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
			return a.ask(ctx, p, c, phone, request)
		}),
	}
	var made json.Marshaler
	var err error
	if c.kind == KindCreate {
		made, err = platform.Create(ctx, c.create, c.origin)
	} else {
		made, err = platform.Get(ctx, c.get, c.origin)
	}
	if err != nil {
		return nil, err
	}
	return made.MarshalJSON()
}

// ask sends one CTAP message to the phone and shows how it goes.
func (a *App) ask(ctx context.Context, p phones, c *ceremony, phone postern.PhoneID, request []byte) ([]byte, error) {
	// The phone shows a number with everything it asks its user; what a key can do it tells without.
	shown := len(request) > 0 && ctap.Command(request[0]) != ctap.GetInfo
	defer a.step(c, func(v *Request) { v.Step, v.Digits, v.Silent = RequestChecking, "", false })
	return p.Request(ctx, phone, workstation.Request{
		CTAP: request, Program: channel.Label(a.cfg.Browser + ", " + c.rpID), Deadline: c.view.Deadline,
		Waking: func() { a.step(c, func(v *Request) { v.Step = RequestWaking }) },
		Asked: func(number string) {
			if shown {
				a.step(c, func(v *Request) { v.Step, v.Digits = RequestChecking, number })
			}
		},
		Waiting: func(s channel.Status) {
			a.step(c, func(v *Request) {
				if v.Silent = false; s == channel.StatusUPNeeded {
					v.Step = RequestWaiting
				}
			})
		},
		Silent: func() { a.step(c, func(v *Request) { v.Silent = true }) },
	})
}

func (a *App) step(c *ceremony, change func(*Request)) {
	a.mu.Lock()
	change(&c.view)
	a.mu.Unlock()
	a.show()
}

// finish gives the page its answer, and the person the reason where there is one to give.
func (a *App) finish(c *ceremony, response []byte, err error) {
	answer := Answer{ID: c.view.ID, Kind: c.kind, Response: response}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = errLate
		}
		answer = Answer{ID: c.view.ID, Kind: c.kind, Error: domError(err)}
	}
	if !errors.Is(err, errPage) { // the browser takes no answer any more
		a.complete(answer)
	}
	close(c.over)
	keepShown := err != nil && !silent(err)
	paused := errors.Is(err, errAnother)
	if errors.Is(err, errForeign) {
		paused = a.fallsBack()
		keepShown = true
	}
	a.mu.Lock()
	delete(a.open, c.view.ID)
	c.view.Step, c.view.Digits, c.view.Paused, c.view.Problem = RequestOver, "", paused, wordsFor(err)
	switch {
	case keepShown && (a.shown == nil || a.shown == c || a.shown.view.Step == RequestOver):
		a.shown = c
	case a.shown == c:
		a.shown = nil
	}
	window, over := a.shown == c, a.shown == nil
	a.mu.Unlock()
	if paused {
		if err := a.pause(a.run); err != nil {
			a.log.Error("the pause was not kept", "err", err)
		}
	}
	a.show()
	if window || over {
		a.window(window)
	}
}

// window opens or closes the window, without waiting for it: a phone is asked also where it does not open.
func (a *App) window(open bool) {
	go func() {
		if err := a.host.Window(a.run, open); err != nil {
			a.log.Warn("the window did not follow", "err", err)
		}
	}()
}

func (a *App) fallsBack() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.policy.mayFallBack()
}

func (a *App) complete(answer Answer) {
	if err := a.host.Complete(a.run, answer); err != nil {
		a.log.Warn("the browser did not take an answer", "kind", answer.Kind, "err", err)
	}
}

// act hands on what a person did about a request.
func (a *App) act(id int, do act) error {
	a.mu.Lock()
	c := a.open[id]
	a.mu.Unlock()
	if c == nil {
		return errNotOpen()
	}
	select {
	case c.acts <- do:
	default: // one is on its way already
	}
	return nil
}

// giveUp ends a request, or puts away one that is over.
func (a *App) giveUp(id int, why error) error {
	a.mu.Lock()
	c := a.open[id]
	seen := c == nil && a.shown != nil && a.shown.view.ID == id
	if seen {
		a.shown = nil
	}
	a.mu.Unlock()
	if c != nil {
		c.cancel(why)
		return nil
	}
	a.show()
	if seen {
		a.window(false)
	}
	return nil
}

// another turns to the browser's own keys for a while.
func (a *App) another(ctx context.Context, id int) error {
	if err := a.wait(ctx); err != nil {
		return err
	}
	if !a.fallsBack() {
		return postern.Errorf(postern.CodeForbidden, "Your organisation wants sign-ins in this browser to use the phone.").
			WithNext("Use your phone, or ask your help desk.")
	}
	return a.giveUp(id, errAnother)
}

// endAll ends all requests, and waits until the pages have their answers.
func (a *App) endAll(ctx context.Context, why error) {
	a.mu.Lock()
	open := slices.Collect(maps.Values(a.open))
	a.mu.Unlock()
	for _, c := range open {
		c.cancel(why)
	}
	for _, c := range open {
		select {
		case <-c.over:
		case <-ctx.Done():
		}
	}
}

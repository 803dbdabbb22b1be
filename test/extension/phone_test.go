package extension

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/phone"
	phonelink "github.com/postern/postern/phone/link"
)

// handset is a phone: enrolled at the control center, with an authenticator, and a user who does as told.
type handset struct {
	*testing.T
	phone *phone.Phone
	link  *phonelink.Link
	stop  context.CancelFunc
	gone  chan struct{}

	mu      sync.Mutex
	all     []phonelink.Workstation
	decide  func(ctx context.Context, number string) error // what the user does when asked; nil accepts
	number  string
	last    time.Time   // the deadline of what is asked
	compare chan string // digits at a pairing

	withdrawn chan struct{} // an element for each question that was taken back
}

type keeper struct{}

func (keeper) Save(context.Context, *phone.State) error { return nil }

// handset enrols a phone of another user than the one before.
func (w *world) handset(name string) *handset {
	w.Helper()
	u := w.tenant.Users[w.invited]
	w.invited++
	made, err := w.admin.InviteUser(w.Context(), w.integration.ID, postern.InvitationInput{User: u.ID})
	if err != nil {
		w.Fatal(err)
	}
	h := &handset{T: w.T, compare: make(chan string, 1), withdrawn: make(chan struct{}, 8)}
	passkeys := memory.New(0)
	h.phone, _, err = phone.Enrol(w.Context(), phone.Enrolment{Server: w.server, Code: made.Code, Name: name, Assurance: postern.AssuranceFile}, phone.Env{
		Keeper: keeper{}, Passkeys: passkeys, User: h, Random: rand.Reader, Now: time.Now, Transport: signed.HTTP(http.DefaultClient),
	})
	if err != nil {
		w.Fatal(err)
	}
	key, err := channel.GenerateStatic(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	public := key.Public()
	if err := h.phone.API.Call(w.Context(), http.MethodPut, "/self/link-key", nil, postern.LinkKeyInput{LinkKey: public[:]}, nil); err != nil {
		w.Fatal(err)
	}
	device, err := authenticator.New(authenticator.Config{
		AAGUID: phone.AAGUID, Store: passkeys, User: h, Random: rand.Reader, Now: time.Now,
		Algorithms: []ctap.Algorithm{ctap.ES256}, Transports: []string{"usb"}, FirmwareVersion: 1,
	})
	if err != nil {
		w.Fatal(err)
	}
	cfg := phonelink.Config{
		API: h.phone.API.Caller, Integration: w.integration.ID, Key: key,
		Self: channel.Device{Name: name, ID: string(h.phone.State.ID), Software: "Test phone"},
		Dial: websocket.Dial, Random: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Handle: func(ctx context.Context, r *phonelink.Request) phonelink.Answer {
			h.mu.Lock()
			h.number, h.last = r.Number, r.Deadline
			h.mu.Unlock()
			r.Waiting(true)
			answer := device.Handle(ctx, r.CTAP)
			return phonelink.Answer{CTAP: answer}
		},
	}
	h.link = phonelink.New(cfg)
	h.connect()
	w.Cleanup(h.disconnect)
	return h
}

func (h *handset) connect() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop, h.gone = stop, make(chan struct{})
	gone, l := h.gone, h.link
	go func() {
		defer close(gone)
		_ = l.Run(ctx)
	}()
}

func (h *handset) disconnect() {
	h.stop()
	<-h.gone
}

// onAsk sets what the user does when asked.
func (h *handset) onAsk(decide func(ctx context.Context, number string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.decide = decide
}

// until is the deadline of what was asked last.
func (h *handset) until() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// hold has the user look at what is asked, which is sent as its number, and wait to be told what to do.
func (h *handset) hold() (asked chan string, let chan error) {
	asked, let = make(chan string), make(chan error)
	h.onAsk(func(ctx context.Context, number string) error {
		select {
		case asked <- number:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-let:
			return err
		case <-ctx.Done():
			h.withdrawn <- struct{}{}
			return ctx.Err()
		}
	})
	return asked, let
}

func (h *handset) ask(ctx context.Context) error {
	h.mu.Lock()
	decide, number := h.decide, h.number
	h.mu.Unlock()
	if decide == nil {
		return ctx.Err()
	}
	return decide(ctx, number)
}

// Verification implements [authenticator.User].
func (h *handset) Verification() authenticator.Verification { return authenticator.VerificationReady }

// Present implements [authenticator.User].
func (h *handset) Present(ctx context.Context, _ authenticator.Prompt) error { return h.ask(ctx) }

// Verify implements [authenticator.User].
func (h *handset) Verify(ctx context.Context, _ authenticator.Prompt) error { return h.ask(ctx) }

// person pairs.
type person struct {
	h    *handset
	same chan bool
}

func (p person) Joined(phonelink.Candidate) {}

func (p person) Compare(ctx context.Context, c phonelink.Candidate) error {
	p.h.compare <- c.Digits
	select {
	case same := <-p.same:
		if same {
			return nil
		}
		return phonelink.ErrDifferent
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p person) Keep(_ context.Context, c phonelink.Candidate) error {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	p.h.all = append(p.h.all, c.Workstation)
	return nil
}

// join begins to pair by a code that was typed or scanned. The user answers on same; what came of it is sent.
func (h *handset) join(text string) (same chan bool, done chan error) {
	same, done = make(chan bool, 1), make(chan error, 1)
	go func() {
		_, err := h.link.Pair(h.Context(), text, person{h, same})
		h.mu.Lock()
		all := h.all
		h.mu.Unlock()
		h.link.SetWorkstations(all)
		done <- err
	}()
	return same, done
}

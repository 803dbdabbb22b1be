// Package authtest gives tests an authenticator with a user who does as
// scripted and a clock that moves when told.
package authtest

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// AAGUID is the model of authenticators made here.
var AAGUID = ctap.AAGUID{0xA0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// User is a scripted user. The zero value can verify and agrees to everything.
type User struct {
	// State is what Verification gives; nil means ready.
	State *authenticator.Verification
	// Answer decides each question; nil agrees. Verify tells which kind it is.
	Answer func(ctx context.Context, p authenticator.Prompt, verify bool) error

	mu    sync.Mutex
	asked []Question
}

// Question is a prompt a [User] has seen.
type Question struct {
	authenticator.Prompt
	Verify bool
}

// Verification implements [authenticator.User].
func (u *User) Verification() authenticator.Verification {
	if u.State == nil {
		return authenticator.VerificationReady
	}
	return *u.State
}

// Present implements [authenticator.User].
func (u *User) Present(ctx context.Context, p authenticator.Prompt) error {
	return u.ask(ctx, p, false)
}

// Verify implements [authenticator.User].
func (u *User) Verify(ctx context.Context, p authenticator.Prompt) error { return u.ask(ctx, p, true) }

func (u *User) ask(ctx context.Context, p authenticator.Prompt, verify bool) error {
	u.mu.Lock()
	u.asked = append(u.asked, Question{p, verify})
	u.mu.Unlock()
	if u.Answer == nil {
		return nil
	}
	return u.Answer(ctx, p, verify)
}

// Refuse answers every question with err.
func Refuse(err error) func(context.Context, authenticator.Prompt, bool) error {
	return func(context.Context, authenticator.Prompt, bool) error { return err }
}

// Asked gives the questions since the last call.
func (u *User) Asked() []Question {
	u.mu.Lock()
	defer u.mu.Unlock()
	asked := u.asked
	u.asked = nil
	return asked
}

// Clock is a clock that stands still.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock starts a clock at a fixed time.
func NewClock() *Clock { return &Clock{t: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)} }

// Now gives the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// Device is an authenticator and everything around it.
type Device struct {
	*authenticator.Authenticator
	User  *User
	Clock *Clock
	Store *memory.Store
}

// WithPIN lets a device have a client PIN.
func WithPIN(c *authenticator.Config) { c.PIN = true }

// WithoutVerification takes built-in user verification from a device.
func WithoutVerification(c *authenticator.Config) {
	none := authenticator.VerificationNone
	c.User.(*User).State = &none
}

// New makes a device whose user can verify. Changes are applied to the config
// before it is used.
func New(t testing.TB, changes ...func(*authenticator.Config)) *Device {
	t.Helper()
	d := &Device{User: new(User), Clock: NewClock(), Store: memory.New(0)}
	c := authenticator.Config{
		AAGUID: AAGUID, Store: d.Store, User: d.User, Random: rand.Reader, Now: d.Clock.Now, Transports: []string{"usb"},
	}
	for _, change := range changes {
		change(&c)
	}
	a, err := authenticator.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d.Authenticator = a
	return d
}

// CBOR carries a message; it makes a Device a channel of a client platform.
func (d *Device) CBOR(ctx context.Context, request []byte) ([]byte, error) {
	return d.Handle(ctx, request), nil
}

// SetPIN sets the first PIN of a device made [WithPIN].
func (d *Device) SetPIN(t testing.TB, pin string) {
	t.Helper()
	protocol := pinuvauth.Two
	asked, err := d.clientPIN(&ctap.ClientPINRequest{Protocol: &protocol, Subcommand: ctap.GetKeyAgreement})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ctap.DecodeKeyAgreement(asked.KeyAgreement)
	if err != nil {
		t.Fatal(err)
	}
	own, err := pinuvauth.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := pinuvauth.Agree(protocol, own, peer)
	if err != nil {
		t.Fatal(err)
	}
	r := &ctap.ClientPINRequest{Protocol: &protocol, Subcommand: ctap.SetPIN}
	if r.KeyAgreement, err = ctap.EncodeKeyAgreement(own.PublicKey()); err != nil {
		t.Fatal(err)
	}
	padded := make([]byte, 64)
	copy(padded, pin)
	if r.NewPINEnc, err = secret.Encrypt(rand.Reader, padded); err != nil {
		t.Fatal(err)
	}
	r.AuthParam = secret.Authenticate(r.NewPINEnc)
	if _, err := d.clientPIN(r); err != nil {
		t.Fatalf("set the PIN: %v", err)
	}
}

func (d *Device) clientPIN(r *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	request, err := r.Encode()
	if err != nil {
		return nil, err
	}
	result, err := ctap.SplitResponse(d.Handle(context.Background(), request))
	if err != nil {
		return nil, err
	}
	return ctap.DecodeClientPINResponse(result)
}

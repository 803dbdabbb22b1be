package phone_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone"
)

// world is a control center and an emulated tenant, both the real programs, listening on loopback.
type world struct {
	*testing.T
	tenant      *entrasim.Running
	admin       *postern.Client
	integration postern.Integration
	server      string
	invited     int
}

func newWorld(t *testing.T, attestation postern.AttestationMode) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	tenant, err := entrasim.Listen(ctx, entrasim.Config{Users: 100, Seed: 1, CAFile: caFile, Levers: &levers})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := center.Config{
		Data: dir, Listen: l.Addr().String(), PublicURL: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port),
		Entra: center.EntraConfig{Authority: tenant.AuthorityURL, Graph: tenant.GraphURL, CAFile: caFile},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	s, err := center.New(ctx, config, center.Options{
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Statement: phone.Statement,
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, s.Close(), tenant.Close()); err != nil {
			t.Error(err)
		}
	})
	token, err := s.Auth.CreateToken(ctx, postern.APITokenInput{Name: "test", Scopes: postern.Permissions, ValidDays: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, tenant: tenant, server: config.PublicURL, admin: &postern.Client{BaseURL: config.PublicURL, Token: token.Value}}
	w.integration, err = w.admin.AddIntegration(ctx, postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: tenant.TenantID, ClientID: tenant.ClientID, ClientSecret: tenant.ClientSecret,
		AllowLowAssurance: true, Attestation: attestation,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.integration, err = w.admin.SetIntegrationState(ctx, w.integration.ID, postern.StateInput{Version: w.integration.Version, State: postern.StateEnabled})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// invite invites an ordinary user, another one than the time before, and gives the code.
func (w *world) invite() postern.InvitationCreated {
	w.Helper()
	u := w.tenant.Users[w.invited%len(w.tenant.Users)]
	w.invited++
	made, err := w.admin.InviteUser(w.Context(), w.integration.ID, postern.InvitationInput{User: u.ID})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// passkeysOf lists the passkeys that Postern has on record for a phone.
func (w *world) passkeysOf(p *phone.Phone, user postern.UserID) []postern.Passkey {
	w.Helper()
	all, err := w.admin.Passkeys(w.Context(), user)
	if err != nil {
		w.Fatal(err)
	}
	return slices.DeleteFunc(all, func(k postern.Passkey) bool { return k.PhoneID != p.State.ID })
}

var errCrash = errors.New("the process died here")

// device is what of a phone outlives its process, and the switches of what goes wrong.
type device struct {
	w        *world
	saved    []byte
	passkeys *memory.Store
	user     *authtest.User
	clock    func() time.Time

	// fail, when set, is asked before and after every call and every save.
	fail func(when string) error
}

func (w *world) device() *device {
	return &device{w: w, passkeys: memory.New(0), user: new(authtest.User), clock: time.Now}
}

func (d *device) at(when string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(when)
}

// Save implements [phone.Keeper].
func (d *device) Save(_ context.Context, s *phone.State) error {
	if err := d.at("before a save"); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	d.saved = data
	return d.at("after a save")
}

// RoundTrip implements [http.RoundTripper].
func (d *device) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := d.at("before a call"); err != nil {
		return nil, err
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := d.at("after a call"); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp, nil
}

func (d *device) env() phone.Env {
	return phone.Env{
		Keeper: d, Passkeys: d.passkeys, User: d.user, Random: rand.Reader, Now: d.clock, Transport: signed.HTTP(&http.Client{Transport: d}),
	}
}

func (d *device) enrol(code string) *phone.Phone {
	d.w.Helper()
	p, _, err := phone.Enrol(d.w.Context(), phone.Enrolment{Server: d.w.server, Code: code, Name: "Test phone", Assurance: postern.AssuranceFile}, d.env())
	if err != nil {
		d.w.Fatal(err)
	}
	return p
}

// restart gives the phone as a new process finds it.
func (d *device) restart() *phone.Phone {
	d.w.Helper()
	var s phone.State
	if err := json.Unmarshal(d.saved, &s); err != nil {
		d.w.Fatal(err)
	}
	p, err := phone.Open(&s, d.env())
	if err != nil {
		d.w.Fatal(err)
	}
	return p
}

func (d *device) credentials() []authenticator.Credential {
	d.w.Helper()
	all, err := d.passkeys.List(d.w.Context())
	if err != nil {
		d.w.Fatal(err)
	}
	return all
}

// patient waits longer than anything here takes.
var patient = phone.Provisioning{OfferWait: time.Minute, Wait: time.Minute}

func (d *device) provision(p *phone.Phone) postern.Provisioning {
	d.w.Helper()
	r, err := p.Provision(d.w.Context(), patient)
	if err != nil {
		d.w.Fatal(err)
	}
	return r
}

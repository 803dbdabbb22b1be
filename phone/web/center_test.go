package web_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/browser"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/link/workstation"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/web"
)

// world is a real control center that serves the app, with an emulated tenant behind it.
type world struct {
	*testing.T
	server      string
	tenant      *entrasim.Running
	admin       *postern.Client
	integration postern.Integration
	newer       atomic.Bool // a newer version of the app is served
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t}
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	var err error
	if w.tenant, err = entrasim.Listen(ctx, entrasim.Config{Users: 20, Seed: 1, CAFile: caFile, Levers: &levers}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := center.Config{
		Data: dir, Listen: l.Addr().String(), PublicURL: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port),
		Entra: center.EntraConfig{Authority: w.tenant.AuthorityURL, Graph: w.tenant.GraphURL, CAFile: caFile},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	s, err := center.New(ctx, config, center.Options{
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})), Statement: phone.Statement, App: w.app(handler(t, web.Options{})),
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, s.Close(), w.tenant.Close()); err != nil {
			t.Error(err)
		}
	})
	token, err := s.Auth.CreateToken(ctx, postern.APITokenInput{Name: "test", Scopes: postern.Permissions, ValidDays: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.server, w.admin = config.PublicURL, &postern.Client{BaseURL: config.PublicURL, Token: token.Value}
	if w.integration, err = w.admin.AddIntegration(ctx, w.input()); err != nil {
		t.Fatal(err)
	}
	if w.integration, err = w.admin.SetIntegrationState(ctx, w.integration.ID, postern.StateInput{Version: w.integration.Version, State: postern.StateEnabled}); err != nil {
		t.Fatal(err)
	}
	// The app is what is tested here: nobody offers a passkey in between.
	w.integration.Flags[postern.FlagProvisionAPI] = false
	if w.integration, err = w.admin.SetIntegrationFlags(ctx, w.integration.ID, postern.FlagsInput{Version: w.integration.Version, Flags: w.integration.Flags}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) input() postern.IntegrationInput {
	return postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, ClientSecret: w.tenant.ClientSecret, Attestation: postern.AttestationPacked,
	}
}

// app serves a newer version once there is one.
func (w *world) app(app http.Handler) http.Handler { return newer(app, &w.newer) }

func newer(app http.Handler, is *atomic.Bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !is.Load() || r.URL.Path != "/app/sw.js" {
			app.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Accept-Encoding")
		r.Header.Del("If-None-Match")
		was := httptest.NewRecorder()
		app.ServeHTTP(was, r)
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(strings.Replace(was.Body.String(), `const version = "`, `const version = "newer`, 1)))
	})
}

// begin fills in the first start.
func (w *world) begin(b *browser.Tab) {
	w.Helper()
	invited, err := w.admin.InviteUser(w.Context(), w.integration.ID, postern.InvitationInput{User: w.tenant.Users[0].ID})
	if err != nil {
		w.Fatal(err)
	}
	b.Open(w.server + "/app/")
	b.Press("Begin")
	b.Set("[name=code]", invited.Code)
	b.Press("Set up")
}

// TestLowerAssurance: a phone whose screen lock gives no key is refused with a sentence that says so, unless the integration
// takes such phones; and then the app says what it is.
func TestLowerAssurance(t *testing.T) {
	w := newWorld(t)
	b := browser.Open(t, chromedp.Flag("lang", "en-US"))
	b.AddGateWithoutPRF()
	hold(t, b, "light", 390, 844)
	w.begin(b)
	b.See("This phone cannot protect the passkey with its own biometric")
	b.Screenshot("phone/refused for lower assurance")
	in := w.input()
	in.Version, in.AllowLowAssurance = w.integration.Version, true
	if _, err := w.admin.UpdateIntegration(t.Context(), w.integration.ID, in); err != nil {
		t.Fatal(err)
	}
	b.Press("Set up")
	b.See("My Security Keys")
	b.Click("[data-to=settings]")
	b.Click("[data-to=about]")
	b.See("Lower: this browser cannot bind keys to the screen lock")
}

// nothing keeps nothing: the computer of these tests is never started again.
type nothing struct{}

func (nothing) Save(context.Context, *workstation.State) error { return nil }

// asks has the computer ask whether somebody is there, and gives what answers.
func asks(computer func([]byte) func() ([]byte, error)) func() func() ([]byte, error) {
	return func() func() ([]byte, error) { return computer([]byte{byte(ctap.Selection)}) }
}

// computer is a workstation that runs, and has the phone that b shows paired by typing. It sends a request to the phone, and
// gives what answers.
func (w *world) computer(b *browser.Tab) func(request []byte) func() ([]byte, error) {
	w.Helper()
	made, err := workstation.Enrol(w.Context(), workstation.Enrolment{
		Server: w.server, Name: "LAPTOP-1", Kind: postern.WorkstationExtension, Software: "test", OS: "Test OS", JoinState: postern.JoinEntra,
	}, workstation.Env{Keeper: nothing{}, Transport: signed.HTTP(nil), Dial: websocket.Dial, Random: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = made.Run(ctx) })
	w.Cleanup(func() { cancel(); done.Wait() })
	await := func(what string, there func(workstation.Status) bool) {
		late := time.NewTimer(time.Minute)
		defer late.Stop()
		for {
			changed := made.Changed()
			if there(made.Status()) {
				return
			}
			select {
			case <-changed:
			case <-late.C:
				w.Fatalf("the computer never got to %s: %+v", what, made.Status())
			}
		}
	}
	await("the relay", func(s workstation.Status) bool { return s.Connected })
	p, err := made.Pair(w.Context(), true)
	if err != nil {
		w.Fatal(err)
	}
	defer p.Close()
	b.Press("Connect a computer")
	b.Press("Type the code instead")
	b.Set("[name=text]", p.Code())
	b.Press("Continue")
	candidate, err := p.Wait(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	b.Until("the digits", `document.querySelector(".digits [aria-hidden]")?.textContent === "`+candidate.Digits+`"`)
	confirmed := make(chan error, 1)
	go func() { confirmed <- p.Confirm(w.Context()) }()
	b.Press("They are the same")
	if err := <-confirmed; err != nil {
		w.Fatal(err)
	}
	b.Press("Done")
	return func(request []byte) func() ([]byte, error) {
		var id postern.PhoneID
		await("a session", func(s workstation.Status) bool {
			for _, p := range s.Phones {
				if p.Ready {
					id = p.ID
				}
			}
			return id != ""
		})
		type answer struct {
			ctap []byte
			err  error
		}
		answered := make(chan answer, 1)
		go func() {
			ctap, err := made.Request(ctx, id, workstation.Request{CTAP: request, Program: "Test browser", Deadline: time.Now().Add(time.Minute)})
			answered <- answer{ctap, err}
		}()
		return func() ([]byte, error) { a := <-answered; return a.ctap, a.err }
	}
}

// TestWhileARequestIsOpen: an update waits for it, another window that takes over ends it, and what a screen reader was told
// of it does not stay in the page.
func TestWhileARequestIsOpen(t *testing.T) {
	w := newWorld(t)
	b := browser.Open(t, chromedp.Flag("lang", "en-US"))
	b.Permit(w.server, "notifications", true)
	b.AddGate()
	hold(t, b, "light", 390, 844)
	w.begin(b)
	b.See("My Security Keys")
	ask := asks(w.computer(b))
	const question = "Use this phone?"

	answer := ask()
	b.See(question)
	w.newer.Store(true)
	browser.Evaluate[chromedp.Void](b, `navigator.serviceWorker.ready.then((r) => r.update()).then(() => null)`)
	b.Until("a version that waits", `window.waits || (navigator.serviceWorker.ready.then((r) => { window.waits = Boolean(r.waiting); }), false)`)
	if text := b.Text("body"); !strings.Contains(text, question) || strings.Contains(text, "A new version") {
		t.Errorf("with an update that waits the page says:\n%s", text)
	}
	b.Press("Deny")
	if got, err := answer(); err != nil || len(got) != 1 || ctap.Status(got[0]) != ctap.ErrOperationDenied {
		t.Errorf("denied: %x, %v", got, err)
	}
	b.See("A new version of the app is ready.")
	b.Until("silence", `!document.documentElement.textContent.includes("`+question+`") && document.getElementById("polite").textContent === ""`)

	// No browser without a push service can subscribe.
	b.Click("[data-to=settings]")
	b.Click("[data-to=notifications]")
	b.Press("Switch notifications on")
	b.See(language(t, "en").Codes["push_failed"][0])
	b.Click("[data-do=back]")

	second := b.Beside()
	hold(t, second, "light", 390, 844)
	second.Open(w.server + "/app/")
	second.See("Open in another window")
	answer = ask()
	b.See(question)
	second.Press("Use it here")
	b.See("Open in another window")
	second.See("My Security Keys")
	if got, err := answer(); err == nil {
		t.Errorf("a request of a window that is gone was answered: %x", got)
	}
	answer = ask()
	second.See(question)
	second.Press("Accept")
	if got, err := answer(); err != nil || len(got) != 1 || ctap.Status(got[0]) != ctap.OK {
		t.Errorf("accepted in the other window: %x, %v", got, err)
	}
}

package test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/link/workstation"
)

// TestAnswer has a workstation ask a phone without a screen for a passkey of Entra's and sign in with it, be refused, give up, and ask
// for what a phone never does. Whoever holds the phone answers at a terminal.
func TestAnswer(t *testing.T) {
	w := newLinkWorld(t)
	w.pair()
	answer := w.answers()
	w.until("the phone is there", func(p workstation.Phone) bool { return p.Ready && p.Incomplete })

	platform := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(w.ask)}
	answer.says("\n")
	made, err := platform.Create(t.Context(), entraCreation(w.upn), "https://"+postern.EntraRPID)
	if err != nil {
		t.Fatalf("%v\n%s", err, answer.said())
	}
	if n := strings.Count(answer.said(), "Enter accepts"); n != 1 {
		t.Errorf("the ceremony took %d questions:\n%s", n, answer.said())
	}
	for _, word := range []string{"Desk asks for \"Browser\"", "shows the digits " + w.number(), "Make a passkey for " + postern.EntraRPID} {
		if !strings.Contains(answer.said(), word) {
			t.Errorf("%q is not in\n%s", word, answer.said())
		}
	}
	request := &client.RequestOptions{Challenge: []byte("a challenge of sixteen bytes"), RPID: postern.EntraRPID, UserVerification: "required"}
	answer.says("\n")
	got, err := platform.Get(t.Context(), request, "https://"+postern.EntraRPID)
	if err != nil || string(got.ID) != string(made.ID) {
		t.Fatalf("signed in: %v\n%s", err, answer.said())
	}

	// The control center was told of the passkey, to look for it in Entra.
	w.claimed()

	answer.says("n\n")
	if _, err := platform.Get(t.Context(), request, "https://"+postern.EntraRPID); err == nil {
		t.Error("signed in although the phone refused")
	}

	giving, giveUp := context.WithCancel(t.Context())
	questions := strings.Count(answer.said(), "Enter accepts")
	ended := make(chan error, 1)
	go func() {
		_, err := platform.Get(giving, request, "https://"+postern.EntraRPID)
		ended <- err
	}()
	answer.until(func(said string) bool { return strings.Count(said, "Enter accepts") > questions })
	giveUp()
	if err := <-ended; err == nil {
		t.Error("signed in although nobody answered")
	}
	answer.until(func(said string) bool { return strings.Contains(said, "no longer asks") })

	reply, err := w.ask(t.Context(), []byte{byte(ctap.Reset)})
	if err != nil || len(reply) != 1 || reply[0] != byte(ctap.ErrNotAllowed) {
		t.Errorf("a reset is answered by %x, %v", reply, err)
	}
}

func entraCreation(upn string) *client.CreationOptions {
	return &client.CreationOptions{
		RP: client.RelyingParty{ID: postern.EntraRPID, Name: "Microsoft"}, User: client.UserAccount{ID: []byte("user"), Name: upn, DisplayName: upn},
		Challenge: []byte("a challenge of sixteen bytes"), Parameters: []client.CredentialParameter{{Type: "public-key", Algorithm: ctap.ES256}},
		Selection: client.Selection{ResidentKey: "required", UserVerification: "required"},
	}
}

// linkWorld is a demonstration with a phone of its own and a workstation in this process.
type linkWorld struct {
	*testing.T
	dir, upn string
	demo     *demonstration
	desk     *workstation.Workstation

	mu    sync.Mutex
	asked string // the digits the workstation showed last
}

type forgetful struct{}

func (forgetful) Save(context.Context, *workstation.State) error { return nil }

func newLinkWorld(t *testing.T) *linkWorld {
	t.Helper()
	w := &linkWorld{T: t, dir: t.TempDir()}
	var err error
	if w.demo, err = startDemo(w.dir, filepath.Join(w.dir, "demo")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.demo.end(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	w.upn = w.demo.Users[0].UPN
	w.run(w.demo.ClientSecret, "postern", "entra", "add", "Postern", "--tenant-id", w.demo.TenantID, "--client-id", w.demo.ClientID,
		"--client-secret-file", "-", "--allow-low-assurance")
	w.run("", "postern", "entra", "enable")
	var invitation struct{ Code string }
	if err := json.Unmarshal(w.run("", "postern", "users", "invite", w.upn, "--json"), &invitation); err != nil {
		t.Fatal(err)
	}
	w.run("", "postern-phone", "enroll", "--server", w.demo.Console, "--code", invitation.Code, "--name", "Pixel")
	w.desk, err = workstation.Enrol(t.Context(), workstation.Enrolment{
		Server: w.demo.Console, Name: "Desk", Kind: postern.WorkstationAgent, Software: "test", OS: "test", JoinState: postern.JoinNone,
	}, workstation.Env{Keeper: forgetful{}, Transport: signed.HTTP(nil), Dial: websocket.Dial})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.desk.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return w
}

func (w *linkWorld) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(programs, name), args...)
	cmd.Env = append(os.Environ(), "HOME="+w.dir, "POSTERN_PHONE_FILE="+filepath.Join(w.dir, "phone"), "POSTERN_URL="+w.demo.Console, "POSTERN_TOKEN="+w.demo.Token)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a program to its end.
func (w *linkWorld) run(stdin, name string, args ...string) []byte {
	w.Helper()
	cmd := w.command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("%s %v: %v\n%s", name, args, err, errs.String())
	}
	return out
}

// pair pairs by the text of the QR code; the phone is told the workstation's digits and compares them.
func (w *linkWorld) pair() {
	w.Helper()
	w.status("the relay", func(s workstation.Status) bool { return s.Connected })
	p, err := w.desk.Pair(w.Context(), false)
	if err != nil {
		w.Fatal(err)
	}
	defer p.Close()
	phone := w.start("pair", p.URL(), "--compare")
	c, err := p.Wait(w.Context())
	if err != nil {
		w.Fatalf("%v\n%s", err, phone.said())
	}
	phone.says(c.Digits + "\n")
	if err := p.Confirm(w.Context()); err != nil {
		w.Fatalf("%v\n%s", err, phone.said())
	}
	if err := phone.cmd.Wait(); err != nil {
		w.Fatalf("%v\n%s", err, phone.said())
	}
	if !strings.Contains(phone.said(), "paired with Desk") || strings.Contains(phone.said(), c.Digits) {
		w.Errorf("the phone said %s", phone.said())
	}
}

// held is a phone at a terminal.
type held struct {
	*linkWorld
	cmd   *exec.Cmd
	stdin io.Writer

	out sync.Mutex
	all strings.Builder
}

// Write takes what the program prints.
func (h *held) Write(text []byte) (int, error) {
	h.out.Lock()
	defer h.out.Unlock()
	return h.all.Write(text)
}

func (h *held) said() string {
	h.out.Lock()
	defer h.out.Unlock()
	return h.all.String()
}

// says types. What is typed before a question waits for it, as in a pipe.
func (h *held) says(text string) {
	h.Helper()
	if _, err := io.WriteString(h.stdin, text); err != nil {
		h.Fatal(err)
	}
}

func (h *held) until(there func(said string) bool) {
	h.Helper()
	for late := time.Now().Add(startWithin); !there(h.said()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			h.Fatalf("the phone said only\n%s", h.said())
		}
	}
}

func (w *linkWorld) start(args ...string) *held {
	w.Helper()
	h := &held{linkWorld: w, cmd: w.command("postern-phone", args...)}
	h.cmd.Stdout, h.cmd.Stderr = h, h
	var err error
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		w.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	return h
}

// answers starts the phone; it ends in order with the test, and the workstation sees it go.
func (w *linkWorld) answers() *held {
	h := w.start("answer")
	w.Cleanup(func() {
		_ = h.cmd.Process.Signal(os.Interrupt)
		if err := h.cmd.Wait(); err != nil {
			w.Errorf("answer: %v\n%s", err, h.said())
		}
	})
	return h
}

// status waits until the workstation stands so.
func (w *linkWorld) status(what string, there func(workstation.Status) bool) {
	w.Helper()
	late := time.NewTimer(startWithin)
	defer late.Stop()
	for {
		changed := w.desk.Changed()
		s := w.desk.Status()
		if there(s) {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			w.Fatalf("never: %s, but %+v", what, s)
		}
	}
}

func (w *linkWorld) until(what string, there func(workstation.Phone) bool) {
	w.Helper()
	w.status(what, func(s workstation.Status) bool { return len(s.Phones) == 1 && there(s.Phones[0]) })
}

// ask sends a request to the phone as a browser would.
func (w *linkWorld) ask(ctx context.Context, request []byte) ([]byte, error) {
	return w.desk.Request(ctx, w.desk.Status().Phones[0].ID, workstation.Request{
		CTAP: request, Program: "Browser", Deadline: time.Now().Add(time.Minute), Waiting: func(channel.Status) {},
		Asked: func(number string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked += " " + number
		},
	})
}

// number is what the workstation showed for the request that was asked about: the last but one of a registration, whose last
// request needs nobody any more.
func (w *linkWorld) number() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Fields(w.asked)
	return all[len(all)-2]
}

// claimed waits until the control center has been told of a passkey.
func (w *linkWorld) claimed() {
	w.Helper()
	for late := time.Now().Add(startWithin); ; time.Sleep(50 * time.Millisecond) {
		out := w.run("", "postern", "audit", "list", "--json")
		if strings.Contains(string(out), "passkey.claimed") {
			return
		}
		if time.Now().After(late) {
			w.Fatalf("nothing was reported: %s", out)
		}
	}
}

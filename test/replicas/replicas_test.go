package replicas

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/testnats"
	"github.com/postern/postern/internal/testpg"
	"github.com/postern/postern/internal/testport"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
)

// within bounds waits; it is far above what any takes.
const within = 60 * time.Second

// serve runs `postern serve` until the test ends, and returns its address.
func serve(t *testing.T, program, listen string, env []string) string {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(program, "serve")
	cmd.Env = append(append(os.Environ(), env...), "POSTERN_LISTEN="+listen)
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("postern serve: %v", err)
		}
		if t.Failed() {
			t.Logf("%s:\n%s", listen, log.String())
		}
	})
	until(t, "it is ready", func() bool { return strings.HasPrefix(get("http://"+listen+"/readyz"), "200 ready") })
	return "http://" + listen
}

func get(url string) string {
	res, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return fmt.Sprintf("%d %s", res.StatusCode, b)
}

func until(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !yes(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to that: %s", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// device is a phone or a workstation with nothing but what the link needs.
type device struct {
	*testing.T
	*signed.Caller
	id     string
	key    ed25519.PrivateKey
	link   channel.Static
	client *relay.Client
	ended  chan error
	stop   func()
}

func newDevice(t *testing.T, kind signed.Kind, server string) *device {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	link, err := channel.GenerateStatic(rand.Reader)
	must(t, err)
	d := &device{T: t, key: key, link: link}
	d.at(kind, server)
	return d
}

// at has the device call a replica.
func (d *device) at(kind signed.Kind, server string) {
	caller, err := signed.NewCaller(kind, server, signed.HTTP(nil), time.Now)
	must(d.T, err)
	if d.id != "" {
		caller.SignAs(d.id, d.key)
	}
	d.Caller = caller
}

func (d *device) call(method, path string, in, out any) {
	d.Helper()
	if err := d.Call(d.Context(), method, path, nil, in, out); err != nil {
		d.Fatalf("%s %s: %v", method, path, err)
	}
}

func (d *device) connect() {
	d.Helper()
	caller := d.Caller
	d.client = relay.NewClient(relay.ClientConfig{
		Dial:  func(ctx context.Context) (relay.Conn, error) { return websocket.Dial(ctx, caller.Server()+relay.Path) },
		Hello: func(context.Context) (string, error) { return caller.Proof(http.MethodGet, relay.Path, nil) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done, ended := make(chan struct{}), make(chan error, 1)
	d.ended = ended
	go func() { defer close(done); ended <- d.client.Run(ctx) }()
	d.stop = func() { cancel(); <-done }
	d.Cleanup(d.stop)
	next(d, func(relay.Connected) bool { return true })
}

func next[E any](d *device, fits func(E) bool) E {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), within)
	defer cancel()
	for {
		event, err := d.client.Next(ctx)
		if err != nil {
			d.Fatalf("%s waited for a %T: %v", d.id, *new(E), err)
		}
		if e, ok := event.(E); ok && fits(e) {
			return e
		}
	}
}

// passes sends a payload and wants it to arrive.
func passes(from, to *device, text string) {
	from.Helper()
	must(from.T, from.client.Send(from.Context(), to.id, []byte(text)))
	got := next(to, func(e relay.Data) bool { return e.Peer == from.id })
	if string(got.Payload) != text {
		from.Fatalf("%s was given %q, want %q", to.id, got.Payload, text)
	}
}

// TestReplicas has a phone at one replica and a workstation at the other.
func TestReplicas(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "postern")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/postern").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	ca := filepath.Join(dir, "ca.pem")
	tenant, err := entrasim.Listen(context.Background(), entrasim.Config{Users: 10, Seed: 1, CAFile: ca, Levers: &levers})
	must(t, err)
	t.Cleanup(func() { _ = tenant.Close() })
	pushed := make(chan http.Header, 16)
	pushService := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pushed <- r.Header
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(pushService.Close)
	pushCA := filepath.Join(dir, "push.pem")
	must(t, os.WriteFile(pushCA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pushService.Certificate().Raw}), 0o600))
	nats := testnats.Start(t, "")
	listenOne, listenTwo := testport.For(t, "tcp"), testport.For(t, "tcp")
	_, port, _ := net.SplitHostPort(listenOne)
	env := []string{
		"POSTERN_DATA=" + dir, "POSTERN_DATABASE=" + testpg.URL(t), "POSTERN_NATS_URL=" + nats.URL(), "POSTERN_PUBLIC_URL=http://localhost:" + port,
		"POSTERN_ENTRA_AUTHORITY=" + tenant.AuthorityURL, "POSTERN_ENTRA_GRAPH=" + tenant.GraphURL, "POSTERN_ENTRA_CA_FILE=" + ca,
		"POSTERN_PUSH_ALLOW_PRIVATE=true", "POSTERN_PUSH_CA_FILE=" + pushCA,
	}
	local := exec.Command(program, "local", "token", "test")
	local.Env = append(os.Environ(), env...)
	token, err := local.Output()
	must(t, err)
	one, two := serve(t, program, listenOne, env), serve(t, program, listenTwo, env)
	adminOne := &postern.Client{BaseURL: one, Token: strings.TrimSpace(string(token))}
	adminTwo := &postern.Client{BaseURL: two, Token: strings.TrimSpace(string(token))}

	i, err := adminOne.AddIntegration(t.Context(), postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: tenant.TenantID, ClientID: tenant.ClientID, ClientSecret: tenant.ClientSecret, AllowLowAssurance: true,
	})
	must(t, err)
	until(t, "the integration is enabled", func() bool {
		i, err := adminTwo.Integration(t.Context(), i.ID)
		must(t, err)
		_, err = adminTwo.SetIntegrationState(t.Context(), i.ID, postern.StateInput{Version: i.Version, State: postern.StateEnabled})
		return err == nil
	})

	// The phone enrols at one replica and waits at the other, which hears of the options.
	made, err := adminTwo.InviteUser(t.Context(), i.ID, postern.InvitationInput{User: tenant.Users[0].ID})
	must(t, err)
	phone := newDevice(t, signed.Phone, one)
	public, sealKey := phone.key.Public().(ed25519.PublicKey), make([]byte, 32)
	rand.Read(sealKey)
	var self postern.PhoneSelf
	phone.call(http.MethodPost, "/enrolments", postern.PhoneEnrolment{
		Code: made.Code, Name: "Pixel", Platform: "test", Assurance: postern.AssuranceFile, IdentityKey: postern.Bytes(public), SealKey: sealKey,
		Proof: ed25519.Sign(phone.key, postern.EnrolmentMessage(made.Code, public, sealKey)),
	}, &self)
	phone.id = string(self.Phone.ID)
	phone.at(signed.Phone, two)
	var open []postern.PhoneProvisioning
	until(t, "a passkey is offered", func() bool {
		phone.call(http.MethodGet, "/provisionings?wait=20", nil, &open)
		return len(open) == 1 && open[0].Provisioning.State == postern.ProvisioningOffered
	})
	phone.at(signed.Phone, one)
	link := phone.link.Public()
	phone.call(http.MethodPut, "/self/link-key", postern.LinkKeyInput{LinkKey: link[:]}, &self)

	desk := newDevice(t, signed.Workstation, two)
	public, link = desk.key.Public().(ed25519.PublicKey), desk.link.Public()
	var station postern.WorkstationSelf
	desk.call(http.MethodPost, "/enrolments", postern.WorkstationEnrolment{
		Name: "DESKTOP-7", Kind: postern.WorkstationAgent, Software: "test", OS: "test", JoinState: postern.JoinNone, IdentityKey: postern.Bytes(public),
		LinkKey: link[:], Proof: ed25519.Sign(desk.key, postern.WorkstationEnrolmentMessage("", public, link[:])),
	}, &station)
	desk.id = string(station.Workstation.ID)
	desk.at(signed.Workstation, two)

	// They pair across: opened at one, joined at the other, met through both.
	phone.connect()
	desk.connect()
	var raw relay.PairingID
	rand.Read(raw[:])
	path := "/pairings/" + string(postern.NewPairingID(raw))
	desk.call(http.MethodPut, path, nil, nil)
	must(t, desk.client.Open(t.Context(), raw))
	next(desk, func(r relay.Rendezvous) bool { return r.Pairing == raw })
	phone.call(http.MethodPut, path, nil, nil)
	must(t, phone.client.Send(t.Context(), raw.Peer(), []byte("hello")))
	next(desk, func(e relay.Data) bool { return e.Peer == raw.Peer() && string(e.Payload) == "hello" })
	phone.call(http.MethodPost, path+"/confirmation", nil, nil)
	desk.call(http.MethodPost, path+"/confirmation", nil, nil)
	next(phone, func(p relay.Presence) bool { return p.Peer == desk.id && p.State == relay.Present })
	next(desk, func(p relay.Presence) bool { return p.Peer == phone.id && p.State == relay.Present })
	passes(desk, phone, "request")
	passes(phone, desk, "answer")
	if m := get(two + "/metrics"); !strings.Contains(m, "postern_nats_connected 1") || strings.Contains(m, "postern_replica_notices_received_total 0\n") {
		t.Error("the metrics of a replica do not show the other")
	}

	// Without NATS both go on, say so, and refuse what they cannot deliver.
	must(t, nats.Stop())
	for _, replica := range []string{one, two} {
		until(t, "it says that NATS is gone", func() bool {
			return strings.HasPrefix(get(replica+"/readyz"), "200 ready, but replicas: NATS does not answer")
		})
	}
	must(t, desk.client.Send(t.Context(), phone.id, []byte("lost")))
	if r := next(desk, func(r relay.Refusal) bool { return r.Peer == phone.id }); r.Code != postern.CodeUnavailable {
		t.Errorf("what cannot be delivered is refused as %s", r.Code)
	}
	var pairings []postern.PairedPhone
	desk.call(http.MethodGet, "/pairings", nil, &pairings)
	if len(pairings) != 1 || string(pairings[0].Pairing.PhoneID) != phone.id {
		t.Errorf("pairings without NATS: %+v", pairings)
	}
	must(t, nats.Run())
	for _, replica := range []string{one, two} {
		until(t, "NATS is back", func() bool { return get(replica+"/readyz") == "200 ready\n" })
	}
	passes(desk, phone, "after")
	passes(phone, desk, "all")

	// A phone that is not connected is woken by the replica that the workstation is at.
	receiver, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	phone.call(http.MethodPut, "/self/push", postern.PushSubscription{
		Endpoint: pushService.URL + "/wpush", P256DH: receiver.PublicKey().Bytes(), Auth: make([]byte, 16),
	}, &self)
	if !self.Push.Subscribed || len(self.Push.PublicKey) != 65 {
		t.Errorf("after it subscribed the phone is told %+v", self.Push)
	}
	phone.stop()
	next(desk, func(p relay.Presence) bool { return p.Peer == phone.id && p.State != relay.Present })
	must(t, desk.client.Send(t.Context(), phone.id, []byte("wake")))
	select {
	case header := <-pushed:
		if header.Get("Urgency") != "high" || header.Get("Content-Encoding") != "aes128gcm" || !strings.HasPrefix(header.Get("Authorization"), "vapid t=") {
			t.Errorf("the push service was sent %v", header)
		}
	case <-time.After(within):
		t.Error("the phone was not woken")
	}
	phone.call(http.MethodDelete, "/self/push", nil, &self)
	if self.Push.Subscribed {
		t.Error("the phone is still subscribed")
	}
	phone.connect()
	next(desk, func(p relay.Presence) bool { return p.Peer == phone.id && p.State == relay.Present })

	// Revoked at one replica, cut at the other.
	_, err = adminTwo.RevokePhone(t.Context(), self.Phone.ID)
	must(t, err)
	next(desk, func(p relay.Presence) bool { return p.Peer == phone.id && p.State == relay.Gone })
	select {
	case err := <-phone.ended:
		if !postern.IsCode(err, postern.CodePhoneRevoked) && !postern.IsCode(err, postern.CodeLinkCut) {
			t.Errorf("the phone was cut with %v", err)
		}
	case <-time.After(within):
		t.Error("the phone was not cut")
	}
}

package mail_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
)

// received is a message as another program's mail server and parser read it.
type received struct {
	Port                  int
	Headers               [][2]string
	To, Sender            [][2]string
	Text, HTML, Raw, User string
	Defects, Rcpts        []string
	MailFrom              string `json:"mail_from"`
	TLS                   bool
}

func (r received) header(name string) []string {
	var all []string
	for _, h := range r.Headers {
		if h[0] == name {
			all = append(all, h[1])
		}
	}
	return all
}

// server is a mail server of another make.
type server struct {
	port int
	mail chan received
}

func startServer(t *testing.T, mode string, cert, key string) *server {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "testdata/server.py", mode, cert, key)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	s := &server{mail: make(chan received, 1000)}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	read := func() (r received, ok bool) {
		if !lines.Scan() {
			return r, false
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Errorf("the server wrote %s: %v", lines.Bytes(), err)
		}
		return r, true
	}
	first, ok := read()
	if !ok {
		t.Fatal("the mail server did not start")
	}
	s.port = first.Port
	go func() {
		defer close(s.mail)
		for r, ok := read(); ok; r, ok = read() {
			s.mail <- r
		}
	}()
	return s
}

// next is the next message the server took.
func (s *server) next(t *testing.T) received {
	t.Helper()
	select {
	case r, ok := <-s.mail:
		if !ok {
			t.Fatal("the mail server ended")
		}
		return r
	case <-t.Context().Done():
		t.Fatal("no message came")
	case <-time.After(20 * time.Second):
		t.Fatal("no message came")
	}
	return received{}
}

func (s *server) none(t *testing.T) {
	t.Helper()
	select {
	case r := <-s.mail:
		t.Fatalf("a message went out: %v", r.Headers)
	default:
	}
}

// world is package mail on a real database with one clock and jobs that run when the test says so.
type world struct {
	*mail.Service
	store       *store.Store
	queue       *jobtest.Queue
	integration postern.Integration
	cert, key   string
	dir         string

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

type integrations struct{ *world }

func (i integrations) Get(_ context.Context, id postern.IntegrationID) (postern.Integration, error) {
	if id != i.integration.ID {
		return postern.Integration{}, postern.Errorf(postern.CodeNotFound, "")
	}
	return i.integration, nil
}

func (i integrations) List(context.Context) ([]postern.Integration, error) {
	return []postern.Integration{i.integration}, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), dir: t.TempDir()} // a Tuesday
	var err error
	if w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(w.dir, "postern.db"), store.Options{Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	if err := w.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	var registry job.Registry
	w.queue = jobtest.New(t, w.store, &registry, w.clock)
	w.integration = postern.Integration{
		ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), Version: 1, ApplicationName: "Contoso Passkeys",
		Experience: postern.ExperienceNative, State: postern.StateEnabled, Flags: postern.AllFlags(), Domains: []string{},
		TenantID: "8d1f3a52-0f1e-4a88-9f0b-000000000001", ClientID: "8d1f3a52-0f1e-4a88-9f0b-000000000002",
		Credential: postern.Credential{Kind: postern.CredentialSecret, SetAt: w.now}, PermissionSet: postern.PermissionsStandard,
		Attestation: postern.AttestationNone, ChallengeTimeout: 5, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if err := w.store.CreateIntegration(t.Context(), w.integration, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	w.makeCertificate(t)
	pem, err := os.ReadFile(w.cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	w.Service = &mail.Service{
		Store: w.store, Integrations: integrations{w}, Sealer: sealer, Queue: w.queue, Notices: &backbone.InProcess{},
		Audit:     &audit.Log{Store: w.store, Sealer: sealer, Now: w.clock, Origin: "test"},
		PublicURL: "https://postern.contoso.example", Now: w.clock, Roots: roots, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	w.Handle(&registry)
	return w
}

func (w *world) makeCertificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	w.cert, w.key = filepath.Join(w.dir, "cert.pem"), filepath.Join(w.dir, "key.pem")
	for path, block := range map[string]*pem.Block{w.cert: {Type: "CERTIFICATE", Bytes: der}, w.key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// withServer starts a mail server and sets it.
func (w *world) withServer(t *testing.T, security postern.MailSecurity) *server {
	t.Helper()
	s := startServer(t, string(security), w.cert, w.key)
	in := postern.MailSettingsInput{MailSettings: postern.MailSettings{
		Host: "127.0.0.1", Port: s.port, Security: security, From: "passkeys@contoso.example", Organisation: "Contoso",
		Help: "helpdesk@contoso.example", PerMinute: 100,
	}}
	if security != postern.MailPlain {
		in.Username, in.Password = "postern", "right secret"
	}
	if _, err := w.SetSettings(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return s
}

// user makes a user whose mail goes to address.
func (w *world) user(t *testing.T, name, address string, phase postern.Phase) postern.User {
	t.Helper()
	id := postern.NewID[postern.UserID](postern.PrefixUser)
	u := postern.User{
		ID: id, IntegrationID: w.integration.ID, Version: 1, ObjectID: string(id), UPN: string(id) + "@contoso.example", DisplayName: name,
		Mail: address, Phase: phase, CreatedAt: w.clock(), UpdatedAt: w.clock(),
	}
	if err := w.store.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u
}

// invitation makes an open invitation.
func (w *world) invitation(t *testing.T, u postern.User, life time.Duration) postern.Invitation {
	t.Helper()
	inv := postern.Invitation{
		ID: postern.NewID[postern.InvitationID](postern.PrefixInvitation), IntegrationID: u.IntegrationID, UserID: u.ID,
		State: postern.InvitationOpen, CreatedAt: w.clock(), ExpiresAt: w.clock().Add(life),
	}
	if err := w.store.CreateInvitation(t.Context(), inv, string(inv.ID), []byte("hash")); err != nil {
		t.Fatal(err)
	}
	return inv
}

func (w *world) run(t *testing.T) {
	t.Helper()
	if _, err := w.queue.RunAll(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// outbox lists the messages of a user, newest first.
func (w *world) outbox(t *testing.T, u postern.User) []postern.Message {
	t.Helper()
	all, err := w.Outbox(t.Context(), mail.Query{UserID: u.ID})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

package enrolment_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/enrolment"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
)

const publicURL = "https://postern.example.com"

// world is enrolment on a real database against a real emulated tenant.
type world struct {
	*enrolment.Service
	t           *testing.T
	store       *store.Store
	sim         *entrasim.Running
	tenant      *entra.Tenant
	integration postern.Integration

	mu     sync.Mutex
	now    time.Time
	proven []postern.PhoneID
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

func (w *world) Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return w.store.Integration(ctx, id)
}

func (w *world) Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error) {
	i, err := w.store.Integration(ctx, id)
	return w.tenant, i, err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().Truncate(time.Second)}
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour)
	var err error
	if w.sim, err = entrasim.Listen(t.Context(), entrasim.Config{Users: 120, Now: w.clock, Levers: &levers}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sim.Close() })
	if w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	if err := w.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.connect(w.sim.ClientID, entra.Credential{Kind: postern.CredentialSecret, ClientSecret: w.sim.ClientSecret})
	w.integration = postern.Integration{
		ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), Version: 1, ApplicationName: "Postern",
		Experience: postern.ExperienceNative, State: postern.StateEnabled, Flags: postern.AllFlags(), Domains: []string{},
		TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, Credential: postern.Credential{Kind: postern.CredentialSecret, SetAt: w.now},
		PermissionSet: postern.PermissionsStandard, Attestation: postern.AttestationPacked, ChallengeTimeout: 60, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if err := w.store.CreateIntegration(t.Context(), w.integration, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w.Service = &enrolment.Service{
		Store: w.store, Tenants: w, Sealer: sealer, Audit: &audit.Log{Store: w.store, Sealer: sealer, Now: w.clock, Origin: "test"},
		Notices: &backbone.InProcess{}, Logger: slog.New(slog.DiscardHandler), Now: w.clock, PublicURL: publicURL,
		Know:   (&lifecycle.Service{Store: w.store, Notices: &backbone.InProcess{}, Now: w.clock}).Know,
		Proven: func(_ context.Context, id postern.PhoneID) error { w.proven = append(w.proven, id); return nil },
		Revoke: func(ctx context.Context, id postern.PhoneID) (postern.Phone, error) {
			p, err := w.store.Phone(ctx, id)
			if err != nil {
				return p, err
			}
			p.State = postern.PhoneRevoked
			return p, w.store.UpdatePhone(ctx, &p)
		},
		Person: func(ctx context.Context) postern.AdministratorID {
			if a := postern.ActorFrom(ctx); a.Kind == postern.ActorAdministrator || a.Kind == postern.ActorToken {
				return postern.AdministratorID(a.ID)
			}
			return ""
		},
	}
	return w
}

func (w *world) connect(clientID string, c entra.Credential) {
	w.t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.sim.CAPEM)
	var err error
	if w.tenant, err = entra.Open(entra.Options{
		Cloud:    entra.Cloud{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAs: pool},
		TenantID: w.sim.TenantID, ClientID: clientID, Credential: c, Now: w.clock,
		Sleep: func(_ context.Context, d time.Duration) error { w.pass(d); return nil },
	}); err != nil {
		w.t.Fatal(err)
	}
}

// people finds enabled members who are not privileged.
func (w *world) people() []postern.DirectoryUser {
	w.t.Helper()
	privileged, err := w.tenant.PrivilegedUsers(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var found []postern.DirectoryUser
	for u, err := range w.tenant.AllUsers(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if u.Enabled && !u.Guest && len(privileged[u.ObjectID]) == 0 {
			found = append(found, u)
		}
	}
	return found
}

// enrol makes a user known and gives them a phone that was enrolled with a code.
func (w *world) enrol(who postern.DirectoryUser, privileged bool) (postern.User, postern.Phone) {
	w.t.Helper()
	ctx := w.t.Context()
	u := postern.User{
		ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: w.integration.ID, Version: 1, ObjectID: who.ObjectID, UPN: who.UPN,
		DisplayName: who.DisplayName, Phase: postern.PhasePaired, Privileged: privileged, CreatedAt: w.clock(), UpdatedAt: w.clock(),
	}
	if err := w.store.CreateUser(ctx, u); err != nil {
		w.t.Fatal(err)
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	p := postern.Phone{
		ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: w.integration.ID, UserID: u.ID, Version: 1, Name: "phone",
		State: postern.PhoneActive, Assurance: postern.AssuranceGated, IdentityKey: public, SealKey: make([]byte, 32), CreatedAt: w.clock(),
	}
	if err := w.store.CreatePhone(ctx, p); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Enrolled(ctx, p, postern.ProofCode); err != nil {
		w.t.Fatal(err)
	}
	return u, p
}

func (w *world) set(in postern.EnrolmentPolicyInput) {
	w.t.Helper()
	was, err := w.Policy(w.t.Context(), w.integration.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	in.Version = was.Version
	if _, err := w.SetPolicy(w.t.Context(), w.integration.ID, in); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) group(name string) string {
	w.t.Helper()
	found, err := w.tenant.FindGroups(w.t.Context(), name)
	if err != nil || len(found) != 1 {
		w.t.Fatalf("%d groups %s, %v", len(found), name, err)
	}
	return found[0].ID
}

// control calls the emulator's controls.
func (w *world) control(method, path string, in, out any) {
	w.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.sim.GraphURL+"/_entrasim/tenants/"+w.sim.TenantID+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.sim.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode > 299 {
		w.t.Fatalf("%s %s: %d %s", method, path, answer.StatusCode, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			w.t.Fatal(err)
		}
	}
}

// register makes an application that may send browsers back to Postern, with a client secret.
func (w *world) register() {
	w.t.Helper()
	var made struct {
		ClientID string `json:"client_id"`
		Secret   string `json:"client_secret"`
	}
	w.control(http.MethodPost, "/apps", map[string]any{"display_name": "Postern", "roles": []string{"User.Read.All", "GroupMember.Read.All", "RoleManagement.Read.Directory"}, "redirect_uris": []string{publicURL + enrolment.CallbackPath}}, &made)
	w.connect(made.ClientID, entra.Credential{Kind: postern.CredentialSecret, ClientSecret: made.Secret})
}

var configOf = regexp.MustCompile(`(?s)\$Config=(\{.*?\});\n//`)

var errBack = errors.New("back at Postern")

// browse signs in at Entra's pages with a password, as a browser does, and returns what it came back with.
func (w *world) browse(start, upn string) enrolment.Returned {
	w.t.Helper()
	w.control(http.MethodPatch, "/users/"+url.PathEscape(upn), map[string]any{"password": "Correct-horse-7", "mfa_required": false, "no_password": false}, nil)
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := w.sim.Client()
	c.Jar = jar
	var back url.Values
	c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), publicURL+enrolment.CallbackPath) {
			back = r.URL.Query()
			return errBack
		}
		return nil
	}
	answer, err := c.Get(start)
	for range 4 {
		if back != nil {
			return enrolment.Returned{State: back.Get("state"), Code: back.Get("code"), Error: back.Get("error")}
		}
		if err != nil {
			w.t.Fatal(err)
		}
		page, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		m := configOf.FindSubmatch(page)
		if m == nil {
			w.t.Fatalf("no page of a sign-in:\n%.2000s", page)
		}
		var config struct {
			Page      string `json:"pgid"`
			FlowToken string `json:"sFT"`
			Ctx       string `json:"sCtx"`
			Canary    string `json:"canary"`
			URLPost   string `json:"urlPost"`
			Message   string `json:"strServiceExceptionMessage"`
		}
		if err := json.Unmarshal(m[1], &config); err != nil {
			w.t.Fatal(err)
		}
		if config.Message != "" {
			w.t.Fatalf("Entra says: %s", config.Message)
		}
		form := url.Values{"ctx": {config.Ctx}, "flowToken": {config.FlowToken}, "canary": {config.Canary}}
		if config.Page == "KmsiInterrupt" {
			form.Set("LoginOptions", "3")
		} else {
			form.Set("type", "11")
			form.Set("login", upn)
			form.Set("passwd", "Correct-horse-7")
		}
		answer, err = c.PostForm(w.sim.GraphURL+config.URLPost, form)
	}
	w.t.Fatal("the sign-in never came to an end")
	return enrolment.Returned{}
}

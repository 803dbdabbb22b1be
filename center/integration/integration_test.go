package integration_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
)

// world is the service on a real database, against a real emulated tenant. Events and jobs are kept for the test.
type world struct {
	*integration.Service
	store  *store.Store
	tenant *entrasim.Running
	events []postern.AuditEvent
	jobs   []job.Args
	now    time.Time
}

func (w *world) Record(_ context.Context, e postern.AuditEvent) error {
	w.events = append(w.events, e)
	return nil
}

func (w *world) Enqueue(_ context.Context, args job.Args, _ ...job.Option) error {
	w.jobs = append(w.jobs, args)
	return nil
}

func (w *world) last() postern.AuditEvent {
	if len(w.events) == 0 {
		return postern.AuditEvent{}
	}
	return w.events[len(w.events)-1]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Now()}
	var err error
	if w.tenant, err = entrasim.Listen(t.Context(), entrasim.Config{Users: 10}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.tenant.Close() })
	if w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{}); err != nil {
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
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.tenant.CAPEM)
	w.Service = &integration.Service{
		Store: w.store, Sealer: sealer, Audit: w, Queue: w, Notices: &backbone.InProcess{},
		Cloud:  entra.Cloud{Authority: w.tenant.AuthorityURL, Graph: w.tenant.GraphURL, CAs: pool},
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
	}
	return w
}

func (w *world) form() postern.IntegrationInput {
	return postern.IntegrationInput{
		ApplicationName: "Postern Passkeys", TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, ClientSecret: w.tenant.ClientSecret,
	}
}

func (w *world) add(t *testing.T) postern.Integration {
	t.Helper()
	i, err := w.Add(t.Context(), w.form())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAddProvesAndStandsDisabled(t *testing.T) {
	w := newWorld(t)
	i := w.add(t)
	if i.State != postern.StateDisabled || i.Version != 1 || i.Credential.Kind != postern.CredentialSecret ||
		i.Check == nil || !i.Check.OK || i.ChallengeTimeout != 5 || len(i.Flags.Missing()) != 0 {
		t.Errorf("%+v", i)
	}
	if w.last().Name != "integration.created" || !w.last().Success {
		t.Errorf("%+v", w.last())
	}
	sealed, err := w.store.SealedCredential(t.Context(), i.ID)
	if err != nil || strings.Contains(string(sealed), w.tenant.ClientSecret) {
		t.Errorf("the stored credential is readable, or %v", err)
	}
	// The job makes the three groups, once, and repeats harmlessly.
	for range 2 {
		if err := w.Groups(t.Context(), integration.GroupsJob{Integration: i.ID}); err != nil {
			t.Fatal(err)
		}
	}
	i, err = w.Get(t.Context(), i.ID)
	if err != nil || i.Version != 1 {
		t.Errorf("making groups changed the version that a form may hold: %d, %v", i.Version, err)
	}
	tenant, _, err := w.Tenant(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range i.Groups {
		found, err := tenant.FindGroups(t.Context(), g.Name)
		if err != nil || len(found) != 1 || found[0].ID != g.ID || g.ID == "" {
			t.Errorf("%s: %+v, %v", g.Name, found, err)
		}
	}
}

// TestGroupsSurviveACrash repeats the job after each group was made but its id was lost.
func TestGroupsSurviveACrash(t *testing.T) {
	w := newWorld(t)
	i := w.add(t)
	if err := w.Groups(t.Context(), integration.GroupsJob{Integration: i.ID}); err != nil {
		t.Fatal(err)
	}
	i, _ = w.Get(t.Context(), i.ID)
	for _, g := range i.Groups {
		lost := g
		lost.ID = ""
		if err := w.store.NoteGroup(t.Context(), i.ID, lost); err != nil {
			t.Fatal(err)
		}
		if err := w.Groups(t.Context(), integration.GroupsJob{Integration: i.ID}); err != nil {
			t.Fatal(err)
		}
	}
	again, _ := w.Get(t.Context(), i.ID)
	for n, g := range again.Groups {
		if g.ID != i.Groups[n].ID {
			t.Errorf("%s was made a second time", g.Name)
		}
	}
}

// TestAddRefusals checks what is said, at which field, and that nothing is left.
func TestAddRefusals(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		edit  func(*postern.IntegrationInput)
		code  postern.Code
		field string
	}{
		"no name":              {func(in *postern.IntegrationInput) { in.ApplicationName = "" }, postern.CodeInvalid, "application_name"},
		"long name":            {func(in *postern.IntegrationInput) { in.ApplicationName = strings.Repeat("a", 24) }, postern.CodeInvalid, "application_name"},
		"no tenant":            {func(in *postern.IntegrationInput) { in.TenantID = " " }, postern.CodeInvalid, "tenant_id"},
		"tenant in braces":     {func(in *postern.IntegrationInput) { in.TenantID = "{" + in.TenantID + "}" }, postern.CodeInvalid, "tenant_id"},
		"no client":            {func(in *postern.IntegrationInput) { in.ClientID = "x" }, postern.CodeInvalid, "client_id"},
		"no credential":        {func(in *postern.IntegrationInput) { in.ClientSecret = "" }, postern.CodeInvalid, "client_secret"},
		"half a pair":          {func(in *postern.IntegrationInput) { in.ClientPrivateKey = "x" }, postern.CodeInvalid, "client_certificate"},
		"garbage pair":         {func(in *postern.IntegrationInput) { in.ClientCertificate, in.ClientPrivateKey = "x", "y" }, postern.CodeCertificateInvalid, "client_certificate"},
		"account, no password": {func(in *postern.IntegrationInput) { in.ServiceAccountUsername = "a@b.c" }, postern.CodeInvalid, "service_account_password"},
		"short timeout":        {func(in *postern.IntegrationInput) { in.ChallengeTimeout = 4 }, postern.CodeEntraChallengeRange, "challenge_timeout_minutes"},
		"long timeout":         {func(in *postern.IntegrationInput) { in.ChallengeTimeout = 43201 }, postern.CodeEntraChallengeRange, "challenge_timeout_minutes"},
		"unknown set":          {func(in *postern.IntegrationInput) { in.PermissionSet = "all" }, postern.CodeInvalid, "permission_set"},
		"wrong secret":         {func(in *postern.IntegrationInput) { in.ClientSecret = "wrong" }, postern.CodeEntraSecretWrong, "client_secret"},
		"missing rights": {func(in *postern.IntegrationInput) {
			in.ClientID, in.ClientSecret = w.tenant.Minimal.ClientID, w.tenant.Minimal.ClientSecret
		}, postern.CodeEntraPermission, "permission_set"},
	} {
		t.Run(name, func(t *testing.T) {
			in := w.form()
			c.edit(&in)
			_, err := w.Add(t.Context(), in)
			e := postern.AsError(err)
			if e.Code != c.code || e.Field != c.field || e.Message == "" || e.Next == "" {
				t.Errorf("%+v, want %s on %s", e, c.code, c.field)
			}
			if last := w.last(); last.Name != "integration.create_failed" || last.Success || last.ErrorCode != c.code {
				t.Errorf("audited as %+v", last)
			}
			left, err := w.List(t.Context())
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %+v, %v", left, err)
			}
		})
	}
	if len(w.jobs) != 0 {
		t.Errorf("jobs were left: %v", w.jobs)
	}
}

func TestFlagsDecideWhatIsOffered(t *testing.T) {
	w := newWorld(t)
	for _, flag := range []postern.Flag{postern.FlagAzureIDP, postern.FlagAzureNativeLogin} {
		set := postern.AllFlags()
		set[flag] = false
		if err := w.SetOffered(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Add(t.Context(), w.form()); !postern.IsCode(err, postern.CodeFlagOff) || !strings.Contains(err.Error(), string(flag)) {
			t.Errorf("%s: %v", flag, err)
		}
	}
	if err := w.SetOffered(t.Context(), postern.FlagSet{"NO_SUCH_FLAG": true}); !postern.IsCode(err, postern.CodeInvalid) {
		t.Error(err)
	}
}

func TestEnableNeedsEveryFlagAndTheVersion(t *testing.T) {
	w := newWorld(t)
	i := w.add(t)
	off := postern.AllFlags()
	off[postern.FlagProvisionAPI] = false
	i, err := w.SetFlags(t.Context(), i.ID, i.Version, off)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.SetState(t.Context(), i.ID, i.Version, postern.StateEnabled); !postern.IsCode(err, postern.CodeFlagOff) {
		t.Error(err)
	}
	if i, err = w.SetFlags(t.Context(), i.ID, i.Version, postern.AllFlags()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SetState(t.Context(), i.ID, i.Version-1, postern.StateEnabled); !postern.IsCode(err, postern.CodeStale) {
		t.Error(err)
	}
	resumed := postern.IntegrationID("")
	w.Enabled = func(_ context.Context, id postern.IntegrationID) error { resumed = id; return nil }
	if i, err = w.SetState(t.Context(), i.ID, i.Version, postern.StateEnabled); err != nil || i.State != postern.StateEnabled || resumed != i.ID {
		t.Error(i, err, resumed)
	}
	if err := w.Remove(t.Context(), i.ID, i.Version); !postern.IsCode(err, postern.CodeConflict) {
		t.Errorf("an enabled integration is removed: %v", err)
	}
	if i, err = w.SetState(t.Context(), i.ID, i.Version, postern.StateDisabled); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove(t.Context(), i.ID, i.Version); err != nil {
		t.Error(err)
	}
}

func TestUpdateKeepsTheSecretAndRefusesAnotherTenant(t *testing.T) {
	w := newWorld(t)
	i := w.add(t)
	in := w.form()
	in.Version, in.ClientSecret, in.ApplicationName, in.ChallengeTimeout = i.Version, "", "Renamed", 60
	updated, err := w.Update(t.Context(), i.ID, in)
	if err != nil || updated.ApplicationName != "Renamed" || updated.Version != i.Version+1 || updated.ChallengeTimeout != 60 {
		t.Fatalf("%+v, %v", updated, err)
	}
	stored, err := w.Get(t.Context(), i.ID)
	if err != nil || stored.Version != updated.Version {
		t.Errorf("stored %d, returned %d, %v", stored.Version, updated.Version, err)
	}
	if test, err := w.Test(t.Context(), i.ID); err != nil || !test.OK {
		t.Errorf("with the kept secret: %+v, %v", test, err)
	}
	in.Version, in.ClientSecret = updated.Version, "wrong"
	if _, err := w.Update(t.Context(), i.ID, in); !postern.IsCode(err, postern.CodeEntraSecretWrong) {
		t.Error(err)
	}
	if test, err := w.Test(t.Context(), i.ID); err != nil || !test.OK {
		t.Errorf("after a failed update: %+v, %v", test, err)
	}
	in.ClientSecret, in.TenantID = "", "11111111-2222-4333-8444-555555555555"
	if _, err := w.Update(t.Context(), i.ID, in); !postern.IsCode(err, postern.CodeInvalid) {
		t.Error(err)
	}
}

func TestLoginSettings(t *testing.T) {
	w := newWorld(t)
	i := w.add(t)
	i, err := w.SetLogin(t.Context(), i.ID, postern.LoginSettings{Version: i.Version, RestrictDomains: true, Domains: []string{"Contoso.com"}})
	if err != nil || !i.RestrictDomains || !slices.Equal(i.Domains, []string{"contoso.com"}) {
		t.Fatalf("%+v, %v", i, err)
	}
	if _, err := w.SetLogin(t.Context(), i.ID, postern.LoginSettings{Version: i.Version, RestrictDomains: true}); !postern.IsCode(err, postern.CodeInvalid) {
		t.Errorf("a restriction that locks everybody out: %v", err)
	}
}

func TestHTTPDebugEndsByItself(t *testing.T) {
	w := newWorld(t)
	i := w.add(t)
	i, err := w.SetHTTPDebug(t.Context(), i.ID, i.Version, true)
	if err != nil || i.HTTPDebugUntil == nil || !i.HTTPDebugUntil.Equal(w.now.UTC().Add(time.Hour)) {
		t.Fatalf("%+v, %v", i.HTTPDebugUntil, err)
	}
	end := integration.DebugOffJob{Integration: i.ID}
	if _, snoozed := job.SnoozeOf(w.DebugOff(t.Context(), end)); !snoozed {
		t.Error("it ends before its time")
	}
	w.now = w.now.Add(time.Hour)
	if err := w.DebugOff(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	if i, err = w.Get(t.Context(), i.ID); err != nil || i.HTTPDebugUntil != nil || w.last().Name != "integration.http_debug_off" {
		t.Errorf("%+v, %v, %+v", i.HTTPDebugUntil, err, w.last())
	}
}

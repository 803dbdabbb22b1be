package doctor_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/doctor"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

var now = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// well is a server with nothing wrong.
func well() doctor.Server {
	zero := time.Duration(0)
	return doctor.Server{
		Now: now, Setup: doctor.Setup{PublicURL: "https://postern.contoso.com"},
		Authority: doctor.Way{URL: "https://login", Host: "login", Ahead: &zero}, Graph: doctor.Way{URL: "https://graph", Host: "graph", Ahead: &zero},
		Public:   doctor.Way{URL: "https://postern.contoso.com", Host: "postern.contoso.com", Expires: now.AddDate(1, 0, 0)},
		Database: doctor.Database{Kind: "postgres", Version: "17.6", Major: 17, Schema: 9, Newest: 9}, Jobs: job.Troubles{Runners: 1},
		Backups: doctor.Backups{Count: 1, Last: now},
		Administrators: []postern.Administrator{
			{Name: "Ada", Role: postern.RoleOwner, Passkeys: 2}, {Name: "Grace", Role: postern.RoleOwner, Passkeys: 3},
		},
		Disks: []doctor.Disk{{Path: "/data", Free: 50 << 30, Total: 100 << 30}},
	}
}

// TestJudgeServer judges what a running control center cannot be brought to.
func TestJudgeServer(t *testing.T) {
	for _, f := range doctor.JudgeServer(well()) {
		if f.State.Rank() > postern.FindingNote.Rank() {
			t.Errorf("well, and %s: %s", f.Check, f.Message)
		}
	}
	for name, c := range map[string]struct {
		breaks func(f *doctor.Server)
		check  string
		state  postern.FindingState
		next   string
	}{
		"database gone":     {func(f *doctor.Server) { f.DatabaseErr = errors.New("gone") }, "database", postern.FindingFailure, "log"},
		"standby":           {func(f *doctor.Server) { f.Database.ReadOnly = true }, "database", postern.FindingFailure, "primary"},
		"old PostgreSQL":    {func(f *doctor.Server) { f.Database.Major = 12 }, "database", postern.FindingWarning, "Upgrade"},
		"standby behind":    {func(f *doctor.Server) { f.Database.Replicas, f.Database.Lag = 1, time.Hour }, "database", postern.FindingWarning, "standby"},
		"disk nearly full":  {func(f *doctor.Server) { f.Disks[0].Free = 5 << 30 }, "disk", postern.FindingWarning, "Make room"},
		"disk full":         {func(f *doctor.Server) { f.Disks[0].Free = 1 << 30 }, "disk", postern.FindingFailure, "Make room"},
		"no clock":          {func(f *doctor.Server) { f.Authority.Ahead, f.Graph.Ahead = nil, nil }, "clock", postern.FindingUnknown, "timedatectl"},
		"http":              {func(f *doctor.Server) { f.Public.URL = "http://postern.contoso.com" }, "public_url", postern.FindingFailure, "tls_certificate"},
		"public name":       {func(f *doctor.Server) { f.Public.DNS = "no such host" }, "public_url", postern.FindingFailure, "DNS"},
		"certificate ends":  {func(f *doctor.Server) { f.Public.Expires = now.AddDate(0, 0, 5) }, "public_url", postern.FindingWarning, "Renew"},
		"nobody runs jobs":  {func(f *doctor.Server) { f.Jobs.Runners = 0 }, "jobs", postern.FindingFailure, "postern serve"},
		"push key":          {func(f *doctor.Server) { f.Waking.KeyProblem = errors.New("sealed") }, "push", postern.FindingFailure, "key file"},
		"push refused":      {func(f *doctor.Server) { f.Waking.Phones, f.Waking.Stats.Failed = 1, 9 }, "push", postern.FindingWarning, "push.contact"},
		"no owner":          {func(f *doctor.Server) { f.Administrators = nil }, "administrators", postern.FindingFailure, "owner-link"},
		"key with backups":  {func(f *doctor.Server) { f.Key.Beside = true }, "key_file", postern.FindingWarning, "key_file"},
		"backups forbidden": {func(f *doctor.Server) { f.Backups.Err = "permission denied" }, "backups", postern.FindingUnknown, "postern backup"},
	} {
		f := well()
		c.breaks(&f)
		named(t, name, doctor.JudgeServer(f), c.check, c.state, c.next)
	}
}

func named(t *testing.T, name string, findings []postern.Finding, check string, state postern.FindingState, next string) {
	t.Helper()
	if !slices.ContainsFunc(findings, func(f postern.Finding) bool {
		return f.Check == check && f.State == state && strings.Contains(f.Next, next)
	}) {
		t.Errorf("%s: no %s of %s with %q in %+v", name, state, check, next, findings)
	}
}

// TestJudgeTenant judges what an emulated tenant cannot be brought to.
func TestJudgeTenant(t *testing.T) {
	id := "6b0f2a4e-6c39-4bb0-9a3e-58a4f9e9a1c2"
	base := func() doctor.Tenant {
		return doctor.Tenant{Now: now, AdminCenter: "https://entra.microsoft.com", Intune: "https://intune.microsoft.com", Integration: postern.Integration{
			ID: "int_1", State: postern.StateEnabled, TenantID: id, Flags: postern.AllFlags(), Credential: postern.Credential{Kind: postern.CredentialSecret},
			Groups: []postern.PhaseGroup{{Phase: postern.PhaseActive, ID: "g", Name: "Active"}},
		}}
	}
	group := postern.PhaseGroup{Phase: postern.PhaseActive, ID: "g", Name: "Active"}
	for name, c := range map[string]struct {
		breaks func(f *doctor.Tenant)
		check  string
		state  postern.FindingState
		next   string
	}{
		"secret without an end": {func(*doctor.Tenant) {}, "credential", postern.FindingUnknown, "Application.Read.All"},
		"secret ended":          {func(f *doctor.Tenant) { at := now.AddDate(0, 0, -1); f.Integration.Credential.EndsAt = &at }, "credential", postern.FindingFailure, "Register"},
		"other tenant": {func(f *doctor.Tenant) {
			f.Organization = doctor.Answer[entra.Organization]{Asked: true, Value: entra.Organization{ID: "another"}}
		}, "tenant", postern.FindingFailure, "right tenant"},
		"dynamic group": {func(f *doctor.Tenant) { f.Groups = []doctor.GroupState{{PhaseGroup: group, Dynamic: true}} }, "groups", postern.FindingFailure, "Assigned"},
		"synced group":  {func(f *doctor.Tenant) { f.Groups = []doctor.GroupState{{PhaseGroup: group, Synced: true}} }, "groups", postern.FindingFailure, "Delete it"},
		"group never made": {func(f *doctor.Tenant) {
			f.Groups = []doctor.GroupState{{PhaseGroup: postern.PhaseGroup{Phase: postern.PhaseActive, Name: "Active"}}}
		}, "groups", postern.FindingFailure, "Check groups"},
		"many users missing": {func(f *doctor.Tenant) {
			f.Directory = doctor.Answer[postern.DirectoryStatus]{Asked: true, Value: postern.DirectoryStatus{State: postern.DirectoryHeld, Missing: 400}}
		}, "directory", postern.FindingWarning, "confirm"},
		"roles hidden": {func(f *doctor.Tenant) {
			f.Directory = doctor.Answer[postern.DirectoryStatus]{Asked: true, Value: postern.DirectoryStatus{State: postern.DirectoryCurrent, FinishedAt: &now}}
		}, "privileged", postern.FindingWarning, "RoleManagement.Read.Directory"},
		"no Global Administrator of the own domain": {func(f *doctor.Tenant) {
			administrators(f, id, "ada@contoso.com", "eve@evil-contoso.onmicrosoft.com", "bo@sub.contoso.onmicrosoft.com", "-old@contoso.onmicrosoft.com")
		}, "privileged", postern.FindingWarning, "emergencies"},
		"inventory failed": {func(f *doctor.Tenant) {
			f.Inventory = doctor.Answer[postern.InventoryStatus]{Asked: true, Value: postern.InventoryStatus{State: postern.InventoryFailed}}
		}, "inventory", postern.FindingFailure, "Read everybody"},
		"no seats left": {func(f *doctor.Tenant) {
			f.Licences = doctor.Answer[[]entra.Licence]{Asked: true, Value: []entra.Licence{{Active: true, Seats: 5, Assigned: 9, Plans: []string{"AAD_PREMIUM", "INTUNE_A"}}}}
		}, "licences", postern.FindingWarning, "seats"},
	} {
		f := base()
		c.breaks(&f)
		named(t, name, doctor.JudgeTenant(f), c.check, c.state, c.next)
	}
	f := base()
	administrators(&f, id, "ada@contoso.com", "Breakglass@Contoso.onmicrosoft.com")
	for _, found := range doctor.JudgeTenant(f) {
		if found.Check == "privileged" && found.State != postern.FindingOK {
			t.Errorf("with an account for emergencies: %+v", found)
		}
	}
}

// administrators are the Global Administrators of a tenant whose own domain is contoso.onmicrosoft.com. One that begins
// with a dash is disabled.
func administrators(f *doctor.Tenant, id string, names ...string) {
	f.Directory = doctor.Answer[postern.DirectoryStatus]{Asked: true, Value: postern.DirectoryStatus{State: postern.DirectoryCurrent, FinishedAt: &now, RolesRead: true}}
	f.Organization = doctor.Answer[entra.Organization]{Asked: true, Value: entra.Organization{ID: id, Initial: "contoso.onmicrosoft.com"}}
	f.Privileged.Asked = true
	for _, name := range names {
		upn, disabled := strings.CutPrefix(name, "-")
		f.Privileged.Value = append(f.Privileged.Value, postern.DirectoryUser{UPN: upn, Enabled: !disabled, Privileged: true, Roles: []string{"Reports Reader", "Global Administrator"}})
	}
}

// TestNamesAndDocument holds the checks to the names that scripts know, and to the document about them.
func TestNamesAndDocument(t *testing.T) {
	if got := doctor.Checks(); !slices.Equal(got, slices.Concat(postern.DoctorServerChecks, postern.DoctorTenantChecks)) {
		t.Errorf("the checks are %v", got)
	}
	text, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	tables, _, _ := strings.Cut(string(text), "## Permissions beyond")
	_, tables, _ = strings.Cut(tables, "## Checks of the server")
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(tables, -1) {
		written = append(written, m[1])
	}
	if !slices.Equal(written, doctor.Checks()) {
		t.Errorf("docs/doctor.md tells of %v", written)
	}
}

// TestReport holds the states in their order, and the exit codes to them.
func TestReport(t *testing.T) {
	for n, state := range postern.FindingStates {
		if state.Rank() != len(postern.FindingStates)-1-n {
			t.Errorf("%s is in the wrong place", state)
		}
	}
	for state, code := range map[postern.FindingState]int{
		postern.FindingOK: 0, postern.FindingNote: 0, postern.FindingUnknown: 0, postern.FindingWarning: 1, postern.FindingFailure: 2, "": 2,
	} {
		r := postern.NewDoctorReport(now, "", []postern.Finding{{State: postern.FindingOK}, {State: state}})
		if r.ExitCode() != code {
			t.Errorf("with %q the exit code is %d", state, r.ExitCode())
		}
	}
}

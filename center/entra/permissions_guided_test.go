package entra

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
)

// What consent is asked for is what is judged by.
func TestGrantsAreTheNeeds(t *testing.T) {
	for _, set := range postern.PermissionSets() {
		names := asked(set, false)
		if guided(set) {
			continue
		}
		if len(asked(set, true)) > 0 || len(names) != len(needs[set]) {
			t.Fatalf("%s asks for %v", set, postern.Grants(set))
		}
		for i, n := range needs[set] {
			if n.Any[0] != names[i] || n.For != postern.Grants(set)[i].For {
				t.Errorf("%s: %+v is judged, %+v asked for", set, n, postern.Grants(set)[i])
			}
		}
	}
	if postern.Grants("nothing") != nil || postern.PermissionSet("nothing").Valid() {
		t.Error("a set that does not exist")
	}
}

// Under the sets of other guides every name counts as it is: neighbours that look alike, or allow more, are others.
func TestGuidedReport(t *testing.T) {
	directory, methods, act := "Directory.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All", "Directory.AccessAsUser.All"
	for name, c := range map[string]struct {
		set                             postern.PermissionSet
		token, other                    []string
		unseen                          bool
		missing, surplus, wrong, absent []string
	}{
		"all four":             {set: postern.PermissionsDirectory, token: []string{directory, methods}, other: []string{act, methods, "User.Read"}},
		"delegated unseen":     {set: postern.PermissionsDirectory, token: []string{directory, methods}, unseen: true},
		"no delegated consent": {set: postern.PermissionsDirectory, token: []string{directory, methods}, absent: []string{act, methods}},
		"reading only":         {set: postern.PermissionsDirectory, token: []string{"Directory.Read.All", methods}, other: []string{act, methods}, missing: []string{directory}, surplus: []string{"Directory.Read.All"}},
		"restricted writing": {
			set: postern.PermissionsDirectory, token: []string{"Directory.Write.Restricted", methods}, other: []string{act, methods},
			missing: []string{directory}, surplus: []string{"Directory.Write.Restricted"},
		},
		"all delegated": {
			set: postern.PermissionsDirectory, token: []string{}, other: []string{act, methods, directory},
			missing: []string{methods}, wrong: []string{directory},
		},
		"two of legacy": {set: postern.PermissionsLegacy, token: []string{act, methods, "User.Read", "openid"}},
		"neighbours of legacy": {
			set: postern.PermissionsLegacy, token: []string{act, "UserAuthenticationMethod.Read", "UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite"},
			missing: []string{methods}, surplus: []string{"UserAuthenticationMethod.Read", "UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite"},
		},
		"legacy as application": {set: postern.PermissionsLegacy, token: []string{act}, other: []string{methods}, wrong: []string{methods}},
		"one type for both": {
			set: postern.PermissionsDirectory, token: []string{directory, methods, act}, other: []string{methods},
			wrong: []string{act}, absent: []string{act},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := guidedReport(c.set, grants{known: true, delegated: c.set == postern.PermissionsLegacy, names: c.token}, grants{known: !c.unseen, names: c.other})
			if !slices.Equal(r.Missing, c.missing) || !slices.Equal(r.Surplus, c.surplus) || !slices.Equal(r.WrongType, c.wrong) || !slices.Equal(r.NotConsented, c.absent) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// An application of the set directory sees which delegated permissions were consented to.
func TestSimDirectorySet(t *testing.T) {
	run, _ := sim(t)
	var app struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	control(t, run, http.MethodPost, "tenants/first/apps", map[string]any{"display_name": "Guided", "roles": []string{"Directory.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"}, "scopes": []string{"Directory.AccessAsUser.All"}}, &app)
	tenant, err := Open(simOptions(run, func(_ *entrasim.Running, o *Options) {
		o.ClientID, o.Credential.ClientSecret, o.PermissionSet = app.ClientID, app.ClientSecret, postern.PermissionsDirectory
	}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := tenant.Test(ctx)
	if err != nil || !got.OK || strings.Join(got.Permissions.NotConsented, " ") != "UserAuthenticationMethod.ReadWrite.All" || len(got.Permissions.Surplus) > 0 {
		t.Errorf("%+v %v", got, err)
	}
}

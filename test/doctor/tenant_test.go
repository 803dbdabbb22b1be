package doctor_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/provision"
)

// centers are a control center and the tenants it is connected to.
func centers(t *testing.T) []Patient {
	t.Helper()
	w := newWorld(t)
	return []Patient{w.server(t), w.tenant(), w.account()}
}

func (w *world) examine(id postern.IntegrationID) func(t *testing.T) postern.DoctorReport {
	return func(t *testing.T) postern.DoctorReport {
		t.Helper()
		w.ahead.Add(int64(time.Minute)) // Graph's budgets are as they were
		r, err := w.center.Doctor.Tenant(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

func (w *world) tenant() Patient {
	appPath := "tenants/first/apps/" + w.entra.ClientID
	p := Patient{Where: "tenant", Examine: w.examine(w.app.ID)}
	add := func(name string, breaks func(t *testing.T) func(), want postern.Finding, next string, also ...string) {
		p.Defects = append(p.Defects, Defect{Name: name, Break: breaks, Want: want, WantNext: next, Also: also})
	}
	add("the integration is DISABLED", w.disabled, wants("integration", warns), "Enable")
	add("a flag is off", w.flagOff, wants("flags", warns), "Switch it on")
	add("HTTP Debug is on", w.debugging, wants("http_debug", warns), "Switch HTTP Debug off")

	add("the client secret has ended", w.secretDays(-1), wants("token", fails), "secret")
	add("the client secret was removed", w.secretGone, wants("token", fails), "secret")
	add("the application is disabled", w.changed(object{"disabled": true}, object{"disabled": false}), wants("token", fails), "")
	add("the sign-in service has a fault", w.fault(object{"path": "/*/oauth2/v2.0/token", "status": 503}), wants("token", warns), "")
	add("the secret ends in ten days", w.secretDays(10), wants("credential", warns), "postern entra rotate")
	add("the secret ends in six weeks", w.secretDays(42), wants("credential", notes), "postern entra rotate")
	add("an old secret was left behind", w.oldSecret(appPath), wants("credential", notes), "Remove")

	add("consent for passkeys is missing", w.revoked("UserAuthMethod-Passkey.ReadWrite.All"), subject(wants("permissions", fails), "UserAuthMethod-Passkey.ReadWrite.All"), "Grant admin consent")
	add("consent for roles is missing", w.revoked("RoleManagement.Read.Directory"), subject(wants("permissions", fails), "RoleManagement.Read.Directory"), "RoleManagement.Read.Directory")
	add("a permission is too much", w.changed(object{"grant": []string{"Directory.Read.All"}}, object{"revoke": []string{"Directory.Read.All"}}), subject(wants("permissions", warns), "Directory.Read.All"), "Yes, remove")
	add("a permission is granted and does not work", w.fault(object{"path": "/v1.0/users/*/authentication/fido2Methods", "method": "GET", "status": 403, "code": "accessDenied"}),
		subject(wants("permissions", fails), "UserAuthMethod-Passkey.ReadWrite.All"), "workload identities")
	add("the organisation may not be read", w.revoked("Organization.Read.All"), wants("tenant", unknown), "Organization.Read.All", "licences")
	add("Intune may not be read", w.revoked("DeviceManagementConfiguration.Read.All"), wants("windows", unknown), "DeviceManagementConfiguration.Read.All")
	add("Conditional Access may not be read", w.revoked("Policy.Read.All"), wants("conditional_access", unknown), "Policy.Read.All")

	add("there is no Entra ID P1", w.licensed("intune"), wants("licences", warns), "P1", "conditional_access")
	add("there is no Intune", w.licensed("p2"), wants("licences", notes), "Turn on security key sign-in", "windows")

	add("a listed domain is not the tenant's", w.domains("contoso.onmicrosoft.com", "fabrikam.com"), subject(wants("domains", warns), "fabrikam.com"), "Login Settings")
	add("no listed domain is the tenant's", w.domains("fabrikam.com"), subject(wants("domains", fails), ""), "Login Settings")

	w.policyDefects(add)
	w.accessDefects(add)
	w.windowsDefects(add)

	add("a group was deleted", w.groupDeleted, wants("groups", fails), "Check groups")
	add("a group was renamed", w.groupRenamed, wants("groups", notes), "keep the new name")
	add("a group could not be kept", w.groupProblem, wants("groups", warns), "by hand")

	add("the directory cannot be read", w.directoryFails, wants("directory", fails), "")
	add("the directory was read long ago", w.later(7*time.Hour), wants("directory", warns), "read under Directory")
	add("the inventory was read long ago", w.later(9*24*time.Hour), wants("inventory", warns), "Read everybody", "directory")
	add("no Global Administrator is in the tenant's own domain", w.emergency, wants("privileged", warns), "emergencies")
	add("somebody changed the policy", w.drifted, wants("drift", warns), "who it was", "policy")
	add("a passkey could not be registered", w.unregistered, wants("provisioning", warns), "self-service")
	return p
}

func subject(f postern.Finding, name string) postern.Finding {
	f.Subject = name
	return f
}

type adder func(name string, breaks func(t *testing.T) func(), want postern.Finding, next string, also ...string)

func (w *world) policyDefects(add adder) {
	profile := func(change func(m, profile, keys object)) func(t *testing.T) func() {
		return w.method(func(m object) {
			p := m["passkeyProfiles"].([]object)[0]
			keys := object{}
			for k, v := range p["keyRestrictions"].(object) {
				keys[k] = v
			}
			p["keyRestrictions"] = keys
			change(m, p, keys)
			m["keyRestrictions"], m["isAttestationEnforced"] = keys, p["attestationEnforcement"] != "disabled"
		})
	}
	add("the method is off", w.method(func(m object) { m["state"] = "disabled" }), wants("policy", fails), "Turn it on")
	add("self-service set-up is off", w.method(func(m object) { m["isSelfServiceRegistrationAllowed"] = false }), wants("policy", fails), "Set it to Yes")
	add("only one group is included", w.method(func(m object) {
		m["includeTargets"] = []object{{"id": w.groupID(), "targetType": "group", "isRegistrationRequired": false, "allowedPasskeyProfiles": []string{defaultProfile}}}
	}), wants("policy", warns), "Include all users")
	add("registration is required", w.method(func(m object) { m["includeTargets"].([]object)[0]["isRegistrationRequired"] = true }), wants("policy", notes), "Plan the change")
	add("attestation is enforced", profile(func(_, p, _ object) {
		p["attestationEnforcement"], p["passkeyTypes"] = "registrationOnly", "deviceBound"
	}), wants("policy", fails), "Set it to No")
	add("the profile takes synced passkeys only", profile(func(_, p, _ object) { p["passkeyTypes"] = "synced" }), wants("policy", fails), "device-bound")
	add("Postern's model is not allowed", profile(func(_, _, k object) { k["aaGuids"] = []string{keyModel, androidModel, iosModel} }), wants("policy", fails), "Add Postern")
	add("Postern's model is blocked", profile(func(_, _, k object) { k["enforcementType"], k["aaGuids"] = "block", []string{posternModel} }), wants("policy", fails), "Take Postern off")
	add("workstations sign in offline and their model is not allowed", w.offline, wants("policy", warns), "Postern workstation (offline PIN)")
	add("no model is allowed", profile(func(_, _, k object) { k["aaGuids"] = []string{} }), wants("policy", fails), "Add the models")
	add("Microsoft Authenticator is not listed", profile(func(_, _, k object) { k["aaGuids"] = []string{posternModel} }), wants("policy", notes), "Microsoft Authenticator")
	add("Microsoft Authenticator is listed for Android alone", profile(func(_, _, k object) { k["aaGuids"] = []string{posternModel, androidModel} }), wants("policy", warns), "Microsoft Authenticator")
	add("key restrictions are off", profile(func(_, _, k object) { k["isEnforced"] = false }), wants("policy", warns), "")
}

// method changes the passkey method, as somebody does in the portal.
func (w *world) method(change func(m object)) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		m := healthyMethod()
		change(m)
		w.control(t, http.MethodPost, methodPasskeys, object{"passkeys": m}, nil)
		return func() { w.control(t, http.MethodPost, methodPasskeys, object{"passkeys": healthyMethod()}, nil) }
	}
}

func (w *world) accessDefects(add adder) {
	const resistant = "00000000-0000-0000-0000-000000000004"
	all := object{"includeUsers": []string{"All"}}
	some := object{"includeUsers": []string{"All"}, "excludeUsers": []string{w.entra.ServiceAccount.ID}}
	register := object{"includeUserActions": []string{"urn:user:registersecurityinfo"}}
	everywhere := object{"includeApplications": []string{"All"}}
	strength := object{"operator": "OR", "builtInControls": []string{}, "authenticationStrength": object{"id": resistant}}
	controls := func(names ...string) object { return object{"operator": "OR", "builtInControls": names} }
	rule := func(users, where, grant object) func(t *testing.T) func() { return w.access(users, where, grant) }
	add("registering demands a managed device", rule(some, register, controls("compliantDevice")), wants("conditional_access", warns), "on behalf of users")
	add("nobody can register in Microsoft Authenticator", rule(some, everywhere, controls("compliantApplication")), wants("conditional_access", notes), "Microsoft Authenticator Credential Registration")
	add("registering is blocked", rule(some, register, controls("block")), wants("conditional_access", warns), "on behalf of users")
	add("registering a passkey demands a passkey", rule(some, register, strength), wants("conditional_access", warns), "Temporary Access Pass")
	add("everything demands a passkey of those who have none", rule(some, everywhere, strength), wants("conditional_access", warns), "Temporary Access Pass")
	add("a policy leaves nobody for emergencies", rule(all, everywhere, controls("mfa")), wants("conditional_access", fails), "emergency access")
	add("a policy blocks everybody everywhere", rule(some, everywhere, controls("block")), wants("conditional_access", fails), "Turn it off")
}

// access makes a Conditional Access policy.
func (w *world) access(users, where, grant object) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		var made struct {
			Access []string `json:"conditional_access"`
		}
		w.control(t, http.MethodPost, methodPasskeys, object{"conditional_access": []object{{
			"displayName": "Broken", "state": "enabled", "grantControls": grant,
			"conditions": object{"clientAppTypes": []string{"all"}, "users": users, "applications": where},
		}}}, &made)
		return func() { w.control(t, http.MethodPost, methodPasskeys, object{"delete": made.Access}, nil) }
	}
}

func (w *world) windowsDefects(add adder) {
	const at = "/beta/deviceManagement/configurationPolicies/"
	replaced := func(on, assigned bool) func(t *testing.T) func() {
		return func(t *testing.T) func() {
			w.graph(t, http.MethodDelete, at+w.catalog, nil, nil)
			w.catalog = w.makeCatalog(t, on, assigned)
			return func() {
				w.graph(t, http.MethodDelete, at+w.catalog, nil, nil)
				w.catalog = w.makeCatalog(t, true, true)
			}
		}
	}
	add("Intune does not have the setting", func(t *testing.T) func() {
		w.graph(t, http.MethodDelete, at+w.catalog, nil, nil)
		return func() { w.catalog = w.makeCatalog(t, true, true) }
	}, wants("windows", warns), "settings catalog")
	add("Intune switches security keys off", replaced(false, true), wants("windows", fails), "Enabled")
	add("Intune's setting is assigned to nobody", replaced(true, false), wants("windows", warns), "Assign it")
	add("Intune has the setting both ways", func(t *testing.T) func() {
		var made struct {
			ID string `json:"id"`
		}
		const profiles = "/v1.0/deviceManagement/deviceConfigurations"
		w.graph(t, http.MethodPost, profiles, object{
			"@odata.type": "#microsoft.graph.windows10CustomConfiguration", "displayName": "Keys off",
			"omaSettings": []object{{
				"@odata.type": "#microsoft.graph.omaSettingInteger", "displayName": "Keys",
				"omaUri": "./Device/Vendor/MSFT/PassportForWork/SecurityKey/UseSecurityKeyForSignin", "value": 0,
			}},
		}, &made)
		w.assign(t, profiles+"/"+made.ID, "#microsoft.graph.deviceConfigurationAssignment")
		return func() { w.graph(t, http.MethodDelete, profiles+"/"+made.ID, nil, nil) }
	}, wants("windows", fails), "Keep one")
}

// changed changes the application in the tenant.
func (w *world) changed(breaks, mends object) func(t *testing.T) func() {
	path := "tenants/first/apps/" + w.entra.ClientID
	return func(t *testing.T) func() {
		w.control(t, http.MethodPatch, path, breaks, nil)
		return func() { w.control(t, http.MethodPatch, path, mends, nil) }
	}
}

func (w *world) revoked(name string) func(t *testing.T) func() {
	return w.changed(object{"revoke": []string{name}}, object{"grant": []string{name}})
}

func (w *world) fault(f object) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		w.control(t, http.MethodPost, "faults", f, nil)
		return func() { w.control(t, http.MethodDelete, "faults", nil, nil) }
	}
}

func (w *world) licensed(names ...string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		w.control(t, http.MethodPatch, "tenants/first", object{"licences": names}, nil)
		return func() {
			w.control(t, http.MethodPatch, "tenants/first", object{"licences": []string{"p2", "intune"}}, nil)
		}
	}
}

// secrets are the ids of the application's secrets.
func (w *world) secrets(t *testing.T) []string {
	t.Helper()
	var r struct {
		Secrets []struct {
			ID string `json:"keyId"`
		} `json:"passwordCredentials"`
	}
	w.graph(t, http.MethodGet, "/v1.0/applications(appId='"+w.entra.ClientID+"')", nil, &r)
	var ids []string
	for _, s := range r.Secrets {
		ids = append(ids, s.ID)
	}
	return ids
}

func (w *world) secretDays(days int) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		path := "tenants/first/apps/" + w.entra.ClientID + "/credentials/" + w.secrets(t)[0]
		w.control(t, http.MethodPatch, path, object{"days": days}, nil)
		return func() { w.control(t, http.MethodPatch, path, object{"days": 730}, nil) }
	}
}

func (w *world) secretGone(t *testing.T) func() {
	path := "tenants/first/apps/" + w.entra.ClientID
	w.control(t, http.MethodDelete, path+"/credentials/"+w.secrets(t)[0], nil, nil)
	return func() {
		w.control(t, http.MethodPost, path+"/secrets", object{"value": w.entra.ClientSecret, "days": 730}, nil)
	}
}

func (w *world) oldSecret(path string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		var made struct {
			ID string `json:"key_id"`
		}
		w.control(t, http.MethodPost, path+"/secrets", object{"value": "old8Q~0123456789012345678901234567890123", "days": -3}, &made)
		return func() { w.control(t, http.MethodDelete, path+"/credentials/"+made.ID, nil, nil) }
	}
}

func (w *world) disabled(t *testing.T) func() {
	set := func(s postern.State) {
		w.change(t, func(i postern.Integration) error {
			_, err := w.center.Integrations.SetState(context.WithoutCancel(t.Context()), i.ID, i.Version, s)
			return err
		})
	}
	set(postern.StateDisabled)
	return func() { set(postern.StateEnabled) }
}

func (w *world) flagOff(t *testing.T) func() {
	set := func(on bool) {
		w.change(t, func(i postern.Integration) error {
			flags := postern.AllFlags()
			flags[postern.FlagProvisionAPI] = on
			_, err := w.center.Integrations.SetFlags(context.WithoutCancel(t.Context()), i.ID, i.Version, flags)
			return err
		})
	}
	set(false)
	return func() { set(true) }
}

// offline lets workstations sign in offline, which the tenant's list of models does not foresee.
func (w *world) offline(t *testing.T) func() {
	set := func(on bool) {
		ctx := context.WithoutCancel(t.Context())
		s, err := w.center.Offline.Settings(ctx, w.app.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.Offline.Enabled = on
		if _, err := w.center.Offline.SetSettings(ctx, w.app.ID, s); err != nil {
			t.Fatal(err)
		}
	}
	set(true)
	return func() { set(false) }
}

func (w *world) debugging(t *testing.T) func() {
	set := func(on bool) {
		w.change(t, func(i postern.Integration) error {
			_, err := w.center.Integrations.SetHTTPDebug(context.WithoutCancel(t.Context()), i.ID, i.Version, on)
			return err
		})
	}
	set(true)
	return func() { set(false) }
}

func (w *world) domains(listed ...string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		set := func(on bool, domains []string) {
			w.change(t, func(i postern.Integration) error {
				_, err := w.center.Integrations.SetLogin(context.WithoutCancel(t.Context()), i.ID, postern.LoginSettings{Version: i.Version, RestrictDomains: on, Domains: domains})
				return err
			})
		}
		set(true, listed)
		return func() { set(false, []string{}) }
	}
}

// group is one of the three groups.
func (w *world) group(t *testing.T) postern.PhaseGroup {
	t.Helper()
	var g postern.PhaseGroup
	w.change(t, func(i postern.Integration) error {
		g = i.Groups[0]
		return nil
	})
	return g
}

func (w *world) groupDeleted(t *testing.T) func() {
	g := w.group(t)
	w.graph(t, http.MethodDelete, "/v1.0/groups/"+g.ID, nil, nil)
	return func() {
		if _, err := w.center.Integrations.MendGroups(context.WithoutCancel(t.Context()), w.app.ID); err != nil {
			t.Fatal(err)
		}
		until(t, "a new group", func() bool { now := w.group(t); return now.ID != "" && now.ID != g.ID })
	}
}

func (w *world) groupRenamed(t *testing.T) func() {
	g := w.group(t)
	w.graph(t, http.MethodPatch, "/v1.0/groups/"+g.ID, object{"displayName": "Passkeys, first wave"}, nil)
	return func() { w.graph(t, http.MethodPatch, "/v1.0/groups/"+g.ID, object{"displayName": g.Name}, nil) }
}

func (w *world) groupProblem(t *testing.T) func() {
	g := w.group(t)
	note := func(problem, next string) {
		g.Problem, g.Next = problem, next
		if err := w.center.Store.NoteGroup(context.WithoutCancel(t.Context()), w.app.ID, g); err != nil {
			t.Fatal(err)
		}
	}
	note("Its members cannot be changed.", "Change it by hand in Entra.")
	return func() { note("", "") }
}

func (w *world) directoryFails(t *testing.T) func() {
	mend := w.fault(object{"path": "/v1.0/users/delta**", "status": 400, "code": "Request_BadRequest"})(t)
	ctx := context.WithoutCancel(t.Context())
	if _, err := w.center.Directory.SyncFull(ctx, w.app.ID); err == nil {
		t.Fatal("the directory was read")
	}
	until(t, "the failed reading", func() bool {
		s, err := w.center.Directory.Status(ctx, w.app.ID)
		return err == nil && s.State == postern.DirectoryFailed
	})
	return func() {
		mend()
		if _, err := w.center.Directory.SyncFull(ctx, w.app.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// emergency disables the account for emergencies, and has the directory read.
func (w *world) emergency(t *testing.T) func() {
	set := func(enabled bool) {
		w.control(t, http.MethodPatch, "tenants/first/users/"+w.entra.Administrator.ID, object{"enabled": enabled}, nil)
		if _, err := w.center.Directory.SyncFull(context.WithoutCancel(t.Context()), w.app.ID); err != nil {
			t.Fatal(err)
		}
	}
	set(false)
	return func() { set(true) }
}

func (w *world) drifted(t *testing.T) func() {
	check := func() {
		if _, err := w.center.Policies.CheckDrift(context.WithoutCancel(t.Context()), w.app.ID); err != nil {
			t.Fatal(err)
		}
	}
	mend := w.method(func(m object) { m["includeTargets"].([]object)[0]["isRegistrationRequired"] = true })(t)
	check()
	return func() { mend(); check() }
}

func (w *world) unregistered(t *testing.T) func() {
	ctx, now := context.WithoutCancel(t.Context()), time.Now().UTC()
	r := provision.Record{Provisioning: postern.Provisioning{
		ID: postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning), IntegrationID: w.app.ID, UserID: w.user.ID, PhoneID: w.phone.ID, Version: 1,
		State: postern.ProvisioningFailed, Code: postern.CodeEntraRefused, Message: "Entra refused the passkey.", Next: "Allow self-service set-up.", CreatedAt: now, UpdatedAt: now,
	}}
	if err := w.center.Store.CreateProvisioning(ctx, r); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := w.center.Store.DB().ExecContext(ctx, "DELETE FROM provisionings WHERE id = $1", r.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// account is the integration that works through a service account.
func (w *world) account() Patient {
	user := "tenants/first/users/" + w.entra.ServiceAccount.ID
	legacy := "tenants/first/apps/" + w.entra.Legacy.ClientID
	patched := func(path string, breaks, mends object) func(t *testing.T) func() {
		return func(t *testing.T) func() {
			w.control(t, http.MethodPatch, path, breaks, nil)
			return func() { w.control(t, http.MethodPatch, path, mends, nil) }
		}
	}
	var roles []string
	return Patient{Where: "service account", Examine: w.examine(w.legacy.ID), Defects: []Defect{
		{
			Name: "multifactor authentication is demanded of the service account", Want: wants("service_account", fails), WantNext: "Exclude the service account",
			Break: patched(user, object{"mfa_required": true}, object{"mfa_required": false}),
		},
		{
			Name: "somebody changed the password of the service account", Want: wants("service_account", fails), WantNext: "password",
			Break: patched(user, object{"password": "Another-1"}, object{"password": w.entra.ServiceAccount.Password}),
		},
		{
			Name: "the service account lost its roles", Want: wants("service_account", fails), WantNext: "Assign the role",
			Break: func(t *testing.T) func() {
				var now struct {
					Roles []string `json:"roles"`
				}
				w.control(t, http.MethodGet, user, nil, &now)
				roles = now.Roles
				w.control(t, http.MethodPatch, user, object{"roles": []string{}}, nil)
				return func() { w.control(t, http.MethodPatch, user, object{"roles": roles}, nil) }
			},
			Also: []string{"permissions", "policy", "conditional_access", "tenant", "licences", "windows", "groups"},
		},
		{
			Name: "a permission is granted of the wrong type", Want: wants("permissions", fails), WantNext: "Delegated",
			Break: patched(legacy, object{"revoke_scopes": []string{"UserAuthenticationMethod.ReadWrite.All"}}, object{"grant_scopes": []string{"UserAuthenticationMethod.ReadWrite.All"}}),
		},
	}}
}

// groupID is the object id of one of the three groups, before a test runs.
func (w *world) groupID() string {
	i, err := w.center.Integrations.Get(context.Background(), w.app.ID)
	if err != nil || len(i.Groups) == 0 {
		return strings.Repeat("0", 8)
	}
	return i.Groups[0].ID
}

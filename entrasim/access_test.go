package entrasim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// door signs people in over the pages without a network: one authorization request and one form for a sign-in.
type door struct {
	t testing.TB
	s *Server
	// key is that of every passkey: what tells them apart is the credential id.
	key  *ecdsa.PrivateKey
	cose string
	apps []string
}

func newDoor(t testing.TB) *door {
	t.Helper()
	d := &door{t: t, s: &Server{Users: -1, Seed: 3, signingKey: testSigningKey()}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		t.Fatal(err)
	}
	d.key, d.cose = key, encodeBase64URL(raw)
	d.apps = d.populate(Population{Applications: []ApplicationSpec{{Name: "Mail"}, {Name: "Wiki"}}}).Applications
	return d
}

func (d *door) populate(p Population) Populated {
	d.t.Helper()
	out, err := d.s.Populate("first", p)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

const (
	modelA = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	modelB = "cb69481e-8ff7-4039-93ec-0a2729a154a8"
)

// person makes a user with one passkey of a model.
func (d *door) person(spec UserSpec, aaguid string, synced bool) (PopulatedUser, *securityKey) {
	d.t.Helper()
	spec.Passkeys = []PasskeySpec{{PublicKey: d.cose, AAGUID: aaguid, Synced: synced}}
	u := d.populate(Population{Users: []UserSpec{spec}}).Users[0]
	return u, d.keyOf(u, synced)
}

func (d *door) keyOf(u PopulatedUser, synced bool) *securityKey {
	k := newSecurityKey(d.t)
	k.key, k.id, k.handle = d.key, decodeBase64URL(u.Passkeys[0]), decodeBase64URL(u.UserHandle)
	if synced {
		k.flags |= 0x18
	}
	return k
}

// visit is one browser at the door.
type visit struct {
	*door
	cookies map[string]string
	agent   string
}

func (d *door) visit() *visit { return &visit{door: d, cookies: map[string]string{}} }

func (v *visit) do(method, path string, form url.Values) (*httptest.ResponseRecorder, pageConfig) {
	v.t.Helper()
	r := httptest.NewRequest(method, "https://login.microsoft.com"+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("User-Agent", v.agent)
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	v.s.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c.Value
	}
	var c pageConfig
	if m := configPattern.FindSubmatch(w.Body.Bytes()); m != nil {
		if err := json.Unmarshal(m[1], &c); err != nil {
			v.t.Fatal(err)
		}
	}
	return w, c
}

func (v *visit) authorize(app string, more url.Values) (*httptest.ResponseRecorder, pageConfig) {
	v.t.Helper()
	q := url.Values{"client_id": {app}, "response_type": {"code"}, "redirect_uri": {"http://localhost"}, "scope": {"openid"}}
	for k, values := range more {
		q[k] = values
	}
	return v.do("GET", "/"+v.s.first().ID+"/oauth2/v2.0/authorize?"+q.Encode(), nil)
}

// signIn signs in with a passkey and returns the AADSTS number of the refusal, "" for none.
func (v *visit) signIn(app string, k *securityKey) string {
	v.t.Helper()
	_, c := v.authorize(app, nil)
	return v.login(c, url.Values{"type": {"23"}, "assertion": {k.get(c.Challenge)}})
}

func (v *visit) password(app, upn, secret string) string {
	v.t.Helper()
	_, c := v.authorize(app, url.Values{"login_hint": {upn}})
	return v.login(c, url.Values{"type": {"11"}, "login": {upn}, "passwd": {secret}})
}

func (v *visit) login(c pageConfig, form url.Values) string {
	v.t.Helper()
	form.Set("ctx", c.Ctx)
	form.Set("flowToken", c.FlowToken)
	form.Set("canary", c.Canary)
	_, got := v.do("POST", "/common/login", form)
	if got.Page == "KmsiInterrupt" {
		return ""
	}
	if got.ErrorCode == "" {
		v.t.Fatalf("page %q is neither a refusal nor the interrupt", got.Page)
	}
	return got.ErrorCode
}

// rule makes a Conditional Access policy for everybody at every application, changed by edit.
func (d *door) rule(edit func(p object)) string {
	d.t.Helper()
	p := object{
		"displayName": "Rule", "state": "enabled",
		"conditions":    object{"clientAppTypes": []any{"all"}, "applications": object{"includeApplications": []any{"All"}}, "users": object{"includeUsers": []any{"All"}}},
		"grantControls": object{"operator": "OR", "builtInControls": []any{"block"}},
	}
	if edit != nil {
		edit(p)
	}
	id := d.s.newID()
	p["id"] = id
	if _, problem := parseAccessPolicy(encodeObject(p)); problem != "" {
		d.t.Fatal(problem)
	}
	t := d.s.first()
	t.update(func() {
		if t.CA.Policies == nil {
			t.CA.Policies = make(map[string]json.RawMessage)
		}
		t.CA.Policies[id] = encodeObject(p)
	})
	return id
}

func (d *door) noRules() {
	t := d.s.first()
	t.update(func() { t.CA = ConditionalAccess{} })
}

func (d *door) lastSignIn() (e SignIn) {
	t := d.s.first()
	t.view(func() { e = t.SignIns.Events[len(t.SignIns.Events)-1] })
	return e
}

func users(members object) func(object) {
	return func(p object) { p["conditions"].(object)["users"] = members }
}

func condition(name string, value any) func(object) {
	return func(p object) { p["conditions"].(object)[name] = value }
}

func grants(operator string, strength string, controls ...any) func(object) {
	return func(p object) {
		g := object{"operator": operator, "builtInControls": controls}
		if strength != "" {
			g["authenticationStrength"] = object{"id": strength}
		}
		p["grantControls"] = g
	}
}

// TestWhomPoliciesConcern holds users, groups, roles and guests to the documented rules: an exclusion beats every inclusion.
func TestWhomPoliciesConcern(t *testing.T) {
	d := newDoor(t)
	groups := d.populate(Population{Groups: []GroupSpec{{Name: "outer", Members: []string{"inner"}}, {Name: "inner"}, {Name: "other"}}}).Groups
	outer, inner, other := groups[0], groups[1], groups[2]
	member, memberKey := d.person(UserSpec{UPN: "member", Groups: []string{"inner"}, Roles: []string{roleGlobalReader}}, modelA, false)
	_, guestKey := d.person(UserSpec{UPN: "guest", Guest: true}, modelA, false)
	list := func(v ...any) []any { return v }
	guests := object{"guestOrExternalUserTypes": "b2bCollaborationGuest"}
	for name, tc := range map[string]struct {
		users         object
		member, guest bool // refused
	}{
		"all":                   {object{"includeUsers": list("All")}, true, true},
		"none":                  {object{"includeUsers": list("None")}, false, false},
		"nobody":                {object{}, false, false},
		"one":                   {object{"includeUsers": list(strings.ToUpper(member.ID))}, true, false},
		"guests":                {object{"includeUsers": list("GuestsOrExternalUsers")}, false, true},
		"guests by kind":        {object{"includeGuestsOrExternalUsers": guests}, false, true},
		"all but guests":        {object{"includeUsers": list("All"), "excludeUsers": list("GuestsOrExternalUsers")}, true, false},
		"all but guest kinds":   {object{"includeUsers": list("All"), "excludeGuestsOrExternalUsers": guests}, true, false},
		"all but one":           {object{"includeUsers": list("All"), "excludeUsers": list(member.ID)}, false, true},
		"group":                 {object{"includeGroups": list(inner)}, true, false},
		"nested group":          {object{"includeGroups": list(outer)}, true, false},
		"another group":         {object{"includeGroups": list(other)}, false, false},
		"all but nested group":  {object{"includeUsers": list("All"), "excludeGroups": list(outer)}, false, true},
		"one, but the group":    {object{"includeUsers": list(member.ID), "excludeGroups": list(inner)}, false, false},
		"role":                  {object{"includeRoles": list(roleGlobalReader)}, true, false},
		"another role":          {object{"includeRoles": list(roleReportsReader)}, false, false},
		"all but role":          {object{"includeUsers": list("All"), "excludeRoles": list(roleGlobalReader)}, false, true},
		"group, but another":    {object{"includeGroups": list(inner), "excludeGroups": list(other)}, true, false},
		"role, but the person":  {object{"includeRoles": list(roleGlobalReader), "excludeUsers": list(member.ID)}, false, false},
		"group or role":         {object{"includeGroups": list(other), "includeRoles": list(roleGlobalReader)}, true, false},
		"the other way around":  {object{"includeGroups": list(outer), "includeRoles": list(roleReportsReader)}, true, false},
		"excluded by all users": {object{"includeGroups": list(outer), "excludeUsers": list("All")}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			defer d.noRules()
			d.rule(users(tc.users))
			for who, c := range map[string]struct {
				key     *securityKey
				refused bool
			}{"member": {memberKey, tc.member}, "guest": {guestKey, tc.guest}} {
				if got := d.visit().signIn(d.apps[0], c.key); (got != "") != c.refused || got != "" && got != "53003" {
					t.Errorf("the %s got %q, want refused %v", who, got, c.refused)
				}
			}
		})
	}
}

// TestWherePoliciesCount covers applications, client types, platforms and the conditions that never hold here.
func TestWherePoliciesCount(t *testing.T) {
	d := newDoor(t)
	_, key := d.person(UserSpec{UPN: "member"}, modelA, false)
	list := func(v ...any) []any { return v }
	mail, wiki := d.apps[0], d.apps[1]
	apps := func(members object) func(object) { return condition("applications", members) }
	for name, tc := range map[string]struct {
		edit       func(object)
		mail, wiki bool // refused
	}{
		"all":                       {apps(object{"includeApplications": list("All")}), true, true},
		"none":                      {apps(object{"includeApplications": list("None")}), false, false},
		"one":                       {apps(object{"includeApplications": list(strings.ToUpper(mail))}), true, false},
		"all but one":               {apps(object{"includeApplications": list("All"), "excludeApplications": list(mail)}), false, true},
		"a suite":                   {apps(object{"includeApplications": list("Office365")}), false, false},
		"registering only":          {apps(object{"includeUserActions": list(userActionRegister)}), false, false},
		"contexts only":             {apps(object{"includeAuthenticationContextClassReferences": list("c1")}), false, false},
		"browsers":                  {condition("clientAppTypes", list("browser")), true, true},
		"desktop":                   {condition("clientAppTypes", list("mobileAppsAndDesktopClients")), false, false},
		"other clients":             {condition("clientAppTypes", list("exchangeActiveSync", "other")), false, false},
		"any client":                {condition("clientAppTypes", list()), true, true},
		"any platform":              {condition("platforms", object{"includePlatforms": list("all")}), true, true},
		"windows":                   {condition("platforms", object{"includePlatforms": list("windows")}), true, true},
		"phones":                    {condition("platforms", object{"includePlatforms": list("android", "iOS")}), false, false},
		"all but windows":           {condition("platforms", object{"includePlatforms": list("all"), "excludePlatforms": list("windows")}), false, false},
		"anywhere":                  {condition("locations", object{"includeLocations": list("All")}), true, true},
		"outside":                   {condition("locations", object{"includeLocations": list("All"), "excludeLocations": list("AllTrusted")}), true, true},
		"inside":                    {condition("locations", object{"includeLocations": list("AllTrusted")}), false, false},
		"risky sign-in":             {condition("signInRiskLevels", list("high", "medium")), false, false},
		"any sign-in risk":          {condition("signInRiskLevels", list("none", "low")), true, true},
		"risky user":                {condition("userRiskLevels", list("high")), false, false},
		"insider":                   {condition("insiderRiskLevels", "elevated"), false, false},
		"registered device":         {condition("devices", object{"deviceFilter": object{"mode": "include", "rule": `device.isCompliant -eq True`}}), false, false},
		"all but registered":        {condition("devices", object{"deviceFilter": object{"mode": "exclude", "rule": `device.isCompliant -eq True`}}), true, true},
		"device code":               {condition("authenticationFlows", object{"transferMethods": "deviceCodeFlow,authenticationTransfer"}), false, false},
		"workload identities":       {condition("servicePrincipalRiskLevels", list("high")), false, false},
		"a condition of the future": {condition("moonPhases", list("full")), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			defer d.noRules()
			d.rule(tc.edit)
			for app, refused := range map[string]bool{mail: tc.mail, wiki: tc.wiki} {
				v := d.visit()
				v.agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
				if got := v.signIn(app, key); (got != "") != refused {
					t.Errorf("application %d: %q, want refused %v", slices.Index(d.apps, app), got, refused)
				}
			}
		})
	}
}

// TestGrantControls holds every control against every way to sign in.
func TestGrantControls(t *testing.T) {
	d := newDoor(t)
	u, key := d.person(UserSpec{UPN: "member", Password: "correct horse"}, modelA, false)
	_, syncedKey := d.person(UserSpec{UPN: "synced"}, modelB, true)
	tenant := d.s.first()
	custom := func(combinations []any, aaguids ...any) string {
		id := d.s.newID()
		o := object{"id": id, "displayName": "Custom", "policyType": "custom", "allowedCombinations": combinations, "combinationConfigurations": []any{}}
		if aaguids != nil {
			l := object{"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "id": d.s.newID(), "allowedAAGUIDs": aaguids}
			if p := checkLimit(l); p != "" {
				t.Fatal(p)
			}
			o["combinationConfigurations"] = []any{l}
		}
		tenant.update(func() {
			if tenant.CA.Strengths == nil {
				tenant.CA.Strengths = make(map[string]json.RawMessage)
			}
			tenant.CA.Strengths[id] = encodeObject(o)
		})
		return id
	}
	const multi, passwordless, resistant = "00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000003", "00000000-0000-0000-0000-000000000004"
	// The refusals of a password, a multi-use and a one-time Temporary Access Pass, a passkey of model A, a synced one of B.
	type refusals [5]string
	all := func(code string) refusals { return refusals{code, code, code, code, code} }
	for name, tc := range map[string]struct {
		edit func() func(object)
		want refusals
	}{
		"nothing":            {func() func(object) { return func(p object) { delete(p, "grantControls") } }, all("")},
		"block":              {func() func(object) { return grants("OR", "", "block") }, all("53003")},
		"mfa":                {func() func(object) { return grants("OR", "", "mfa") }, refusals{"50076", "", "", "", ""}},
		"compliant device":   {func() func(object) { return grants("OR", "", "compliantDevice") }, all("53000")},
		"joined device":      {func() func(object) { return grants("OR", "", "domainJoinedDevice") }, all("53001")},
		"approved app":       {func() func(object) { return grants("OR", "", "approvedApplication") }, all("53002")},
		"protected app":      {func() func(object) { return grants("OR", "", "compliantApplication") }, all("53009")},
		"password change":    {func() func(object) { return grants("AND", "", "mfa", "passwordChange") }, all("53003")},
		"device or mfa":      {func() func(object) { return grants("OR", "", "compliantDevice", "mfa") }, refusals{"50076", "", "", "", ""}},
		"device and mfa":     {func() func(object) { return grants("AND", "", "mfa", "compliantDevice") }, all("53000")},
		"multifactor":        {func() func(object) { return grants("OR", multi) }, refusals{"50074", "", "", "", ""}},
		"passwordless":       {func() func(object) { return grants("OR", passwordless) }, refusals{"50074", "50074", "50074", "", ""}},
		"phishing resistant": {func() func(object) { return grants("AND", resistant) }, refusals{"50074", "50074", "50074", "", ""}},
		"strength or device": {func() func(object) { return grants("OR", resistant, "compliantDevice") }, refusals{"50074", "50074", "50074", "", ""}},
		"strength, device":   {func() func(object) { return grants("AND", resistant, "compliantDevice") }, all("53000")},
		"model A":            {func() func(object) { return grants("OR", custom([]any{"fido2"}, modelA)) }, refusals{"50074", "50074", "50074", "", "50074"}},
		"model B, upper":     {func() func(object) { return grants("OR", custom([]any{"fido2"}, strings.ToUpper(modelB))) }, refusals{"50074", "50074", "50074", "50074", ""}},
		"model A, or a pass": {func() func(object) { return grants("OR", custom([]any{"temporaryAccessPassOneTime", "fido2"}, modelA)) }, refusals{"50074", "50074", "", "", "50074"}},
		"password":           {func() func(object) { return grants("OR", custom([]any{"password"})) }, refusals{"", "50074", "50074", "50074", "50074"}},
		"password and text":  {func() func(object) { return grants("OR", custom([]any{"password, sms"})) }, all("50074")},
		"no such strength":   {func() func(object) { return grants("OR", d.s.newID()) }, all("50074")},
		"terms of use": {func() func(object) {
			return func(p object) {
				p["grantControls"] = object{"operator": "AND", "builtInControls": []any{}, "termsOfUse": []any{d.s.newID()}}
			}
		}, all("53003")},
	} {
		t.Run(name, func(t *testing.T) {
			defer d.noRules()
			id := d.rule(tc.edit())
			pass := func(oneTime bool) string {
				tenant.update(func() {
					p := tenant.user(u.ID)
					p.TemporaryPass = &TemporaryPass{Code: "Tap-12345", From: tenant.now(), Until: tenant.now().AddDate(0, 0, 1), OneTime: oneTime}
				})
				return "Tap-12345"
			}
			ways := []func() string{
				func() string { return d.visit().password(d.apps[0], u.UPN, "correct horse") },
				func() string { return d.visit().password(d.apps[0], u.UPN, pass(false)) },
				func() string { return d.visit().password(d.apps[0], u.UPN, pass(true)) },
				func() string { return d.visit().signIn(d.apps[0], key) },
				func() string { return d.visit().signIn(d.apps[0], syncedKey) },
			}
			for i, way := range ways {
				got := way()
				if got != tc.want[i] {
					t.Errorf("way %d: %q, want %q", i, got, tc.want[i])
				}
				e := d.lastSignIn()
				status, result := "success", "success"
				if got != "" {
					status, result = "failure", "failure"
				}
				if fmt.Sprint(e.ErrorCode) != first(got, "0") || e.Access != status || len(e.Applied) != 1 || e.Applied[0].ID != id || e.Applied[0].Result != result || (got != "") != (e.Failure != "") {
					t.Errorf("way %d left %+v", i, e)
				}
			}
		})
	}
}

// TestPolicyStates holds that only an enabled policy refuses, and that one in report-only mode leaves its trace.
func TestPolicyStates(t *testing.T) {
	d := newDoor(t)
	u, key := d.person(UserSpec{UPN: "member", Password: "correct horse"}, modelA, false)
	state := func(s string, more func(object)) func(object) {
		return func(p object) {
			p["state"] = s
			more(p)
		}
	}
	for name, tc := range map[string]struct {
		edit        func(object)
		key, secret string // results of a passkey and of a password, empty: not applied
	}{
		"disabled":            {state(accessDisabled, grants("OR", "", "block")), "", ""},
		"report-only block":   {state(accessReportOnly, grants("OR", "", "block")), "reportOnlyFailure", "reportOnlyFailure"},
		"report-only mfa":     {state(accessReportOnly, grants("OR", "", "mfa")), "reportOnlySuccess", "reportOnlyInterrupted"},
		"report-only device":  {state(accessReportOnly, grants("OR", "", "compliantDevice")), "reportOnlyFailure", "reportOnlyFailure"},
		"report-only strange": {state(accessReportOnly, users(object{"includeUsers": []any{"None"}})), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			defer d.noRules()
			d.rule(tc.edit)
			check := func(got, want string) {
				t.Helper()
				e := d.lastSignIn()
				result := ""
				if len(e.Applied) > 0 {
					result = e.Applied[0].Result
				}
				if got != "" || e.ErrorCode != 0 || e.Access != "notApplied" || result != want {
					t.Errorf("refusal %q, log %+v, want %q", got, e, want)
				}
			}
			check(d.visit().signIn(d.apps[0], key), tc.key)
			check(d.visit().password(d.apps[0], u.UPN, "correct horse"), tc.secret)
		})
	}
}

// TestSeveralPolicies holds that all of them must grant, and that a block is what a person is told of.
func TestSeveralPolicies(t *testing.T) {
	d := newDoor(t)
	u, key := d.person(UserSpec{UPN: "member", Password: "correct horse"}, modelA, false)
	d.rule(grants("OR", "", "mfa"))
	d.rule(grants("OR", "00000000-0000-0000-0000-000000000004"))
	if got := d.visit().signIn(d.apps[0], key); got != "" || len(d.lastSignIn().Applied) != 2 {
		t.Errorf("a passkey: %q, log %+v", got, d.lastSignIn())
	}
	d.rule(func(p object) {
		p["conditions"].(object)["applications"] = object{"includeApplications": []any{d.apps[0]}}
	})
	if got := d.visit().password(d.apps[0], u.UPN, "correct horse"); got != "53003" {
		t.Errorf("a password where it is blocked: %q", got)
	}
	if got := d.visit().signIn(d.apps[1], key); got != "" {
		t.Errorf("a passkey elsewhere: %q", got)
	}
}

// TestSessionsAreEvaluated holds that single sign-on is judged by how the session began: method and model.
func TestSessionsAreEvaluated(t *testing.T) {
	d := newDoor(t)
	tenant := d.s.first()
	u, key := d.person(UserSpec{UPN: "member", Password: "correct horse"}, modelA, false)
	inWith := func(signIn func(v *visit) string) *visit {
		t.Helper()
		v := d.visit()
		if got := signIn(v); got != "" {
			t.Fatal(got)
		}
		return v
	}
	byKey := inWith(func(v *visit) string { return v.signIn(d.apps[0], key) })
	byPassword := inWith(func(v *visit) string { return v.password(d.apps[0], u.UPN, "correct horse") })
	silent := func(v *visit) string {
		t.Helper()
		w, _ := v.authorize(d.apps[1], url.Values{"prompt": {"none"}})
		back, err := w.Result().Location()
		if err != nil {
			t.Fatal(err)
		}
		if back.Query().Has("code") {
			return "code"
		}
		return back.Query().Get("error")
	}
	if byKey, byPassword := silent(byKey), silent(byPassword); byKey != "code" || byPassword != "code" {
		t.Fatalf("without a policy: %q and %q", byKey, byPassword)
	}
	d.rule(grants("OR", "00000000-0000-0000-0000-000000000004"))
	if byKey, byPassword := silent(byKey), silent(byPassword); byKey != "code" || byPassword != "interaction_required" {
		t.Errorf("under a strength: %q and %q", byKey, byPassword)
	}
	if _, c := byPassword.authorize(d.apps[1], nil); c.Page != "ConvergedSignIn" || c.ErrorCode != "50074" {
		t.Errorf("page %q with %q, want to be asked again", c.Page, c.ErrorCode)
	} else if got := byPassword.login(c, url.Values{"type": {"23"}, "assertion": {key.get(c.Challenge)}}); got != "" {
		t.Errorf("stepping up: %q", got)
	}
	if e := d.lastSignIn(); e.UserID != u.ID || e.ErrorCode != 0 || e.Access != "success" {
		t.Errorf("log %+v", e)
	}
	d.noRules()
	limited := object{"id": d.s.newID(), "displayName": "B only", "policyType": "custom", "allowedCombinations": []any{"fido2"}, "combinationConfigurations": []any{
		object{"allowedAAGUIDs": []any{modelB}, "appliesToCombinations": []any{"fido2"}},
	}}
	tenant.update(func() {
		tenant.CA.Strengths = map[string]json.RawMessage{limited["id"].(string): encodeObject(limited)}
	})
	d.rule(grants("OR", limited["id"].(string)))
	if got := silent(byKey); got != "interaction_required" {
		t.Errorf("a session of another model: %q", got)
	}
	d.noRules()
	d.rule(nil)
	if _, c := byKey.authorize(d.apps[1], nil); c.Page != "ConvergedError" || c.ErrorCode != "53003" {
		t.Errorf("blocked: page %q with %q", c.Page, c.ErrorCode)
	}
	if e := d.lastSignIn(); e.ErrorCode != 53003 || e.Method != previouslySatisfied || e.AppID != d.apps[1] {
		t.Errorf("log %+v", e)
	}
}

// TestRefusedSignInLeavesNoSession holds that a refusal by Conditional Access does not sign the browser in.
func TestRefusedSignInLeavesNoSession(t *testing.T) {
	d := newDoor(t)
	_, key := d.person(UserSpec{UPN: "member"}, modelA, false)
	d.rule(condition("applications", object{"includeApplications": []any{d.apps[0]}}))
	v := d.visit()
	if got := v.signIn(d.apps[0], key); got != "53003" {
		t.Fatal(got)
	}
	if _, c := v.authorize(d.apps[1], nil); c.Page != "ConvergedSignIn" {
		t.Errorf("page %q", c.Page)
	}
}

// TestRegisteringIsAnAction holds that urn:user:registersecurityinfo counts when a passkey is added, and only then.
func TestRegisteringIsAnAction(t *testing.T) {
	d := newDoor(t)
	u, key := d.person(UserSpec{UPN: "member", Password: "correct horse"}, modelA, false)
	d.rule(func(p object) {
		p["conditions"].(object)["applications"] = object{"includeUserActions": []any{userActionRegister}}
		grants("OR", "00000000-0000-0000-0000-000000000004")(p)
	})
	if got := d.visit().password(d.apps[0], u.UPN, "correct horse"); got != "" {
		t.Errorf("an application: %q", got)
	}
	add := func(v *visit) (int, pageConfig) {
		t.Helper()
		w, c := v.do("GET", "/mysecurityinfo/add", nil)
		return w.Code, c
	}
	weak := d.visit()
	weak.password(d.apps[0], u.UPN, "correct horse")
	if status, c := add(weak); status != http.StatusBadRequest || c.ErrorCode != "50074" {
		t.Errorf("with a password: %d, %q", status, c.ErrorCode)
	}
	if w, _ := weak.do("GET", "/mysecurityinfo", nil); w.Code != http.StatusOK {
		t.Errorf("only looking: %d", w.Code)
	}
	strong := d.visit()
	strong.signIn(d.apps[0], key)
	if status, c := add(strong); status != http.StatusOK {
		t.Errorf("with a passkey: %d, %q", status, c.ErrorCode)
	}
	// Signing in for the sake of adding is judged at once.
	fresh := d.visit()
	w, _ := fresh.do("GET", "/mysecurityinfo/add", nil)
	_, c := fresh.do("GET", strings.TrimPrefix(w.Header().Get("Location"), "https://login.microsoft.com"), nil)
	if got := fresh.login(c, url.Values{"type": {"11"}, "login": {u.UPN}, "passwd": {"correct horse"}}); got != "50074" {
		t.Errorf("signing in to add with a password: %q", got)
	}
	d.noRules()
	d.rule(condition("applications", object{"includeApplications": []any{"All"}, "excludeApplications": []any{securityInfoAppID}}))
	if status, c := add(strong); status != http.StatusOK {
		t.Errorf("Security info excluded: %d, %q", status, c.ErrorCode)
	}
	d.noRules()
	d.rule(nil)
	if status, c := add(strong); status != http.StatusBadRequest || c.ErrorCode != "53003" {
		t.Errorf("all applications blocked: %d, %q", status, c.ErrorCode)
	}
	// A policy that comes while the person is about to touch the key counts as well.
	if w, c := strong.do("POST", "/mysecurityinfo/passkeys", url.Values{"name": {"Key"}}); w.Code != http.StatusBadRequest || c.ErrorCode != "53003" {
		t.Errorf("blocked in the middle: %d, %q", w.Code, c.ErrorCode)
	}
}

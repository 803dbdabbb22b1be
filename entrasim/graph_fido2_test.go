package entrasim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

// options asks for creation options by Graph.
func (s *site) options(token, version, user, suffix string) (passkey.CreationOptions, answer) {
	s.t.Helper()
	a := s.call(token, "GET", "/"+version+"/users/"+user+"/authentication/fido2Methods/creationOptions"+suffix, nil)
	var doc struct {
		PublicKey passkey.CreationOptions `json:"publicKey"`
	}
	_ = json.Unmarshal([]byte(a.raw), &doc) // an error answer has none
	return doc.PublicKey, a
}

// passkeyPost is the body of POST fido2Methods.
func passkeyPost(name string, c passkey.PublicKeyCredential) object {
	return object{"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "displayName": name, "publicKeyCredential": object{
		"id": c.ID, "response": object{"clientDataJSON": c.Response.ClientDataJSON, "attestationObject": c.Response.AttestationObject},
		"clientExtensionResults": object{"hmacCreateSecret": true},
	}}
}

// register puts a fresh software key on a user by Graph.
func (s *site) register(key *securityKey, user, name string) answer {
	s.t.Helper()
	o, a := s.options(s.appToken(s.standard()), "beta", user, "(challengeTimeoutInMinutes=5)")
	if a.status != 200 {
		return a
	}
	return s.graph("POST", "/v1.0/users/"+user+"/authentication/fido2Methods", passkeyPost(name, key.create(o)))
}

func TestCreationOptionForms(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := newSite(t, Config{Users: 10, Now: func() time.Time { return now }})
	token, user := s.appToken(s.Minimal), s.Users[0]
	for _, c := range []struct {
		version, suffix string
		status          int
		minutes         int
	}{
		{"v1.0", "", 200, 5},
		{"v1.0", "()", 200, 5},
		{"v1.0", "(challengeTimeoutInMinutes=10)", 400, 0},
		{"beta", "", 200, 5},
		{"beta", "(challengeTimeoutInMinutes=5)", 200, 5},
		{"beta", "(challengeTimeoutInMinutes=43200)", 200, 43200},
		{"beta", "(challengeTimeoutInMinutes=@p)?@p=17", 200, 17},
		{"beta", "(challengeTimeoutInMinutes=4)", 400, 0},
		{"beta", "(challengeTimeoutInMinutes=43201)", 400, 0},
		{"beta", "(challengeTimeoutInMinutes=soon)", 400, 0},
		{"beta", "?challengeTimeoutInMinutes=10", 405, 0},
		{"v1.0", "?challengeTimeoutInMinutes=10", 405, 0},
	} {
		t.Run(c.version+c.suffix, func(t *testing.T) {
			o, a := s.options(token, c.version, user.UPN, c.suffix)
			if a.status != c.status {
				t.Fatalf("%d %s", a.status, a.raw)
			}
			if c.status == 405 && (a.code() != "methodNotAllowed" || strings.Count(a.raw, "The method is not supported for this URL.") != 2) {
				t.Errorf("405 body: %s", a.raw)
			}
			if c.status != 200 {
				return
			}
			if want := shown(now.Add(time.Duration(c.minutes) * time.Minute)); a.str("challengeTimeoutDateTime") != want {
				t.Errorf("expires %s, want %s", a.str("challengeTimeoutDateTime"), want)
			}
			jwe, err := base64.RawURLEncoding.DecodeString(o.Challenge)
			if err != nil || strings.Count(string(jwe), ".") != 4 || len(jwe) < 5000 {
				t.Errorf("the challenge is no compact JWE of about 5 KB: %d bytes, %v", len(jwe), err)
			}
			if o.RP.ID != "login.microsoft.com" || o.User.Name != user.UPN || !o.AuthenticatorSelection.RequireResidentKey || o.AuthenticatorSelection.UserVerification != "required" {
				t.Errorf("options: %+v", o)
			}
		})
	}
	s.control("PATCH", "levers", object{"timeout_query": true})
	if _, a := s.options(token, "beta", user.ID, "?challengeTimeoutInMinutes=10"); a.status != 200 {
		t.Errorf("with the lever: %d", a.status)
	}
}

// TestPasskeyLifecycle registers, lists, reads, excludes and deletes, and looks at the audit trail.
func TestPasskeyLifecycle(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	user := s.Users[0]
	at := "/users/" + user.ID + "/authentication/fido2Methods"
	key := newSecurityKey(t)
	created := s.register(key, user.ID, "Red key")
	if created.status != 201 {
		t.Fatalf("%d %s", created.status, created.raw)
	}
	id := created.str("id")
	if id != base64.RawURLEncoding.EncodeToString(key.id)+"2" {
		t.Errorf("id %q is not the credential id in UrlTokenEncode form", id)
	}
	for k, want := range map[string]any{
		"displayName": "Red key", "aaGuid": "2fc0579f-8113-47ea-b116-bb5a8db9202a", "attestationLevel": "notAttested", "passkeyType": "deviceBound",
		"@odata.context": s.GraphURL + "/v1.0/$metadata#users('" + user.ID + "')/authentication/fido2Methods/$entity",
	} {
		if created.body[k] != want {
			t.Errorf("%s is %v, want %v", k, created.body[k], want)
		}
	}
	list := s.graph("GET", "/v1.0"+at, nil)
	if v := list.values(); len(v) != 1 || v[0]["id"] != id || v[0]["lastUsedDateTime"] != nil {
		t.Errorf("list: %s", list.raw)
	}
	if a := s.graph("GET", "/beta"+at+"/"+id, nil); a.status != 200 || a.str("id") != id {
		t.Errorf("get: %d %s", a.status, a.raw)
	}
	encoded := map[string]string{}
	for _, version := range []string{"v1.0", "beta"} {
		o, _ := s.options(s.appToken(s.standard()), version, user.ID, "")
		encoded[version] = o.ExcludeCredentials[0].ID
	}
	s.control("PATCH", "levers", object{"padded_exclude": true})
	o, _ := s.options(s.appToken(s.standard()), "beta", user.ID, "")
	if encoded["v1.0"] != base64.RawURLEncoding.EncodeToString(key.id) || encoded["beta"] != id || o.ExcludeCredentials[0].ID != base64.StdEncoding.EncodeToString(key.id) {
		t.Errorf("excludeCredentials: %v and %q", encoded, o.ExcludeCredentials[0].ID)
	}
	if a := s.graph("DELETE", "/v1.0"+at+"/"+id, nil); a.status != 204 || a.raw != "" {
		t.Errorf("delete: %d %q", a.status, a.raw)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if a := s.graph(method, "/v1.0"+at+"/"+id, nil); a.status != 404 || a.code() != "resourceNotFound" {
			t.Errorf("%s after delete: %d %s", method, a.status, a.raw)
		}
	}
	audits := s.graph("GET", "/v1.0/auditLogs/directoryAudits", nil)
	var got []string
	correlations := map[any]int{}
	for _, v := range audits.values() {
		if v["activityDisplayName"] != "Get passkey creation options" {
			got = append(got, v["activityDisplayName"].(string))
			correlations[v["correlationId"]]++
		}
	}
	want := "Delete Passkey (device-bound),Admin deleted security info,Add Passkey (device-bound),Admin registered security info"
	if strings.Join(got, ",") != want || len(correlations) != 2 {
		t.Errorf("audits %v with correlations %v", got, correlations)
	}
}

// TestPasskeyRefusals looks at the ways POST fido2Methods says no. What WebAuthn itself refuses is tested with package
// passkey.
func TestPasskeyRefusals(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	user := s.Users[0]
	at := "/v1.0/users/" + user.ID + "/authentication/fido2Methods"
	fresh := func() object {
		o, _ := s.options(s.appToken(s.standard()), "beta", user.ID, "")
		return passkeyPost("Key", newSecurityKey(t).create(o))
	}
	text, err := json.Marshal(fresh())
	if err != nil {
		t.Fatal(err)
	}
	raw := fresh()
	raw["publicKeyCredential"].(object)["rawId"] = "AAAA"
	other := passkeyPost("Key", func() passkey.PublicKeyCredential {
		o, _ := s.options(s.appToken(s.standard()), "beta", s.Users[1].ID, "")
		return newSecurityKey(t).create(o)
	}())
	wrongOrigin := func() object {
		o, _ := s.options(s.appToken(s.standard()), "beta", user.ID, "")
		k := newSecurityKey(t)
		k.origin = "https://login.microsoftonline.example"
		return passkeyPost("Key", k.create(o))
	}()
	long := fresh()
	long["displayName"] = strings.Repeat("x", 31)
	for _, c := range []struct {
		name    string
		body    any
		message string
	}{
		{"JSON string", fmt.Sprintf("%q", text), "The request is missing a fido2AuthenticationMethod entity"},
		{"no JSON", "{", "Unable to read JSON request payload"},
		{"raw toJSON form", raw, "The property 'rawId' does not exist"},
		{"no credential", object{"displayName": "x"}, "publicKeyCredential"},
		{"challenge of another user", other, ""},
		{"wrong origin", wrongOrigin, ""},
		{"long name", long, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := s.graph("POST", at, c.body); a.status != 400 || a.code() != "badRequest" || !strings.Contains(a.raw, c.message) {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		})
	}
	late := fresh()
	s.Server.MoveClock(6 * time.Minute)
	if a := s.graph("POST", at, late); a.status != 400 || a.code() != "badRequest" {
		t.Errorf("expired challenge: %d %s", a.status, a.raw)
	}
	s.Server.MoveClock(0)
	o, _ := s.options(s.appToken(s.standard()), "beta", user.ID, "")
	key := newSecurityKey(t)
	body := passkeyPost("Key", key.create(o))
	if a := s.graph("POST", at, body); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if a := s.graph("POST", at, body); a.status != 409 {
		t.Errorf("second time: %d %s", a.status, a.raw)
	}
	if a := s.graph("POST", "/v1.0/users/nobody/authentication/fido2Methods", body); a.status != 404 || a.code() != "Request_ResourceNotFound" {
		t.Errorf("unknown user: %d %s", a.status, a.raw)
	}
}

// TestSelfService registers a passkey for oneself, which needs a recent second factor.
func TestSelfService(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	user := s.Users[0]
	client := Credentials{ClientID: s.SignInClientID}
	const scope = "https://graph.microsoft.com/.default"
	weak := s.userToken(client, user, scope)
	if a := s.call(weak, "GET", "/v1.0/me/authentication/fido2Methods/creationOptions", nil); a.status != 403 {
		t.Errorf("with a password alone: %d %s", a.status, a.raw)
	}
	s.control("PATCH", "levers", object{"device_interval": "1s"})
	d := s.form(s.TenantID+"/oauth2/v2.0/devicecode", map[string]string{"client_id": client.ClientID, "scope": scope})
	poll := map[string]string{"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": client.ClientID, "device_code": d.str("device_code")}
	if a := s.form(s.TenantID+"/oauth2/v2.0/token", poll); a.code() != "authorization_pending" {
		t.Errorf("first poll: %s", a.raw)
	}
	if a := s.form(s.TenantID+"/oauth2/v2.0/token", poll); a.code() != "slow_down" {
		t.Errorf("hasty poll: %s", a.raw)
	}
	s.control("POST", "tenants/first/devices/"+d.str("user_code"), object{"upn": user.UPN, "mfa": true})
	strong := s.form(s.TenantID+"/oauth2/v2.0/token", poll).str("access_token")
	a := s.call(strong, "GET", "/v1.0/me/authentication/fido2Methods/creationOptions", nil)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	var doc struct {
		PublicKey passkey.CreationOptions `json:"publicKey"`
	}
	if err := json.Unmarshal([]byte(a.raw), &doc); err != nil {
		t.Fatal(err)
	}
	if a := s.call(strong, "POST", "/v1.0/me/authentication/fido2Methods", passkeyPost("Mine", newSecurityKey(t).create(doc.PublicKey))); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if a := s.call(strong, "GET", "/v1.0/users/"+s.Users[1].ID+"/authentication/fido2Methods", nil); a.status != 403 {
		t.Errorf("another user's passkeys: %d", a.status)
	}
	s.Server.MoveClock(11 * time.Minute)
	if a := s.call(strong, "GET", "/v1.0/me/authentication/fido2Methods/creationOptions", nil); a.status != 403 {
		t.Errorf("eleven minutes later: %d %s", a.status, a.raw)
	}
	if a := s.call(s.appToken(s.standard()), "GET", "/v1.0/me", nil); a.status != 400 || !strings.Contains(a.raw, "/me request is only valid with delegated authentication flow.") {
		t.Errorf("/me of an application: %d %s", a.status, a.raw)
	}
}

// TestRoles holds delegated callers to their directory roles: an Authentication Administrator does not reach privileged
// users, a Privileged Authentication Administrator does.
func TestRoles(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	path := func(id string) string { return "/v1.0/users/" + id + "/authentication/fido2Methods/creationOptions" }
	admin := s.control("GET", "tenants/first/users/admin@"+s.Domain, nil).str("id")
	check := func(name string, roles []string, plain, privileged int) {
		t.Helper()
		s.control("PATCH", "tenants/first/users/"+s.ServiceAccount.ID, object{"roles": roles})
		token := s.userToken(s.Legacy, s.ServiceAccount, "https://graph.microsoft.com/.default")
		if a := s.call(token, "GET", path(s.Users[0].ID), nil); a.status != plain {
			t.Errorf("%s on a plain user: %d, want %d", name, a.status, plain)
		}
		if a := s.call(token, "GET", path(admin), nil); a.status != privileged {
			t.Errorf("%s on a privileged user: %d, want %d", name, a.status, privileged)
		}
	}
	check("no role", []string{}, 403, 403)
	check("Authentication Administrator", []string{roleAuthAdministrator}, 200, 403)
	check("Privileged Authentication Administrator", []string{rolePrivilegedAuthAdministrator}, 200, 200)
	check("Global Reader", []string{roleGlobalReader}, 403, 403)
}

// TestMethodDelay shows a new passkey late, and a deleted one a while longer, while sign-in knows at once.
func TestMethodDelay(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	user := s.Users[0].ID
	count := func() int {
		return len(s.graph("GET", "/v1.0/users/"+user+"/authentication/fido2Methods", nil).values())
	}
	s.control("PATCH", "levers", object{"method_delay": "30s"})
	id := s.register(newSecurityKey(t), user, "Key").str("id")
	if n := count(); n != 0 {
		t.Errorf("shown at once: %d", n)
	}
	s.Server.MoveClock(time.Minute)
	if n := count(); n != 1 {
		t.Errorf("after the delay: %d", n)
	}
	if a := s.graph("DELETE", "/v1.0/users/"+user+"/authentication/fido2Methods/"+id, nil); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	live := s.control("GET", "tenants/first/users/"+user, nil).body["passkeys"].([]any)[0].(object)["live"]
	if n := count(); n != 1 || live != false {
		t.Errorf("just after deletion: %d shown, live %v", n, live)
	}
	s.Server.MoveClock(2 * time.Minute)
	if n := count(); n != 0 {
		t.Errorf("after the delay: %d", n)
	}
}

package entrasim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// adminScopes are what a set-up asks of an administrator.
const adminScopes = "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All Directory.Read.All"

// deviceToken signs a user in at the well-known client with a device code; it gives the answer of the token endpoint, or that
// of the control API if that refused.
func (s *site) deviceToken(tenant, upn, scope string) answer {
	s.t.Helper()
	d := s.form(tenant+"/oauth2/v2.0/devicecode", map[string]string{"client_id": graphToolsID, "scope": scope})
	if d.status != 200 {
		return d
	}
	owner := s.Server.tenantOf(upn)
	if a := s.call("", "POST", controlRoot+"tenants/"+owner.ID+"/devices/"+d.str("user_code"), object{"upn": upn, "mfa": true}); a.status >= 400 {
		return a
	}
	return s.form(tenant+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": graphToolsID, "device_code": d.str("device_code"),
	})
}

// adminToken is a token of a user with the given roles and scopes.
func (s *site) adminToken(scope string, roles ...string) string {
	s.t.Helper()
	upn := "admin-" + uuid.NewString()[:8] + "@" + s.Domain
	s.control("POST", "tenants/first/users", object{"upn": upn, "roles": append([]string{}, roles...)})
	a := s.deviceToken(s.TenantID, upn, scope)
	if a.status != 200 {
		s.t.Fatalf("token of an administrator: %d %s", a.status, a.raw)
	}
	return a.str("access_token")
}

// registration makes an application with a service principal.
func (s *site) registration(token string) (app answer, principal string) {
	s.t.Helper()
	app = s.call(token, "POST", "/v1.0/applications", object{"displayName": "Made by Graph", "tags": []string{"mark"}})
	if app.status != 201 {
		s.t.Fatalf("%d %s", app.status, app.raw)
	}
	sp := s.call(token, "POST", "/v1.0/servicePrincipals", object{"appId": app.str("appId")})
	if sp.status != 201 {
		s.t.Fatalf("%d %s", sp.status, sp.raw)
	}
	return app, sp.str("id")
}

func escape(query string) string { return strings.NewReplacer(" ", "%20", "'", "%27").Replace(query) }

func TestRegistration(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	token := s.tokenWith("Application.ReadWrite.All")
	body := object{
		"displayName": "Control center", "signInAudience": "AzureADMyOrg", "isFallbackPublicClient": true, "tags": []string{"postern:1", "other"}, "notes": "made by a test",
		"publicClient": object{"redirectUris": []string{"https://login.microsoftonline.com/common/oauth2/nativeclient"}}, "web": object{"redirectUris": []string{"https://localhost/back"}},
		"requiredResourceAccess": []object{{"resourceAppId": graphAppID, "resourceAccess": []object{{"id": "0400e371-7db1-4338-a269-96069eb65227", "type": "Role"}}}},
	}
	made := s.call(token, "POST", "/v1.0/applications", body)
	if made.status != 201 || !isGUID(made.str("appId")) || made.str("id") == made.str("appId") {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	for _, path := range []string{"/v1.0/applications/" + made.str("id"), "/v1.0/applications(appId='" + made.str("appId") + "')"} {
		got := s.call(token, "GET", path, nil)
		if got.status != 200 || got.body["isFallbackPublicClient"] != true || got.str("notes") != "made by a test" || got.str("createdDateTime") == "" ||
			!strings.Contains(got.raw, "nativeclient") || !strings.Contains(got.raw, "https://localhost/back") || !strings.Contains(got.raw, `"resourceAppId":"`+graphAppID) {
			t.Errorf("%s: %d %s", path, got.status, got.raw)
		}
	}
	for filter, want := range map[string]int{
		"displayName eq 'control CENTER'": 1, "tags/any(t:t eq 'postern:1')": 1, "tags/any(t:t eq 'nobody')": 0, "appId eq '" + made.str("appId") + "'": 1,
		"startswith(displayName,'Control')": 1,
	} {
		if list := s.call(token, "GET", "/v1.0/applications?$filter="+escape(filter), nil); len(list.values()) != want {
			t.Errorf("%s: %s", filter, list.raw)
		}
	}
	patched := s.call(token, "PATCH", "/v1.0/applications/"+made.str("id"), object{"displayName": "Renamed", "tags": []string{}, "isFallbackPublicClient": false})
	got := s.call(token, "GET", "/v1.0/applications/"+made.str("id"), nil)
	if patched.status != 204 || got.str("displayName") != "Renamed" || got.str("notes") != "made by a test" || strings.Contains(got.raw, "postern:1") || got.body["isFallbackPublicClient"] != nil {
		t.Errorf("%d %s", patched.status, got.raw)
	}
	for name, bad := range map[string]object{
		"no name": {}, "unknown member": {"displayName": "x", "shoeSize": 42}, "audience": {"displayName": "x", "signInAudience": "Everybody"},
		"read only": {"displayName": "x", "appId": uuid.NewString()}, "access": {"displayName": "x", "requiredResourceAccess": []object{{"resourceAppId": "graph"}}},
		"type": {"displayName": 5}, "redirect": {"displayName": "x", "web": object{"redirectUris": []string{"nonsense"}}},
		"secret": {"displayName": "x", "passwordCredentials": []object{{"displayName": "mine"}}},
	} {
		if a := s.call(token, "POST", "/v1.0/applications", bad); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}

func TestServicePrincipals(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	token := s.tokenWith("Application.ReadWrite.All")
	app, principal := s.registration(token)
	again := s.call(token, "POST", "/v1.0/servicePrincipals", object{"appId": app.str("appId")})
	if again.status != http.StatusConflict || again.code() != "Request_MultipleObjectsWithSameKeyValue" {
		t.Errorf("a second service principal: %d %s", again.status, again.raw)
	}
	if a := s.call(token, "POST", "/v1.0/servicePrincipals", object{"appId": uuid.NewString()}); a.status != 400 || !strings.Contains(a.raw, "does not reference a valid application object") {
		t.Errorf("for nothing: %d %s", a.status, a.raw)
	}
	if a := s.call(token, "PATCH", "/v1.0/servicePrincipals/"+principal, object{"tags": []string{"HideApp"}, "accountEnabled": false}); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if got := s.call(token, "GET", "/v1.0/servicePrincipals(appId='"+app.str("appId")+"')", nil); got.str("id") != principal || got.body["accountEnabled"] != false || !strings.Contains(got.raw, "HideApp") {
		t.Errorf("%s", got.raw)
	}
	if a := s.call(token, "DELETE", "/v1.0/applications/"+app.str("id"), nil); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	for _, path := range []string{"/v1.0/servicePrincipals/" + principal, "/v1.0/applications/" + app.str("id")} {
		if a := s.call(token, "GET", path, nil); a.status != 404 || a.code() != "Request_ResourceNotFound" {
			t.Errorf("%s after deletion: %d %s", path, a.status, a.raw)
		}
	}
}

// TestOwnedBy holds an application with Application.ReadWrite.OwnedBy to what it made.
func TestOwnedBy(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	all := s.tokenWith("Application.ReadWrite.All")
	foreign, _ := s.registration(all)
	owner := s.tokenWith("Application.ReadWrite.OwnedBy", "Application.Read.All")
	mine, _ := s.registration(owner)
	if a := s.call(owner, "PATCH", "/v1.0/applications/"+mine.str("id"), object{"notes": "mine"}); a.status != 204 {
		t.Errorf("its own: %d %s", a.status, a.raw)
	}
	if a := s.call(owner, "GET", "/v1.0/applications/"+foreign.str("id"), nil); a.status != 200 {
		t.Errorf("reading: %d %s", a.status, a.raw)
	}
	for method, path := range map[string]string{"PATCH": "/v1.0/applications/" + foreign.str("id"), "DELETE": "/v1.0/applications/" + foreign.str("id"), "POST": "/v1.0/applications/" + foreign.str("id") + "/addPassword"} {
		if a := s.call(owner, method, path, "{}"); a.status != 403 {
			t.Errorf("%s of another: %d %s", method, a.status, a.raw)
		}
	}
}

// clientToken asks for a token with a secret.
func (s *site) clientToken(client, secret string) answer {
	return s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "client_credentials", "client_id": client, "client_secret": secret, "scope": "https://graph.microsoft.com/.default",
	})
}

// rolesOf are the roles of an access token.
func rolesOf(t testing.TB, token string) (roles []string, scopes string) {
	t.Helper()
	var c accessClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &c); err != nil {
		t.Fatal(err)
	}
	return c.Roles, c.SCP
}

func TestSecrets(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	token := s.tokenWith("Application.ReadWrite.All")
	app := s.call(token, "POST", "/v1.0/applications", object{"displayName": "With secrets"})
	path := "/v1.0/applications/" + app.str("id")
	end := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	first := s.call(token, "POST", path+"/addPassword", object{"passwordCredential": object{"displayName": "first", "endDateTime": end}})
	if first.status != 200 || len(first.str("secretText")) < 16 || len(first.str("secretText")) > 64 || first.str("hint") != first.str("secretText")[:3] || first.str("endDateTime") != end {
		t.Fatalf("%d %s", first.status, first.raw)
	}
	if a := s.clientToken(app.str("appId"), first.str("secretText")); a.status != 401 || !strings.Contains(a.raw, "AADSTS7000229") {
		t.Errorf("without service principal: %d %s", a.status, a.raw)
	}
	s.call(token, "POST", "/v1.0/servicePrincipals", object{"appId": app.str("appId")})
	second := s.call(token, "POST", path+"/addPassword", object{})
	for name, secret := range map[string]string{"first": first.str("secretText"), "second": second.str("secretText")} {
		if a := s.clientToken(app.str("appId"), secret); a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if got := s.call(token, "GET", path, nil); strings.Contains(got.raw, first.str("secretText")) || strings.Count(got.raw, `"secretText":null`) != 2 {
		t.Errorf("%s", got.raw)
	}
	s.Server.MoveClock(25 * time.Hour)
	if a := s.clientToken(app.str("appId"), first.str("secretText")); !strings.Contains(a.raw, "AADSTS7000222") {
		t.Errorf("expired: %s", a.raw)
	}
	s.Server.MoveClock(0)
	if a := s.call(token, "POST", path+"/removePassword", object{"keyId": second.str("keyId")}); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.clientToken(app.str("appId"), second.str("secretText")); !strings.Contains(a.raw, "AADSTS7000215") {
		t.Errorf("removed: %s", a.raw)
	}
	if a := s.call(token, "POST", path+"/removePassword", object{"keyId": second.str("keyId")}); a.status != 400 {
		t.Errorf("removed again: %d %s", a.status, a.raw)
	}
	s.control("PATCH", "levers", object{"credential_delay": "1m"})
	late := s.call(token, "POST", path+"/addPassword", object{})
	if a := s.clientToken(app.str("appId"), late.str("secretText")); !strings.Contains(a.raw, "AADSTS7000215") {
		t.Errorf("before it counts: %s", a.raw)
	}
	s.Server.MoveClock(61 * time.Second)
	if a := s.clientToken(app.str("appId"), late.str("secretText")); a.status != 200 {
		t.Errorf("once it counts: %s", a.raw)
	}
	if a := s.call(token, "PATCH", path, object{"passwordCredentials": []object{}}); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if got := s.call(token, "GET", path, nil); strings.Contains(got.raw, `"hint"`) {
		t.Errorf("emptied: %s", got.raw)
	}
}

// signingPair is a key with its self-signed certificate.
func signingPair(t testing.TB) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := selfSigned(t, k, &k.PublicKey)
	return k, cert
}

func keyOf(cert *x509.Certificate) object {
	return object{"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.StdEncoding.EncodeToString(cert.Raw), "displayName": "test"}
}

func prove(t testing.TB, key *rsa.PrivateKey, claims jwt.MapClaims) string {
	t.Helper()
	proof, err := jwt.NewWithClaims(jwt.SigningMethodPS256, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// TestKeyRolling rolls certificates of an application that holds no permission at all.
func TestKeyRolling(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	admin := s.tokenWith("Application.ReadWrite.All")
	app, _ := s.registration(admin)
	path, other := "/v1.0/applications/"+app.str("id"), "/v1.0/applications/"
	key, cert := signingPair(t)
	next, nextCert := signingPair(t)
	now := time.Now()
	claims := func() jwt.MapClaims {
		return jwt.MapClaims{"aud": "00000002-0000-0000-c000-000000000000", "iss": app.str("id"), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
	}
	secret := s.call(admin, "POST", path+"/addPassword", object{}).str("secretText")
	own := s.clientToken(app.str("appId"), secret).str("access_token")
	if roles, _ := rolesOf(t, own); len(roles) != 0 {
		t.Fatalf("roles %v", roles)
	}
	if a := s.call(own, "POST", path+"/addKey", object{"keyCredential": keyOf(cert), "passwordCredential": nil, "proof": prove(t, key, claims())}); a.status != 400 {
		t.Errorf("the first key: %d %s", a.status, a.raw)
	}
	if a := s.call(admin, "PATCH", path, object{"keyCredentials": []object{keyOf(cert)}}); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	change := func(name string, v any) jwt.MapClaims {
		c := claims()
		c[name] = v
		return c
	}
	for name, proof := range map[string]string{
		"none": "", "text": "x.y.z", "another key": prove(t, next, claims()), "client id": prove(t, key, change("iss", app.str("appId"))),
		"audience": prove(t, key, change("aud", "https://graph.microsoft.com")), "too long": prove(t, key, change("exp", now.Add(11*time.Minute).Unix())),
		"expired": prove(t, key, jwt.MapClaims{"aud": graphAppID, "iss": app.str("id"), "nbf": now.Add(-time.Hour).Unix(), "exp": now.Add(-50 * time.Minute).Unix()}),
	} {
		if a := s.call(own, "POST", path+"/addKey", object{"keyCredential": keyOf(nextCert), "proof": proof}); a.status != 401 || a.code() != "Authentication_MissingOrMalformed" {
			t.Errorf("proof %s: %d %s", name, a.status, a.raw)
		}
	}
	added := s.call(own, "POST", path+"/addKey", object{"keyCredential": keyOf(nextCert), "proof": prove(t, key, change("aud", graphAppID))})
	if added.status != 200 || !isGUID(added.str("keyId")) || added.body["key"] != nil {
		t.Fatalf("%d %s", added.status, added.raw)
	}
	for _, pair := range []struct {
		cert *x509.Certificate
		key  *rsa.PrivateKey
	}{{cert, key}, {nextCert, next}} {
		if a := s.assert(app.str("appId"), pair.cert, pair.key, assertion{}); a.status != 200 {
			t.Errorf("overlap: %d %s", a.status, a.raw)
		}
	}
	got := s.call(admin, "GET", path, nil)
	if strings.Contains(got.raw, base64.StdEncoding.EncodeToString(cert.Raw)[:40]) {
		t.Error("key bytes without $select")
	}
	selected := s.call(admin, "GET", path+"?$select=keyCredentials", nil)
	if !strings.Contains(selected.raw, base64.StdEncoding.EncodeToString(cert.Raw)) {
		t.Errorf("no key bytes with $select: %s", selected.raw)
	}
	old, _ := got.body["keyCredentials"].([]any)[0].(object)["keyId"].(string)
	if a := s.call(own, "POST", path+"/removeKey", object{"keyId": old, "proof": prove(t, next, claims())}); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.assert(app.str("appId"), cert, key, assertion{}); !strings.Contains(a.raw, "AADSTS700027") {
		t.Errorf("removed: %d %s", a.status, a.raw)
	}
	foreign, _ := s.registration(admin)
	if a := s.call(own, "POST", other+foreign.str("id")+"/addKey", object{"keyCredential": keyOf(cert), "proof": prove(t, next, claims())}); a.status != 403 {
		t.Errorf("another application: %d %s", a.status, a.raw)
	}
}

// TestKeysArePatchedWhole holds that the list of keys is replaced, and that entries without their bytes are refused.
func TestKeysArePatchedWhole(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	token := s.tokenWith("Application.ReadWrite.All")
	app, _ := s.registration(token)
	path := "/v1.0/applications/" + app.str("id")
	_, first := signingPair(t)
	_, second := signingPair(t)
	s.call(token, "PATCH", path, object{"keyCredentials": []object{keyOf(first)}})
	entry := func() object {
		list, _ := s.call(token, "GET", path+"?$select=keyCredentials", nil).body["keyCredentials"].([]any)
		if len(list) != 1 {
			t.Fatalf("keys %v", list)
		}
		return list[0].(object)
	}
	kept := entry()
	bare := object{"keyId": kept["keyId"], "type": kept["type"], "usage": kept["usage"]}
	if a := s.call(token, "PATCH", path, object{"keyCredentials": []object{bare, keyOf(second)}}); a.status != 400 {
		t.Errorf("without bytes: %d %s", a.status, a.raw)
	}
	swapped := keyOf(second)
	swapped["keyId"] = kept["keyId"]
	if a := s.call(token, "PATCH", path, object{"keyCredentials": []object{swapped}}); a.status != 400 || !strings.Contains(a.raw, "is not allowed") {
		t.Errorf("other bytes: %d %s", a.status, a.raw)
	}
	if a := s.call(token, "PATCH", path, object{"keyCredentials": []object{kept, keyOf(second)}}); a.status != 204 {
		t.Errorf("both: %d %s", a.status, a.raw)
	}
	if a := s.call(token, "PATCH", path, object{"keyCredentials": []object{keyOf(second)}}); a.status != 204 || entry()["keyId"] == kept["keyId"] {
		t.Errorf("replaced: %d %s", a.status, a.raw)
	}
	wrong := keyOf(first)
	wrong["usage"] = "Sign"
	late := keyOf(first)
	late["endDateTime"] = first.NotAfter.AddDate(1, 0, 0).Format(time.RFC3339)
	for name, k := range map[string]object{"usage": wrong, "end": late, "no certificate": {"type": "AsymmetricX509Cert", "usage": "Verify", "key": "AAAA"}} {
		if a := s.call(token, "PATCH", path, object{"keyCredentials": []object{k}}); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}

func TestConsent(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	admin := s.adminToken(adminScopes, roleGlobalAdministrator)
	app, client := s.registration(admin)
	secret := s.call(admin, "POST", "/v1.0/applications/"+app.str("id")+"/addPassword", object{}).str("secretText")
	graph := s.call(admin, "GET", "/v1.0/servicePrincipals(appId='"+graphAppID+"')?$select=id", nil).str("id")
	role := object{"principalId": client, "resourceId": graph, "appRoleId": "0400e371-7db1-4338-a269-96069eb65227"}
	given := s.call(admin, "POST", "/v1.0/servicePrincipals/"+client+"/appRoleAssignments", role)
	if given.status != 201 || given.str("principalType") != "ServicePrincipal" || given.str("resourceId") != graph {
		t.Fatalf("%d %s", given.status, given.raw)
	}
	if a := s.call(admin, "POST", "/v1.0/servicePrincipals/"+graph+"/appRoleAssignedTo", role); a.status != 400 || a.code() != "Request_BadRequest" ||
		!strings.Contains(a.raw, "Permission being assigned already exists on the object") {
		t.Errorf("again: %d %s", a.status, a.raw)
	}
	if roles, _ := rolesOf(t, s.clientToken(app.str("appId"), secret).str("access_token")); !slices.Equal(roles, []string{"UserAuthMethod-Passkey.ReadWrite.All"}) {
		t.Errorf("roles %v", roles)
	}
	s.control("PATCH", "levers", object{"consent_delay": "2m"})
	role["appRoleId"] = "df021288-bdef-4463-88db-98f22de89214"
	if a := s.call(admin, "POST", "/v1.0/servicePrincipals/"+graph+"/appRoleAssignedTo", role); a.status != 201 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if roles, _ := rolesOf(t, s.clientToken(app.str("appId"), secret).str("access_token")); len(roles) != 1 {
		t.Errorf("roles before they count: %v", roles)
	}
	s.Server.MoveClock(3 * time.Minute)
	if roles, _ := rolesOf(t, s.clientToken(app.str("appId"), secret).str("access_token")); len(roles) != 2 {
		t.Errorf("roles once they count: %v", roles)
	}
	if list := s.call(admin, "GET", "/v1.0/servicePrincipals/"+client+"/appRoleAssignments", nil).values(); len(list) != 2 {
		t.Errorf("assignments %v", list)
	}
	if a := s.call(admin, "DELETE", "/v1.0/servicePrincipals/"+client+"/appRoleAssignments/"+given.str("id"), nil); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(admin, "DELETE", "/v1.0/servicePrincipals/"+client+"/appRoleAssignments/"+given.str("id"), nil); a.status != 404 {
		t.Errorf("twice: %d", a.status)
	}
	if a := s.call(admin, "POST", "/v1.0/servicePrincipals/"+client+"/appRoleAssignments", object{"principalId": uuid.NewString(), "resourceId": graph, "appRoleId": role["appRoleId"]}); a.status != 400 {
		t.Errorf("for nobody: %d %s", a.status, a.raw)
	}
}

func TestPermissionGrants(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	admin := s.adminToken(adminScopes, roleGlobalAdministrator)
	app, client := s.registration(admin)
	s.call(admin, "PATCH", "/v1.0/applications/"+app.str("id"), object{"isFallbackPublicClient": true})
	graph := s.call(admin, "GET", "/v1.0/servicePrincipals(appId='"+graphAppID+"')?$select=id", nil).str("id")
	body := object{"clientId": client, "consentType": "AllPrincipals", "principalId": nil, "resourceId": graph, "scope": "User.Read Directory.AccessAsUser.All"}
	made := s.call(admin, "POST", "/v1.0/oauth2PermissionGrants", body)
	if made.status != 201 || made.str("id") == "" {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	if a := s.call(admin, "POST", "/v1.0/oauth2PermissionGrants", body); a.status != 400 || !strings.Contains(a.raw, "Permission entry already exists") {
		t.Errorf("again: %d %s", a.status, a.raw)
	}
	token := func() string {
		_, scopes := rolesOf(t, s.userToken(Credentials{app.str("appId"), ""}, s.Users[0], "User.Read"))
		return scopes
	}
	if scopes := token(); scopes != "User.Read Directory.AccessAsUser.All" {
		t.Errorf("scopes %s", scopes)
	}
	if a := s.call(admin, "PATCH", "/v1.0/oauth2PermissionGrants/"+made.str("id"), object{"scope": "User.Read"}); a.status != 204 || token() != "User.Read" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if list := s.call(admin, "GET", "/v1.0/oauth2PermissionGrants?$filter="+escape("clientId eq '"+client+"'"), nil).values(); len(list) != 1 || list[0]["scope"] != "User.Read" {
		t.Errorf("%v", list)
	}
	one := object{"clientId": client, "consentType": "Principal", "principalId": s.Users[1].ID, "resourceId": graph, "scope": "User.ReadBasic.All"}
	if a := s.call(admin, "POST", "/v1.0/oauth2PermissionGrants", one); a.status != 201 || a.str("principalId") != s.Users[1].ID {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(admin, "DELETE", "/v1.0/oauth2PermissionGrants/"+made.str("id"), nil); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if list := s.call(admin, "GET", "/v1.0/servicePrincipals/"+client+"/oauth2PermissionGrants", nil).values(); len(list) != 1 || list[0]["consentType"] != "Principal" {
		t.Errorf("%v", list)
	}
}

// TestReplicationOfApplications hides new objects from reads, from references and from the token endpoint.
func TestReplicationOfApplications(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	admin := s.adminToken(adminScopes, roleGlobalAdministrator)
	graph := s.call(admin, "GET", "/v1.0/servicePrincipals(appId='"+graphAppID+"')?$select=id", nil).str("id")
	s.control("PATCH", "levers", object{"replication_delay": "30s"})
	app := s.call(admin, "POST", "/v1.0/applications", object{"displayName": "Late", "tags": []string{"late"}})
	path := "/v1.0/applications/" + app.str("id")
	find := func() int {
		return len(s.call(admin, "GET", "/v1.0/applications?$filter="+escape("tags/any(t:t eq 'late')"), nil).values())
	}
	if a := s.call(admin, "GET", path, nil); a.status != 404 || find() != 0 {
		t.Errorf("an application shows at once: %d", a.status)
	}
	if a := s.call(admin, "POST", path+"/addPassword", object{}); a.status != 404 {
		t.Errorf("addPassword: %d", a.status)
	}
	if a := s.call(admin, "POST", "/v1.0/servicePrincipals", object{"appId": app.str("appId")}); a.status != 400 || !strings.Contains(a.raw, "does not reference a valid application object") {
		t.Errorf("service principal: %d %s", a.status, a.raw)
	}
	s.Server.MoveClock(31 * time.Second)
	if a := s.call(admin, "GET", path, nil); a.status != 200 || find() != 1 {
		t.Errorf("later: %d", a.status)
	}
	principal := s.call(admin, "POST", "/v1.0/servicePrincipals", object{"appId": app.str("appId")}).str("id")
	role := object{"principalId": principal, "resourceId": graph, "appRoleId": "df021288-bdef-4463-88db-98f22de89214"}
	if a := s.call(admin, "POST", "/v1.0/servicePrincipals/"+principal+"/appRoleAssignments", role); a.status != 404 {
		t.Errorf("on a late service principal: %d %s", a.status, a.raw)
	}
	if a := s.call(admin, "POST", "/v1.0/servicePrincipals/"+graph+"/appRoleAssignedTo", role); a.status != 400 {
		t.Errorf("with a late service principal: %d %s", a.status, a.raw)
	}
	s.Server.MoveClock(62 * time.Second)
	if a := s.call(admin, "POST", "/v1.0/servicePrincipals/"+principal+"/appRoleAssignments", role); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	listed := func() int {
		return len(s.call(admin, "GET", "/v1.0/servicePrincipals/"+principal+"/appRoleAssignments", nil).values())
	}
	if listed() != 0 {
		t.Error("an assignment shows at once")
	}
	if a := s.call(admin, "POST", "/v1.0/servicePrincipals/"+principal+"/appRoleAssignments", role); a.status != 400 || !strings.Contains(a.raw, "already exists") {
		t.Errorf("again while it does not show: %d %s", a.status, a.raw)
	}
	s.Server.MoveClock(93 * time.Second)
	if listed() != 1 {
		t.Error("an assignment never shows")
	}
}

// TestDelegatedRights holds that a delegated token is good for what both its scopes and the roles of its user allow.
func TestDelegatedRights(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	global := s.adminToken(adminScopes, roleGlobalAdministrator)
	app, client := s.registration(global)
	graph := s.call(global, "GET", "/v1.0/servicePrincipals(appId='"+graphAppID+"')?$select=id", nil).str("id")
	role := object{"principalId": client, "resourceId": graph, "appRoleId": "df021288-bdef-4463-88db-98f22de89214"}
	grant := object{"clientId": client, "consentType": "AllPrincipals", "resourceId": graph, "scope": "User.Read"}
	for _, c := range []struct {
		name, scope string
		roles       []string
		register    int
		assign      int
		grant       int
	}{
		{"application administrator", adminScopes, []string{roleApplicationAdministrator}, 201, 403, 201},
		{"cloud application administrator", adminScopes, []string{roleCloudApplicationAdmin}, 201, 403, 201},
		{"privileged role administrator", adminScopes, []string{rolePrivilegedRoleAdministrator}, 403, 201, 201},
		{"global administrator with one scope", "Application.ReadWrite.All", []string{roleGlobalAdministrator}, 201, 403, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := s.adminToken(c.scope, c.roles...)
			if a := s.call(token, "POST", "/v1.0/applications", object{"displayName": "x"}); a.status != c.register {
				t.Errorf("registration: %d %s", a.status, a.raw)
			}
			assigned := s.call(token, "POST", "/v1.0/servicePrincipals/"+client+"/appRoleAssignments", role)
			if assigned.status != c.assign || c.assign == 403 && assigned.code() != "Authorization_RequestDenied" {
				t.Errorf("assignment: %d %s", assigned.status, assigned.raw)
			}
			granted := s.call(token, "POST", "/v1.0/oauth2PermissionGrants", grant)
			if granted.status != c.grant {
				t.Errorf("grant: %d %s", granted.status, granted.raw)
			}
			if granted.status == 201 {
				s.call(global, "DELETE", "/v1.0/oauth2PermissionGrants/"+granted.str("id"), nil)
			}
			if a := s.call(token, "GET", "/v1.0/applications/"+app.str("id"), nil); a.status != 200 {
				t.Errorf("reading: %d %s", a.status, a.raw)
			}
		})
	}
	plain := s.deviceToken(s.TenantID, s.Users[0].UPN, "User.Read Directory.Read.All")
	if plain.status != 400 || !strings.Contains(plain.raw, "AADSTS90094") {
		t.Errorf("consent of a user without roles: %d %s", plain.status, plain.raw)
	}
	self := s.deviceToken(s.TenantID, s.Users[0].UPN, "User.Read offline_access openid profile")
	if _, scopes := rolesOf(t, self.str("access_token")); self.status != 200 || !strings.Contains(scopes, "User.Read") {
		t.Fatalf("%d %s", self.status, self.raw)
	}
	again := s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{"grant_type": "refresh_token", "client_id": graphToolsID, "refresh_token": self.str("refresh_token")})
	if again.status != 200 || again.str("access_token") == "" {
		t.Errorf("refresh: %d %s", again.status, again.raw)
	}
	if a := s.deviceToken(s.TenantID, s.Users[0].UPN, "No.Such.Scope"); a.status != 400 || !strings.Contains(a.raw, "AADSTS650053") {
		t.Errorf("unknown scope: %d %s", a.status, a.raw)
	}
}

// TestDeviceCodeOfAnyTenant signs an administrator of a second tenant in at the endpoint that names none.
func TestDeviceCodeOfAnyTenant(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	other := s.control("POST", "tenants", object{"domain": "fabrikam.example", "users": -1})
	a := s.deviceToken("organizations", "breakglass@fabrikam.example", adminScopes)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	var c accessClaims
	if _, _, err := jwt.NewParser().ParseUnverified(a.str("access_token"), &c); err != nil || c.TID != other.str("tenant_id") {
		t.Errorf("tenant %s, %v", c.TID, err)
	}
	if list := s.call(a.str("access_token"), "GET", "/v1.0/servicePrincipals?$filter="+escape("appId eq '"+graphToolsID+"'"), nil).values(); len(list) != 1 {
		t.Errorf("service principal of the client: %v", list)
	}
}

// FuzzProof feeds anything to the check of a proof of possession.
func FuzzProof(f *testing.F) {
	key, cert := signingPair(f)
	now := time.Unix(1_800_000_000, 0)
	id := "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
	good := prove(f, key, jwt.MapClaims{"aud": graphAppID, "iss": id, "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix()})
	f.Add(good)
	f.Add("")
	f.Add("e30.e30.")
	keys := []*Certificate{{DER: cert.Raw}}
	if problem := checkProof(good, id, keys, now); problem != "" {
		f.Fatal(problem)
	}
	f.Fuzz(func(t *testing.T, proof string) {
		signed := good[:strings.LastIndexByte(good, '.')+1] // unused bits at the end of a signature mean nothing
		if checkProof(proof, id, keys, now) == "" && !strings.HasPrefix(proof, signed) {
			t.Errorf("%q proves possession", proof)
		}
	})
}

package entrasim

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestUseRefusals uses a good PRT in every wrong way.
func TestUseRefusals(t *testing.T) {
	s, move := timed(t, 10)
	s.control("PATCH", "levers", object{"throttle": false})
	u := s.Users[0]
	w := newWorkstation(s)
	w.join(0, u)
	if a := w.signIn(withPassword(u)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	good := func() object {
		return object{
			"client_id": s.SignInClientID, "scope": "openid", "resource": "https://graph.microsoft.com", "request_nonce": s.nonce(), "grant_type": "refresh_token", "refresh_token": w.prt,
		}
	}
	stranger := *w
	stranger.session = make([]byte, 32)
	stale := s.nonce()
	move(5 * time.Minute)
	for _, c := range []struct {
		name string
		jwt  string
		code int
	}{
		{"another session key", stranger.bound(good(), 2), 50013},
		{"an unknown PRT", w.bound(merge(good(), object{"refresh_token": "0.APx"}), 2), 50013},
		{"an unknown derivation", w.bound(good(), 7), 5000611},
		{"no nonce", w.bound(merge(good(), object{"request_nonce": ""}), 2), 140000},
		{"an old nonce", w.bound(merge(good(), object{"request_nonce": stale}), 2), 140000},
		{"over", w.bound(merge(good(), object{"exp": 1000}), 2), 50013},
		{"another grant", w.bound(merge(good(), object{"grant_type": "password"}), 2), 70003},
		{"an unknown client", w.bound(merge(good(), object{"client_id": "00000000-0000-0000-0000-000000000001"}), 2), 700016},
		{"an unknown resource", w.bound(merge(good(), object{"resource": "https://example.org"}), 2), 500011},
		{"a PRT for another client", w.bound(merge(good(), object{"scope": "openid aza"}), 2), 700016},
		{"registration for another client", w.bound(merge(good(), object{"resource": registrationResource}), 2), 65001},
		{"changed after it was signed", tamper(w.bound(good(), 2)), 50013},
	} {
		t.Run(c.name, func(t *testing.T) { wantRefused(t, s.present("common", c.jwt), c.code) })
	}
	if a := s.present("common", w.bound(good(), 1)); a.status != 200 {
		t.Errorf("version 1 of the key derivation: %d %s", a.status, a.raw)
	}
	if a := w.use(object{"client_id": brokerID, "scope": "openid", "resource": registrationResource}); a.status != 200 || decodeClaims(t, a.str("access_token"))["aud"] != registrationResource {
		t.Errorf("a token for registration: %d %s", a.status, a.raw)
	}
	if a := s.present("fabrikam.example", w.bound(good(), 2)); a.status == 200 {
		t.Error("good in a tenant that is not there")
	}
}

func tamper(jwt string) string {
	parts := strings.Split(jwt, ".")
	payload := strings.Replace(string(decodeBase64URL(parts[1])), `"openid"`, `"openid User.Read"`, 1)
	return parts[0] + "." + encodeBase64URL([]byte(payload)) + "." + parts[2]
}

// TestBrowserWithPRT signs a browser in with what the computer has.
func TestBrowserWithPRT(t *testing.T) {
	s, move := timed(t, 10)
	u := s.Users[0]
	w := newWorkstation(s)
	w.join(0, u)
	if a := w.signIn(withPassword(u)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	browser := *s.client
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	authorize := s.at("organizations/oauth2/v2.0/authorize?" + url.Values{
		"client_id": {s.SignInClientID}, "response_type": {"code"}, "redirect_uri": {"http://localhost"}, "scope": {"openid User.Read"}, "prompt": {"none"},
	}.Encode())
	open := func(address, credential string, cookie bool) *url.URL {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if cookie {
			req.AddCookie(&http.Cookie{Name: primaryCredential, Value: credential})
		} else {
			req.Header.Set("x-ms-RefreshTokenCredential", credential)
		}
		res, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		to, err := res.Location()
		if err != nil {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		return to
	}
	credential := func(nonce string) string {
		c := object{"refresh_token": w.prt, "is_primary": "true"}
		if nonce != "" {
			c["request_nonce"] = nonce
		}
		return w.bound(c, 2)
	}
	for _, cookie := range []bool{false, true} {
		if to := open(authorize, credential(s.nonce()), cookie); to.Query().Get("code") == "" {
			t.Errorf("no code: %s", to)
		}
	}
	to := open(authorize, credential(""), false)
	nonce := to.Query().Get("sso_nonce")
	if nonce == "" || to.Query().Get("client_id") != s.SignInClientID {
		t.Fatalf("no nonce: %s", to)
	}
	if to := open(to.String(), credential(nonce), false); to.Query().Get("code") == "" {
		t.Errorf("no code with the nonce: %s", to)
	}
	if to := open(to.String(), credential("stale"), false); to.Query().Get("error") != "login_required" {
		t.Errorf("a nonce is offered once: %s", to)
	}
	if to := open(authorize, "nonsense", false); to.Query().Get("error") != "login_required" {
		t.Errorf("nonsense: %s", to)
	}
	move(time.Second)
	s.graph("POST", "/v1.0/users/"+u.ID+"/revokeSignInSessions", nil)
	if to := open(authorize, credential(s.nonce()), false); to.Query().Get("error") != "login_required" {
		t.Errorf("after the revocation: %s", to)
	}
}

// TestAccessAndPRT holds Conditional Access away from PRTs and to their use, with the state of the device.
func TestAccessAndPRT(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{}})
	u := s.Users[0]
	w := newWorkstation(s)
	w.join(0, u)
	s.control("POST", "tenants/first/policy", object{"as": s.Administrator.UPN, "conditional_access": []object{{
		"displayName": "Compliant", "state": "enabled", "conditions": object{"users": object{"includeUsers": []string{u.ID}}, "applications": object{"includeApplications": []string{"All"}}, "clientAppTypes": []string{"all"}},
		"grantControls": object{"operator": "OR", "builtInControls": []string{"compliantDevice"}},
	}}})
	if a := w.signIn(withPassword(u)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	wantRefused(t, w.graphUse(), codeNotCompliant)
	if a := w.use(renewal); a.status != 200 {
		t.Errorf("renewal: %d %s", a.status, a.raw)
	}
	s.control("PATCH", "tenants/first/computers/"+w.id, object{"compliant": true})
	if a := w.graphUse(); a.status != 200 {
		t.Errorf("compliant: %d %s", a.status, a.raw)
	}
	s.control("PATCH", "tenants/first/users/"+u.ID, object{"mfa_required": true})
	if a := w.signIn(withPassword(u)); a.status != 200 {
		t.Fatalf("a password alone gets a PRT: %d %s", a.status, a.raw)
	}
	wantRefused(t, w.graphUse(), 50076)
}

// TestStrengthAndPRT holds an authentication strength to the model of the passkey a PRT was got with, renewed or not.
func TestStrengthAndPRT(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{}})
	u := s.Users[0]
	phone, machine := newSecurityKey(t), newSecurityKey(t)
	machine.aaguid = [16]byte{0xcb, 0x69, 0x48, 0x1e, 0x8f, 0xf7, 0x40, 0x39, 0x93, 0xec, 0x0a, 0x27, 0x29, 0xa1, 0x54, 0xa8}
	w := newWorkstation(s)
	w.join(0, u)
	s.register(phone, u.ID, "Phone")
	s.register(machine, u.ID, "Machine")
	token := s.tokenWith("Policy.ReadWrite.ConditionalAccess", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod")
	strength := s.call(token, "POST", strengthsPath, object{"displayName": "Phones", "allowedCombinations": []string{"fido2"}}).str("id")
	s.call(token, "POST", strengthsPath+"/"+strength+"/combinationConfigurations", object{
		"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "allowedAAGUIDs": []string{modelA}, "appliesToCombinations": []string{"fido2"},
	})
	s.control("POST", "tenants/first/policy", object{"as": s.Administrator.UPN, "conditional_access": []object{{
		"displayName": "Phones", "state": "enabled", "conditions": object{"users": object{"includeUsers": []string{u.ID}}, "applications": object{"includeApplications": []string{"All"}}, "clientAppTypes": []string{"all"}},
		"grantControls": object{"operator": "OR", "authenticationStrength": object{"id": strength}},
	}}})
	for k, code := range map[*securityKey]int{phone: 0, machine: codeStrengthUnmet} {
		if a := w.signIn(withPasskey(k, s.nonce())); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		next := w.use(renewal)
		if next.status != 200 {
			t.Fatalf("%d %s", next.status, next.raw)
		}
		for _, prt := range []string{w.prt, next.str("refresh_token")} {
			w.prt = prt
			a := w.graphUse()
			if code == 0 && a.status != 200 {
				t.Errorf("%d %s", a.status, a.raw)
			}
			if code != 0 {
				wantRefused(t, a, code)
			}
		}
	}
}

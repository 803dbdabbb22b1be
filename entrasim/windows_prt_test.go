package entrasim

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestWindowsSignIn is the whole way of a joined computer: registration, nonce, passkey, PRT, renewal, token.
func TestWindowsSignIn(t *testing.T) {
	s, move := timed(t, 10)
	u := s.Users[0]
	k := newSecurityKey(t)
	method := s.register(k, u.ID, "Key").str("id")
	w := newWorkstation(s)
	joined := w.join(0, u)
	if who, _ := joined.body["User"].(object); who["Upn"] != u.UPN {
		t.Errorf("joined by %v", who)
	}
	if !strings.Contains(joined.raw, `"LocalSID":"S-1-5-32-544"`) || !strings.Contains(joined.raw, `"S-1-12-1-`) {
		t.Errorf("local administrators: %s", joined.raw)
	}
	a := w.signIn(withPasskey(k, s.nonce()))
	if a.status != 200 || a.str("token_type") != "pop" || a.body["refresh_token_expires_in"] != 14.0*24*3600 || len(w.session) != 32 || a.str("device_tenant_id") != s.TenantID {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	parts := strings.Split(a.str("id_token"), ".")
	var id object
	if err := json.Unmarshal(decodeBase64URL(parts[1]), &id); err != nil || len(parts) != 3 || parts[2] != "" {
		t.Fatalf("id_token %v %v", parts, err)
	}
	if id["upn"] != u.UPN || id["oid"] != u.ID || id["tid"] != s.TenantID || id["aud"] != "38aa3b87-a06d-4817-b275-7a316988d93b" || !strings.HasPrefix(id["primary_sid"].(string), "S-1-12-1-") {
		t.Errorf("id_token %v", id)
	}
	token := w.graphUse()
	if token.status != 200 || token.str("token_type") != "Bearer" || token.str("resource") != "https://graph.microsoft.com" {
		t.Fatalf("%d %s", token.status, token.raw)
	}
	claims := decodeClaims(t, token.str("access_token"))
	if claims["deviceid"] != w.id || claims["oid"] != u.ID || claims["amr"].([]any)[0] != "fido" {
		t.Errorf("claims %v", claims)
	}
	if me := s.call(token.str("access_token"), "GET", "/v1.0/me", nil); me.status != 200 || me.str("id") != u.ID {
		t.Errorf("%d %s", me.status, me.raw)
	}
	old := w.prt
	move(4 * time.Hour)
	next := w.use(renewal)
	if next.status != 200 || next.str("token_type") != "pop" || next.str("refresh_token") == old || next.str("session_key_jwe") != "" {
		t.Fatalf("%d %v", next.status, next.body)
	}
	move(10*24*time.Hour + 20*time.Hour)
	if a := w.graphUse(); a.status != 200 {
		t.Errorf("the PRT before should still be good: %d %s", a.status, a.raw)
	}
	move(3 * 24 * time.Hour)
	wantRefused(t, w.graphUse(), 700082)
	w.prt = next.str("refresh_token")
	if a := w.graphUse(); a.status != 200 {
		t.Errorf("the renewed one: %d %s", a.status, a.raw)
	}
	list := s.controlList("tenants/first/prts?user=" + u.ID + "&device=" + w.id)
	if len(list) != 2 || list[0]["passkey"] != method || list[0]["error_code"] != 700082.0 || list[1]["error_code"] != 0.0 || list[1]["renewals"] != 1.0 || list[1]["id"] != list[0]["id"] {
		t.Errorf("PRTs %v", list)
	}
	for _, p := range list {
		for name, v := range p {
			if text, ok := v.(string); ok && (text == old || text == w.prt || text == std64(w.session)) {
				t.Errorf("%s tells the secret", name)
			}
		}
	}
}

// controlList reads a list of the control API.
func (s *site) controlList(path string) (list []object) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.control("GET", path, nil).raw), &list); err != nil {
		s.t.Fatal(err)
	}
	return list
}

// TestPRTRefusals asks for a PRT in every wrong way.
func TestPRTRefusals(t *testing.T) {
	s := newSite(t, Config{Users: 12, Levers: &Levers{}})
	u, other := s.Users[0], s.Users[1]
	k := newSecurityKey(t)
	s.register(k, u.ID, "Key")
	w := newWorkstation(s)
	w.join(0, u)
	elsewhere := s.control("POST", "tenants", object{"domain": "fabrikam.example", "users": 3})
	rogue := *w
	cert, _ := selfSigned(t, testForeignKey(), testForeignKey().Public())
	rogue.cert = cert.Raw
	for _, c := range []struct {
		name string
		make func() string
		code int
	}{
		{"no nonce", func() string {
			return w.signed(w.claims(object{"request_nonce": nil, "grant_type": "password"}), w.device, nil)
		}, 140000},
		{"a nonce from nowhere", func() string {
			return w.signed(w.claims(withPasskey(k, "AwABAAAAAAACAOz_BQD0_nowhere")), w.device, nil)
		}, 140000},
		{"signed by another key", func() string { return w.signed(w.claims(withPassword(u)), testForeignKey(), nil) }, 50013},
		{"a certificate from elsewhere", func() string { return rogue.signed(rogue.claims(withPassword(u)), testForeignKey(), nil) }, 50155},
		{"no base64", func() string { return w.signed(w.claims(withPassword(u)), w.device, object{"x5c": "***"}) }, 50155},
		{"x5c as a list", func() string {
			return w.signed(w.claims(withPassword(u)), w.device, object{"x5c": []string{std64(w.cert)}})
		}, 50013},
		{"alg none", func() string { return w.signed(w.claims(withPassword(u)), w.device, object{"alg": "none"}) }, 50013},
		{"neither x5c nor ctx", func() string { return w.signed(w.claims(withPassword(u)), w.device, object{"x5c": ""}) }, 50013},
		{"both", func() string { return w.signed(w.claims(withPassword(u)), w.device, object{"ctx": "AAAA"}) }, 50013},
		{"kdf_ver 3", func() string { return w.signed(w.claims(withPassword(u)), w.device, object{"kdf_ver": 3}) }, 5000611},
		{"no JWT", func() string { return "x" }, 50013},
		{"expired", func() string { return w.signed(w.claims(merge(withPassword(u), object{"exp": "1000"})), w.device, nil) }, 50013},
		{"exp is a list", func() string {
			return w.signed(w.claims(merge(withPassword(u), object{"exp": []int{1}})), w.device, nil)
		}, 50013},
		{"another client", func() string {
			return w.signed(w.claims(merge(withPassword(u), object{"client_id": s.SignInClientID})), w.device, nil)
		}, 700016},
		{"without aza", func() string {
			return w.signed(w.claims(merge(withPassword(u), object{"scope": "openid"})), w.device, nil)
		}, 70011},
		{"an unknown credential", func() string {
			return w.signed(w.claims(object{"grant_type": "urn:ietf:params:oauth:grant-type:saml1_1-bearer"}), w.device, nil)
		}, 70003},
		{"no user", func() string {
			return w.signed(w.claims(object{"grant_type": "password", "password": "x"}), w.device, nil)
		}, 900144},
		{"no password", func() string {
			return w.signed(w.claims(object{"grant_type": "password", "username": u.UPN}), w.device, nil)
		}, 900144},
		{"wrong password", func() string {
			return w.signed(w.claims(object{"grant_type": "password", "username": u.UPN, "password": "x"}), w.device, nil)
		}, 50126},
		{"a user of another tenant", func() string {
			admin, _ := elsewhere.body["administrator"].(object)
			return w.signed(w.claims(object{"grant_type": "password", "username": admin["upn"], "password": admin["password"]}), w.device, nil)
		}, 50034},
		{"no assertion", func() string { return w.signed(w.claims(object{"grant_type": grantFIDO2}), w.device, nil) }, 90013},
		{"an assertion over another nonce", func() string {
			return w.signed(w.claims(object{"grant_type": grantFIDO2, "assertion": k.get(s.nonce())}), w.device, nil)
		}, 140000},
		{"another origin", func() string {
			bad := *k
			bad.origin = "https://login.example"
			return w.signed(w.claims(withPasskey(&bad, s.nonce())), w.device, nil)
		}, 500121},
		{"without user verification", func() string {
			bad := *k
			bad.flags = 0x01
			return w.signed(w.claims(withPasskey(&bad, s.nonce())), w.device, nil)
		}, 500121},
		{"without user handle", func() string {
			bad := *k
			bad.handle = nil
			return w.signed(w.claims(withPasskey(&bad, s.nonce())), w.device, nil)
		}, 500121},
		{"a passkey nobody registered", func() string {
			bad := *k
			bad.id = []byte("0123456789abcdef")
			return w.signed(w.claims(withPasskey(&bad, s.nonce())), w.device, nil)
		}, 135010},
		{"a refresh token from nowhere", func() string {
			return w.signed(w.claims(object{"grant_type": "refresh_token", "refresh_token": "0.Rx"}), w.device, nil)
		}, 9002313},
		{"a refresh token of another client", func() string {
			a := s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
				"grant_type": "password", "client_id": s.SignInClientID, "username": other.UPN, "password": other.Password, "scope": "openid offline_access",
			})
			return w.signed(w.claims(object{"grant_type": "refresh_token", "refresh_token": a.str("refresh_token")}), w.device, nil)
		}, 9002313},
	} {
		t.Run(c.name, func(t *testing.T) { wantRefused(t, s.present("common", c.make()), c.code) })
	}
	t.Run("the tenant of another domain", func(t *testing.T) {
		wantRefused(t, s.present("fabrikam.example", w.signed(w.claims(withPassword(u)), w.device, nil)), 700003)
	})
	t.Run("not the version of Windows", func(t *testing.T) {
		wantRefused(t, s.form("common/oauth2/token", map[string]string{"grant_type": grantJWTBearer, "request": "x"}), 900144)
	})
	if list := s.controlList("tenants/first/prts"); len(list) != 0 {
		t.Errorf("PRTs %v", list)
	}
	if a := w.signIn(withPassword(u)); a.status != 200 {
		t.Errorf("after all that: %d %s", a.status, a.raw)
	}
}

func merge(a, b object) object {
	for k, v := range b {
		a[k] = v
	}
	return a
}

// TestPRTByPolicy holds Windows sign-in to the passkey policy as the web sign-in is.
func TestPRTByPolicy(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{}})
	u := s.Users[0]
	k := newSecurityKey(t)
	id := s.register(k, u.ID, "Key").str("id")
	w := newWorkstation(s)
	w.join(0, u)
	policy := func(body object) {
		t.Helper()
		body["@odata.type"] = "#microsoft.graph.fido2AuthenticationMethodConfiguration"
		s.must204(body)
	}
	policy(object{"state": "disabled"})
	wantRefused(t, w.signIn(withPasskey(k, s.nonce())), 130501)
	policy(object{"state": "enabled"})
	if a := w.signIn(withPasskey(k, s.nonce())); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	s.control("PATCH", "tenants/first/users/"+u.ID, object{"enabled": false})
	wantRefused(t, w.signIn(withPasskey(k, s.nonce())), 50057)
	s.control("PATCH", "tenants/first/users/"+u.ID, object{"enabled": true})
	s.control("POST", "tenants/first/policy", object{"as": s.Administrator.UPN, "passkeys": object{
		"passkeyProfiles": []object{{
			"id": defaultProfileID, "name": "Default passkey profile", "passkeyTypes": "deviceBound,synced", "attestationEnforcement": "disabled",
			"keyRestrictions": object{"isEnforced": true, "enforcementType": "block", "aaGuids": []string{"2fc0579f-8113-47ea-b116-bb5a8db9202a"}},
		}},
	}})
	wantRefused(t, w.signIn(withPasskey(k, s.nonce())), 130501)
	if a := w.graphUse(); a.status != 200 {
		t.Errorf("the PRT of before lives on: %d %s", a.status, a.raw)
	}
	s.graph("DELETE", "/v1.0/users/"+u.ID+"/authentication/fido2Methods/"+id, nil)
	wantRefused(t, w.signIn(withPasskey(k, s.nonce())), 135010)
}

// TestWhenPRTsEnd is the table of README.md.
func TestWhenPRTsEnd(t *testing.T) {
	s, move := timed(t, 12)
	s.control("PATCH", "levers", object{"throttle": false})
	for _, c := range []struct {
		name     string
		password bool
		do       func(w *workstation, u UserInfo, method string)
		code     int // 0: it lives on
		undo     func(w *workstation, u UserInfo)
	}{
		{"user disabled", false, func(_ *workstation, u UserInfo, _ string) {
			s.control("PATCH", "tenants/first/users/"+u.ID, object{"enabled": false})
		}, 50057, func(_ *workstation, u UserInfo) {
			s.control("PATCH", "tenants/first/users/"+u.ID, object{"enabled": true})
		}},
		{
			"user deleted", false, func(_ *workstation, u UserInfo, _ string) { s.control("DELETE", "tenants/first/users/"+u.ID, nil) }, 50034,
			func(_ *workstation, u UserInfo) { s.control("POST", "tenants/first/users/"+u.ID+"/restore", nil) },
		},
		{"sessions revoked", false, func(_ *workstation, u UserInfo, _ string) {
			s.graph("POST", "/v1.0/users/"+u.ID+"/revokeSignInSessions", nil)
		}, 50173, nil},
		{"device disabled by Graph", false, func(w *workstation, _ UserInfo, _ string) {
			token := s.tokenWith("Device.ReadWrite.All")
			if a := s.call(token, "PATCH", "/v1.0/devices(deviceId='"+w.id+"')", object{"accountEnabled": false}); a.status != 204 {
				t.Errorf("%d %s", a.status, a.raw)
			}
		}, 135011, func(w *workstation, _ UserInfo) {
			s.control("PATCH", "tenants/first/computers/"+w.id, object{"enabled": true})
		}},
		{"device deleted by Graph", false, func(w *workstation, _ UserInfo, _ string) {
			token := s.tokenWith("Device.ReadWrite.All")
			id := s.call(token, "GET", "/v1.0/devices(deviceId='"+w.id+"')", nil).str("id")
			if a := s.call(token, "DELETE", "/v1.0/devices/"+id, nil); a.status != 204 {
				t.Errorf("%d %s", a.status, a.raw)
			}
		}, 700003, nil},
		{"device deleted by the control API", false, func(w *workstation, _ UserInfo, _ string) { s.control("DELETE", "tenants/first/computers/"+w.id, nil) }, 700003, nil},
		{"password changed", true, func(_ *workstation, u UserInfo, _ string) {
			s.control("PATCH", "tenants/first/users/"+u.ID, object{"password": "Another-1"})
		}, 50173, nil},
		{"password changed, PRT by passkey", false, func(_ *workstation, u UserInfo, _ string) {
			s.control("PATCH", "tenants/first/users/"+u.ID, object{"password": "Another-1"})
		}, 0, nil},
		{"passkey deleted", false, func(_ *workstation, u UserInfo, method string) {
			s.graph("DELETE", "/v1.0/users/"+u.ID+"/authentication/fido2Methods/"+method, nil)
		}, 0, nil},
		{"passkey deleted, lever pulled", false, func(_ *workstation, u UserInfo, method string) {
			s.control("PATCH", "levers", object{"prt_ends_with_passkey": true})
			s.graph("DELETE", "/v1.0/users/"+u.ID+"/authentication/fido2Methods/"+method, nil)
		}, 50173, func(*workstation, UserInfo) { s.control("PATCH", "levers", object{"prt_ends_with_passkey": false}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := s.newUser(t)
			k := newSecurityKey(t)
			method := s.register(k, u.ID, "Key").str("id")
			w := newWorkstation(s)
			w.join(0, u)
			credential := withPassword(u)
			if !c.password {
				credential = withPasskey(k, s.nonce())
			}
			if a := w.signIn(credential); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.raw)
			}
			first := w.graphUse()
			if first.status != 200 {
				t.Fatalf("%d %s", first.status, first.raw)
			}
			move(time.Second)
			c.do(w, u, method)
			token := func() answer {
				return s.form("common/oauth2/v2.0/token", map[string]string{"grant_type": "refresh_token", "client_id": s.SignInClientID, "refresh_token": first.str("refresh_token")})
			}
			if c.code == 0 {
				for what, a := range map[string]answer{"use": w.graphUse(), "renewal": w.use(renewal)} {
					if a.status != 200 {
						t.Errorf("%s: %d %s", what, a.status, a.raw)
					}
				}
				return
			}
			wantRefused(t, w.graphUse(), c.code)
			wantRefused(t, w.use(renewal), c.code)
			if c.code != 50173 || c.name == "sessions revoked" {
				wantRefused(t, token(), c.code)
			}
			if list := s.controlList("tenants/first/prts?device=" + w.id); len(list) != 1 || list[0]["error_code"] != float64(c.code) {
				t.Errorf("PRTs %v", list)
			}
			if c.undo == nil {
				return
			}
			c.undo(w, u)
			if a := w.graphUse(); !strings.Contains(c.name, "lever") && a.status != 200 {
				t.Errorf("after it was undone: %d %s", a.status, a.raw)
			}
		})
	}
}

// newUser makes a user with a password.
func (s *site) newUser(t testing.TB) UserInfo {
	t.Helper()
	name := "w" + strings.ToLower(encodeBase64URL(randomBytes(9)))
	name = strings.NewReplacer("_", "x", "-", "y").Replace(name)
	upn := name + "@" + s.Domain
	a := s.control("POST", "tenants/first/users", object{"upn": upn, "password": "First-1-" + name})
	return UserInfo{ID: a.str("id"), UPN: upn, Password: "First-1-" + name}
}

// TestWindowsSignInLog reads what the log says of sign-ins to Windows.
func TestWindowsSignInLog(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{}})
	u := s.Users[0]
	k := newSecurityKey(t)
	s.register(k, u.ID, "My key")
	w := newWorkstation(s)
	w.join(0, u)
	w.signIn(withPassword(UserInfo{UPN: u.UPN, Password: "wrong"}))
	bad := *k
	bad.flags = 1
	w.signIn(withPasskey(&bad, s.nonce()))
	w.signIn(withPasskey(k, s.nonce()))
	w.use(renewal)
	rows := s.graph("GET", "/beta/auditLogs/signIns?$filter="+escape("appId eq '"+windowsSignInID+"'"), nil).values()
	if len(rows) != 3 {
		t.Fatalf("%d lines: %v", len(rows), rows)
	}
	for i, want := range []struct {
		code   float64
		method string
	}{{0, "Passkey (device-bound)"}, {500121, "Passkey (device-bound)"}, {50126, "Password"}} {
		row := rows[i]
		device, _ := row["deviceDetail"].(object)
		used, _ := row["authenticationMethodsUsed"].([]any)
		if row["userId"] != u.ID || row["appDisplayName"] != "Windows Sign In" || row["status"].(object)["errorCode"] != want.code || len(used) != 1 || used[0] != want.method ||
			device["deviceId"] != w.id || device["trustType"] != "Azure AD joined" || device["displayName"] != "PC-1" {
			t.Errorf("line %d: %v", i, row)
		}
	}
}

// TestTickets looks at the tickets of a synchronised user.
func TestTickets(t *testing.T) {
	s := newSite(t, Config{Users: 60, Levers: &Levers{}})
	var u, cloud UserInfo
	var on OnPremises
	s.Server.first().view(func() {
		s.Server.first().Users.all(func(v *User) bool {
			switch {
			case v.Disabled || v.Guest || v.MFARequired || v.NoPassword || len(v.Roles) > 0:
			case v.OnPremises != nil:
				u, on = UserInfo{v.ID, v.UPN, s.Server.first().Password}, *v.OnPremises
			default:
				cloud = UserInfo{v.ID, v.UPN, s.Server.first().Password}
			}
			return true
		})
	})
	w := newWorkstation(s)
	w.join(0, cloud)
	if a := w.signIn(withPassword(cloud)); a.str("tgt_cloud") == "" || a.str("tgt_ad") != "" {
		t.Errorf("a user of the cloud: %s", a.raw)
	}
	a := w.signIn(withPassword(u))
	var ticket struct {
		KeyType                         int
		ClientKey, MessageBuffer, Realm string
	}
	if err := json.Unmarshal([]byte(a.str("tgt_ad")), &ticket); err != nil || ticket.KeyType != 18 || ticket.Realm != strings.ToUpper(on.DomainName) {
		t.Fatalf("%v %s", err, a.str("tgt_ad"))
	}
	if key := w.reply(ticket.ClientKey); len(key) != 32 {
		t.Errorf("key of %d bytes", len(key))
	}
	full := s.control("POST", "tenants/first/kdc", object{"message_buffer": ticket.MessageBuffer})
	if full.str("account") != on.SamAccountName || full.str("security_identifier") != on.SecurityIdentifier {
		t.Errorf("%s", full.raw)
	}
	raw, err := base64.StdEncoding.DecodeString(ticket.MessageBuffer)
	if err != nil || strings.Contains(string(raw), on.SamAccountName) {
		t.Errorf("the ticket can be read: %v", err)
	}
	refused := func(buffer string) string {
		t.Helper()
		a := s.call("", "POST", controlRoot+"tenants/first/kdc", object{"message_buffer": buffer})
		if a.status < 400 {
			t.Errorf("%d %s", a.status, a.raw)
		}
		return a.str("error")
	}
	raw[len(raw)-1] ^= 1
	refused(std64(raw))
	var other struct{ MessageBuffer string }
	if err := json.Unmarshal([]byte(a.str("tgt_cloud")), &other); err != nil {
		t.Fatal(err)
	}
	refused(other.MessageBuffer)
	s.control("PATCH", "tenants/first/users/"+u.ID, object{"on_premises_protected": true})
	if text := refused(ticket.MessageBuffer); !strings.Contains(text, "KDC_ERR_POLICY") {
		t.Error(text)
	}
	s.control("PATCH", "tenants/first", object{"kerberos": false})
	if a := w.signIn(withPassword(u)); !strings.Contains(a.str("tgt_ad"), `"keyType":0`) {
		t.Errorf("without Entra Kerberos: %s", a.str("tgt_ad"))
	}
}

// TestPRTByRefreshToken gets a PRT with what the broker got from a sign-in with a page.
func TestPRTByRefreshToken(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{}})
	u := s.Users[0]
	w := newWorkstation(s)
	w.join(4, u)
	a := s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "password", "client_id": brokerID, "username": u.UPN, "password": u.Password, "scope": "openid offline_access",
	})
	credential := object{"client_id": brokerID, "grant_type": "refresh_token", "refresh_token": a.str("refresh_token")}
	if got := w.signIn(credential); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.raw)
	}
	if a := w.graphUse(); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	s.graph("POST", "/v1.0/users/"+u.ID+"/revokeSignInSessions", nil)
	wantRefused(t, w.signIn(credential), 50173)
}

package entrasim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand does not fail
	return b
}

// TestDeviceRegistration joins and registers, and looks at what Graph makes of it.
func TestDeviceRegistration(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{}})
	u := s.Users[0]
	found := s.call("", "GET", s.at(s.Domain+"/Discover?api-version=1.6"), nil)
	join, _ := found.body["DeviceJoinService"].(object)
	if found.status != 200 || join["JoinEndpoint"] != s.at("EnrollmentServer/device/") || join["JoinResourceId"] != registrationResource {
		t.Errorf("discovery: %d %s", found.status, found.raw)
	}
	if a := s.call("", "GET", s.at("nobody.example/discover"), nil); a.status != 404 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	joined, registered := newWorkstation(s), newWorkstation(s)
	a := joined.join(0, u)
	cert, err := x509.ParseCertificate(joined.cert)
	if err != nil {
		t.Fatal(err)
	}
	if !cert.PublicKey.(*rsa.PublicKey).Equal(&joined.device.PublicKey) || !isGUID(cert.Subject.CommonName) || !strings.Contains(cert.Issuer.String(), "MS-Organization-Access") {
		t.Errorf("certificate of %v by %v", cert.Subject, cert.Issuer)
	}
	if sum := a.body["Certificate"].(object)["Thumbprint"]; sum != strings.ToUpper(encodeHex(sha1Sum(joined.cert))) {
		t.Errorf("thumbprint %v", sum)
	}
	if b := registered.join(4, u); b.body["MembershipChanges"] != nil {
		t.Errorf("registration changes members: %s", b.raw)
	}
	read := s.tokenWith("Device.Read.All")
	for w, trust := range map[*workstation]string{joined: "AzureAd", registered: "Workplace"} {
		d := s.call(read, "GET", "/v1.0/devices(deviceId='"+strings.ToUpper(w.id)+"')", nil)
		if d.status != 200 || d.str("trustType") != trust || d.body["accountEnabled"] != true || d.str("operatingSystem") != "Windows" || d.str("operatingSystemVersion") != "10.0.26100.1" || d.str("displayName") != "PC-1" {
			t.Errorf("%d %s", d.status, d.raw)
		}
	}
	page := s.call(read, "GET", "/v1.0/devices?$top=1&$select=deviceId", nil)
	rest := s.call(read, "GET", page.str("@odata.nextLink"), nil)
	if len(page.values()) != 1 || len(rest.values()) != 1 || page.values()[0]["deviceId"] != joined.id || rest.values()[0]["deviceId"] != registered.id || rest.str("@odata.nextLink") != "" {
		t.Errorf("%s %s", page.raw, rest.raw)
	}
	if a := s.call(read, "GET", "/v1.0/devices?$filter="+escape("trustType eq 'Workplace'"), nil); len(a.values()) != 1 {
		t.Errorf("%s", a.raw)
	}
	if a := s.graph("GET", "/v1.0/users/"+u.ID+"/ownedDevices", nil); len(a.values()) != 2 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(read, "PATCH", "/v1.0/devices(deviceId='"+joined.id+"')", object{"accountEnabled": false}); a.status != 403 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	write := s.tokenWith("Device.ReadWrite.All")
	for _, body := range []object{{"accountEnabled": "no"}, {"displayName": ""}, {"trustType": "ServerAd"}} {
		if a := s.call(write, "PATCH", "/v1.0/devices(deviceId='"+joined.id+"')", body); a.status != 400 {
			t.Errorf("%v: %d %s", body, a.status, a.raw)
		}
	}
	audits := s.graph("GET", "/v1.0/auditLogs/directoryAudits?$filter="+escape("activityDisplayName eq 'Register device'"), nil).values()
	defer func() {
		s.control("POST", "tenants/first/population", object{"reset": true})
		if list := s.controlList("tenants/first/computers"); len(list) != 0 {
			t.Errorf("devices after a reset: %v", list)
		}
	}()
	if len(audits) != 2 || audits[0]["initiatedBy"].(object)["user"].(object)["id"] != u.ID {
		t.Errorf("audits %v", audits)
	}
}

func encodeHex(b []byte) string { return new(big.Int).SetBytes(append([]byte{1}, b...)).Text(16)[1:] }

// TestDeviceRegistrationRefusals registers in every wrong way.
func TestDeviceRegistrationRefusals(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{}})
	u := s.Users[0]
	w := newWorkstation(s)
	token := s.registrationToken(u)
	broken := []byte(w.request())
	broken[len(broken)/2] ^= 1
	for _, c := range []struct {
		name, token string
		change      object
		status      int
	}{
		{"no token", "", nil, 401},
		{"a token for Graph", s.userToken(Credentials{ClientID: s.SignInClientID}, u, "User.Read"), nil, 401},
		{"the token of an application", s.appToken(s.standard()), nil, 401},
		{"no join type", token, object{"JoinType": nil}, 400},
		{"hybrid join by POST", token, object{"JoinType": 6}, 400},
		{"join type 1", token, object{"JoinType": 1}, 400},
		{"no transport key", token, object{"TransportKey": ""}, 400},
		{"a transport key of another kind", token, object{"TransportKey": std64(append([]byte("RSA2"), keyBlob(&w.transport.PublicKey)[4:]...))}, 400},
		{"a transport key that is cut off", token, object{"TransportKey": std64(keyBlob(&w.transport.PublicKey)[:100])}, 400},
		{"no request", token, object{"CertificateRequest": object{"Type": "pkcs10", "Data": ""}}, 400},
		{"another kind of request", token, object{"CertificateRequest": object{"Type": "pkcs7", "Data": w.request()}}, 400},
		{"a broken request", token, object{"CertificateRequest": object{"Type": "pkcs10", "Data": string(broken)}}, 400},
		{"no name", token, object{"DeviceDisplayName": ""}, 400},
		{"a long name", token, object{"DeviceDisplayName": strings.Repeat("x", 257)}, 400},
		{"a phone", token, object{"DeviceType": "Android"}, 400},
		{"the domain of somebody else", token, object{"TargetDomain": "fabrikam.example"}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := merge(w.registrationBody(0), c.change)
			a := s.call(c.token, "POST", s.at("EnrollmentServer/device/?api-version=2.0"), body)
			if a.status != c.status || a.str("code") == "" || a.str("subcode") == "" || a.str("message") == "" {
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
	}
	if a := s.call(token, "POST", s.at("EnrollmentServer/device/"), "[]"); a.status != 400 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if list := s.controlList("tenants/first/computers"); len(list) != 0 {
		t.Errorf("devices %v", list)
	}
	for range maxDevicesOfUser {
		w.join(4, u)
	}
	if a := s.call(token, "POST", s.at("EnrollmentServer/device/"), w.registrationBody(0)); a.status != 403 || a.str("subcode") != "error_device_quota" {
		t.Errorf("one too many: %d %s", a.status, a.raw)
	}
	s.control("PATCH", "tenants/first/users/"+s.Users[1].ID, object{"guest": true})
	if a := s.call(s.registrationToken(s.Users[1]), "POST", s.at("EnrollmentServer/device/"), w.registrationBody(0)); a.status != 403 {
		t.Errorf("a guest: %d %s", a.status, a.raw)
	}
	other := s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "password", "client_id": s.SignInClientID, "username": u.UPN, "password": u.Password, "scope": registrationResource + "/.default",
	})
	wantRefused(t, other, 65001)
	wantRefused(t, s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "password", "client_id": brokerID, "username": u.UPN, "password": u.Password, "scope": registrationResourceApp + "/.default User.Read",
	}), 28000)
}

// domainComputer is a computer of Active Directory that waits to be hybrid joined.
type domainComputer struct {
	*workstation
	own *rsa.PrivateKey
	sid string
}

// synchronise makes Entra Connect know the computer.
func synchronise(t testing.TB, s *site, id, sid string) *domainComputer {
	t.Helper()
	d := &domainComputer{workstation: newWorkstation(s), own: testForeignKey(), sid: sid}
	d.id = id
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id}, NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, d.own.Public(), d.own)
	if err != nil {
		t.Fatal(err)
	}
	s.control("POST", "tenants/first/computers", object{"device_id": id, "display_name": "AD-PC", "security_identifier": sid, "certificate": std64(der)})
	return d
}

// hybridBody is what a computer of Active Directory sends to register.
func (d *domainComputer) hybridBody(identity string, key *rsa.PrivateKey) object {
	d.t.Helper()
	sum := sha256.Sum256([]byte(identity))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		d.t.Fatal(err)
	}
	return object{
		"CertificateRequest": object{"Type": "pkcs10", "Data": d.request()}, "JoinType": 6, "attributes": object{"ReuseDevice": "true"},
		"ServerAdJoinData": object{
			"TransportKey": std64(keyBlob(&d.transport.PublicKey)), "TargetDomain": d.Domain, "TargetDomainId": d.TenantID, "DeviceType": "Windows", "OSVersion": "10.0.26100.1",
			"DeviceDisplayName": "AD-PC", "ClientIdentity": object{"Type": "sha256signed", "Sid": identity, "SignedBlob": std64(sig)},
		},
	}
}

// TestHybridJoin registers a computer that was synchronised, and signs in there.
func TestHybridJoin(t *testing.T) {
	s, move := timed(t, 10)
	const id, sid = "5f1d7f3e-8f0c-4b0a-9a52-4c4f1f0e7a11", "S-1-5-21-1-2-3-1104"
	d := synchronise(t, s, id, sid)
	now := func(offset time.Duration) string {
		return s.Server.now().Add(offset).UTC().Format("2006-01-02 15:04:05Z")
	}
	put := func(device string, body object) answer {
		t.Helper()
		return s.call("", "PUT", s.at("EnrollmentServer/device/"+device+"?api-version=2.0"), body)
	}
	for name, body := range map[string]object{
		"another key":      d.hybridBody(sid+"."+now(0), testDeviceKey()),
		"another computer": d.hybridBody("S-1-5-21-1-2-3-9999."+now(0), d.own),
		"long ago":         d.hybridBody(sid+"."+now(-6*time.Minute), d.own),
		"no time":          d.hybridBody(sid, d.own),
	} {
		if a := put(id, body); a.status != 401 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if a := put("11111111-1111-4111-8111-111111111111", d.hybridBody(sid+"."+now(0), d.own)); a.status != 400 || a.str("subcode") != "error_missing_device" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := put(id, d.registrationBody(0)); a.status != 400 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(s.registrationToken(s.Users[0]), "POST", s.at("EnrollmentServer/device/"), d.hybridBody(sid+"."+now(0), d.own)); a.status != 400 {
		t.Errorf("by POST: %d %s", a.status, a.raw)
	}
	if dev := s.controlList("tenants/first/computers"); len(dev) != 1 || dev[0]["registered"] != false {
		t.Errorf("%v", dev)
	}
	a := put(id, d.hybridBody(sid+"."+now(0), d.own))
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	d.adopt(a)
	if d.id != id {
		t.Errorf("certificate for %s", d.id)
	}
	if a := d.signIn(withPassword(s.Users[0])); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	read := s.tokenWith("Device.ReadWrite.All")
	dev := s.call(read, "GET", "/v1.0/devices(deviceId='"+id+"')", nil)
	if dev.str("trustType") != "ServerAd" || dev.body["onPremisesSyncEnabled"] != true || dev.str("approximateLastSignInDateTime") == "" {
		t.Errorf("%s", dev.raw)
	}
	if a := s.call(read, "PATCH", "/v1.0/devices/"+dev.str("id"), object{"displayName": "X"}); a.status != 400 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	policy := object{"as": s.Administrator.UPN, "conditional_access": []object{{
		"displayName": "Hybrid", "state": "enabled", "conditions": object{"users": object{"includeUsers": []string{"All"}}, "applications": object{"includeApplications": []string{s.SignInClientID}}, "clientAppTypes": []string{"all"}},
		"grantControls": object{"operator": "OR", "builtInControls": []string{"domainJoinedDevice"}},
	}}}
	s.control("POST", "tenants/first/policy", policy)
	if a := d.graphUse(); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	plain := newWorkstation(s)
	plain.join(0, s.Users[0])
	plain.signIn(withPassword(s.Users[0]))
	wantRefused(t, plain.graphUse(), codeNotJoined)
	// A second registration voids the first certificate.
	move(time.Minute)
	before := *d.workstation
	d.adopt(put(id, d.hybridBody(sid+"."+now(0), d.own)))
	wantRefused(t, before.signIn(withPassword(s.Users[0])), 50155)
	if a := d.signIn(withPassword(s.Users[0])); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// TestDeviceCertificates tells certificates of this service from others that name the same device.
func TestDeviceCertificates(t *testing.T) {
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	s := &Server{Users: -1, Now: func() time.Time { return now }, signingKey: testSigningKey()}
	s.init()
	const device = "5f1d7f3e-8f0c-4b0a-9a52-4c4f1f0e7a11"
	der, err := s.issueDeviceCertificate(s.first().ID, device, "", &testDeviceKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if id, key, err := s.verifyDeviceCertificate(der); err != nil || id != device || !key.Equal(&testDeviceKey().PublicKey) {
		t.Errorf("%s %v", id, err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: device}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	forged, err := x509.CreateCertificate(rand.Reader, tmpl, &x509.Certificate{Subject: deviceIssuer}, &testDeviceKey().PublicKey, testForeignKey())
	if err != nil {
		t.Fatal(err)
	}
	changed := append([]byte{}, der...)
	changed[len(changed)-1] ^= 1
	for name, bad := range map[string][]byte{"signed by somebody else": forged, "changed": changed, "cut off": der[:100], "empty": nil} {
		if _, _, err := s.verifyDeviceCertificate(bad); err == nil {
			t.Errorf("good: %s", name)
		}
	}
	for _, at := range []time.Time{now.Add(-time.Hour), now.AddDate(10, 0, 1)} {
		now = at
		if _, _, err := s.verifyDeviceCertificate(der); err == nil {
			t.Errorf("good at %v", at)
		}
	}
}

// TestNonce holds a nonce to its time, in every tenant.
func TestNonce(t *testing.T) {
	s, move := timed(t, 5)
	a, b := s.nonce(), s.nonce()
	if a == b || !strings.HasPrefix(a, "AwABAAAA") {
		t.Errorf("%s %s", a, b)
	}
	good := func(n string) bool { return s.Server.goodNonce(n) }
	move(5*time.Minute - time.Nanosecond)
	for range 2 {
		if !good(a) {
			t.Error("not good twice within its time")
		}
	}
	move(time.Nanosecond)
	if good(a) {
		t.Error("good after its time")
	}
	s.control("PATCH", "levers", object{"nonce_lifetime": "1h"})
	if !good(a) {
		t.Error("the lever does nothing")
	}
	raw := decodeBase64URL(a)
	for i := range raw {
		raw[i] ^= 1
		if good(encodeBase64URL(raw)) {
			t.Errorf("good with byte %d changed", i)
		}
		raw[i] ^= 1
	}
	for _, bad := range []string{"", a + "=", a[:len(a)-1], strings.Repeat("A", 1000)} {
		if good(bad) {
			t.Errorf("good: %q", bad)
		}
	}
	if got := s.form(s.TenantID+"/oauth2/token", map[string]string{"grant_type": "srv_challenge"}); !good(got.str("Nonce")) {
		t.Errorf("%d %s", got.status, got.raw)
	}
}

// TestWindowsIsKept holds device, PRT and its session key across a restart.
func TestWindowsIsKept(t *testing.T) {
	file := t.TempDir() + "/state.json"
	s := newSite(t, Config{Users: 10, StateFile: file})
	u := s.Users[0]
	w := newWorkstation(s)
	w.join(0, u)
	w.signIn(withPassword(u))
	nonce := s.nonce()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := newSite(t, Config{StateFile: file})
	w.site = again
	if a := w.use(merge(object{"request_nonce": nonce}, renewal)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := w.signIn(withPassword(u)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func FuzzWindowsToken(f *testing.F) {
	f.Add("a.b.c")
	f.Add(encodeBase64URL([]byte(`{"typ":"JWT","alg":"HS256","ctx":"AAAA","kdf_ver":2}`)) + "." + encodeBase64URL([]byte(`{"exp":"12","refresh_token":"x"}`)) + ".AAAA")
	f.Add(encodeBase64URL([]byte(`{"x5c":"AAAA"}`)) + "." + encodeBase64URL([]byte(`{"exp":1e400}`)) + ".AAAA")
	s := &Server{Users: -1, signingKey: testSigningKey()}
	s.init()
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parseWindowsToken(text)
		if err != nil {
			return
		}
		parts := strings.Split(text, ".")
		if token.signed != parts[0]+"."+parts[1] || encodeBase64URL(token.signature) != parts[2] || !json.Valid(token.payload) {
			t.Errorf("taken apart wrongly: %q", text)
		}
		token.claims.expiry()
		if ok, _ := token.signedBy([]byte("no session key of anybody")); ok {
			t.Error("a signature nobody made")
		}
		if der, err := base64.StdEncoding.DecodeString(token.header.X5C); err == nil {
			if _, _, err := s.verifyDeviceCertificate(der); err == nil {
				t.Error("a certificate nobody issued")
			}
		}
		if s.goodNonce(token.claims.Nonce) {
			t.Error("a nonce nobody made")
		}
	})
}

func FuzzKeyBlob(f *testing.F) {
	good := keyBlob(&testTransportKey().PublicKey)
	f.Add(good)
	f.Add(good[:24])
	f.Add([]byte("RSA1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKeyBlob(b)
		if err != nil {
			return
		}
		if k.N.BitLen() < 2048 || k.N.BitLen() > 4096 || k.E < 3 || k.E%2 == 0 {
			t.Errorf("key of %d bits, exponent %d", k.N.BitLen(), k.E)
		}
		if _, err := wrapSessionKey(k, make([]byte, 32)); err != nil {
			t.Errorf("a key that encrypts nothing: %v", err)
		}
	})
}

func FuzzRegistration(f *testing.F) {
	f.Add("MIIB", "AAAA")
	f.Add("", "not base64")
	f.Fuzz(func(t *testing.T, request, buffer string) {
		if k, err := parseCertificateRequest(request); err == nil && (k.N.BitLen() < 2048 || k.N.BitLen() > 4096) {
			t.Errorf("device key of %d bits", k.N.BitLen())
		}
		s := &Server{signingKey: testSigningKey()}
		if _, err := s.openTicket(buffer); err == nil {
			t.Error("a ticket nobody gave")
		}
	})
}

// TestSecurityIdentifier holds the form of a SID to a published pair of object id and SID.
func TestSecurityIdentifier(t *testing.T) {
	if got := securityIdentifier("73d664e4-0886-4a73-b745-c694da45ddb4"); got != "S-1-12-1-1943430372-1249052806-2496021943-3034400218" {
		t.Error(got)
	}
	if securityIdentifier("nobody") != "" {
		t.Error("a SID of no GUID")
	}
}

package entrasim

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RSA-OAEP
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

// workstation is a Windows computer made by hand from the documents: nothing of it comes from the code it tests.
type workstation struct {
	*site
	device, transport *rsa.PrivateKey
	cert              []byte
	id                string // device id
	prt               string
	session           []byte
}

func testKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return k
}

// Keys are shared by all computers of these tests: the certificate tells them apart.
var (
	testDeviceKey    = sync.OnceValue(testKey)
	testTransportKey = sync.OnceValue(testKey)
	testForeignKey   = sync.OnceValue(testKey)
)

func newWorkstation(s *site) *workstation {
	return &workstation{site: s, device: testDeviceKey(), transport: testTransportKey()}
}

func std64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// keyBlob is a public key as a BCRYPT_RSAKEY_BLOB.
func keyBlob(k *rsa.PublicKey) []byte {
	e := big.NewInt(int64(k.E)).Bytes()
	b := []byte("RSA1")
	for _, n := range []int{k.N.BitLen(), len(e), len(k.N.Bytes()), 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return append(append(b, e...), k.N.Bytes()...)
}

func (w *workstation) request() string {
	w.t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "7E980AD9-B86D-4306-9425-9AC066FB014A"}}, w.device)
	if err != nil {
		w.t.Fatal(err)
	}
	return std64(der)
}

// registrationBody is what Windows sends to join.
func (w *workstation) registrationBody(joinType int) object {
	return object{
		"TransportKey": std64(keyBlob(&w.transport.PublicKey)), "JoinType": joinType, "CertificateRequest": object{"Type": "pkcs10", "Data": w.request()},
		"DeviceDisplayName": "PC-1", "DeviceType": "Windows", "OSVersion": "10.0.26100.1", "TargetDomain": w.Domain, "AikCertificate": "", "AttestationData": "",
		"Attributes": object{"ReuseDevice": "true", "ReturnClientSid": "true"},
	}
}

// registrationToken signs in to the device registration service.
func (s *site) registrationToken(u UserInfo) string {
	s.t.Helper()
	a := s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "password", "client_id": "29d9ed98-a469-4536-ade2-f981bc1d605e", "username": u.UPN, "password": u.Password,
		"scope": "openid urn:ms-drs:enterpriseregistration.windows.net/.default",
	})
	if a.status != 200 {
		s.t.Fatalf("%d %s", a.status, a.raw)
	}
	return a.str("access_token")
}

// join registers the computer.
func (w *workstation) join(joinType int, u UserInfo) answer {
	w.t.Helper()
	a := w.call(w.registrationToken(u), "POST", w.at("EnrollmentServer/device/?api-version=2.0"), w.registrationBody(joinType))
	if a.status != 200 {
		w.t.Fatalf("%d %s", a.status, a.raw)
	}
	w.adopt(a)
	return a
}

func (s *site) at(path string) string { return s.AuthorityURL + path }

// adopt takes the certificate out of an answer.
func (w *workstation) adopt(a answer) {
	w.t.Helper()
	raw, _ := a.body["Certificate"].(object)["RawBody"].(string)
	der, err := base64.StdEncoding.DecodeString(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cert, w.id = der, cert.Subject.CommonName
}

func (s *site) nonce() string {
	s.t.Helper()
	a := s.form("common/oauth2/token", map[string]string{"grant_type": "srv_challenge"})
	if a.status != 200 || a.str("Nonce") == "" {
		s.t.Fatalf("%d %s", a.status, a.raw)
	}
	return a.str("Nonce")
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signed is a request JWT signed by the device key.
func (w *workstation) signed(claims object, key *rsa.PrivateKey, header object) string {
	w.t.Helper()
	h := object{"typ": "JWT", "alg": "RS256", "x5c": std64(w.cert), "kdf_ver": 2}
	for k, v := range header {
		h[k] = v
	}
	text := encodeBase64URL(mustJSON(w.t, h)) + "." + encodeBase64URL(mustJSON(w.t, claims))
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		w.t.Fatal(err)
	}
	return text + "." + encodeBase64URL(sig)
}

// claims of a request for a PRT.
func (w *workstation) claims(credential object) object {
	c := object{
		"client_id": "38aa3b87-a06d-4817-b275-7a316988d93b", "request_nonce": w.nonce(), "scope": "openid aza ugs", "group_sids": []string{},
		"win_ver": "10.0.26100.1",
	}
	for k, v := range credential {
		if v == nil {
			delete(c, k)
			continue
		}
		c[k] = v
	}
	return c
}

func (s *site) present(tenant, jwt string) answer {
	s.t.Helper()
	return s.form(tenant+"/oauth2/token", map[string]string{
		"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "request": jwt, "windows_api_version": "2.2", "client_info": "1", "tgt": "true",
	})
}

// signIn asks for a PRT and keeps it if it gets one.
func (w *workstation) signIn(credential object) answer {
	w.t.Helper()
	a := w.present("common", w.signed(w.claims(credential), w.device, nil))
	if a.status == 200 {
		w.keep(a)
	}
	return a
}

func (w *workstation) keep(a answer) {
	w.t.Helper()
	w.prt, w.session = a.str("refresh_token"), w.sessionKey(a)
}

// sessionKey opens session_key_jwe with the transport key.
func (w *workstation) sessionKey(a answer) []byte {
	w.t.Helper()
	parts := strings.Split(a.str("session_key_jwe"), ".")
	if len(parts) != 5 {
		w.t.Fatalf("session_key_jwe has %d parts", len(parts))
	}
	key, err := rsa.DecryptOAEP(sha1.New(), nil, w.transport, decodeBase64URL(parts[1]), nil) //nolint:gosec // RSA-OAEP
	if err != nil {
		w.t.Fatal(err)
	}
	// Whoever has the key can read the rest of it, which is empty.
	if plain := openGCM(w.t, key, parts); len(plain) != 0 {
		w.t.Errorf("session_key_jwe holds %x", plain)
	}
	return key
}

// withPasskey is the credential of a security key over a nonce.
func withPasskey(k *securityKey, nonce string) object {
	return object{"grant_type": "urn:entrasim:grant-type:fido2", "request_nonce": nonce, "assertion": k.get(nonce)}
}

func withPassword(u UserInfo) object {
	return object{"grant_type": "password", "username": u.UPN, "password": u.Password}
}

func openGCM(t testing.TB, key []byte, parts []string) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := aead.Open(nil, decodeBase64URL(parts[2]), append(decodeBase64URL(parts[3]), decodeBase64URL(parts[4])...), []byte(parts[0]))
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// kdf is the derivation of the documents, written once more.
func kdf(key, context []byte) []byte {
	in := append([]byte{0, 0, 0, 1}, "AzureAD-SecureConversation\x00"...)
	in = append(append(in, context...), 0, 0, 1, 0)
	m := hmac.New(sha256.New, key)
	m.Write(in)
	return m.Sum(nil)
}

// bound is a request JWT signed with the session key. version 1 leaves kdf_ver out.
func (w *workstation) bound(claims object, version int) string {
	w.t.Helper()
	ctx := make([]byte, 24)
	_, _ = rand.Read(ctx)
	header := object{"typ": "JWT", "alg": "HS256", "ctx": std64(ctx)}
	payload := mustJSON(w.t, claims)
	context := ctx
	if version != 1 {
		header["kdf_ver"] = version
		sum := sha256.Sum256(append(append([]byte{}, ctx...), payload...))
		context = sum[:]
	}
	text := encodeBase64URL(mustJSON(w.t, header)) + "." + encodeBase64URL(payload)
	m := hmac.New(sha256.New, kdf(w.session, context))
	m.Write([]byte(text))
	return text + "." + encodeBase64URL(m.Sum(nil))
}

// reply decrypts an answer.
func (w *workstation) reply(text string) []byte {
	w.t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 5 || parts[1] != "" {
		w.t.Fatalf("no JWE of the kind dir: %s", text)
	}
	var header struct{ Alg, Enc, Ctx string }
	if err := json.Unmarshal(decodeBase64URL(parts[0]), &header); err != nil || header.Alg != "dir" || header.Enc != "A256GCM" {
		w.t.Fatalf("%+v %v", header, err)
	}
	ctx, err := base64.StdEncoding.DecodeString(header.Ctx)
	if err != nil || len(ctx) != 24 {
		w.t.Fatalf("ctx %q %v", header.Ctx, err)
	}
	return openGCM(w.t, kdf(w.session, ctx), parts)
}

// use sends a request signed with the session key; a good answer is decrypted into the body.
func (w *workstation) use(claims object) answer {
	w.t.Helper()
	c := object{"request_nonce": w.nonce(), "grant_type": "refresh_token", "refresh_token": w.prt, "iss": "aad:brokerplugin", "win_ver": "10.0.26100.1"}
	for k, v := range claims {
		c[k] = v
	}
	a := w.present("common", w.bound(c, 2))
	if a.status == 200 {
		if kind := a.header.Get("Content-Type"); kind != "application/jose" {
			w.t.Errorf("answer of type %q", kind)
		}
		if err := json.Unmarshal(w.reply(a.raw), &a.body); err != nil {
			w.t.Fatal(err)
		}
	}
	return a
}

var renewal = object{"client_id": "38aa3b87-a06d-4817-b275-7a316988d93b", "scope": "openid aza"}

// graphUse asks for a token for Graph.
func (w *workstation) graphUse() answer {
	w.t.Helper()
	return w.use(object{"client_id": w.SignInClientID, "scope": "openid", "resource": "https://graph.microsoft.com"})
}

// number is the AADSTS number of a refusal.
func (a answer) number() int {
	list, _ := a.body["error_codes"].([]any)
	if len(list) != 1 {
		return 0
	}
	n, _ := list[0].(float64)
	return int(n)
}

// wantRefused holds an answer to a refusal.
func wantRefused(t testing.TB, a answer, number int) {
	t.Helper()
	if a.status != 400 || a.number() != number || !strings.HasPrefix(a.str("error_description"), fmt.Sprintf("AADSTS%d: ", number)) {
		t.Errorf("%d %s, want AADSTS%d", a.status, a.raw, number)
	}
}

// timed is a site whose clock the test moves.
func timed(t testing.TB, users int) (s *site, move func(time.Duration)) {
	t.Helper()
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	s = newSite(t, Config{Users: users, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	return s, func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
}

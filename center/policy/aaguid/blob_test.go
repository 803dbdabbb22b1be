package aaguid

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/golang-jwt/jwt/v5"

	"github.com/postern/postern"
)

var today = time.Date(2026, time.June, 10, 12, 0, 0, 0, time.UTC)

// publisher is a publisher of metadata with a root of its own.
type publisher struct {
	t      *testing.T
	root   *x509.Certificate
	signer *x509.Certificate
	key    *ecdsa.PrivateKey
	chain  []string // x5c
}

// newPublisher makes a root, an authority below it, and a signer of that name until a day.
func newPublisher(t *testing.T, name string, until time.Time) *publisher {
	t.Helper()
	issue := func(name string, ca bool, until time.Time, parent *x509.Certificate, parentKey crypto.Signer) (*x509.Certificate, *ecdsa.PrivateKey) {
		t.Helper()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
		if err != nil {
			t.Fatal(err)
		}
		of := &x509.Certificate{
			SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: today.AddDate(-2, 0, 0), NotAfter: until,
			IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		}
		if parent == nil {
			parent, parentKey = of, key
		}
		der, err := x509.CreateCertificate(rand.Reader, of, parent, key.Public(), parentKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c, key
	}
	long := today.AddDate(20, 0, 0)
	p := &publisher{t: t}
	var rootKey, middleKey *ecdsa.PrivateKey
	p.root, rootKey = issue("Test root", true, long, nil, nil)
	middle, middleKey := issue("Test authority", true, long, p.root, rootKey)
	p.signer, p.key = issue(name, false, until, middle, middleKey)
	for _, c := range []*x509.Certificate{p.signer, middle} {
		p.chain = append(p.chain, base64.StdEncoding.EncodeToString(c.Raw))
	}
	return p
}

func fido(t *testing.T) *publisher { return newPublisher(t, fidoSigner, today.AddDate(20, 0, 0)) }

func (p *publisher) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.root)
	return pool
}

func (p *publisher) sign(payload jwt.MapClaims) string {
	p.t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, payload)
	token.Header["x5c"] = p.chain
	text, err := token.SignedString(p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// entry is an entry of a BLOB.
func entry(aaguid, description string, more ...string) map[string]any {
	reports := []any{}
	for _, status := range more {
		reports = append(reports, map[string]any{"status": status, "effectiveDate": "2026-01-02"})
	}
	return map[string]any{
		"aaguid": aaguid, "statusReports": reports, "timeOfLastStatusChange": "2026-01-02",
		"metadataStatement": map[string]any{
			"aaguid": aaguid, "description": description, "icon": "data:image/png;base64,AAAA", "attachmentHint": []string{"external", "wired"},
			"legalHeader": "legal", "protocolFamily": "fido2", "schema": 3, "authenticatorVersion": 1, "upv": []any{map[string]any{"major": 1, "minor": 0}},
			"authenticationAlgorithms": []string{"secp256r1_ecdsa_sha256_raw"}, "publicKeyAlgAndEncodings": []string{"cose"}, "attestationTypes": []string{"basic_full"},
			"userVerificationDetails": []any{}, "keyProtection": []string{"hardware"}, "matcherProtection": []string{"on_chip"},
			"tcDisplay": []string{}, "attestationRootCertificates": []string{},
		},
	}
}

const (
	yubikey = "cb69481e-8ff7-4039-93ec-0a2729a154a8"
	newFIPS = "11111111-2222-3333-4444-555555555555"
	newHID  = "99999999-2222-3333-4444-555555555555"
)

func payload(number int, next string, entries ...map[string]any) jwt.MapClaims {
	list := []any{map[string]any{"attestationCertificateKeyIdentifiers": []string{"00"}}} // U2F has no AAGUID
	for _, e := range entries {
		list = append(list, e)
	}
	return jwt.MapClaims{"legalHeader": "legal", "no": number, "nextUpdate": next, "entries": list}
}

func TestReadBLOB(t *testing.T) {
	p := fido(t)
	text := p.sign(payload(
		77, "2026-07-01", entry(yubikey, "YubiKey 5 Series", "FIDO_CERTIFIED", "FIDO_CERTIFIED_L2", "FIDO_CERTIFIED_L1", "UPDATE_AVAILABLE"),
		entry(strings.ToUpper(newFIPS), " YubiKey 5 FIPS\u202e Series\n with NFC ", "FIDO_CERTIFIED_L1", "USER_KEY_PHYSICAL_COMPROMISE"),
		entry("08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello Hardware Authenticator", "FIPS140_CERTIFIED_L2"),
	))
	got, err := readBLOB([]byte(text+"\n"), p.roots(), today)
	if err != nil {
		t.Fatal(err)
	}
	if got.Number != 77 || got.Next != "2026-07-01" || got.Date != "2026-06-10" || got.Signer != fidoSigner || got.Models != 3 {
		t.Errorf("source is %+v", got.ModelListSource)
	}
	want := []postern.Model{
		{AAGUID: "08987058-cadc-4b81-b6e1-30de50dcbe96", Name: "Windows Hello Hardware Authenticator", Vendor: "Microsoft", Kind: postern.ModelPlatform, Source: postern.ModelFromFIDO, FIPS: true, Listed: true},
		{AAGUID: newFIPS, Name: "YubiKey 5 FIPS Series with NFC", Vendor: "Yubico", Kind: postern.ModelSecurityKey, Source: postern.ModelFromFIDO, FIPS: true, Listed: true, Status: "USER_KEY_PHYSICAL_COMPROMISE"},
		{AAGUID: yubikey, Name: "YubiKey 5 Series", Vendor: "Yubico", Kind: postern.ModelSecurityKey, Source: postern.ModelFromFIDO, Listed: true, Status: "FIDO_CERTIFIED_L2"},
	}
	for n := range want {
		if n >= len(got.Entries) || !equal(got.Entries[n], want[n]) {
			t.Errorf("model %d is\n%+v, want\n%+v", n, got.Entries[n], want[n])
		}
	}

	// Another implementation takes it for the same.
	d, err := metadata.NewDecoder(metadata.WithRootCertificate(base64.StdEncoding.EncodeToString(p.root.Raw)))
	if err != nil {
		t.Fatal(err)
	}
	other, err := d.DecodeBytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if other.Number != 77 || len(other.Entries) != 4 {
		t.Errorf("go-webauthn reads issue %d with %d entries", other.Number, len(other.Entries))
	}
	if _, err := d.DecodeBytes([]byte(tampered(t, text))); err == nil {
		t.Error("go-webauthn takes the changed one; the test does not change it")
	}
}

func equal(a, b postern.Model) bool {
	a.Bundles, b.Bundles = nil, nil
	return a.AAGUID == b.AAGUID && a.Name == b.Name && a.Vendor == b.Vendor && a.Kind == b.Kind && a.Source == b.Source &&
		a.FIPS == b.FIPS && a.Listed == b.Listed && a.Status == b.Status
}

// tampered is a BLOB whose payload names another model than was signed.
func tampered(t *testing.T, text string) string {
	t.Helper()
	parts := strings.Split(text, ".")
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(body), "Series", "Saucer")))
	return strings.Join(parts, ".")
}

// header is text with a changed header.
func header(t *testing.T, text string, change func(h map[string]any)) string {
	t.Helper()
	head, rest, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var h map[string]any
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	change(h)
	if raw, err = json.Marshal(h); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw) + "." + rest
}

// TestRefusedBLOBs holds every way in which a BLOB can be wrong to the code it is refused with.
func TestRefusedBLOBs(t *testing.T) {
	p := fido(t)
	good := p.sign(payload(5, "2026-07-01", entry(yubikey, "YubiKey 5 Series")))
	none := jwt.NewWithClaims(jwt.SigningMethodNone, payload(5, "2026-07-01", entry(yubikey, "YubiKey")))
	none.Header["x5c"] = p.chain
	unsigned, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	mac := jwt.NewWithClaims(jwt.SigningMethodHS256, payload(5, "2026-07-01", entry(yubikey, "YubiKey")))
	mac.Header["x5c"] = p.chain
	keyed, err := mac.SignedString(p.signer.RawSubjectPublicKeyInfo)
	if err != nil {
		t.Fatal(err)
	}
	alone := *p
	alone.chain = p.chain[:1]
	for _, c := range []struct {
		name, text string
		code       postern.Code
		roots      *x509.CertPool
		says       string
	}{
		{"tampered", tampered(t, good), postern.CodeModelListSignature, nil, "changed after"},
		{"signature of another", good[:strings.LastIndex(good, ".")] + p.sign(payload(6, "2026-07-01"))[:0] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), postern.CodeModelListSignature, nil, "changed after"},
		{"wrong root", good, postern.CodeModelListSignature, fido(t).roots(), "root that FIDO names"},
		{"FIDO's own root", good, postern.CodeModelListSignature, fidoRoot(), "root that FIDO names"},
		{"expired chain", newPublisher(t, fidoSigner, today.AddDate(0, 0, -1)).sign(payload(5, "2026-07-01")), postern.CodeModelListSignature, nil, "root that FIDO names"},
		{"no certificate", header(t, good, func(h map[string]any) { delete(h, "x5c") }), postern.CodeModelListSignature, nil, "no chain"},
		{"certificates by address", header(t, good, func(h map[string]any) { delete(h, "x5c"); h["x5u"] = "https://127.0.0.1/" }), postern.CodeModelListSignature, nil, "no chain"},
		{"too many certificates", header(t, good, func(h map[string]any) { h["x5c"] = strings.Split(strings.Repeat(p.chain[0]+" ", 9), " ") }), postern.CodeModelListSignature, nil, "no chain"},
		{"chain that is none", header(t, good, func(h map[string]any) { h["x5c"] = []any{"AAAA", 5} }), postern.CodeModelListSignature, nil, "no chain"},
		{"chain without its middle", alone.sign(payload(5, "2026-07-01")), postern.CodeModelListSignature, nil, "root that FIDO names"},
		{"algorithm none", unsigned, postern.CodeModelListSignature, nil, ""},
		{"keyed with the public key", keyed, postern.CodeModelListSignature, nil, ""},
		{"truncated in the payload", good[:len(good)/2], postern.CodeInvalid, nil, "missing"},
		{"truncated in the signature", good[:len(good)-20], postern.CodeModelListSignature, nil, ""},
		{"past its time", p.sign(payload(5, "2026-06-08", entry(yubikey, "YubiKey"))), postern.CodeModelListOld, nil, "2026-06-08"},
		{"without a date", p.sign(payload(5, "soon", entry(yubikey, "YubiKey"))), postern.CodeInvalid, nil, ""},
		{"without a number", p.sign(payload(0, "2026-07-01", entry(yubikey, "YubiKey"))), postern.CodeInvalid, nil, ""},
		{"without models", p.sign(payload(5, "2026-07-01")), postern.CodeInvalid, nil, "empty"},
		{"a model twice", p.sign(payload(5, "2026-07-01", entry(yubikey, "YubiKey"), entry(strings.ToUpper(yubikey), "YubiKey"))), postern.CodeInvalid, nil, "twice"},
		{"a model without name", p.sign(payload(5, "2026-07-01", entry(yubikey, " \u200b "))), postern.CodeInvalid, nil, ""},
		{"no AAGUID", p.sign(payload(5, "2026-07-01", entry("<script>", "YubiKey"))), postern.CodeInvalid, nil, ""},
		{"neither one nor the other", "hello", postern.CodeInvalid, nil, "neither"},
	} {
		t.Run(c.name, func(t *testing.T) {
			roots := c.roots
			if roots == nil {
				roots = p.roots()
			}
			if c.name == "expired chain" {
				expired := newPublisher(t, fidoSigner, today.AddDate(0, 0, -1))
				c.text, roots, c.says = expired.sign(payload(5, "2026-07-01", entry(yubikey, "YubiKey"))), expired.roots(), "expired"
			}
			got, err := readBLOB([]byte(c.text), roots, today)
			if !postern.IsCode(err, c.code) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %v; want %s that says %q", got, err, c.code, c.says)
			}
		})
	}
	other := newPublisher(t, "www.example.com", today.AddDate(1, 0, 0))
	if _, err := readBLOB([]byte(other.sign(payload(5, "2026-07-01", entry(yubikey, "YubiKey")))), other.roots(), today); !postern.IsCode(err, postern.CodeModelListSignature) || !strings.Contains(err.Error(), fidoSigner) {
		t.Errorf("a certificate of the same root for another name: %v", err)
	}
}

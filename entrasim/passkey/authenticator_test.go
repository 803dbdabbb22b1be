package passkey_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"

	"github.com/postern/postern/entrasim/passkey"
)

// testAuthenticator is a software security key with a switch for every way to misbehave that the tests need. It makes one
// credential per call of create.
type testAuthenticator struct {
	t      testing.TB
	aaguid uuid.UUID
	format string // "none", "packed" (x5c), "self" (packed without x5c), or any other name with an empty statement
	flags  byte   // flags beside AT
	count  uint32
	origin string
	rpID   string

	// Attestation certificate of format "packed".
	attestationKey  *ecdsa.PrivateKey
	attestationCert *x509.Certificate
	root            *x509.Certificate

	// The credential made last. rsa, when set, is used instead of key: a Windows Hello credential on a TPM.
	key    *ecdsa.PrivateKey
	rsa    *rsa.PrivateKey
	id     []byte
	handle []byte

	// Changes to what is sent; nil leaves it alone.
	editClient   func(map[string]any)
	editAuthData func([]byte) []byte
	alg          int // -7 unless set
	breakSig     bool
}

const (
	flagUP = 0x01
	flagUV = 0x04
	flagBE = 0x08
	flagBS = 0x10
	flagAT = 0x40
)

var testAAGUID = uuid.MustParse("2fc0579f-8113-47ea-b116-bb5a8db9202a")

func newAuthenticator(t testing.TB) *testAuthenticator {
	t.Helper()
	return &testAuthenticator{
		t: t, aaguid: testAAGUID, format: "none", flags: flagUP | flagUV,
		origin: "https://login.microsoft.com", rpID: "login.microsoft.com", alg: -7,
	}
}

// withChain gives the authenticator a vendor root and an attestation certificate for aaguidExt.
func (a *testAuthenticator) withChain(aaguidExt uuid.UUID) *testAuthenticator {
	a.t.Helper()
	a.format = "packed"
	rootKey := newKey(a.t)
	now := time.Now()
	rootTemplate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Vendor Root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.root = issue(a.t, rootTemplate, rootTemplate, rootKey, rootKey)
	value, err := asn1.Marshal(aaguidExt[:])
	must(a.t, err)
	a.attestationKey = newKey(a.t)
	a.attestationCert = issue(a.t, &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject: pkix.Name{
			Country: []string{"SE"}, Organization: []string{"Test Vendor"},
			OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Test Key",
		},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: value}},
	}, a.root, a.attestationKey, rootKey)
	return a
}

func (a *testAuthenticator) clientData(kind, challenge string) []byte {
	data := map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false}
	if a.editClient != nil {
		a.editClient(data)
	}
	b, err := json.Marshal(data)
	must(a.t, err)
	return b
}

func (a *testAuthenticator) authData(flags byte) []byte {
	hash := sha256.Sum256([]byte(a.rpID))
	out := append(hash[:], flags)
	return binary.BigEndian.AppendUint32(out, a.count)
}

// create makes a credential for options and returns the Graph form of the answer.
func (a *testAuthenticator) create(o passkey.CreationOptions) passkey.PublicKeyCredential {
	a.t.Helper()
	a.key = newKey(a.t)
	a.id = make([]byte, 16)
	_, _ = rand.Read(a.id)
	var err error
	a.handle, err = base64.RawURLEncoding.DecodeString(o.User.ID)
	must(a.t, err)

	client := a.clientData("webauthn.create", o.Challenge)
	data := a.authData(a.flags | flagAT)
	data = append(data, a.aaguid[:]...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(data, a.id...)
	data = append(data, a.coseKey()...)
	if a.editAuthData != nil {
		data = a.editAuthData(data)
	}
	hash := sha256.Sum256(client)
	statement := map[string]any{}
	format := a.format
	switch a.format {
	case "packed":
		statement = map[string]any{"alg": -7, "sig": a.sign(a.attestationKey, data, hash[:]), "x5c": [][]byte{a.attestationCert.Raw}}
	case "self":
		format = "packed"
		statement = map[string]any{"alg": a.alg, "sig": a.signCredential(data, hash[:])}
	}
	object, err := cbor.Marshal(map[string]any{"fmt": format, "attStmt": statement, "authData": data})
	must(a.t, err)
	return passkey.PublicKeyCredential{
		ID: b64(a.id), Response: passkey.AttestationResponse{ClientDataJSON: b64(client), AttestationObject: b64(object)},
	}
}

func (a *testAuthenticator) coseKey() []byte {
	if a.rsa != nil {
		out, err := cbor.Marshal(map[int]any{1: 3, 3: a.alg, -1: a.rsa.N.Bytes(), -2: []byte{1, 0, 1}})
		must(a.t, err)
		return out
	}
	point, err := a.key.PublicKey.Bytes()
	must(a.t, err)
	out, err := cbor.Marshal(map[int]any{1: 2, 3: a.alg, -1: 1, -2: point[1:33], -3: point[33:]})
	must(a.t, err)
	return out
}

// get signs in with the credential made last.
func (a *testAuthenticator) get(challengeText string) passkey.Assertion {
	a.t.Helper()
	client := a.clientData("webauthn.get", b64([]byte(challengeText)))
	data := a.authData(a.flags)
	if a.editAuthData != nil {
		data = a.editAuthData(data)
	}
	hash := sha256.Sum256(client)
	return passkey.Assertion{
		ID: b64(a.id), ClientDataJSON: b64(client), AuthenticatorData: b64(data),
		Signature: b64(a.signCredential(data, hash[:])), UserHandle: b64(a.handle),
	}
}

// signCredential signs with the key of the credential.
func (a *testAuthenticator) signCredential(data, hash []byte) []byte {
	if a.rsa == nil {
		return a.sign(a.key, data, hash)
	}
	sum := sha256.Sum256(append(append([]byte{}, data...), hash...))
	sig, err := rsa.SignPKCS1v15(rand.Reader, a.rsa, crypto.SHA256, sum[:])
	must(a.t, err)
	if a.breakSig {
		sig[0] ^= 1
	}
	return sig
}

func (a *testAuthenticator) sign(key *ecdsa.PrivateKey, data, hash []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{}, data...), hash...))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	must(a.t, err)
	if a.breakSig {
		sig[len(sig)-1] ^= 1
	}
	return sig
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func issue(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

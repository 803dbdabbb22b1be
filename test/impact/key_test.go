package impact_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"
)

// The relying party of the emulated tenant.
const (
	rpID   = "login.microsoft.com"
	origin = "https://" + rpID
)

// Flags of authenticator data (WebAuthn §6.1).
const (
	flagUP = 0x01
	flagUV = 0x04
	flagBE = 0x08
	flagBS = 0x10
	flagAT = 0x40
)

// softKey is a credential of a software authenticator: ES256, the user always present and verified.
type softKey struct {
	id      []byte
	private *ecdsa.PrivateKey
	synced  bool
}

func newSoftKey(synced bool) (*softKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	k := &softKey{id: make([]byte, 16), private: private, synced: synced}
	_, _ = rand.Read(k.id)
	return k, nil
}

// cose is the public key as a COSE_Key (RFC 9053 §7.1).
func (k *softKey) cose() ([]byte, error) {
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
}

func (k *softKey) authData(flags byte) []byte {
	hash := sha256.Sum256([]byte(rpID))
	flags |= flagUP | flagUV
	if k.synced {
		flags |= flagBE | flagBS
	}
	return binary.BigEndian.AppendUint32(append(hash[:], flags), 0)
}

func clientData(kind, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false}) // strings always encode
	return b
}

func sign(key *ecdsa.PrivateKey, data, clientData []byte) ([]byte, error) {
	hash := sha256.Sum256(clientData)
	sum := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	return ecdsa.SignASN1(rand.Reader, key, sum[:])
}

// assert answers the challenge of a sign-in page with the JSON text of its form.
func (k *softKey) assert(challenge, userHandle string) (string, error) {
	client, data := clientData("webauthn.get", b64([]byte(challenge))), k.authData(0)
	signature, err := sign(k.private, data, client)
	if err != nil {
		return "", err
	}
	out, err := json.Marshal(map[string]string{
		"id": b64(k.id), "clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": userHandle,
	})
	return string(out), err
}

// create is the publicKeyCredential of a registration. With a vendor the credential is attested.
func (k *softKey) create(challenge string, model uuid.UUID, by *vendor) (map[string]any, error) {
	cose, err := k.cose()
	if err != nil {
		return nil, err
	}
	client := clientData("webauthn.create", challenge)
	data := append(k.authData(flagAT), model[:]...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), cose...)
	format, statement := "none", map[string]any{}
	if by != nil {
		signature, err := sign(by.key, data, client)
		if err != nil {
			return nil, err
		}
		format, statement = "packed", map[string]any{"alg": -7, "sig": signature, "x5c": [][]byte{by.certificate}}
	}
	object, err := cbor.Marshal(map[string]any{"fmt": format, "attStmt": statement, "authData": data})
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": b64(k.id), "response": map[string]string{"clientDataJSON": b64(client), "attestationObject": b64(object)}}, nil
}

// vendor signs attestations of one model (WebAuthn §8.2.1) under a root that the FIDO Metadata Service would list.
type vendor struct {
	key         *ecdsa.PrivateKey
	certificate []byte
	rootPEM     string
}

func newVendor(model uuid.UUID) (*vendor, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Vendor Root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	extension, err := asn1.Marshal(model[:])
	if err != nil {
		return nil, err
	}
	v := &vendor{rootPEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}))}
	if v.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: root.NotBefore, NotAfter: root.NotAfter, BasicConstraintsValid: true,
		Subject:         pkix.Name{Country: []string{"SE"}, Organization: []string{"Vendor"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Key"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: extension}},
	}
	v.certificate, err = x509.CreateCertificate(rand.Reader, leaf, root, v.key.Public(), rootKey)
	return v, err
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

package entrasim

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	cryptorand "crypto/rand"
)

// deviceCertificateLife is that of a device certificate.
const deviceCertificateLife = 10

// deviceIssuer names the authority of device certificates as Entra's is named. Its key is the server's signing key.
var deviceIssuer = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
	{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: "net"},
	{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: "windows"},
	{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "MS-Organization-Access"},
	{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "82dbaca4-3e81-46ca-9c73-0950c1eaca97"},
}}

// deviceExtension is the arc of the extensions in which a device certificate names device, user and tenant. What each of them
// means is inferred from certificates that were shown in public.
func deviceExtension(last int, guid string) (pkix.Extension, error) {
	le, err := guidMemory(guid)
	if err != nil {
		return pkix.Extension{}, err
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 840, 113556, 1, 5, 284, last}, Value: append([]byte{4, 16}, le[:]...)}, nil
}

// issueDeviceCertificate signs the device key. user is empty for a hybrid joined computer.
func (s *Server) issueDeviceCertificate(tenant, device, user string, key *rsa.PublicKey) ([]byte, error) {
	var extensions []pkix.Extension
	for _, e := range []struct {
		last int
		guid string
	}{{2, device}, {3, user}, {5, tenant}} {
		if e.guid == "" {
			continue
		}
		x, err := deviceExtension(e.last, e.guid)
		if err != nil {
			return nil, err
		}
		extensions = append(extensions, x)
	}
	now := s.now().UTC()
	leaf := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: device},
		NotBefore: now.Add(-5 * time.Minute), NotAfter: now.AddDate(deviceCertificateLife, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
		ExtraExtensions: extensions, SignatureAlgorithm: x509.SHA256WithRSA,
	}
	return x509.CreateCertificate(cryptorand.Reader, leaf, &x509.Certificate{Subject: deviceIssuer}, key, s.key())
}

var errDeviceCertificate = errors.New("not a device certificate of this service, or not valid now")

// verifyDeviceCertificate reads the certificate of a request and says which device it names.
func (s *Server) verifyDeviceCertificate(der []byte) (device string, key *rsa.PublicKey, err error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", nil, errDeviceCertificate
	}
	authority := &x509.Certificate{PublicKey: &s.key().PublicKey, PublicKeyAlgorithm: x509.RSA}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	now := s.now()
	if !ok || cert.SignatureAlgorithm != x509.SHA256WithRSA || authority.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil ||
		now.Before(cert.NotBefore) || now.After(cert.NotAfter) || !isGUID(cert.Subject.CommonName) {
		return "", nil, errDeviceCertificate
	}
	return strings.ToLower(cert.Subject.CommonName), key, nil
}

var errCertificateRequest = errors.New("not a PKCS#10 request for an RSA key of 2048 to 4096 bits that is signed by that key")

// parseCertificateRequest reads the PKCS#10 request for the device certificate and returns the device key. The subject is a
// constant of Windows and means nothing.
func parseCertificateRequest(text string) (*rsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errCertificateRequest
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil || request.CheckSignature() != nil {
		return nil, errCertificateRequest
	}
	key, ok := request.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minDeviceKey || key.N.BitLen() > maxDeviceKey {
		return nil, errCertificateRequest
	}
	return key, nil
}

// thumbprint is the SHA-1 of a certificate as Windows shows it.
func thumbprint(der []byte) string { return strings.ToUpper(hex.EncodeToString(sha1Sum(der))) }

// guidMemory lays a GUID out as Windows does in memory.
func guidMemory(guid string) (out [16]byte, err error) {
	if !isGUID(guid) {
		return out, errors.New("not a GUID")
	}
	b, err := hex.DecodeString(strings.ReplaceAll(guid, "-", ""))
	if err != nil {
		return out, err
	}
	return [16]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}, nil
}

// securityIdentifier is the SID that Windows gives an object of Entra: S-1-12-1 and the object id as four numbers.
func securityIdentifier(objectID string) string {
	b, err := guidMemory(objectID)
	if err != nil {
		return ""
	}
	n := func(i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
	return fmt.Sprintf("S-1-12-1-%d-%d-%d-%d", n(0), n(4), n(8), n(12))
}

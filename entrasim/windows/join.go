package windows

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Joining is what it takes to make a computer.
type Joining struct {
	Dir       string
	Kind      Kind
	Name      string
	Build     Build  // 0: [DefaultBuild]
	Server    bool   // Windows Server
	NoKeys    bool   // no policy switches security keys on at the sign-in screen
	Authority string // Entra and Hybrid, as all below
	CA        []byte // PEM
	Domain    string // of the tenant
	UPN       string // Entra: who joins
	Password  string
	OnPrem    string // AD and Hybrid: the domain on premises; empty: CORP
	Now       func() time.Time
}

// Constants of the device registration.
const (
	registrationClient = "29d9ed98-a469-4536-ade2-f981bc1d605e" // of Windows ("Microsoft Authentication Broker")
	registrationScope  = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9/.default"
	keyBits            = 2048
)

// Join makes a computer in a folder that holds none, and registers it with its tenant.
func Join(ctx context.Context, j Joining) (*Machine, error) {
	m := &Machine{Kind: j.Kind, Name: j.Name, Build: j.Build, Server: j.Server, NoKeys: j.NoKeys}
	if m.Build == 0 {
		m.Build = DefaultBuild
	}
	m.place(j.Dir, j.Now)
	if _, err := os.Stat(filepath.Join(j.Dir, machineFile)); err == nil {
		return nil, errors.New("there is a computer in this folder already")
	}
	if err := os.MkdirAll(j.Dir, 0o700); err != nil {
		return nil, err
	}
	m.Salt = make([]byte, 32)
	_, _ = rand.Read(m.Salt) // crypto/rand does not fail
	if j.Kind == AD || j.Kind == Hybrid {
		if m.Domain = j.OnPrem; m.Domain == "" {
			m.Domain = "CORP"
		}
	}
	if j.Kind == Entra || j.Kind == Hybrid {
		if err := m.register(ctx, j); err != nil {
			return nil, err
		}
	}
	return m, m.save()
}

// register makes device key and transport key, and has Entra take them.
func (m *Machine) register(ctx context.Context, j Joining) error {
	a, err := newAuthority(j.Authority, j.CA)
	if err != nil {
		return err
	}
	device, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	transport, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	t := &tie{Authority: j.Authority, CA: j.CA, Domain: j.Domain}
	if t.Device, err = x509.MarshalPKCS8PrivateKey(device); err != nil {
		return err
	}
	if t.Transport, err = x509.MarshalPKCS8PrivateKey(transport); err != nil {
		return err
	}
	if t.TenantID, err = a.tenant(ctx, j.Domain); err != nil {
		return err
	}
	wanted := registration{m: m, device: device, transport: transport, tenant: t.TenantID}
	if m.Kind == Hybrid {
		t.Certificate, err = a.joinHybrid(ctx, wanted, j.Domain)
	} else {
		t.Certificate, err = a.join(ctx, wanted, j)
	}
	if err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(t.Certificate)
	if err != nil {
		return fmt.Errorf("the device certificate: %w", err)
	}
	if public, ok := certificate.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(device.Public()) {
		return errors.New("the device certificate is for another key")
	}
	t.DeviceID = certificate.Subject.CommonName
	m.Entra = t
	return nil
}

// tenant finds a tenant's id by its domain.
func (a *authority) tenant(ctx context.Context, domain string) (string, error) {
	text, err := a.do(ctx, http.MethodGet, a.base+"/"+url.PathEscape(domain)+"/v2.0/.well-known/openid-configuration", "", nil, "")
	if err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"token_endpoint"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", err
	}
	u, err := url.Parse(answer.Token)
	if err != nil || len(u.Path) < 37 {
		return "", errors.New("the authority does not say which tenant this is")
	}
	return u.Path[1:37], nil
}

type registration struct {
	m                 *Machine
	device, transport *rsa.PrivateKey
	tenant            string
}

// request is the body that both ways of joining share.
func (r registration) request() (map[string]any, error) {
	data, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "7E980AD9-B86D-4306-9425-9AC066FB014A"}}, r.device)
	if err != nil {
		return nil, err
	}
	return map[string]any{"CertificateRequest": map[string]string{"Type": "pkcs10", "Data": base64.StdEncoding.EncodeToString(data)}}, nil
}

// about is what a computer tells of itself.
func (r registration) about(domain string) map[string]any {
	return map[string]any{
		"TransportKey": base64.StdEncoding.EncodeToString(bcryptBlob(&r.transport.PublicKey)), "TargetDomain": domain,
		"DeviceType": "Windows", "OSVersion": r.m.Build.version(), "DeviceDisplayName": r.m.Name,
	}
}

// bcryptBlob is a public key as BCRYPT_RSAKEY_BLOB.
func bcryptBlob(k *rsa.PublicKey) []byte {
	exponent, modulus := big.NewInt(int64(k.E)).Bytes(), k.N.Bytes()
	blob := []byte("RSA1")
	for _, n := range []int{k.N.BitLen(), len(exponent), len(modulus), 0, 0} {
		blob = binary.LittleEndian.AppendUint32(blob, uint32(n)) // #nosec G115 -- sizes of a key
	}
	return append(append(blob, exponent...), modulus...)
}

// join joins to Entra by somebody's password.
func (a *authority) join(ctx context.Context, r registration, j Joining) ([]byte, error) {
	text, err := a.do(ctx, http.MethodPost, a.base+"/"+r.tenant+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", []byte(url.Values{
		"grant_type": {"password"}, "client_id": {registrationClient}, "scope": {registrationScope}, "username": {j.UPN}, "password": {j.Password},
	}.Encode()), "")
	if err != nil {
		return nil, err
	}
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(text, &token); err != nil {
		return nil, err
	}
	body, err := r.request()
	if err != nil {
		return nil, err
	}
	for name, value := range r.about(j.Domain) {
		body[name] = value
	}
	body["JoinType"], body["AikCertificate"], body["AttestationData"] = 0, "", ""
	body["Attributes"] = map[string]string{"ReuseDevice": "true", "ReturnClientSid": "true"}
	return a.certificate(ctx, http.MethodPost, "", body, token.Access)
}

// joinHybrid does what a computer of a domain does by itself: it writes a certificate of its own to its account, which is
// synchronised to Entra (here by the emulator's control API, in place of Microsoft Entra Connect), and registers with it.
func (a *authority) joinHybrid(ctx context.Context, r registration, domain string) ([]byte, error) {
	id := guid()
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id}, NotBefore: r.m.now().Add(-time.Hour), NotAfter: r.m.now().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, self, self, r.device.Public(), r.device)
	if err != nil {
		return nil, err
	}
	sid := "S-1-5-21-1004336348-1177238915-682003330-" + fmt.Sprint(binary.BigEndian.Uint16([]byte(id)))
	synchronised, err := json.Marshal(map[string]string{"device_id": id, "display_name": r.m.Name, "security_identifier": sid, "certificate": base64.StdEncoding.EncodeToString(der)})
	if err != nil {
		return nil, err
	}
	if err := a.control(ctx, "/tenants/"+r.tenant+"/computers", synchronised, nil); err != nil {
		return nil, fmt.Errorf("the synchronisation of the computer: %w", err)
	}
	body, err := r.request()
	if err != nil {
		return nil, err
	}
	signed := sid + "." + r.m.now().UTC().Format("2006-01-02 15:04:05Z")
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, r.device, crypto.SHA256, sum[:])
	if err != nil {
		return nil, err
	}
	data := r.about(domain)
	data["TargetDomainId"] = r.tenant
	data["ClientIdentity"] = map[string]string{"Type": "sha256signed", "Sid": signed, "SignedBlob": base64.StdEncoding.EncodeToString(signature)}
	body["JoinType"], body["ServerAdJoinData"] = 6, data
	return a.certificate(ctx, http.MethodPut, id, body, "")
}

// certificate registers and gives the device certificate.
func (a *authority) certificate(ctx context.Context, method, id string, body map[string]any, bearer string) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	text, err = a.do(ctx, method, a.base+"/EnrollmentServer/device/"+id+"?api-version=2.0", "application/json", text, bearer)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Certificate struct{ RawBody string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(answer.Certificate.RawBody)
}

// control asks the emulator's control API, which stands for what lies on premises.
func (a *authority) control(ctx context.Context, path string, in []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/_entrasim"+path, bytes.NewReader(in))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := a.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		var problem struct{ Error, Message string }
		_ = json.NewDecoder(answer.Body).Decode(&problem) // the status says enough where the body says nothing
		return fmt.Errorf("status %d %s%s", answer.StatusCode, problem.Error, problem.Message)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

// guid draws an identifier.
func guid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // crypto/rand does not fail
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

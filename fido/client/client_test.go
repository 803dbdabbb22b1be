package client_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

const (
	rpID   = "login.example.com"
	origin = "https://login.example.com"
)

func newClient(t *testing.T, changes ...func(*authenticator.Config)) (*client.Client, *authtest.Device) {
	t.Helper()
	d := authtest.New(t, changes...)
	return &client.Client{Channel: d, Random: rand.Reader}, d
}

// account is a user of the independent relying party.
type account struct {
	id    []byte
	creds []webauthn.Credential
}

func (a *account) WebAuthnID() []byte                         { return a.id }
func (a *account) WebAuthnName() string                       { return "alex@example.com" }
func (a *account) WebAuthnDisplayName() string                { return "Alex" }
func (a *account) WebAuthnCredentials() []webauthn.Credential { return a.creds }

func relyingParty(t *testing.T) *webauthn.WebAuthn {
	t.Helper()
	rp, err := webauthn.New(&webauthn.Config{RPID: rpID, RPDisplayName: "Example", RPOrigins: []string{origin}})
	if err != nil {
		t.Fatal(err)
	}
	return rp
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// enrol registers with the relying party, every message travelling as JSON.
func enrol(t *testing.T, rp *webauthn.WebAuthn, c *client.Client, user *account, opts ...webauthn.RegistrationOption) *protocol.ParsedCredentialCreationData {
	t.Helper()
	opts = append(opts, webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired), func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.AuthenticatorSelection.UserVerification = protocol.VerificationRequired
		return nil
	})
	creation, session, err := rp.BeginRegistration(user, opts...)
	if err != nil {
		t.Fatal(err)
	}
	options, err := client.ParseCreationOptions(asJSON(t, creation))
	if err != nil {
		t.Fatal(err)
	}
	registration, err := c.Create(t.Context(), options, origin)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(asJSON(t, registration))
	if err != nil {
		t.Fatal(describe(err))
	}
	credential, err := rp.CreateCredential(user, *session, parsed)
	if err != nil {
		t.Fatal(describe(err))
	}
	user.creds = append(user.creds, *credential)
	return parsed
}

func describe(err error) string {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return fmt.Sprintf("%s: %s (%s)", e.Type, e.Details, e.DevInfo)
	}
	return err.Error()
}

func signIn(t *testing.T, rp *webauthn.WebAuthn, c *client.Client, user *account, discoverable bool) *webauthn.Credential {
	t.Helper()
	verification := webauthn.WithUserVerification(protocol.VerificationRequired)
	var (
		request *protocol.CredentialAssertion
		session *webauthn.SessionData
		err     error
	)
	if discoverable {
		request, session, err = rp.BeginDiscoverableLogin(verification)
	} else {
		request, session, err = rp.BeginLogin(user, verification)
	}
	if err != nil {
		t.Fatal(err)
	}
	options, err := client.ParseRequestOptions(asJSON(t, request))
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := c.Get(t.Context(), options, origin)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(asJSON(t, assertion))
	if err != nil {
		t.Fatal(describe(err))
	}
	var credential *webauthn.Credential
	if discoverable {
		credential, err = rp.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
			if !bytes.Equal(handle, user.id) {
				return nil, errors.New("unknown user handle")
			}
			return user, nil
		}, *session, parsed)
	} else {
		credential, err = rp.ValidateLogin(user, *session, parsed)
	}
	if err != nil {
		t.Fatal(describe(err))
	}
	for i := range user.creds {
		if bytes.Equal(user.creds[i].ID, credential.ID) {
			user.creds[i] = *credential
		}
	}
	return credential
}

// TestIndependentVerifier registers and signs in with every algorithm, with and
// without attestation, and lets go-webauthn judge.
func TestIndependentVerifier(t *testing.T) {
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		for _, attestation := range []protocol.ConveyancePreference{protocol.PreferNoAttestation, protocol.PreferDirectAttestation} {
			t.Run(fmt.Sprintf("%d %s", alg, attestation), func(t *testing.T) {
				rp := relyingParty(t)
				c, _ := newClient(t, func(cfg *authenticator.Config) {
					cfg.Attester = authenticator.PackedAttestation{Source: newAttestationCA(t)}
				})
				user := &account{id: []byte("user-1")}
				parsed := enrol(t, rp, c, user, webauthn.WithConveyancePreference(attestation),
					webauthn.WithCredentialParameters([]protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: alg}}))
				want := "none"
				if attestation == protocol.PreferDirectAttestation {
					want = "packed"
				}
				if got := parsed.Response.AttestationObject.Format; got != want {
					t.Errorf("format %s, want %s", got, want)
				}
				if got := parsed.Response.AttestationObject.AuthData.AttData.AAGUID; !bytes.Equal(got, authtest.AAGUID[:]) {
					t.Errorf("AAGUID %x", got)
				}
				for i := range 3 {
					credential := signIn(t, rp, c, user, i%2 == 1)
					if credential.Authenticator.CloneWarning || credential.Authenticator.SignCount != uint32(i+1) {
						t.Errorf("counter %d, clone warning %v", credential.Authenticator.SignCount, credential.Authenticator.CloneWarning)
					}
				}
			})
		}
	}
}

// attestationCA issues a leaf per credential, as an organisation's CA would.
type attestationCA struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

var oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

func newAttestationCA(t *testing.T) *attestationCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Attestation CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &attestationCA{key: key, cert: cert}
}

func (ca *attestationCA) Leaf(_ context.Context, r authenticator.AttestationRequest) (*authenticator.Leaf, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	aaguid, err := asn1.Marshal(r.AAGUID[:])
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), BasicConstraintsValid: true,
		Subject:   pkix.Name{Country: []string{"DE"}, Organization: []string{"Example"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Leaf"},
		NotBefore: ca.cert.NotBefore, NotAfter: ca.cert.NotAfter,
		ExtraExtensions: []pkix.Extension{{Id: oidAAGUID, Value: aaguid}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	return &authenticator.Leaf{Key: key, Chain: [][]byte{der}}, nil
}

func creation() *client.CreationOptions {
	return &client.CreationOptions{
		RP: client.RelyingParty{ID: rpID, Name: "Example"}, User: client.UserAccount{ID: []byte("user-1"), Name: "alex"},
		Challenge:  bytes.Repeat([]byte{7}, 32),
		Parameters: []client.CredentialParameter{{Type: "public-key", Algorithm: ctap.ES256}},
		Selection:  client.Selection{ResidentKey: client.Required, UserVerification: client.Required},
	}
}

func request() *client.RequestOptions {
	return &client.RequestOptions{Challenge: bytes.Repeat([]byte{8}, 32), RPID: rpID, UserVerification: client.Required}
}

func mustCreate(t *testing.T, c *client.Client, o *client.CreationOptions) *client.Registration {
	t.Helper()
	r, err := c.Create(t.Context(), o, origin)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantName(t *testing.T, what string, err error, want client.ErrorName) {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Name != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func TestErrorNames(t *testing.T) {
	c, d := newClient(t)
	r := mustCreate(t, c, creation())
	excluded := creation()
	excluded.ExcludeCredentials = []client.Descriptor{{ID: r.ID, Type: "public-key"}}
	_, err := c.Create(t.Context(), excluded, origin)
	wantName(t, "excluded", err, client.InvalidStateError)

	unsupported := creation()
	unsupported.Parameters[0].Algorithm = -47
	_, err = c.Create(t.Context(), unsupported, origin)
	wantName(t, "algorithm", err, client.NotSupportedError)

	unknown := request()
	unknown.AllowCredentials = []client.Descriptor{{ID: []byte("other"), Type: "public-key"}}
	_, err = c.Get(t.Context(), unknown, origin)
	wantName(t, "no credential", err, client.NotAllowedError)
	unknown.AllowCredentials[0].Type = "other"
	_, err = c.Get(t.Context(), unknown, origin)
	wantName(t, "no credential of a known type", err, client.NotAllowedError)

	_, err = c.Get(t.Context(), request(), "https://example.org")
	wantName(t, "another site", err, client.SecurityError)
	empty := request()
	empty.Challenge = nil
	_, err = c.Get(t.Context(), empty, origin)
	wantName(t, "no challenge", err, client.TypeError)

	d.User.Answer = func(context.Context, authenticator.Prompt, bool) error { return authenticator.ErrDenied }
	_, err = c.Get(t.Context(), request(), origin)
	wantName(t, "refused", err, client.NotAllowedError)
	if ctap.StatusOf(err) != ctap.ErrOperationDenied {
		t.Errorf("refused: status %v under the error", ctap.StatusOf(err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.User.Answer = func(ctx context.Context, _ authenticator.Prompt, _ bool) error { cancel(); return ctx.Err() }
	c.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response := d.Handle(ctx, request)
		return response, ctx.Err()
	})
	_, err = c.Get(ctx, request(), origin)
	wantName(t, "cancelled", err, client.AbortError)
}

// TestTimeout: the options' timeout ends a ceremony nobody answers.
func TestTimeout(t *testing.T) {
	c := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})}
	o := request()
	o.Timeout = 1
	_, err := c.Get(t.Context(), o, origin)
	wantName(t, "timeout", err, client.NotAllowedError)
}

// withoutTokens is a device that can verify but gives no tokens, as those of
// CTAP 2.0 do.
func withoutTokens(d *authtest.Device) client.Channel {
	return client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		response := d.Handle(ctx, request)
		if ctap.Command(request[0]) != ctap.GetInfo {
			return response, nil
		}
		info, err := ctap.DecodeInfo(response[1:])
		if err != nil {
			return nil, err
		}
		delete(info.Options, ctap.OptionPINUVAuthToken)
		return info.Encode()
	})
}

func TestVerificationByOption(t *testing.T) {
	c, d := newClient(t)
	c.Channel = withoutTokens(d)
	mustCreate(t, c, creation())
	a, err := c.Get(t.Context(), request(), origin)
	if err != nil {
		t.Fatal(err)
	}
	if a.AuthenticatorData[32] != byte(ctap.FlagUP|ctap.FlagUV) {
		t.Errorf("flags %02x", a.AuthenticatorData[32])
	}
}

func TestVerificationCannotBeHad(t *testing.T) {
	c, d := newClient(t)
	none := authenticator.VerificationNone
	d.User.State = &none
	_, err := c.Create(t.Context(), creation(), origin)
	wantName(t, "required", err, client.NotAllowedError)
	o := creation()
	o.Selection.UserVerification = client.Preferred
	if r := mustCreate(t, c, o); r.AuthenticatorData[32]&byte(ctap.FlagUV) != 0 {
		t.Error("UV is set")
	}
}

// TestLyingAuthenticator: answers that do not fit the question are refused.
func TestLyingAuthenticator(t *testing.T) {
	for name, change := range map[string]func(*ctap.AuthenticatorData){
		"another relying party": func(d *ctap.AuthenticatorData) { d.RPIDHash[0] ^= 1 },
		"no presence":           func(d *ctap.AuthenticatorData) { d.Flags &^= ctap.FlagUP },
		"no verification":       func(d *ctap.AuthenticatorData) { d.Flags &^= ctap.FlagUV },
	} {
		c, d := newClient(t)
		mustCreate(t, c, creation())
		c.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
			response := d.Handle(ctx, request)
			if ctap.Command(request[0]) != ctap.GetAssertion {
				return response, nil
			}
			resp, err := ctap.DecodeGetAssertionResponse(response[1:])
			if err != nil {
				return nil, err
			}
			data, err := ctap.ParseAuthenticatorData(resp.AuthData)
			if err != nil {
				return nil, err
			}
			change(data)
			if resp.AuthData, err = data.Encode(); err != nil {
				return nil, err
			}
			return resp.Encode()
		})
		if a, err := c.Get(t.Context(), request(), origin); err == nil || a != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, answer := range map[string][]byte{"nothing": nil, "no map": {0}, "garbage": {0, 0xFF}, "huge": make([]byte, 8000)} {
		c := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(context.Context, []byte) ([]byte, error) { return answer, nil })}
		if _, err := c.Get(t.Context(), request(), origin); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestLongLists: more credentials than a message holds, the right one last.
func TestLongLists(t *testing.T) {
	c, d := newClient(t)
	r := mustCreate(t, c, creation())
	var list []client.Descriptor
	for i := range 150 {
		list = append(list, client.Descriptor{ID: bytes.Repeat([]byte{byte(i), 1}, 30), Type: "public-key"})
	}
	list = append(list, client.Descriptor{ID: bytes.Repeat([]byte{9}, 1000), Type: "public-key"}) // no key of ours

	o := creation()
	o.User.ID = []byte("user-2")
	o.ExcludeCredentials = list
	mustCreate(t, c, o)
	o.ExcludeCredentials = append(slices.Clone(list), client.Descriptor{ID: r.ID, Type: "public-key"})
	_, err := c.Create(t.Context(), o, origin)
	wantName(t, "excluded at the end of a long list", err, client.InvalidStateError)

	d.User.Asked()
	g := request()
	g.AllowCredentials = o.ExcludeCredentials
	a, err := c.Get(t.Context(), g, origin)
	if err != nil || !bytes.Equal(a.ID, r.ID) {
		t.Errorf("allowed at the end of a long list: %v, %v", a, err)
	}
	if asked := d.User.Asked(); len(asked) != 1 {
		t.Errorf("the search asked the user %d times", len(asked)-1)
	}
	g.AllowCredentials = list
	_, err = c.Get(t.Context(), g, origin)
	wantName(t, "nothing in a long list", err, client.NotAllowedError)
}

func TestChooseAccount(t *testing.T) {
	c, _ := newClient(t)
	for i := range 3 {
		o := creation()
		o.User = client.UserAccount{ID: fmt.Appendf(nil, "user-%d", i), Name: fmt.Sprintf("alex-%d", i)}
		mustCreate(t, c, o)
	}
	var offered []string
	c.Choose = func(_ context.Context, accounts []ctap.User) (int, error) {
		for _, a := range accounts {
			offered = append(offered, a.Name)
		}
		return 1, nil
	}
	a, err := c.Get(t.Context(), request(), origin)
	if err != nil || string(a.UserHandle) != "user-1" {
		t.Errorf("chose %v, %v", a, err)
	}
	if !slices.Equal(offered, []string{"alex-2", "alex-1", "alex-0"}) {
		t.Errorf("offered %v", offered)
	}
	c.Choose = func(context.Context, []ctap.User) (int, error) { return 0, errors.New("none of these") }
	_, err = c.Get(t.Context(), request(), origin)
	wantName(t, "no choice", err, client.NotAllowedError)
}

func TestPRF(t *testing.T) {
	c, _ := newClient(t)
	o := creation()
	o.Extensions = client.ExtensionInputs{PRF: &client.PRFInput{}, CredProps: true}
	r := mustCreate(t, c, o)
	if r.Extensions.PRF == nil || !*r.Extensions.PRF.Enabled || !r.Extensions.CredProps.RK {
		t.Errorf("at creation: %s", asJSON(t, r.Extensions))
	}
	get := func(in client.ExtensionInputs, allowed ...client.Descriptor) *client.Assertion {
		g := request()
		g.Extensions = in
		g.AllowCredentials = allowed
		a, err := c.Get(t.Context(), g, origin)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := get(client.ExtensionInputs{PRF: &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}}).Extensions.PRF.Results
	if len(first.First) != 32 || first.Second != nil {
		t.Fatalf("one input: %s", asJSON(t, first))
	}
	both := get(client.ExtensionInputs{PRF: &client.PRFInput{Eval: &client.PRFValues{First: []byte("b"), Second: []byte("a")}}}).Extensions.PRF.Results
	if !bytes.Equal(both.Second, first.First) || bytes.Equal(both.First, first.First) {
		t.Error("the secret depends on more than its input")
	}
	by := client.ExtensionInputs{PRF: &client.PRFInput{
		Eval:         &client.PRFValues{First: []byte("b")},
		ByCredential: map[string]client.PRFValues{client.Bytes(r.ID).String(): {First: []byte("a")}},
	}}
	known := client.Descriptor{ID: r.ID, Type: "public-key"}
	other := client.Descriptor{ID: []byte("other"), Type: "public-key"}
	if got := get(by, other, known).Extensions.PRF.Results; !bytes.Equal(got.First, first.First) {
		t.Error("evalByCredential was not used")
	}
	// WebAuthn hashes prf inputs, so that the raw extension gives other secrets:
	// the salt of input "a" is SHA-256("WebAuthn PRF" 00 "a").
	salt, err := hex.DecodeString("7ed3ff8154ac1d512b4fb23fb7e3c115a089a82356db175b85381b6f7a3f67f3")
	if err != nil {
		t.Fatal(err)
	}
	raw := get(client.ExtensionInputs{HMACGetSecret: &client.HMACSalts{Salt1: salt}}).Extensions.HMACGetSecret
	if !bytes.Equal(raw.Output1, first.First) {
		t.Error("prf is not hmac-secret of the hashed input")
	}
	for name, in := range map[string]client.ExtensionInputs{
		"by credential without a list": by,
		"both":                         {PRF: &client.PRFInput{}, HMACGetSecret: &client.HMACSalts{Salt1: salt}},
	} {
		g := request()
		g.Extensions = in
		_, err := c.Get(t.Context(), g, origin)
		wantName(t, name, err, client.NotSupportedError)
	}
}

func TestProtectionPolicy(t *testing.T) {
	for policy, level := range map[string]uint64{
		"userVerificationOptional": 1, "userVerificationOptionalWithCredentialIDList": 2, "userVerificationRequired": 3,
	} {
		c, _ := newClient(t)
		o := creation()
		o.Extensions = client.ExtensionInputs{ProtectionPolicy: policy, EnforcePolicy: true, HMACCreateSecret: true}
		r := mustCreate(t, c, o)
		data, err := ctap.ParseAuthenticatorData(r.AuthenticatorData)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ctap.DecodeUint(data.Extensions["credProtect"]); err != nil || got != level {
			t.Errorf("%s: level %d, %v", policy, got, err)
		}
		if r.Extensions.HMACCreateSecret == nil || !*r.Extensions.HMACCreateSecret {
			t.Errorf("hmacCreateSecret: %s", asJSON(t, r.Extensions))
		}
	}
}

package authenticator_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/u2f"
)

func withU2F(c *authenticator.Config) { c.U2F = true }

var (
	u2fApplication = ctap.HashRPID(rpID)
	u2fChallenge   = [32]byte(bytes.Repeat([]byte{0xC7}, 32))
)

func u2fRegister() *u2f.Register {
	return &u2f.Register{Challenge: u2fChallenge, Application: u2fApplication}
}

func u2fAuthenticate(handle []byte, control u2f.Control) *u2f.Authenticate {
	return &u2f.Authenticate{Control: control, Challenge: u2fChallenge, Application: u2fApplication, KeyHandle: handle}
}

// poll sends a message that is answered at once.
func (p *platform) poll(r u2f.Request) (u2f.Status, []byte) {
	p.Helper()
	return p.u2f(p.Context(), r.Encode())
}

// hold sends a message that waits for the user.
func (p *platform) hold(r u2f.Request) (u2f.Status, []byte) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	return p.u2f(ctx, r.Encode())
}

func (p *platform) u2f(ctx context.Context, message []byte) (u2f.Status, []byte) {
	p.Helper()
	response := p.HandleU2F(ctx, message)
	if len(response) < 2 || len(response) > authenticator.DefaultMaxMsgSize {
		p.Fatalf("response %x", response)
	}
	var status u2f.Status
	if _, err := u2f.SplitResponse(response); err == nil {
		status = u2f.NoError
	} else if !errors.As(err, &status) || len(response) != 2 {
		p.Fatalf("response %x: %v", response, err)
	}
	return status, response
}

// registered checks a registration as a relying party does.
func (p *platform) registered(r *u2f.Register, response []byte) *u2f.RegisterResponse {
	p.Helper()
	resp, err := u2f.DecodeRegisterResponse(response)
	if err != nil {
		p.Fatal(err)
	}
	cert, err := x509.ParseCertificate(resp.Certificate)
	if err != nil {
		p.Fatal(err)
	}
	digest := sha256.Sum256(slices.Concat([]byte{0}, r.Application[:], r.Challenge[:], resp.KeyHandle, resp.PublicKey[:]))
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(key, digest[:], resp.Signature) {
		p.Fatal("the registration does not verify")
	}
	return resp
}

// register makes a U2F credential with a user who agrees.
func (p *platform) registerU2F() *u2f.RegisterResponse {
	p.Helper()
	status, response := p.hold(u2fRegister())
	if status != u2f.NoError {
		p.Fatalf("register: %v", status)
	}
	return p.registered(u2fRegister(), response)
}

// authenticated checks an authentication as a relying party does.
func (p *platform) authenticated(pub *ecdsa.PublicKey, r *u2f.Authenticate, response []byte) *u2f.AuthenticateResponse {
	p.Helper()
	resp, err := u2f.DecodeAuthenticateResponse(response)
	if err != nil {
		p.Fatal(err)
	}
	n := resp.Counter
	signed := slices.Concat(r.Application[:], []byte{resp.Flags, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, r.Challenge[:])
	digest := sha256.Sum256(signed)
	if !ecdsa.VerifyASN1(pub, digest[:], resp.Signature) {
		p.Fatal("the authentication does not verify")
	}
	return resp
}

func point(t *testing.T, encoded [65]byte) *ecdsa.PublicKey {
	t.Helper()
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), encoded[:])
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// asU2F is a U2F registration seen as a CTAP2 credential.
func asU2F(t *testing.T, r *u2f.RegisterResponse) *credential {
	t.Helper()
	return &credential{id: r.KeyHandle, alg: ctap.ES256, pub: point(t, r.PublicKey)}
}

func TestU2FCeremonies(t *testing.T) {
	p := newPlatform(t, withU2F)
	reg := p.registerU2F()
	pub := point(t, reg.PublicKey)
	for want := uint32(1); want <= 3; want++ {
		r := u2fAuthenticate(reg.KeyHandle, u2f.Enforce)
		status, response := p.hold(r)
		if status != u2f.NoError {
			t.Fatal(status)
		}
		if got := p.authenticated(pub, r, response); got.Counter != want || got.Flags != u2f.FlagUserPresent {
			t.Errorf("flags %02x, counter %d, want %d", got.Flags, got.Counter, want)
		}
	}
	questions := []authtest.Question{{Prompt: authenticator.Prompt{Reason: authenticator.ReasonRegister, RPIDHash: u2fApplication}}}
	for range 3 {
		questions = append(questions, authtest.Question{Prompt: authenticator.Prompt{Reason: authenticator.ReasonSignIn, RPIDHash: u2fApplication}})
	}
	if diff := gocmp.Diff(questions, p.User.Asked()); diff != "" {
		t.Error(diff)
	}
	status, response := p.poll(&u2f.VersionRequest{})
	if status != u2f.NoError || string(response) != "U2F_V2\x90\x00" {
		t.Errorf("version: %x", response)
	}
	if got := p.info().Versions; !slices.Contains(got, "U2F_V2") {
		t.Errorf("versions %v", got)
	}
}

// TestU2FAndCTAP2: the two protocols share credentials and counters.
func TestU2FAndCTAP2(t *testing.T) {
	p := newPlatform(t, withU2F)
	reg := p.registerU2F()
	old := asU2F(t, reg)
	g := gaRequest()
	g.AllowList = []ctap.CredentialDescriptor{old.descriptor()}
	p.User.Asked()
	if a := p.get(g, old); a.data.SignCount != 1 || a.User != nil {
		t.Errorf("U2F credential by CTAP2: counter %d, user %v", a.data.SignCount, a.User)
	}
	if asked := p.User.Asked(); len(asked) != 1 || asked[0].RPID != rpID || len(asked[0].Accounts) != 0 {
		t.Errorf("asked %+v", asked)
	}
	r := u2fAuthenticate(reg.KeyHandle, u2f.Enforce)
	if _, response := p.hold(r); p.authenticated(point(t, reg.PublicKey), r, response).Counter != 2 {
		t.Error("the counters are two")
	}
	g.AllowList = nil
	p.wantStatus(g, ctap.ErrNoCredentials)
	mc := mcRequest()
	mc.ExcludeList = []ctap.CredentialDescriptor{old.descriptor()}
	p.wantStatus(mc, ctap.ErrCredentialExcluded)
	p.wantStatus(p.manage(2, ctap.PermitCredentialManagement, "").request(ctap.EnumerateRPsBegin, nil), ctap.ErrNoCredentials)

	fresh := p.make(mcRequest())
	p.User.Asked()
	r = u2fAuthenticate(fresh.id, u2f.Enforce)
	status, response := p.hold(r)
	if status != u2f.NoError {
		t.Fatalf("CTAP2 credential by U2F: %v", status)
	}
	if n := p.authenticated(fresh.pub.(*ecdsa.PublicKey), r, response).Counter; n != 1 {
		t.Errorf("counter %d", n)
	}
	want := []authtest.Question{{Prompt: authenticator.Prompt{
		Reason: authenticator.ReasonSignIn, RPID: rpID, RPIDHash: u2fApplication, RPName: "Example", Accounts: []ctap.User{mcRequest().User},
	}}}
	if diff := gocmp.Diff(want, p.User.Asked()); diff != "" {
		t.Error(diff)
	}
}

// TestU2FStatus: what is answered without the user.
func TestU2FStatus(t *testing.T) {
	level3 := func(p *platform) []byte {
		r := mcRequest()
		r.Extensions = p.raws(map[string]any{"credProtect": 3})
		return p.make(r).id
	}
	level2 := func(p *platform) []byte {
		r := mcRequest()
		r.Extensions = p.raws(map[string]any{"credProtect": 2})
		return p.make(r).id
	}
	eddsa := func(p *platform) []byte {
		r := mcRequest()
		r.Parameters[0].Algorithm = ctap.EdDSA
		return p.make(r).id
	}
	known := func(p *platform) []byte { return p.registerU2F().KeyHandle }
	unknown := func(*platform) []byte { return make([]byte, 32) }
	elsewhere := func(p *platform) []byte {
		r := mcRequest()
		r.RP.ID = "example.org"
		return p.make(r).id
	}
	for name, tc := range map[string]struct {
		handle  func(*platform) []byte
		control u2f.Control
		want    u2f.Status
	}{
		"check a known handle":         {known, u2f.CheckOnly, u2f.ConditionsNotSatisfied},
		"check an unknown one":         {unknown, u2f.CheckOnly, u2f.WrongData},
		"check another's":              {elsewhere, u2f.CheckOnly, u2f.WrongData},
		"check level 2":                {level2, u2f.CheckOnly, u2f.ConditionsNotSatisfied},
		"check level 3":                {level3, u2f.CheckOnly, u2f.WrongData},
		"check EdDSA":                  {eddsa, u2f.CheckOnly, u2f.WrongData},
		"enforce an unknown one":       {unknown, u2f.Enforce, u2f.WrongData},
		"enforce another's":            {elsewhere, u2f.Enforce, u2f.WrongData},
		"enforce level 3":              {level3, u2f.Enforce, u2f.WrongData},
		"enforce EdDSA":                {eddsa, u2f.Enforce, u2f.WrongData},
		"no presence, unknown":         {unknown, u2f.DontEnforce, u2f.WrongData},
		"no presence, level 3":         {level3, u2f.DontEnforce, u2f.WrongData},
		"no presence, a known handle":  {known, u2f.DontEnforce, u2f.NoError},
		"a control that is not one":    {known, 0x55, u2f.WrongData},
		"a handle longer than any one": {func(*platform) []byte { return make([]byte, 255) }, u2f.Enforce, u2f.WrongData},
	} {
		p := newPlatform(t, withU2F)
		handle := tc.handle(p)
		p.User.Asked()
		status, response := p.hold(u2fAuthenticate(handle, tc.control))
		if status != tc.want {
			t.Errorf("%s: %v, want %v", name, status, tc.want)
		}
		if status == u2f.NoError && response[0] != 0 {
			t.Errorf("%s: flags %02x", name, response[0])
		}
		if asked := p.User.Asked(); len(asked) != 0 {
			t.Errorf("%s: asked %v", name, asked)
		}
	}
	for message, want := range map[string]u2f.Status{
		"":                                  u2f.WrongLength,
		"\x00\x01\x00":                      u2f.WrongLength,
		"\x00\x01\x00\x00":                  u2f.WrongLength,
		"\x80\x03\x00\x00":                  u2f.ClassNotSupported,
		"\x00\x44\x00\x00":                  u2f.InstructionNotSupported,
		string(make([]byte, 2049)):          u2f.WrongLength,
		"\x00\x02\x03\x00" + "\x00\x00\x40": u2f.WrongLength,
	} {
		if status, _ := newPlatform(t, withU2F).u2f(t.Context(), []byte(message)); status != want {
			t.Errorf("%.20x: %v, want %v", message, status, want)
		}
	}
}

func TestU2FOff(t *testing.T) {
	alwaysUV := func(c *authenticator.Config) {
		c.Store = memory.Load(0, &memory.Content{State: authenticator.State{AlwaysUV: true}})
	}
	for name, tc := range map[string]struct {
		device *platform
		want   u2f.Status
	}{
		"by default":                   {newPlatform(t), u2f.InstructionNotSupported},
		"while verification is a must": {newPlatform(t, withU2F, alwaysUV), u2f.CommandNotAllowed},
	} {
		for _, r := range []u2f.Request{&u2f.VersionRequest{}, u2fRegister(), u2fAuthenticate([]byte("kh"), u2f.CheckOnly)} {
			if status, _ := tc.device.hold(r); status != tc.want {
				t.Errorf("%s, %T: %v, want %v", name, r, status, tc.want)
			}
		}
		if asked := tc.device.User.Asked(); len(asked) != 0 {
			t.Errorf("%s: asked %v", name, asked)
		}
		if got := tc.device.info().Versions; slices.Contains(got, "U2F_V2") {
			t.Errorf("%s: versions %v", name, got)
		}
	}
	if newPlatform(t).U2FEnabled() || !newPlatform(t, withU2F).U2FEnabled() {
		t.Error("U2FEnabled")
	}
}

// TestU2FBogusRegistration: what browsers send to have the user touch is
// answered like any other and leaves nothing behind.
func TestU2FBogusRegistration(t *testing.T) {
	for _, application := range [][32]byte{[32]byte(bytes.Repeat([]byte{0x41}, 32)), {}} {
		p := newPlatform(t, withU2F)
		r := &u2f.Register{Challenge: u2fChallenge, Application: application}
		status, response := p.hold(r)
		if status != u2f.NoError {
			t.Fatal(status)
		}
		handle := p.registered(r, response).KeyHandle
		if asked := p.User.Asked(); len(asked) != 1 || asked[0].Reason != authenticator.ReasonSelect {
			t.Errorf("asked %v", asked)
		}
		if list, _ := p.Store.List(t.Context()); len(list) != 0 {
			t.Errorf("%d credentials", len(list))
		}
		check := &u2f.Authenticate{Control: u2f.CheckOnly, Application: application, KeyHandle: handle}
		if status, _ := p.poll(check); status != u2f.WrongData {
			t.Errorf("the handle is known: %v", status)
		}
	}
}

func TestU2FStoreFull(t *testing.T) {
	p := newPlatform(t, withU2F, func(c *authenticator.Config) { c.Store = memory.New(1) })
	p.registerU2F()
	if status, _ := p.hold(u2fRegister()); status != u2f.NotEnoughMemory {
		t.Error(status)
	}
}

// leaves is a source that fails as told.
type leaves struct {
	leaf  *authenticator.Leaf
	err   error
	asked []authenticator.AttestationRequest
}

func (l *leaves) Leaf(_ context.Context, r authenticator.AttestationRequest) (*authenticator.Leaf, error) {
	l.asked = append(l.asked, r)
	return l.leaf, l.err
}

func TestU2FCertificate(t *testing.T) {
	good := newLeafSource(t).leaf
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		source *leaves
		want   u2f.Status
	}{
		"a batch certificate":        {&leaves{leaf: good}, u2f.NoError},
		"an RSA key":                 {&leaves{leaf: &authenticator.Leaf{Key: rsaKey, Chain: good.Chain}}, u2f.Unspecified},
		"no certificate":             {&leaves{leaf: &authenticator.Leaf{Key: good.Key}}, u2f.Unspecified},
		"one that fits no message":   {&leaves{leaf: &authenticator.Leaf{Key: good.Key, Chain: [][]byte{make([]byte, 2048)}}}, u2f.Unspecified},
		"a source that is not there": {&leaves{err: errors.New("unreachable")}, u2f.Unspecified},
		"a source that is late":      {&leaves{err: context.DeadlineExceeded}, u2f.ConditionsNotSatisfied},
	} {
		p := newPlatform(t, withU2F, func(c *authenticator.Config) { c.U2FCertificate = tc.source })
		status, response := p.hold(u2fRegister())
		if status != tc.want {
			t.Errorf("%s: %v, want %v", name, status, tc.want)
		}
		list, _ := p.Store.List(t.Context())
		if status != u2f.NoError {
			if len(list) != 0 {
				t.Errorf("%s: %d credentials", name, len(list))
			}
			continue
		}
		reg := p.registered(u2fRegister(), response)
		want := []authenticator.AttestationRequest{{
			Format: "fido-u2f", CredentialID: reg.KeyHandle, Algorithm: ctap.ES256, PublicKey: list[0].PublicKey, ClientDataHash: u2fChallenge[:],
		}}
		if diff := gocmp.Diff(want, tc.source.asked); diff != "" || !bytes.Equal(reg.Certificate, good.Chain[0]) {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestU2FSelfSigned: a certificate that is what relying parties expect of one and
// tells nothing.
func TestU2FSelfSigned(t *testing.T) {
	p := newPlatform(t, withU2F)
	reg := p.registerU2F()
	cert, err := x509.ParseCertificate(reg.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignature(x509.ECDSAWithSHA256, cert.RawTBSCertificate, cert.Signature); err != nil {
		t.Error(err)
	}
	if !cert.PublicKey.(*ecdsa.PublicKey).Equal(point(t, reg.PublicKey)) {
		t.Error("the certificate is of another key")
	}
	if cert.Version != 3 || cert.SerialNumber.Sign() <= 0 || cert.NotAfter.Year() < 2040 || !cert.NotBefore.Before(p.Clock.Now()) {
		t.Errorf("version %d, serial %v, %v to %v", cert.Version, cert.SerialNumber, cert.NotBefore, cert.NotAfter)
	}
}

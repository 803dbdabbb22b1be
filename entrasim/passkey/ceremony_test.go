package passkey_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern/postern/entrasim/passkey"
)

const (
	testTenant = "5d7e1c3a-8f0b-4a64-9d0e-0f2f6a1b7c11"
	testUser   = "0b6c9e9e-53a3-4f0e-8a52-7b0f1f6f2a01"
	pilotGroup = "7c1ff29b-4c33-44c5-9f62-1f7a6f7d2c55"
)

var testNow = time.Now()

// The challenge key costs most of a test's time, so all tests share one relying party's; the rest is copied.
var sharedRP = sync.OnceValues(func() (*passkey.RelyingParty, error) { return passkey.New(nil) })

func newRP(t testing.TB) *passkey.RelyingParty {
	t.Helper()
	shared, err := sharedRP()
	must(t, err)
	rp := *shared
	rp.Metadata = passkey.NewMetadata()
	return &rp
}

func openPolicy() passkey.Policy {
	return passkey.Policy{
		State: "enabled", SelfServiceAllowed: true,
		IncludeTargets: []passkey.Target{{ID: "all_users", TargetType: "group"}},
	}
}

func alice(groups ...string) passkey.User {
	return passkey.User{
		Subject: passkey.Subject{ID: testUser, InGroup: func(id string) bool {
			for _, g := range groups {
				if g == id {
					return true
				}
			}
			return false
		}},
		Name: "alice@contoso.example", DisplayName: "Alice",
	}
}

func options(t testing.TB, rp *passkey.RelyingParty, user passkey.User) passkey.CreationOptions {
	t.Helper()
	o, _, err := rp.Options(passkey.OptionsRequest{Tenant: testTenant, User: user, Policy: openPolicy(), Minutes: 5}, testNow)
	must(t, err)
	return o
}

func register(t testing.TB, rp *passkey.RelyingParty, a *testAuthenticator, policy passkey.Policy) (*passkey.Credential, error) {
	t.Helper()
	user := alice(pilotGroup)
	return rp.Register(passkey.Registration{
		Tenant: testTenant, User: user, Policy: policy, DisplayName: "Red key", Credential: a.create(options(t, rp, user)),
	}, testNow)
}

func wantReason(t testing.TB, err error, want passkey.Reason) {
	t.Helper()
	var r *passkey.Refusal
	if want == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if !errors.As(err, &r) {
		t.Fatalf("got error %v, want a refusal for %s", err, want)
	}
	if r.Reason != want {
		t.Errorf("refused for %s (%s), want %s", r.Reason, r.Message, want)
	}
	if r.Status < 400 || r.Code == "" || r.Message == "" {
		t.Errorf("incomplete refusal %+v", r)
	}
}

// directory is a tenant of one user.
type directory struct {
	account passkey.Account
	creds   []passkey.Credential
	policy  passkey.Policy
}

func (d *directory) TenantID() string { return testTenant }

func (d *directory) AccountByHandle(handle []byte) (passkey.Account, bool) {
	own, err := passkey.UserHandle(testTenant, d.account.ID)
	return d.account, err == nil && bytes.Equal(own, handle)
}

func (d *directory) Account(id string) (passkey.Account, bool) { return d.account, id == d.account.ID }

func (d *directory) Credential(userID string, id []byte) (passkey.Credential, bool) {
	for _, c := range d.creds {
		if userID == d.account.ID && bytes.Equal(c.ID, id) {
			return c, true
		}
	}
	return passkey.Credential{}, false
}

func (d *directory) Policy() passkey.Policy { return d.policy }

func newDirectory(creds ...passkey.Credential) *directory {
	return &directory{
		account: passkey.Account{Subject: alice(pilotGroup).Subject, Name: "alice@contoso.example", Enabled: true},
		creds:   creds, policy: openPolicy(),
	}
}

func TestRegisterFormats(t *testing.T) {
	for name, tc := range map[string]struct {
		setup    func(*testAuthenticator, *passkey.RelyingParty)
		policy   func(*passkey.Policy)
		want     passkey.Reason
		attested bool
		kind     passkey.Type
	}{
		"none":   {kind: passkey.DeviceBound},
		"synced": {setup: func(a *testAuthenticator, _ *passkey.RelyingParty) { a.flags |= flagBE | flagBS }, kind: passkey.Synced},
		"packed with a known root": {
			setup: func(a *testAuthenticator, rp *passkey.RelyingParty) {
				a.withChain(a.aaguid)
				must(t, rp.Metadata.Add(a.aaguid.String(), "", a.root))
			},
			policy:   func(p *passkey.Policy) { p.AttestationEnforced = true },
			attested: true, kind: passkey.DeviceBound,
		},
		"packed with an unknown root": {
			setup: func(a *testAuthenticator, _ *passkey.RelyingParty) { a.withChain(a.aaguid) }, kind: passkey.DeviceBound,
		},
		"packed with an unknown root, enforced": {
			setup:  func(a *testAuthenticator, _ *passkey.RelyingParty) { a.withChain(a.aaguid) },
			policy: func(p *passkey.Policy) { p.AttestationEnforced = true },
			want:   passkey.ReasonAttestationRequired,
		},
		"root known for another model": {
			setup: func(a *testAuthenticator, rp *passkey.RelyingParty) {
				a.withChain(a.aaguid)
				must(t, rp.Metadata.Add(uuid.NewString(), "other", a.root))
			},
			kind: passkey.DeviceBound,
		},
		"certificate of another model": {
			setup: func(a *testAuthenticator, _ *passkey.RelyingParty) { a.withChain(uuid.New()) },
			want:  passkey.ReasonAttestation,
		},
		"packed with a broken signature": {
			setup: func(a *testAuthenticator, _ *passkey.RelyingParty) { a.withChain(a.aaguid); a.breakSig = true },
			want:  passkey.ReasonAttestation,
		},
		"self": {
			setup: func(a *testAuthenticator, _ *passkey.RelyingParty) { a.format = "self" },
			want:  passkey.ReasonAttestationFormat,
		},
		"self accepted": {
			setup: func(a *testAuthenticator, rp *passkey.RelyingParty) {
				a.format, rp.AcceptSelfAttestation = "self", true
			},
			kind: passkey.DeviceBound,
		},
		"self accepted but enforced": {
			setup: func(a *testAuthenticator, rp *passkey.RelyingParty) {
				a.format, rp.AcceptSelfAttestation = "self", true
			},
			policy: func(p *passkey.Policy) { p.AttestationEnforced = true },
			want:   passkey.ReasonAttestationRequired,
		},
		"self with a broken signature": {
			setup: func(a *testAuthenticator, rp *passkey.RelyingParty) {
				a.format, a.breakSig, rp.AcceptSelfAttestation = "self", true, true
			},
			want: passkey.ReasonAttestation,
		},
		"RS256": {setup: useRSA, kind: passkey.DeviceBound},
		"RS256, self": {
			setup: func(a *testAuthenticator, rp *passkey.RelyingParty) {
				useRSA(a, rp)
				a.format, rp.AcceptSelfAttestation = "self", true
			},
			kind: passkey.DeviceBound,
		},
		"custom name": {
			setup: func(a *testAuthenticator, _ *passkey.RelyingParty) { a.format = "contoso-phone" }, kind: passkey.DeviceBound,
		},
		"custom name, too long": {
			setup: func(a *testAuthenticator, _ *passkey.RelyingParty) { a.format = "a-name-of-thirty-three-characters" },
			want:  passkey.ReasonAttestationFormat,
		},
		"none, enforced": {policy: func(p *passkey.Policy) { p.AttestationEnforced = true }, want: passkey.ReasonAttestationRequired},
	} {
		t.Run(name, func(t *testing.T) {
			rp, a, policy := newRP(t), newAuthenticator(t), openPolicy()
			if tc.setup != nil {
				tc.setup(a, rp)
			}
			if tc.policy != nil {
				tc.policy(&policy)
			}
			cred, err := register(t, rp, a, policy)
			wantReason(t, err, tc.want)
			if err != nil {
				return
			}
			if cred.Attested != tc.attested || cred.Type != tc.kind {
				t.Errorf("attested %v type %s, want %v %s", cred.Attested, cred.Type, tc.attested, tc.kind)
			}
			if !bytes.Equal(cred.ID, a.id) || cred.AAGUID != a.aaguid.String() || cred.Model != "YubiKey 5 Series with NFC" {
				t.Errorf("stored %+v", cred)
			}
			if want := map[bool]int{true: 1}[a.format == "packed"]; len(cred.AttestationCertificates) != want {
				t.Errorf("%d attestation certificates, want %d", len(cred.AttestationCertificates), want)
			}
			dir := newDirectory(*cred)
			text, err := rp.RequestChallenge(testTenant, testUser, nil, testNow.Add(5*time.Minute))
			must(t, err)
			if _, err := rp.SignIn(a.get(text), dir, testNow); err != nil {
				t.Errorf("cannot sign in with it: %v", err)
			}
		})
	}
}

func useRSA(a *testAuthenticator, _ *passkey.RelyingParty) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(a.t, err)
	a.rsa, a.alg = key, -257
}

func TestRegisterRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		setup func(*testAuthenticator)
		reg   func(*passkey.Registration)
		after time.Duration
		want  passkey.Reason
	}{
		"wrong type":      {setup: func(a *testAuthenticator) { a.editClient = set("type", "webauthn.get") }, want: passkey.ReasonCeremonyType},
		"wrong origin":    {setup: func(a *testAuthenticator) { a.origin = "https://login.microsoftonline.com" }, want: passkey.ReasonOrigin},
		"origin in caps":  {setup: func(a *testAuthenticator) { a.origin = "https://LOGIN.microsoft.com" }, want: passkey.ReasonOrigin},
		"cross origin":    {setup: func(a *testAuthenticator) { a.editClient = set("crossOrigin", true) }, want: passkey.ReasonCrossOrigin},
		"own challenge":   {setup: func(a *testAuthenticator) { a.editClient = set("challenge", "AAAA") }, want: passkey.ReasonChallenge},
		"expired":         {after: 5 * time.Minute, want: passkey.ReasonChallengeExpired},
		"wrong rp":        {setup: func(a *testAuthenticator) { a.rpID = "login.microsoftonline.com" }, want: passkey.ReasonRelyingParty},
		"no presence":     {setup: func(a *testAuthenticator) { a.flags = flagUV }, want: passkey.ReasonUserPresence},
		"no verification": {setup: func(a *testAuthenticator) { a.flags = flagUP }, want: passkey.ReasonUserVerification},
		"backup state without eligibility": {
			setup: func(a *testAuthenticator) { a.flags |= flagBS }, want: passkey.ReasonBackupFlags,
		},
		"ES384":         {setup: func(a *testAuthenticator) { a.alg = -35 }, want: passkey.ReasonAlgorithm},
		"another id":    {reg: func(r *passkey.Registration) { r.Credential.ID = "AAAA" }, want: passkey.ReasonCredentialID},
		"no id":         {reg: func(r *passkey.Registration) { r.Credential.ID = "" }, want: passkey.ReasonMalformed},
		"another user":  {reg: func(r *passkey.Registration) { r.User.ID = uuid.NewString() }, want: passkey.ReasonChallengeUser},
		"other tenant":  {reg: func(r *passkey.Registration) { r.Tenant = uuid.NewString() }, want: passkey.ReasonChallengeUser},
		"guest":         {reg: func(r *passkey.Registration) { r.User.Guest = true }, want: passkey.ReasonGuest},
		"full":          {reg: func(r *passkey.Registration) { r.Count = 20 }, want: passkey.ReasonTooMany},
		"name too long": {reg: func(r *passkey.Registration) { r.DisplayName = "a name of thirty-one characters" }, want: passkey.ReasonDisplayName},
		"disabled":      {reg: func(r *passkey.Registration) { r.Policy.State = "disabled" }, want: passkey.ReasonMethodDisabled},
		"no self-service": {
			reg: func(r *passkey.Registration) { r.Policy.SelfServiceAllowed = false }, want: passkey.ReasonSelfServiceOff,
		},
		"duplicate": {
			reg: func(r *passkey.Registration) { r.Registered = func([]byte) bool { return true } }, want: passkey.ReasonDuplicate,
		},
		"truncated authenticator data": {
			setup: func(a *testAuthenticator) { a.editAuthData = func(b []byte) []byte { return b[:60] } }, want: passkey.ReasonMalformed,
		},
		"bytes after the key": {
			setup: func(a *testAuthenticator) { a.editAuthData = func(b []byte) []byte { return append(b, 0) } }, want: passkey.ReasonMalformed,
		},
		"not base64": {
			reg: func(r *passkey.Registration) { r.Credential.Response.AttestationObject = "*" }, want: passkey.ReasonMalformed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			rp, a := newRP(t), newAuthenticator(t)
			if tc.setup != nil {
				tc.setup(a)
			}
			reg := passkey.Registration{
				Tenant: testTenant, User: alice(), Policy: openPolicy(), DisplayName: "Red key",
				Credential: a.create(options(t, rp, alice())),
			}
			if tc.reg != nil {
				tc.reg(&reg)
			}
			_, err := rp.Register(reg, testNow.Add(tc.after))
			wantReason(t, err, tc.want)
			var r *passkey.Refusal
			if errors.As(err, &r) && (r.Status == http.StatusConflict) != (tc.want == passkey.ReasonDuplicate) {
				t.Errorf("status %d", r.Status)
			}
		})
	}
}

func set(member string, value any) func(map[string]any) {
	return func(m map[string]any) { m[member] = value }
}

func TestSignInRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		setup  func(*testAuthenticator)
		dir    func(*directory)
		edit   func(*passkey.Assertion)
		nobody bool // the challenge names no user
		after  time.Duration
		want   passkey.Reason
	}{
		"plain":                  {},
		"user found by handle":   {nobody: true},
		"handle left out":        {edit: func(a *passkey.Assertion) { a.UserHandle = "" }},
		"handle nowhere":         {nobody: true, edit: func(a *passkey.Assertion) { a.UserHandle = "" }, want: passkey.ReasonUserHandle},
		"handle of a stranger":   {edit: func(a *passkey.Assertion) { a.UserHandle = "AAAA" }, want: passkey.ReasonUnknownUser},
		"wrong type":             {setup: func(a *testAuthenticator) { a.editClient = set("type", "webauthn.create") }, want: passkey.ReasonCeremonyType},
		"wrong origin":           {setup: func(a *testAuthenticator) { a.origin = "https://login.microsoft.com.evil.example" }, want: passkey.ReasonOrigin},
		"wrong rp":               {setup: func(a *testAuthenticator) { a.rpID = "evil.example" }, want: passkey.ReasonRelyingParty},
		"no presence":            {setup: func(a *testAuthenticator) { a.flags = flagUV }, want: passkey.ReasonUserPresence},
		"no verification":        {setup: func(a *testAuthenticator) { a.flags = flagUP }, want: passkey.ReasonUserVerification},
		"broken signature":       {setup: func(a *testAuthenticator) { a.breakSig = true }, want: passkey.ReasonSignature},
		"expired":                {after: time.Hour, want: passkey.ReasonChallengeExpired},
		"became synced":          {setup: func(a *testAuthenticator) { a.flags |= flagBE }, want: passkey.ReasonBackupFlags},
		"counter grew":           {setup: func(a *testAuthenticator) { a.count = 7 }, dir: func(d *directory) { d.creds[0].SignCount = 6 }},
		"counter stood still":    {setup: func(a *testAuthenticator) { a.count = 7 }, dir: func(d *directory) { d.creds[0].SignCount = 7 }, want: passkey.ReasonCounter},
		"counter fell to zero":   {dir: func(d *directory) { d.creds[0].SignCount = 1 }, want: passkey.ReasonCounter},
		"passkey removed":        {dir: func(d *directory) { d.creds = nil }, want: passkey.ReasonUnknownCredential},
		"account disabled":       {dir: func(d *directory) { d.account.Enabled = false }, want: passkey.ReasonAccountDisabled},
		"method disabled":        {dir: func(d *directory) { d.policy.State = "disabled" }, want: passkey.ReasonMethodDisabled},
		"self-service off":       {dir: func(d *directory) { d.policy.SelfServiceAllowed = false }},
		"attestation enforced":   {dir: func(d *directory) { d.policy.AttestationEnforced = true }},
		"model no longer listed": {dir: func(d *directory) { d.policy.KeyRestrictions = only(uuid.NewString()) }, want: passkey.ReasonKeyRestriction},
		"model listed":           {dir: func(d *directory) { d.policy.KeyRestrictions = only(testAAGUID.String()) }},
		"group excluded": {
			dir: func(d *directory) {
				d.policy.ExcludeTargets = []passkey.Target{{ID: pilotGroup, TargetType: "group"}}
			}, want: passkey.ReasonExcluded,
		},
		"no longer included": {dir: func(d *directory) { d.policy.IncludeTargets = nil }, want: passkey.ReasonNotTargeted},
	} {
		t.Run(name, func(t *testing.T) {
			rp, a := newRP(t), newAuthenticator(t)
			cred, err := register(t, rp, a, openPolicy())
			must(t, err)
			dir := newDirectory(*cred)
			if tc.dir != nil {
				tc.dir(dir)
			}
			if tc.setup != nil {
				tc.setup(a)
			}
			user := testUser
			if tc.nobody {
				user = ""
			}
			text, err := rp.RequestChallenge(testTenant, user, nil, testNow.Add(5*time.Minute))
			must(t, err)
			assertion := a.get(text)
			if tc.edit != nil {
				tc.edit(&assertion)
			}
			got, err := rp.SignIn(assertion, dir, testNow.Add(tc.after))
			wantReason(t, err, tc.want)
			if err == nil && (got.UserID != testUser || !bytes.Equal(got.CredentialID, a.id) || got.SignCount != a.count || len(got.Challenge.Nonce) != 16) {
				t.Errorf("signed in %+v", got)
			}
		})
	}
}

func only(aaguids ...string) passkey.KeyRestrictions {
	return passkey.KeyRestrictions{IsEnforced: true, EnforcementType: "allow", AAGUIDs: aaguids}
}

// A challenge for one ceremony must not serve the other, or a registration would double as a sign-in.
func TestChallengePurpose(t *testing.T) {
	rp, a := newRP(t), newAuthenticator(t)
	cred, err := register(t, rp, a, openPolicy())
	must(t, err)
	registration, err := rp.Challenges.Seal(passkey.Challenge{Tenant: testTenant, User: testUser, Purpose: passkey.ForRegistration, Expires: testNow.Add(time.Minute)})
	must(t, err)
	_, err = rp.SignIn(a.get(registration), newDirectory(*cred), testNow)
	wantReason(t, err, passkey.ReasonChallenge)

	text, err := rp.RequestChallenge(testTenant, testUser, nil, testNow.Add(time.Minute))
	must(t, err)
	o := options(t, rp, alice())
	o.Challenge = b64([]byte(text))
	_, err = rp.Register(passkey.Registration{Tenant: testTenant, User: alice(), Policy: openPolicy(), Credential: a.create(o)}, testNow)
	wantReason(t, err, passkey.ReasonChallenge)
}

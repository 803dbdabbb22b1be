package device_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern/postern"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
)

// world is a device service on a real database, with one integration and one invited user.
type world struct {
	*device.Service
	store  *store.Store
	now    time.Time
	users  *lifecycle.Service
	user   postern.User
	events []postern.AuditEvent
	phone  ed25519.PrivateKey
}

func (w *world) Record(_ context.Context, e postern.AuditEvent) error {
	w.events = append(w.events, e)
	return nil
}

// Enqueue drops jobs: moving groups is not under test here.
func (w *world) Enqueue(context.Context, job.Args, ...job.Option) error { return nil }

// Get reads integrations for the service.
func (w *world) Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return w.store.Integration(ctx, id)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	var err error
	if w.store, err = store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	if err := w.store.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return w.now }
	w.users = &lifecycle.Service{Store: w.store, Audit: w, Queue: w, Notices: &backbone.InProcess{}, Logger: slog.New(slog.DiscardHandler), Now: now}
	w.Service = &device.Service{
		Store: w.store, Integrations: w, Users: w.users, Sealer: sealer, Audit: w, Notices: &backbone.InProcess{},
		Logger: slog.New(slog.DiscardHandler), Now: now,
	}
	i := postern.Integration{
		ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), Version: 1, ApplicationName: "Postern",
		Experience: postern.ExperienceNative, State: postern.StateDisabled, Flags: postern.AllFlags(), Domains: []string{},
		TenantID: "11111111-2222-4333-8444-555555555555", ClientID: "21111111-2222-4333-8444-555555555555",
		Credential:    postern.Credential{Kind: postern.CredentialSecret, SetAt: w.now},
		PermissionSet: postern.PermissionsPasskeys, Attestation: postern.AttestationPacked, ChallengeTimeout: 5,
		AllowLowAssurance: true, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if err := w.store.CreateIntegration(ctx, i, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	w.user = postern.User{
		ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: i.ID, Version: 1, ObjectID: "ada",
		UPN: "ada@contoso.com", DisplayName: "Ada", Phase: postern.PhaseEligible, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if err := w.store.CreateUser(ctx, w.user); err != nil {
		t.Fatal(err)
	}
	return w
}

// invite stores an invitation with a known code.
func (w *world) invite(t *testing.T, code string) {
	t.Helper()
	hash := sha256.Sum256([]byte(postern.NormaliseCode(code)))
	err := w.store.CreateInvitation(t.Context(), postern.Invitation{
		ID: postern.NewID[postern.InvitationID](postern.PrefixInvitation), IntegrationID: w.user.IntegrationID, UserID: w.user.ID,
		State: postern.InvitationOpen, InvitedBy: "test", CreatedAt: w.now, ExpiresAt: w.now.Add(time.Hour),
	}, postern.NormaliseCode(code)[:4], hash[:])
	if err != nil {
		t.Fatal(err)
	}
}

func enrolment(code string, key ed25519.PrivateKey) postern.PhoneEnrolment {
	public := key.Public().(ed25519.PublicKey)
	sealKey := make([]byte, 32)
	sealKey[0] = 9
	return postern.PhoneEnrolment{
		Code: code, Name: "Ada's phone", Platform: "test", Assurance: postern.AssuranceFile,
		IdentityKey: postern.Bytes(public), SealKey: sealKey,
		Proof: ed25519.Sign(key, postern.EnrolmentMessage(code, public, sealKey)),
	}
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const code = "AB12-CD34-EF56-GH78"

func (w *world) enrol(t *testing.T) postern.Phone {
	t.Helper()
	w.invite(t, code)
	w.phone = newKey(t)
	p, err := w.Enrol(t.Context(), enrolment(code, w.phone))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantCode(t *testing.T, err error, want postern.Code) {
	t.Helper()
	if !postern.IsCode(err, want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestEnrolPairsTheUser(t *testing.T) {
	w := newWorld(t)
	p := w.enrol(t)
	u, err := w.store.User(t.Context(), w.user.ID)
	if err != nil || u.Phase != postern.PhasePaired || p.State != postern.PhoneActive {
		t.Errorf("%+v, %+v, %v", u, p, err)
	}
	_, err = w.Enrol(t.Context(), enrolment(code, newKey(t)))
	wantCode(t, err, postern.CodeInvitationUsed)
}

func TestEnrolRefuses(t *testing.T) {
	w := newWorld(t)
	w.invite(t, code)
	key := newKey(t)

	stolen := enrolment(code, key)
	stolen.SealKey = append(postern.Bytes{1}, stolen.SealKey[1:]...)
	_, err := w.Enrol(t.Context(), stolen)
	wantCode(t, err, postern.CodePhoneProof)

	dressed := enrolment(code, key)
	dressed.Name = "Ada\u2066's phone"
	_, err = w.Enrol(t.Context(), dressed)
	wantCode(t, err, postern.CodeInvalid)

	_, err = w.Enrol(t.Context(), enrolment("ZZZZ-CD34-EF56-GH78", key))
	wantCode(t, err, postern.CodeInvitationInvalid)

	w.now = w.now.Add(2 * time.Hour)
	_, err = w.Enrol(t.Context(), enrolment(code, key))
	wantCode(t, err, postern.CodeInvitationExpired)
	w.now = w.now.Add(-2 * time.Hour)

	i, err := w.store.Integration(t.Context(), w.user.IntegrationID)
	if err != nil {
		t.Fatal(err)
	}
	change := func(edit func(i *postern.Integration)) {
		t.Helper()
		changed := i
		edit(&changed)
		if err := w.store.UpdateIntegration(t.Context(), &changed); err != nil {
			t.Fatal(err)
		}
		i.Version = changed.Version
	}
	change(func(i *postern.Integration) { i.AllowLowAssurance = false })
	_, err = w.Enrol(t.Context(), enrolment(code, key))
	wantCode(t, err, postern.CodePhoneAssurance)
	change(func(i *postern.Integration) { i.RestrictDomains, i.Domains = true, []string{"fabrikam.com"} })
	_, err = w.Enrol(t.Context(), enrolment(code, key))
	wantCode(t, err, postern.CodeDomainRefused)
	change(func(i *postern.Integration) { i.Flags = postern.FlagSet{} })
	_, err = w.Enrol(t.Context(), enrolment(code, key))
	wantCode(t, err, postern.CodeFlagOff)
	change(func(*postern.Integration) {})
	if _, err = w.Enrol(t.Context(), enrolment(code, key)); err != nil {
		t.Errorf("after all refusals the code no longer works: %v", err)
	}
}

func TestFiveWrongCodesLockTheInvitation(t *testing.T) {
	w := newWorld(t)
	w.invite(t, code)
	key := newKey(t)
	for range 5 {
		_, err := w.Enrol(t.Context(), enrolment("AB12-0000-0000-0000", key))
		wantCode(t, err, postern.CodeInvitationInvalid)
	}
	_, err := w.Enrol(t.Context(), enrolment(code, key))
	wantCode(t, err, postern.CodeInvitationInvalid)
	if e := postern.AsError(err); !strings.Contains(e.Message, "locked") {
		t.Errorf("the right code is told %q", e.Message)
	}
}

// sign makes the proof of a request, bent by the caller where wanted.
func (w *world) sign(t *testing.T, p postern.Phone, r device.SignedRequest, bend func(claims jwt.MapClaims, header map[string]any)) device.SignedRequest {
	t.Helper()
	hash := sha256.Sum256(r.Body)
	claims := jwt.MapClaims{
		"htm": r.Method, "htu": r.Path, "iat": w.now.Unix(), "jti": rand.Text(),
		"bh": base64.RawURLEncoding.EncodeToString(hash[:]),
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"], token.Header["kid"] = postern.PhoneProofType, string(p.ID)
	if bend != nil {
		bend(claims, token.Header)
	}
	proof, err := token.SignedString(w.phone)
	if err != nil {
		t.Fatal(err)
	}
	r.Proof = proof
	return r
}

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	p := w.enrol(t)
	request := device.SignedRequest{Method: "POST", Path: "/phone/v1/provisionings?wait=5", Body: []byte(`{}`)}

	good := w.sign(t, p, request, nil)
	got, err := w.Authenticate(t.Context(), good)
	if err != nil || got.ID != p.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = w.Authenticate(t.Context(), good)
	wantCode(t, err, postern.CodePhoneReplay)

	for name, c := range map[string]struct {
		bend func(jwt.MapClaims, map[string]any)
		edit func(*device.SignedRequest)
		want postern.Code
	}{
		"another method": {edit: func(r *device.SignedRequest) { r.Method = "DELETE" }, want: postern.CodePhoneProof},
		"another path":   {edit: func(r *device.SignedRequest) { r.Path = "/phone/v1/self" }, want: postern.CodePhoneProof},
		"another query":  {edit: func(r *device.SignedRequest) { r.Path = "/phone/v1/provisionings?wait=6" }, want: postern.CodePhoneProof},
		"another body":   {edit: func(r *device.SignedRequest) { r.Body = []byte(`{"a":1}`) }, want: postern.CodePhoneProof},
		"no proof":       {edit: func(r *device.SignedRequest) { r.Proof = "" }, want: postern.CodePhoneProof},
		"garbage":        {edit: func(r *device.SignedRequest) { r.Proof = "a.b.c" }, want: postern.CodePhoneProof},
		"huge":           {edit: func(r *device.SignedRequest) { r.Proof = strings.Repeat("a", 1<<16) }, want: postern.CodePhoneProof},
		"no id":          {bend: func(c jwt.MapClaims, _ map[string]any) { delete(c, "jti") }, want: postern.CodePhoneProof},
		"another type":   {bend: func(_ jwt.MapClaims, h map[string]any) { h["typ"] = "JWT" }, want: postern.CodePhoneProof},
		"slow clock":     {bend: func(c jwt.MapClaims, _ map[string]any) { c["iat"] = w.now.Add(-3 * time.Minute).Unix() }, want: postern.CodePhoneClock},
		"fast clock":     {bend: func(c jwt.MapClaims, _ map[string]any) { c["iat"] = w.now.Add(3 * time.Minute).Unix() }, want: postern.CodePhoneClock},
		"unknown phone": {
			bend: func(_ jwt.MapClaims, h map[string]any) {
				h["kid"] = string(postern.NewID[postern.PhoneID](postern.PrefixPhone))
			},
			want: postern.CodePhoneUnknown,
		},
	} {
		r := w.sign(t, p, request, c.bend)
		if c.edit != nil {
			c.edit(&r)
		}
		if _, err := w.Authenticate(t.Context(), r); !postern.IsCode(err, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}

	// Another phone's key under this phone's name.
	own := w.phone
	w.phone = newKey(t)
	_, err = w.Authenticate(t.Context(), w.sign(t, p, request, nil))
	wantCode(t, err, postern.CodePhoneProof)
	w.phone = own

	// A revoked phone is cut off, even with a right signature.
	if _, changed, err := w.MarkRevoked(t.Context(), p.ID); err != nil || !changed {
		t.Fatal(changed, err)
	}
	_, err = w.Authenticate(t.Context(), w.sign(t, p, request, nil))
	wantCode(t, err, postern.CodePhoneRevoked)
}

func TestCertify(t *testing.T) {
	w := newWorld(t)
	id := postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(postern.AttestationMessage(id, spki))
	proof, err := ecdsa.SignASN1(rand.Reader, key, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	der, err := w.Certify(t.Context(), w.user.IntegrationID, id, postern.AttestationRequest{PublicKey: spki, Proof: proof})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	root, err := w.AttestationRoot(t.Context(), w.user.IntegrationID)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: w.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Error(err)
	}
	// WebAuthn §8.2.1, one requirement after the other.
	if leaf.Version != 3 || leaf.IsCA || !leaf.BasicConstraintsValid || len(leaf.Subject.Country) != 1 || len(leaf.Subject.Country[0]) != 2 ||
		len(leaf.Subject.Organization) != 1 || leaf.Subject.CommonName == "" ||
		len(leaf.Subject.OrganizationalUnit) != 1 || leaf.Subject.OrganizationalUnit[0] != "Authenticator Attestation" {
		t.Errorf("subject %v, CA %t", leaf.Subject, leaf.IsCA)
	}
	found := false
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}) {
			continue
		}
		var aaguid []byte
		if rest, err := asn1.Unmarshal(e.Value, &aaguid); err != nil || len(rest) > 0 || e.Critical || string(aaguid) != string(device.AAGUID[:]) {
			t.Errorf("AAGUID extension %x, %v", e.Value, err)
		}
		found = true
	}
	if !found {
		t.Error("the leaf does not name its AAGUID")
	}
	if len(der) > 700 {
		t.Errorf("the leaf has %d bytes", len(der))
	}

	_, err = w.Certify(t.Context(), w.user.IntegrationID, postern.NewID[postern.ProvisioningID](postern.PrefixProvisioning),
		postern.AttestationRequest{PublicKey: spki, Proof: proof})
	wantCode(t, err, postern.CodePhoneProof)
	_, err = w.Certify(t.Context(), w.user.IntegrationID, id, postern.AttestationRequest{PublicKey: []byte("x"), Proof: proof})
	wantCode(t, err, postern.CodeInvalid)
}

package entra

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
)

// sim starts an emulated tenant and connects to it as its standard application.
func sim(t *testing.T, change ...func(*entrasim.Running, *Options)) (*entrasim.Running, *Tenant) {
	t.Helper()
	run, err := entrasim.Listen(ctx, entrasim.Config{Users: 60, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Close() })
	tenant, err := Open(simOptions(run, change...))
	if err != nil {
		t.Fatal(err)
	}
	return run, tenant
}

func simOptions(run *entrasim.Running, change ...func(*entrasim.Running, *Options)) Options {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(run.CAPEM)
	o := Options{
		Cloud: Cloud{Authority: run.AuthorityURL, Graph: run.GraphURL, CAs: pool}, TenantID: run.TenantID, ClientID: run.ClientID,
		Credential: Credential{Kind: postern.CredentialSecret, ClientSecret: run.ClientSecret}, PermissionSet: postern.PermissionsFull,
	}
	clock := &fakeClock{now: time.Now()}
	o.Now, o.Sleep = clock.Now, clock.Sleep
	for _, c := range change {
		c(run, &o)
	}
	return o
}

// control talks to the emulator's control API.
func control(t *testing.T, run *entrasim.Running, method, path string, in, out any) {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, method, run.GraphURL+"/_entrasim/"+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := run.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		t.Fatalf("control %s %s: %d %s %v", method, path, resp.StatusCode, body, err)
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			t.Fatal(err)
		}
	}
}

func fault(t *testing.T, run *entrasim.Running, f entrasim.Fault) {
	t.Helper()
	if _, err := run.Server.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

// makeCredential is an authenticator with attestation "none" (WebAuthn §6.5, §8.7).
func makeCredential(t *testing.T, o CreationOptions) NewCredential {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	cose, err := mode.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		t.Fatal(err)
	}
	rp := sha256.Sum256([]byte(o.RPID))
	data := append(rp[:], 0x45, 0, 0, 0, 0) // user present, user verified, attested credential data; counter 0
	data = append(data, make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(id)))
	data = append(append(data, id...), cose...)
	attestation, err := mode.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		t.Fatal(err)
	}
	client, err := json.Marshal(map[string]any{"type": "webauthn.create", "challenge": encodeBinary(o.Challenge), "origin": "https://" + o.RPID, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return NewCredential{ID: id, ClientDataJSON: client, AttestationObject: attestation}
}

func TestSimTokensOfEveryKind(t *testing.T) {
	cert, key := keyPair(t, 2048, nil)
	run, _ := sim(t)
	control(t, run, "POST", "tenants/"+run.TenantID+"/apps/"+run.ClientID+"/certificates", map[string]any{"pem": string(cert)}, nil)
	for name, change := range map[string]func(*entrasim.Running, *Options){
		"secret": func(*entrasim.Running, *Options) {},
		"certificate": func(_ *entrasim.Running, o *Options) {
			o.Credential = Credential{Kind: postern.CredentialCertificate, Certificate: cert, PrivateKey: key}
		},
		"service account": func(r *entrasim.Running, o *Options) {
			o.ClientID = r.Legacy.ClientID
			o.Credential = Credential{Kind: postern.CredentialServiceAccount, ClientSecret: r.Legacy.ClientSecret, Username: r.ServiceAccount.UPN, Password: r.ServiceAccount.Password}
		},
		"service account, public client": func(r *entrasim.Running, o *Options) {
			o.ClientID = r.Legacy.ClientID
			o.Credential = Credential{Kind: postern.CredentialServiceAccount, Username: r.ServiceAccount.UPN, Password: r.ServiceAccount.Password}
		},
	} {
		t.Run(name, func(t *testing.T) {
			tenant, err := Open(simOptions(run, change))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tenant.Users(ctx, "", 3); err != nil {
				t.Fatal(err)
			}
			if _, err := tenant.Passkeys(ctx, run.Users[0].ID); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSimTokenErrors(t *testing.T) {
	run, _ := sim(t)
	cert, key := keyPair(t, 2048, nil)
	var expired struct{ Value string }
	control(t, run, "POST", "tenants/"+run.TenantID+"/apps/"+run.ClientID+"/secrets", map[string]any{"days": -1}, &expired)
	account := func(o *Options) {
		o.ClientID = run.Legacy.ClientID
		o.Credential = Credential{Kind: postern.CredentialServiceAccount, ClientSecret: run.Legacy.ClientSecret, Username: run.ServiceAccount.UPN, Password: run.ServiceAccount.Password}
	}
	for name, c := range map[string]struct {
		change func(*Options)
		want   postern.Code
	}{
		"secret":  {func(o *Options) { o.Credential.ClientSecret = "not-the-secret" }, postern.CodeEntraSecretWrong},
		"expired": {func(o *Options) { o.Credential.ClientSecret = expired.Value }, postern.CodeEntraSecretExpired},
		"tenant":  {func(o *Options) { o.TenantID = "00000000-1111-4222-8333-444444444444" }, postern.CodeEntraTenantUnknown},
		"client":  {func(o *Options) { o.ClientID = "00000000-1111-4222-8333-444444444444" }, postern.CodeEntraClientUnknown},
		"cert": {func(o *Options) {
			o.Credential = Credential{Kind: postern.CredentialCertificate, Certificate: cert, PrivateKey: key}
		}, postern.CodeEntraCertUnknown},
		"password": {func(o *Options) { account(o); o.Credential.Password = "wrong" }, postern.CodeEntraPasswordWrong},
		"account":  {func(o *Options) { account(o); o.Credential.Username = "nobody@" + run.Domain }, postern.CodeEntraPasswordWrong},
		"no secret, confidential": {func(o *Options) {
			account(o)
			o.ClientID, o.Credential.ClientSecret = run.ClientID, ""
		}, postern.CodeEntraSecretWrong},
	} {
		t.Run(name, func(t *testing.T) {
			tenant, err := Open(simOptions(run, func(_ *entrasim.Running, o *Options) { c.change(o) }))
			if err != nil {
				t.Fatal(err)
			}
			test, err := tenant.Test(ctx)
			if err != nil || test.OK || test.Code != c.want || test.Message == "" || test.Next == "" {
				t.Errorf("test %+v, %v; want %s", test, err, c.want)
			}
		})
	}
	control(t, run, "PATCH", "tenants/"+run.TenantID+"/users/"+run.ServiceAccount.ID, map[string]any{"mfa_required": true}, nil)
	tenant, err := Open(simOptions(run, func(_ *entrasim.Running, o *Options) { account(o) }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.Permissions(ctx); !postern.IsCode(err, postern.CodeEntraMFADemanded) {
		t.Errorf("an account that must show a second factor gives %v", err)
	}
}

func TestSimTestConnection(t *testing.T) {
	run, tenant := sim(t)
	got, err := tenant.Test(ctx)
	if err != nil || !got.OK || got.TenantName == "" || !got.Permissions.OK() {
		t.Fatalf("the standard application: %+v, %v", got, err)
	}
	minimal := func(set postern.PermissionSet) *Tenant {
		tenant, err := Open(simOptions(run, func(r *entrasim.Running, o *Options) {
			o.ClientID, o.Credential.ClientSecret, o.PermissionSet = r.Minimal.ClientID, r.Minimal.ClientSecret, set
		}))
		if err != nil {
			t.Fatal(err)
		}
		return tenant
	}
	if got, err = minimal(postern.PermissionsPasskeys).Test(ctx); err != nil || !got.OK || len(got.Permissions.Surplus) != 0 {
		t.Errorf("the minimal application with its set: %+v, %v", got, err)
	}
	got, err = minimal(postern.PermissionsStandard).Test(ctx)
	if err != nil || got.OK || got.Code != postern.CodeEntraPermission || !slices.Contains(got.Permissions.Missing, "User.Read.All") || !strings.Contains(got.Message, "User.Read.All") {
		t.Errorf("the minimal application with the standard set: %+v, %v", got, err)
	}
	fault(t, run, entrasim.Fault{Path: "/v1.0/users", Status: 403, Code: "Authorization_RequestDenied", Count: 1})
	if got, err = tenant.Test(ctx); err != nil || got.OK || !slices.Equal(got.Permissions.Unproven, []string{"User.Read.All"}) {
		t.Errorf("a refused test call: %+v, %v", got, err)
	}
	legacy, err := Open(simOptions(run, func(r *entrasim.Running, o *Options) {
		o.ClientID, o.PermissionSet = r.Legacy.ClientID, postern.PermissionsStandard
		o.Credential = Credential{Kind: postern.CredentialServiceAccount, ClientSecret: r.Legacy.ClientSecret, Username: r.ServiceAccount.UPN, Password: r.ServiceAccount.Password}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err = legacy.Test(ctx); err != nil || !got.OK {
		t.Errorf("the service account: %+v, %v", got, err)
	}
}

func TestSimUsers(t *testing.T) {
	run, tenant := sim(t)
	all := 0
	for u, err := range tenant.AllUsers(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if u.ObjectID == "" || u.UPN == "" {
			t.Errorf("a user without a name: %+v", u)
		}
		all++
	}
	if all < 60 {
		t.Errorf("%d users", all)
	}
	someone := run.Users[0]
	byID, err := tenant.User(ctx, someone.ID)
	if err != nil {
		t.Fatal(err)
	}
	byName, err := tenant.User(ctx, someone.UPN)
	if err != nil || byName.ObjectID != byID.ObjectID || byName.UPN != someone.UPN || !byName.Enabled || byName.Privileged {
		t.Errorf("%+v by id, %+v by name, %v", byID, byName, err)
	}
	found, err := tenant.Users(ctx, byID.DisplayName[:3], 5)
	if err != nil || !slices.ContainsFunc(found, func(u postern.DirectoryUser) bool { return u.ObjectID == byID.ObjectID }) && len(found) < 5 {
		t.Errorf("search found %v, %v", found, err)
	}
	if _, err := tenant.Users(ctx, "O'Neil", 5); err != nil {
		t.Errorf("a search with a quote: %v", err)
	}
	_, err = tenant.User(ctx, "nobody@"+run.Domain)
	wantCode(t, err, postern.CodeEntraUserNotFound)
	control(t, run, "PATCH", "tenants/"+run.TenantID+"/users/"+someone.ID, map[string]any{"roles": []string{"7be44c8a-adaf-4e2a-84d6-ab2649e08a13"}}, nil)
	if byID, err = tenant.User(ctx, someone.ID); err != nil || !byID.Privileged || !slices.Equal(byID.Roles, []string{"Privileged Authentication Administrator"}) {
		t.Errorf("an administrator reads as %+v, %v", byID, err)
	}
	holders, err := tenant.PrivilegedUsers(ctx)
	if err != nil || !slices.Equal(holders[someone.ID], []string{"Privileged Authentication Administrator"}) {
		t.Errorf("holders %v, %v", holders, err)
	}
	if err := tenant.RevokeSessions(ctx, someone.ID); err != nil {
		t.Error(err)
	}
	minimal, err := Open(simOptions(run, func(r *entrasim.Running, o *Options) {
		o.ClientID, o.Credential.ClientSecret = r.Minimal.ClientID, r.Minimal.ClientSecret
	}))
	if err != nil {
		t.Fatal(err)
	}
	u, err := minimal.User(ctx, someone.UPN)
	wantCode(t, err, postern.CodeEntraDirectoryClosed)
	if u.UPN != someone.UPN {
		t.Errorf("without the directory the user is %+v", u)
	}
}

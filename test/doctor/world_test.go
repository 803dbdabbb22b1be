package doctor_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/entrasim"
)

type object = map[string]any

// world is a control center that serves, connected to an emulated tenant, with nothing wrong anywhere.
type world struct {
	center  *center.Center
	entra   *entrasim.Running
	pages   *http.Client // trusts the emulated tenant
	ahead   atomic.Int64 // how far the connector's clock runs ahead
	admin   string       // token of an application that may do everything there
	app     postern.Integration
	legacy  postern.Integration // works through a service account
	push    *httptest.Server
	mail    *mailServer
	folder  string
	catalog string // Intune's policy that switches security keys on
	user    postern.User
	phone   postern.Phone
}

// Client ids and names of the tenant.
const (
	posternModel = "8a208249-8aef-41b3-907f-776d51e6526f"
	androidModel = "de1e552d-db1d-4423-a619-566b625cdc84"
	iosModel     = "90a3ccdf-635c-4729-a248-9b709135078f"
	keyModel     = "2fc0579f-8113-47ea-b116-bb5a8db9202a" // YubiKey 5

	methodPasskeys = "tenants/first/policy"
	signInKeys     = "device_vendor_msft_passportforwork_securitykey_usesecuritykeyforsignin"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{folder: t.TempDir()}
	var err error
	if w.entra, err = entrasim.Listen(ctx, entrasim.Config{Users: 12, Levers: &entrasim.Levers{}, CAFile: filepath.Join(w.folder, "ca.pem")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.entra.Close() })
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.entra.CAPEM)
	w.pages = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
	t.Cleanup(w.pages.CloseIdleConnections)

	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := center.Config{
		Data: w.folder, Listen: l.Addr().String(), PublicURL: "http://localhost:" + port(l), Push: center.PushConfig{AllowPrivate: true},
		Entra: center.EntraConfig{Authority: w.entra.AuthorityURL, Graph: w.entra.GraphURL, CAFile: w.entra.CAFile},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	if w.center, err = center.New(ctx, c, center.Options{}); err != nil {
		t.Fatal(err)
	}
	// The connector paces itself by a clock that goes on instead of waiting.
	w.center.Integrations.Now = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	w.center.Integrations.Sleep = func(ctx context.Context, d time.Duration) error {
		w.ahead.Add(int64(d))
		return ctx.Err()
	}
	w.center.Doctor.Disk = roomy // how full the disk of this machine is says nothing of the doctor
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- w.center.Serve(serving, l) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, w.center.Close()); err != nil {
			t.Error(err)
		}
	})
	w.grant(t)
	w.connect(t)
	w.people(t)
	w.services(t)
	w.settle(t)
	return w
}

func port(l net.Listener) string {
	return l.Addr().String()[strings.LastIndex(l.Addr().String(), ":")+1:]
}

// grant gives the application what the full set and the doctor ask for, and makes an application that may do everything.
func (w *world) grant(t *testing.T) {
	t.Helper()
	w.control(t, http.MethodPatch, "tenants/first/apps/"+w.entra.ClientID, object{"grant": []string{"DeviceManagementConfiguration.Read.All", "Application.Read.All"}}, nil)
	var app struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	w.control(t, http.MethodPost, "tenants/first/apps", object{"display_name": "Administrator", "roles": []string{
		"DeviceManagementConfiguration.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All",
	}}, &app)
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {app.ID}, "client_secret": {app.Secret}, "scope": {"https://graph.microsoft.com/.default"}}
	answer, err := w.pages.PostForm(w.entra.GraphURL+"/"+w.entra.TenantID+"/oauth2/v2.0/token", form)
	if err != nil {
		t.Fatal(err)
	}
	var token struct {
		Value string `json:"access_token"`
	}
	read(t, answer, &token)
	w.admin = token.Value
	w.control(t, http.MethodPost, methodPasskeys, object{"passkeys": healthyMethod()}, nil)
	w.catalog = w.makeCatalog(t, true, true)
}

// healthyMethod is the passkey method as Postern needs it.
func healthyMethod() object {
	keys := object{"isEnforced": true, "enforcementType": "allow", "aaGuids": []string{posternModel, androidModel, iosModel}}
	return object{
		"state": "enabled", "isSelfServiceRegistrationAllowed": true, "isAttestationEnforced": false, "keyRestrictions": keys, "excludeTargets": []object{},
		"includeTargets": []object{{"id": "all_users", "targetType": "group", "isRegistrationRequired": false, "allowedPasskeyProfiles": []string{defaultProfile}}},
		"passkeyProfiles": []object{{
			"id": defaultProfile, "name": "Default passkey profile", "passkeyTypes": "deviceBound,synced", "attestationEnforcement": "disabled", "keyRestrictions": keys,
		}},
	}
}

const defaultProfile = "00000000-0000-0000-0000-000000000001"

// connect adds the integrations, one with a secret and one with a service account.
func (w *world) connect(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	var err error
	if w.app, err = w.center.Integrations.Add(ctx, postern.IntegrationInput{
		ApplicationName: "Contoso", TenantID: w.entra.TenantID, ClientID: w.entra.ClientID, ClientSecret: w.entra.ClientSecret, PermissionSet: postern.PermissionsFull,
	}); err != nil {
		t.Fatal(err)
	}
	w.change(t, func(i postern.Integration) error {
		_, err := w.center.Integrations.SetState(ctx, i.ID, i.Version, postern.StateEnabled)
		return err
	})
	if w.legacy, err = w.center.Integrations.Add(ctx, postern.IntegrationInput{
		ApplicationName: "Contoso legacy", TenantID: w.entra.TenantID, ClientID: w.entra.Legacy.ClientID, ClientSecret: w.entra.Legacy.ClientSecret,
		ServiceAccountUsername: w.entra.ServiceAccount.UPN, ServiceAccountPassword: w.entra.ServiceAccount.Password, PermissionSet: postern.PermissionsLegacy,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err = w.center.Integrations.SetState(ctx, w.legacy.ID, w.legacy.Version, postern.StateEnabled); err != nil {
		t.Fatal(err)
	}
}

// people makes two owners with two passkeys each, and a user with a phone that may be woken.
func (w *world) people(t *testing.T) {
	t.Helper()
	ctx, now := t.Context(), time.Now().UTC()
	for n, name := range []string{"Ada Lovelace", "Grace Hopper"} {
		a := postern.Administrator{ID: postern.NewID[postern.AdministratorID](postern.PrefixAdministrator), Version: 1, Name: name, Role: postern.RoleOwner, CreatedAt: now}
		err := w.center.Store.CreateAdministrator(ctx, a)
		for k := range 2 {
			err = errors.Join(err, w.center.Store.CreateCredential(ctx, auth.Credential{ID: []byte{byte(n), byte(k)}, AdministratorID: a.ID, Name: "Key", Data: []byte(`{}`), CreatedAt: now}))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	directory, err := w.center.Users.Search(ctx, w.app.ID, w.entra.Users[0].UPN, 1)
	if err != nil || len(directory) == 0 {
		t.Fatal("no user to be found", err)
	}
	d := directory[0]
	w.user = postern.User{
		ID: postern.NewID[postern.UserID](postern.PrefixUser), Version: 1, IntegrationID: w.app.ID, ObjectID: d.ObjectID, UPN: d.UPN, DisplayName: d.DisplayName,
		GroupPhase: postern.PhaseEligible, Phase: postern.PhaseEligible, Account: postern.AccountEnabled, CreatedAt: now, UpdatedAt: now,
	}
	w.phone = postern.Phone{
		ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), Version: 1, UserID: w.user.ID, IntegrationID: w.app.ID, Name: "Pixel", State: postern.PhoneActive,
		IdentityKey: bytes.Repeat([]byte{1}, 32), CreatedAt: now,
	}
	if err := errors.Join(w.center.Store.CreateUser(ctx, w.user), w.center.Store.CreatePhone(ctx, w.phone)); err != nil {
		t.Fatal(err)
	}
}

// services are a push service and a mail server, with a backup in its place.
func (w *world) services(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	w.push = httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(w.push.Close)
	w.center.Doctor.PushCAs = x509.NewCertPool()
	w.center.Doctor.PushCAs.AddCert(w.push.Certificate())
	w.subscribe(t, w.push.URL)

	w.mail = newMailServer(t)
	host, number := w.mail.address()
	if _, err := w.center.Mail.SetSettings(ctx, postern.MailSettingsInput{MailSettings: postern.MailSettings{
		Host: host, Port: number, Security: postern.MailPlain, From: "passkeys@contoso.com",
	}}); err != nil {
		t.Fatal(err)
	}
	if err := w.center.Backup(ctx, w.center.BackupPath(time.Now())); err != nil {
		t.Fatal(err)
	}
	if _, err := w.center.Trail.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
}

func (w *world) subscribe(t *testing.T, endpoint string) {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err == nil {
		err = w.center.Push.Subscribe(context.WithoutCancel(t.Context()), w.phone.ID, postern.PushSubscription{
			Endpoint: endpoint + "/wake", P256DH: key.PublicKey().Bytes(), Auth: bytes.Repeat([]byte{1}, 16),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// settle waits until the groups exist and directory, inventory and policy were read.
func (w *world) settle(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	if _, err := w.center.Directory.SyncFull(ctx, w.app.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.center.Inventory.Read(ctx, w.app.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.center.Policies.Accept(ctx, w.app.ID, ""); err != nil {
		t.Fatal(err)
	}
	until(t, "groups and inventory", func() bool {
		i, err := w.center.Integrations.Get(ctx, w.app.ID)
		for _, g := range i.Groups {
			if g.ID == "" {
				return false
			}
		}
		s, err2 := w.center.Inventory.Status(ctx, w.app.ID)
		return errors.Join(err, err2) == nil && s.State == postern.InventoryCurrent
	})
	// The first checkpoint is signed when the server starts, and would mend one that is forged; a job is told to be done a while after.
	until(t, "the first checkpoint", func() bool {
		var done int
		err := w.center.Store.DB().QueryRowContext(ctx, `SELECT count(*) FROM river_job WHERE state = 'completed' AND args ->> 'kind' = 'audit.checkpoint'`).Scan(&done)
		return err == nil && done > 0
	})
}

// until waits for what a job does.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: nothing came of it", what)
		}
	}
}

// change changes the integration as it is now.
func (w *world) change(t *testing.T, do func(i postern.Integration) error) {
	t.Helper()
	i, err := w.center.Integrations.Get(context.WithoutCancel(t.Context()), w.app.ID)
	if err == nil {
		err = do(i)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// control pulls a lever of the emulated tenant.
func (w *world) control(t *testing.T, method, path string, in, out any) {
	t.Helper()
	w.send(t, method, "/_entrasim/"+path, "", in, out)
}

// graph does what an administrator of the tenant does.
func (w *world) graph(t *testing.T, method, path string, in, out any) {
	t.Helper()
	w.send(t, method, path, w.admin, in, out)
}

func (w *world) send(t *testing.T, method, path, token string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	// A defect is mended while its test ends, when the test's own context is over.
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, w.entra.GraphURL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if r.Header.Set("Content-Type", "application/json"); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := w.pages.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	read(t, answer, out)
}

func read(t *testing.T, answer *http.Response, out any) {
	t.Helper()
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode > 299 {
		err = fmt.Errorf("%s %s: %s %s", answer.Request.Method, answer.Request.URL.Path, answer.Status, body)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// makeCatalog makes a policy of Intune's settings catalog, as an administrator does.
func (w *world) makeCatalog(t *testing.T, on, assigned bool) string {
	t.Helper()
	value := signInKeys + "_0"
	if on {
		value = signInKeys + "_1"
	}
	var made struct {
		ID string `json:"id"`
	}
	w.graph(t, http.MethodPost, "/beta/deviceManagement/configurationPolicies", object{
		"name": "Security key sign-in", "platforms": "windows10", "technologies": "mdm", "roleScopeTagIds": []string{"0"},
		"settings": []object{{"@odata.type": "#microsoft.graph.deviceManagementConfigurationSetting", "settingInstance": object{
			"@odata.type":         "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance",
			"settingDefinitionId": signInKeys,
			"choiceSettingValue": object{
				"@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingValue", "value": value, "children": []object{},
			},
		}}},
	}, &made)
	if assigned {
		w.assign(t, "/beta/deviceManagement/configurationPolicies/"+made.ID, "#microsoft.graph.deviceManagementConfigurationPolicyAssignment")
	}
	return made.ID
}

func (w *world) assign(t *testing.T, path, kind string) {
	t.Helper()
	w.graph(t, http.MethodPost, path+"/assign", object{"assignments": []object{
		{"@odata.type": kind, "target": object{"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}},
	}}, nil)
}

// mailServer is the least that a mail server says (RFC 5321).
type mailServer struct {
	listener net.Listener
	refuses  atomic.Bool
}

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	return s
}

func (s *mailServer) address() (host string, number int) {
	a := s.listener.Addr().(*net.TCPAddr)
	return a.IP.String(), a.Port
}

func (s *mailServer) talk(conn net.Conn) {
	defer conn.Close()
	if s.refuses.Load() {
		fmt.Fprint(conn, "554 no service here\r\n")
		return
	}
	fmt.Fprint(conn, "220 mail.contoso.com\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		verb := strings.ToUpper(strings.Fields(lines.Text() + " -")[0])
		if verb == "QUIT" {
			fmt.Fprint(conn, "221 bye\r\n")
			return
		}
		fmt.Fprint(conn, "250 ok\r\n")
	}
}

// write writes a file of the control center.
func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

package extension

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/browser"
	"github.com/postern/postern/phone"
)

// extensionID follows from the key in the manifest.
const extensionID = "eaiabablbilcpegihlomhlbcehmbdodf"

// built is the folder of the extension, built once for all tests.
var built string

func TestMain(m *testing.M) {
	code, err := build(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "postern-extension")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	built = filepath.Join(dir, "extension")
	cmd := exec.Command("go", "run", "./internal/extensionbuild", "-out", built, "-zip", filepath.Join(dir, "extension.zip"))
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the extension: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// world is a control center with an emulated tenant, a site, and a browser with the extension.
type world struct {
	*testing.T
	setting
	server      string
	front       *front
	admin       *postern.Client
	tenant      *entrasim.Running
	integration postern.Integration
	invited     int

	browser *browser.Tab // on the extension's page
	site    *browser.Tab
}

// setting is what differs between worlds.
type setting struct {
	extension string        // the folder of the extension; empty is the one that was built
	other     string        // the folder of another one
	lang      string        // of the browser; empty is English
	skew      time.Duration // how far ahead the control center's clock is
	look      bool          // hold the steps until a phone is paired to axe
}

func newWorld(t *testing.T) *world { t.Helper(); return newWorldIn(t, setting{}) }

func newWorldIn(t *testing.T, s setting) *world {
	t.Helper()
	w := &world{T: t, setting: s}
	w.serveCenter()
	port, hash := serveSite(t)
	all := cmp.Or(s.extension, built)
	if s.other != "" {
		all += "," + s.other
	}
	anchor := browser.Open(t,
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-extensions", false),
		chromedp.Flag("load-extension", all), chromedp.Flag("disable-extensions-except", all),
		chromedp.Flag("disable-features", "DisableLoadExtensionCommandLineSwitch,site-per-process,Translate"),
		chromedp.Flag("host-resolver-rules", fmt.Sprintf("MAP login.microsoft.com:443 127.0.0.1:%d, MAP other.example:443 127.0.0.1:%[1]d", port)),
		chromedp.Flag("ignore-certificate-errors-spki-list", hash), chromedp.Flag("lang", cmp.Or(s.lang, "en-US")),
	)
	anchor.Open("about:blank")
	w.browser = anchor.Find(extensionID + "/page.html") // opens by itself when the extension is installed
	w.site = anchor.Beside()
	w.site.Open("https://login.microsoft.com/")
	return w
}

func (w *world) serveCenter() {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	dir := w.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	var err error
	if w.tenant, err = entrasim.Listen(ctx, entrasim.Config{Users: 100, Seed: 1, CAFile: caFile, Levers: &levers}); err != nil {
		w.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	w.front = serveFront(w.T, l.Addr().String(), w.skew)
	config, err := center.Config{
		Data: dir, Listen: l.Addr().String(), PublicURL: fmt.Sprintf("http://localhost:%d", w.front.Listener.Addr().(*net.TCPAddr).Port),
		Entra: center.EntraConfig{Authority: w.tenant.AuthorityURL, Graph: w.tenant.GraphURL, CAFile: caFile},
	}.Complete()
	if err != nil {
		w.Fatal(err)
	}
	s, err := center.New(ctx, config, center.Options{
		Logger: slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Statement: phone.Statement,
		Now: func() time.Time { return time.Now().Add(w.skew) },
	})
	if err != nil {
		w.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	w.Cleanup(func() {
		w.front.cut()
		cancel()
		if err := errors.Join(<-served, s.Close(), w.tenant.Close()); err != nil {
			w.Error(err)
		}
	})
	token, err := s.Auth.CreateToken(ctx, postern.APITokenInput{Name: "test", Scopes: postern.Permissions, ValidDays: 1})
	if err != nil {
		w.Fatal(err)
	}
	w.server, w.admin = config.PublicURL, &postern.Client{BaseURL: config.PublicURL, Token: token.Value}
	if w.integration, err = w.admin.AddIntegration(ctx, postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, ClientSecret: w.tenant.ClientSecret,
		AllowLowAssurance: true,
	}); err != nil {
		w.Fatal(err)
	}
	if w.integration, err = w.admin.SetIntegrationState(ctx, w.integration.ID, postern.StateInput{Version: w.integration.Version, State: postern.StateEnabled}); err != nil {
		w.Fatal(err)
	}
}

// sitePage asks for passkeys as sites do, and tells what came of it.
const sitePage = `<!doctype html><meta charset="utf-8"><title>A site</title><body><h1>A site</h1><script>
const challenge = () => crypto.getRandomValues(new Uint8Array(32));
let abort;
async function outcome(promise) {
	try { return JSON.stringify({ok: (await promise).toJSON()}); }
	catch (e) { return JSON.stringify({error: e.name, message: e.message}); }
}
function make(more = {}, rpId = location.hostname) {
	abort = new AbortController();
	return outcome(navigator.credentials.create({signal: abort.signal, publicKey: {
		rp: {id: rpId, name: "A site"}, user: {id: new Uint8Array([1, 2, 3, 4]), name: "ada@contoso.example", displayName: "Ada"},
		challenge: challenge(), pubKeyCredParams: [{type: "public-key", alg: -7}],
		authenticatorSelection: {residentKey: "required", userVerification: "required"}, extensions: {credProps: true, prf: {}}, ...more}}));
}
function use(more = {}, rpId = location.hostname) {
	abort = new AbortController();
	return outcome(navigator.credentials.get({signal: abort.signal, publicKey: {challenge: challenge(), rpId, userVerification: "required", ...more}}));
}
onmessage = async e => e.source.postMessage(await use(), "*");
</script>`

// serveSite serves the sites by TLS, and gives the hash by which the browser takes their certificate for good.
func serveSite(t *testing.T) (port int, hash string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "login.microsoft.com"}, DNSNames: []string{"login.microsoft.com", "other.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/outer" { // a page of another site around one of this
			fmt.Fprint(w, `<!doctype html><title>Outer</title><iframe allow="publickey-credentials-get *" src="https://login.microsoft.com/"></iframe>`)
			return
		}
		fmt.Fprint(w, sitePage)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return server.Listener.Addr().(*net.TCPAddr).Port, base64.StdEncoding.EncodeToString(sum[:])
}

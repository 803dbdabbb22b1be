package hand

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/browser"
)

// extensionID follows from the key in the extension's manifest.
const extensionID = "eaiabablbilcpegihlomhlbcehmbdodf"

const (
	startWithin = time.Minute
	rpOrigin    = "https://login.microsoft.com"
)

// bin is where `make build` puts the programs and the extension.
var bin = filepath.Join("..", "..", "bin")

// world is the three browsers, and what they reach.
type world struct {
	*testing.T
	steps

	demo struct {
		Console, API, Token, Graph string
		SignInLink                 string `json:"sign_in_link"`
		TenantID                   string `json:"tenant_id"`
		ClientID                   string `json:"client_id"`
		ClientSecret               string `json:"client_secret"`
		Users                      []struct{ UPN string }
		Emulator                   struct {
			Users []struct{ UPN, Password string }
		}
	}
	admin *postern.Client

	console   *browser.Tab
	phone     *phone
	extension *browser.Tab // the extension's own page
	site      *browser.Tab // Microsoft's pages
}

func newWorld(t *testing.T) *world {
	w := &world{T: t}
	t.Cleanup(w.tell)
	for _, built := range []string{"postern", "extension/manifest.json"} {
		if _, err := os.Stat(filepath.Join(bin, built)); err != nil {
			t.Fatalf("%v: run make build first", err)
		}
	}
	w.serve()
	emulator, err := url.Parse(w.demo.Graph)
	if err != nil {
		t.Fatal(err)
	}
	reach := []chromedp.ExecAllocatorOption{
		chromedp.Flag("host-resolver-rules", fmt.Sprintf("MAP login.microsoft.com:443 %s, MAP mysignins.microsoft.com:443 %[1]s", emulator.Host)),
		chromedp.Flag("ignore-certificate-errors-spki-list", keyHash(t, emulator.Host)), chromedp.Flag("lang", "en-US"),
	}
	w.console = browser.Open(t, reach...)
	w.console.AddAuthenticator()
	w.phone = w.newPhone("phone")
	extension := w.hastyExtension()
	anchor := browser.Open(t, append(reach,
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-extensions", false),
		chromedp.Flag("load-extension", extension), chromedp.Flag("disable-extensions-except", extension),
		chromedp.Flag("disable-features", "DisableLoadExtensionCommandLineSwitch,site-per-process,Translate"),
	)...)
	w.extension = anchor.Find(extensionID + "/page.html") // opens by itself when the extension is installed
	w.site = anchor.Beside()
	t.Cleanup(w.tellTabs)
	return w
}

// tellTabs says what each browser showed when the story broke off: who did not answer is seldom who failed.
func (w *world) tellTabs() {
	if !w.Failed() {
		return
	}
	for name, tab := range map[string]*browser.Tab{"console": w.console, "phone": w.phone.Tab, "extension": w.extension, "site": w.site} {
		w.Logf("the %s at %s", name, tab.Showing())
	}
}

// serve starts the demonstration: the control center and the emulated tenant, as a user starts them.
func (w *world) serve() {
	w.Helper()
	program, err := filepath.Abs(filepath.Join(bin, "postern"))
	if err != nil {
		w.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(program, "demo", "--json", "--users", "40", "--data", filepath.Join(w.TempDir(), "demo"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	late := time.AfterFunc(startWithin, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	late.Stop()
	if err == nil {
		err = json.Unmarshal(line, &w.demo)
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		close(ended)
	}()
	w.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(startWithin):
			_ = cmd.Process.Kill()
			w.Error("the control center did not stop")
		}
	})
	if err != nil {
		w.Fatalf("postern demo: %v\n%s", err, said.String())
	}
	w.admin = &postern.Client{BaseURL: w.demo.Console, Token: w.demo.Token}
}

// keyHash is what Chromium knows a server without a public certificate by.
func keyHash(t *testing.T, host string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true}) // #nosec G402 -- only its key is read, of a server of this test
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hash := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(hash[:])
}

// hasty is the time a page asks for where this story has none to lose, in milliseconds.
const hasty = 200_000

// hastyExtension is the extension as built, but that it takes ten seconds for hasty: Chromium gives no page less than three
// minutes.
func (w *world) hastyExtension() string {
	w.Helper()
	folder := filepath.Join(w.TempDir(), "extension")
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(bin, "extension"))); err != nil {
		w.Fatal(err)
	}
	worker := filepath.Join(folder, "background.js")
	script, err := os.ReadFile(worker) // #nosec G304 -- a file of this test
	if err != nil {
		w.Fatal(err)
	}
	changed := strings.Replace(string(script), "requestId, requestDetailsJson);",
		fmt.Sprintf(`requestId, requestDetailsJson.replace('"timeout":%d', '"timeout":10000'));`, hasty), 1)
	if changed == string(script) {
		w.Fatal("the worker hands requests over in another way")
	}
	if err := os.WriteFile(worker, []byte(changed), 0o600); err != nil {
		w.Fatal(err)
	}
	return folder
}

// password is that of a user of the emulated tenant.
func (w *world) password(upn string) string {
	w.Helper()
	for _, u := range w.demo.Emulator.Users {
		if u.UPN == upn {
			return u.Password
		}
	}
	w.Fatalf("the emulator names no password of %s", upn)
	return ""
}

// steps counts what was shown.
type steps struct {
	passed, failed int
}

// step is one thing that is shown. The story ends with the first that fails.
func (s *steps) step(name string, do func()) {
	began, done := time.Now(), false
	defer func() {
		if !done {
			s.failed++
			fmt.Printf("FAILED  %s\n", name)
		}
	}()
	do()
	done = true
	s.passed++
	fmt.Printf("ok  %5.1f s  %s\n", time.Since(began).Seconds(), name)
}

func (s *steps) tell() { fmt.Printf("%d passed, %d failed\n", s.passed, s.failed) }

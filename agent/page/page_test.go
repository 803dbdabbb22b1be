package page_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/page"
)

// machine shows what the test says, so that every state can be looked at. The real one is tested in package agent.
type machine struct {
	mu      sync.Mutex
	view    agent.View
	changed chan struct{}
	did     []string
	fail    error
}

func newMachine(v agent.View) *machine { return &machine{view: v, changed: make(chan struct{})} }

func (m *machine) View() agent.View {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

func (m *machine) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *machine) set(change func(*agent.View)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.view)
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *machine) do(what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.did = append(m.did, what)
	return m.fail
}

func (m *machine) Enrol(_ context.Context, in agent.Enrolment) error {
	return m.do("enrol " + in.Server)
}

func (m *machine) Leave(_ context.Context, local bool) error {
	return m.do("leave " + strconv.FormatBool(local))
}

func (m *machine) Rename(_ context.Context, name string) error { return m.do("rename " + name) }

func (m *machine) Compared(_ context.Context, same bool) error {
	return m.do("compared " + strconv.FormatBool(same))
}

func (m *machine) Unpair(_ context.Context, id postern.PairingID) error {
	return m.do("unpair " + string(id))
}

func (m *machine) IssueOffline(_ context.Context, id postern.PairingID) error {
	return m.do("issue " + string(id))
}

func (m *machine) TryOffline(_ context.Context, id postern.PairingID) error {
	return m.do("try " + string(id))
}

func (m *machine) ForgetOffline(_ context.Context, id postern.PairingID) error {
	return m.do("forget " + string(id))
}

func (m *machine) Refresh(context.Context) error { return m.do("refresh") }

const invitation = "https://postern.example.com/p#pQEBAlAAAQIDBAUGBwgJCgsMDQ4PA1ggAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8EWCAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwUaa1g2gA"

func (m *machine) Pair(_ context.Context, typed bool) error {
	m.set(func(v *agent.View) {
		v.Pairing = &agent.Pairing{Step: agent.PairingOpen, Typed: typed, Expires: time.Now().Add(time.Minute), URL: invitation}
		if typed {
			v.Pairing.URL, v.Pairing.Code = "", "K7QF-01AB-CDEF"
		}
	})
	return m.do("pair " + strconv.FormatBool(typed))
}

func (m *machine) EndPairing(context.Context) error {
	m.set(func(v *agent.View) { v.Pairing = nil })
	return m.do("end pairing")
}

// serve runs the page until the test ends.
func serve(t *testing.T, m page.Machine) page.Door {
	t.Helper()
	check := func(context.Context) postern.DoctorReport {
		return postern.NewDoctorReport(time.Now(), "DESKTOP-7", []postern.Finding{
			{Check: "network", State: postern.FindingOK, Message: "The control center answers."},
			{Check: "other keys", State: postern.FindingWarning, Message: "Other security keys are plugged in: Yubico YubiKey.", Next: "Unplug them while you register the phone."},
			{Check: "clock", State: postern.FindingFailure, Message: "The clock of this machine is 5m0s behind.", Next: "Set it."},
			{Check: "browser", State: postern.FindingNote, Subject: "firefox", Message: "Firefox signs in with the phone, but adding a security key at Microsoft's Security info fails in it.", Next: "Register the phone in one of the other browsers here."},
			{
				Check: "domain controller", State: postern.FindingUnknown, Message: "Whether a domain controller is in reach is not known.", Why: "nltest did not run.",
				Next: "Run nltest /dsgetdc:CONTOSO /keylist /kdc.", Link: "https://learn.microsoft.com/entra/identity/authentication/howto-authentication-passwordless-security-key-on-premises",
			},
		})
	}
	s, err := page.New(t.Context(), "127.0.0.1:0", m, check, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.Door()
}

// call makes a request with headers and gives the status and the answer.
func call(t *testing.T, method, address, body string, header map[string]string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		if k == "Host" {
			r.Host = v
		}
		r.Header.Set(k, v)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, b.String()
}

// TestDoor: who gets in, and who does not.
func TestDoor(t *testing.T) {
	m := newMachine(agent.View{Enrolled: true, Name: "DESKTOP-7"})
	d := serve(t, m)
	client := &page.Client{Door: d}
	address, err := client.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, ticket, _ := strings.Cut(address, "#")
	json := map[string]string{"Content-Type": "application/json"}
	status, header, _ := call(t, "POST", d.URL+"/session", `{"ticket":"`+ticket+`"}`, json)
	set := header.Get("Set-Cookie")
	if status != 204 || !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") {
		t.Fatalf("%d, %s", status, set)
	}
	cookie, _, _ := strings.Cut(set, ";")
	if status, _, _ := call(t, "POST", d.URL+"/session", `{"ticket":"`+ticket+`"}`, json); status != 401 {
		t.Errorf("a ticket is good twice: %d", status)
	}
	// Somebody else had the ticket too, so nobody keeps what it gave.
	if status, _, _ := call(t, "GET", d.URL+"/api/view", "", map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}); status != 401 {
		t.Errorf("the session of a ticket that came twice: %d", status)
	}
	if address, err = client.Address(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, ticket, _ = strings.Cut(address, "#")
	_, header, _ = call(t, "POST", d.URL+"/session", `{"ticket":"`+ticket+`"}`, json)
	cookie, _, _ = strings.Cut(header.Get("Set-Cookie"), ";")
	bearer := "Bearer " + d.Token
	for name, tc := range map[string]struct {
		method, path string
		header       map[string]string
		want         int
	}{
		"the page":            {"GET", "/", nil, 200},
		"nothing":             {"GET", "/api/view", nil, 401},
		"a token":             {"GET", "/api/view", map[string]string{"Authorization": bearer}, 200},
		"a wrong token":       {"GET", "/api/view", map[string]string{"Authorization": bearer + "x"}, 401},
		"the cookie":          {"GET", "/api/view", map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}, 200},
		"a wrong cookie":      {"GET", "/api/view", map[string]string{"Cookie": cookie + "x"}, 401},
		"another port's page": {"GET", "/api/view", map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "same-site"}, 401},
		"another site":        {"GET", "/api/view", map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}, 401},
		"a rebound name":      {"GET", "/api/view", map[string]string{"Authorization": bearer, "Host": "evil.example"}, 421},
		"localhost":           {"GET", "/", map[string]string{"Host": "localhost"}, 421},
		"the page by a name":  {"GET", "/", map[string]string{"Host": "evil.example"}, 421},
		"a change":            {"POST", "/api/refresh", map[string]string{"Cookie": cookie, "Origin": d.URL, "Sec-Fetch-Site": "same-origin"}, 200},
		"a change from afar":  {"POST", "/api/refresh", map[string]string{"Cookie": cookie, "Origin": "https://evil.example"}, 403},
		"from another port":   {"POST", "/api/refresh", map[string]string{"Cookie": cookie, "Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, 403},
		"even with the token": {"POST", "/api/refresh", map[string]string{"Authorization": bearer, "Origin": "https://evil.example"}, 403},
		"a session from afar": {"POST", "/session", map[string]string{"Origin": "https://evil.example"}, 403},
		"no such pairing":     {"DELETE", "/api/phones/x", map[string]string{"Authorization": bearer}, 404},
		"no QR code":          {"GET", "/api/qr.svg", map[string]string{"Authorization": bearer}, 404},
		"a QR code, a passer": {"GET", "/api/qr.svg", nil, 401},
		"a folder":            {"GET", "/static/../page.go", nil, 404},
		"a ticket, a passer":  {"POST", "/api/ticket", nil, 401},
		"a method it has not": {"PUT", "/api/view", map[string]string{"Authorization": bearer}, 405},
	} {
		status, header, text := call(t, tc.method, d.URL+tc.path, "", tc.header)
		if status != tc.want {
			t.Errorf("%s: %d %s, want %d", name, status, text, tc.want)
		}
		policy := header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || header.Get("Cache-Control") != "no-store" || header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: headers %v", name, header)
		}
	}
	if status, _, _ := call(t, "PUT", d.URL+"/api/name", `{"name":"`+strings.Repeat("x", 20<<10)+`"}`, map[string]string{"Authorization": bearer, "Content-Type": "application/json"}); status != 422 {
		t.Errorf("an endless body: %d", status)
	}
	if status, _, _ := call(t, "PUT", d.URL+"/api/name", `{"name":"x"}`, map[string]string{"Authorization": bearer, "Content-Type": "text/plain"}); status != 422 {
		t.Errorf("a body that a form can send: %d", status)
	}
}

// TestExposed: addresses others can reach are refused.
func TestExposed(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0", "localhost:0", "192.0.2.1:0", "x"} {
		if _, err := page.New(t.Context(), address, newMachine(agent.View{}), nil, slog.New(slog.DiscardHandler)); !postern.IsCode(err, postern.CodeInvalid) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestOnePort: the page listens on one port of loopback, and this process on nothing else.
func TestOnePort(t *testing.T) {
	before := listening(t)
	d := serve(t, newMachine(agent.View{}))
	u, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	want := "0100007F:" + strings.ToUpper(strconv.FormatInt(0x10000+int64(port), 16))[1:]
	var news []string
	for address := range listening(t) {
		if !before[address] {
			news = append(news, address)
		}
	}
	if len(news) != 1 || news[0] != want {
		t.Errorf("listens on %v, want %s", news, want)
	}
}

// listening are the local addresses at which this process listens, as the kernel writes them (proc(5)).
func listening(t *testing.T) map[string]bool {
	t.Helper()
	own := map[string]bool{}
	descriptors, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		if target, err := os.Readlink(d); err == nil {
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	all := map[string]bool{}
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6", "/proc/self/net/udp", "/proc/self/net/udp6"} {
		f, err := os.Open(name)
		if err != nil {
			continue // no IPv6 here
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if c := strings.Fields(lines.Text()); len(c) > 9 && (c[3] == "0A" || c[3] == "07") && own[c[9]] {
				all[c[1]] = true
			}
		}
		f.Close()
	}
	return all
}

// TestClient: what the command line does, the machine does.
func TestClient(t *testing.T) {
	m := newMachine(agent.View{Enrolled: true, Name: "DESKTOP-7"})
	c := &page.Client{Door: serve(t, m)}
	ctx := t.Context()
	id := postern.NewPairingID([16]byte{1})
	for _, err := range []error{
		c.Enrol(ctx, agent.Enrolment{Server: "https://postern.example.com"}), c.Rename(ctx, "x"), c.Pair(ctx, true), c.Compared(ctx, true), c.EndPairing(ctx),
		c.Unpair(ctx, id), c.Refresh(ctx), c.Leave(ctx, true),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := "enrol https://postern.example.com|rename x|pair true|compared true|end pairing|unpair " + string(id) + "|refresh|leave true"
	if got := strings.Join(m.did, "|"); got != want {
		t.Errorf("did %s", got)
	}
	m.fail = postern.Errorf(postern.CodeConflict, "No.").WithNext("Do this.")
	if err := c.Refresh(ctx); !postern.IsCode(err, postern.CodeConflict) || postern.AsError(err).Next != "Do this." {
		t.Errorf("a refusal: %v", err)
	}
	names := make(chan string, 8)
	go func() {
		_ = c.Watch(ctx, func(v agent.View) bool {
			names <- v.Name
			return v.Name != "last"
		})
		close(names)
	}()
	if <-names != "DESKTOP-7" {
		t.Error("the view is not sent at once")
	}
	m.set(func(v *agent.View) { v.Name = "last" })
	for name := range names {
		if name != "last" {
			t.Errorf("then %q", name)
		}
	}
}

// TestDoorFile: only its owner reads it.
func TestDoorFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), page.DoorFile)
	if _, err := page.ReadDoor(path); !errors.Is(err, page.ErrNoAgent) {
		t.Errorf("none: %v", err)
	}
	want := page.Door{URL: "http://127.0.0.1:1", Token: "secret"}
	if err := want.Write(path, ""); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if got, err := page.ReadDoor(path); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := (&page.Client{Door: want}).View(t.Context()); err == nil {
		t.Error("somebody answers at port 1")
	}
	var d page.Door
	if data, err := os.ReadFile(path); err != nil || json.Unmarshal(data, &d) != nil {
		t.Error(err)
	}
}

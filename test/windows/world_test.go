package windows

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/testport"
)

// world is a tenant and the control center before it.
type world struct {
	*environment
	tenant struct {
		Graph, Authority, Domain string
		TenantID                 string `json:"tenant_id"`
		ClientID                 string `json:"client_id"`
		ClientSecret             string `json:"client_secret"`
		CAFile                   string `json:"ca_file"`
		Administrator            person
		Users                    []person
	}
	http    *http.Client // trusts the tenant
	console string
	codes   bool // workstations may have codes for signing in without a network
	desks   map[string]*desk
}

type person struct{ ID, UPN, Password string }

func newWorld(t *testing.T, codes bool) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{environment: &environment{T: t, dir: dir}, codes: codes, desks: map[string]*desk{}}
	tenant := w.start("entrasim", "--json", "--listen", "127.0.0.1:0", "--no-throttle", "--users", "40", "--ca-file", filepath.Join(dir, "ca.pem"))
	w.read(tenant.line(func(string) bool { return true }), &w.tenant)
	ca, err := os.ReadFile(w.tenant.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	w.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}, Timeout: patience}
	w.serve()
	return w
}

func (e *environment) read(text string, out any) {
	e.Helper()
	if err := json.Unmarshal([]byte(text), out); err != nil {
		e.Fatalf("%v in %s", err, text)
	}
}

// serve starts the control center and connects the tenant.
func (w *world) serve() {
	w.Helper()
	listen := testport.For(w.T, "tcp")
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		w.Fatal(err)
	}
	w.console = "http://localhost:" + port
	center := w.with("POSTERN_DATA="+filepath.Join(w.dir, "data"), "POSTERN_ENTRA_AUTHORITY="+w.tenant.Authority, "POSTERN_ENTRA_GRAPH="+w.tenant.Graph,
		"POSTERN_ENTRA_CA_FILE="+w.tenant.CAFile, "POSTERN_LISTEN="+listen)
	token := strings.TrimSpace(string(center.run("", "postern", "local", "token", "cases")))
	served := center.start("postern", "serve")
	for late := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(w.console + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(late) {
			w.Fatalf("the control center does not become ready: %v\n%s", err, served.words())
		}
	}
	w.environment = w.with("POSTERN_URL="+w.console, "POSTERN_TOKEN="+token)
	w.run(w.tenant.ClientSecret, "postern", "entra", "add", "Postern Passkeys", "--tenant-id", w.tenant.TenantID, "--client-id", w.tenant.ClientID,
		"--client-secret-file", "-", "--allow-low-assurance")
	w.run("", "postern", "entra", "enable")
	if !w.codes {
		return
	}
	admin := &postern.Client{BaseURL: w.console, Token: token}
	all, err := admin.Integrations(w.Context())
	if err != nil || len(all) != 1 {
		w.Fatalf("%d integrations, %v", len(all), err)
	}
	settings, err := admin.WorkstationSettings(w.Context(), all[0].ID)
	if err == nil {
		settings.Offline.Enabled = true
		_, err = admin.SetWorkstationSettings(w.Context(), all[0].ID, settings)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// emulator speaks to the control API of the tenant.
func (w *world) emulator(method, path string, body any) {
	w.Helper()
	in, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.Context(), method, w.tenant.Graph+"/_entrasim/"+path, bytes.NewReader(in))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.http.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusMultipleChoices {
		w.Fatalf("%s %s: status %d", method, path, answer.StatusCode)
	}
}

// desk is where a user sits: the user's phone, and the agent of the computer.
type desk struct {
	*environment
	w     *world
	name  string
	user  person
	cable *cable   // from agent and phone to the control center, which both have to know by one address
	agent *process // postern-agent run
	phone *process // postern-phone answer
	key   string   // where the agent has the key
}

// desk gives that of a name. The first time it invites a user, enrols the user's phone, has it make the passkey, and pairs it.
func (w *world) desk(name string) *desk {
	w.Helper()
	if d := w.desks[name]; d != nil {
		return d
	}
	if len(w.desks) >= len(w.tenant.Users) {
		w.Fatal("the tenant has fewer users than there are desks")
	}
	d := &desk{w: w, name: "PC-" + name, user: w.tenant.Users[len(w.desks)], cable: newCable(w.T, w.console)}
	w.desks[name] = d
	dir := filepath.Join(w.dir, fmt.Sprint("desk", len(w.desks)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		w.Fatal(err)
	}
	port := testport.For(w.T, "udp")
	d.environment = (&environment{w.T, dir, w.env}).with("POSTERN_PHONE_FILE="+filepath.Join(dir, "phone"), "POSTERN_AGENT_DIR="+filepath.Join(dir, "agent"), "POSTERN_AGENT_UDP="+port)
	d.key = "udp:" + port
	var invitation struct{ Code string }
	d.read(string(d.run("", "postern", "users", "invite", d.user.UPN, "--json")), &invitation)
	d.run("", "postern-phone", "enroll", "--server", d.cable.url, "--code", invitation.Code, "--name", "Pixel")
	d.run("", "postern-phone", "provision", "--wait", "60s")
	d.run("", "postern-agent", "enroll", "--server", d.cable.url, "--name", d.name)
	d.boot()
	d.connected()
	d.pair()
	d.answer()
	return d
}

// boot starts the agent.
func (d *desk) boot() {
	d.Helper()
	d.agent = d.start("postern-agent", "run", "--key", "udp")
}

func (d *desk) connected() {
	d.Helper()
	d.until("the agent is connected", contains(`"connected": true`), "postern-agent", "--json", "status")
}

func contains(text string) func([]byte) bool {
	return func(out []byte) bool { return strings.Contains(string(out), text) }
}

// pair pairs by the code to type. The phone shows the digits, and the agent compares them.
func (d *desk) pair() {
	d.Helper()
	agent := d.start("postern-agent", "--json", "pair", "--code", "--compare")
	var shown struct{ Code, Digits string }
	d.read(agent.line(func(line string) bool { return strings.Contains(line, `"code":`) }), &shown)
	phone := d.start("postern-phone", "--json", "pair", shown.Code)
	d.read(phone.line(func(line string) bool { return strings.Contains(line, `"digits":`) }), &shown)
	phone.says("y\n")
	agent.says(shown.Digits + "\n")
	for _, p := range []*process{agent, phone} {
		select {
		case <-p.ended:
		case <-time.After(patience):
			d.Fatalf("%s does not end:\n%s", p.name, p.words())
		}
		if p.cmd.ProcessState.ExitCode() != 0 {
			d.Fatalf("%s failed:\n%s", p.name, p.words())
		}
	}
}

// answer has the phone be there, and waits for its key.
func (d *desk) answer() {
	d.Helper()
	d.phone = d.start("postern-phone", "answer")
	d.keyIs("in")
}

// keyIs waits for a state of the key.
func (d *desk) keyIs(state string) {
	d.Helper()
	d.until("the key is "+state, contains(`"key": "`+state+`"`), "postern-agent", "--json", "phones")
}

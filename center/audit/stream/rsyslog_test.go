package stream_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/testport"
)

// TestRsyslogOverTLS sends to rsyslog with GnuTLS, which asks for a client certificate and parses RFC 5424 itself.
func TestRsyslogOverTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	server, serverKey := ca.pair(t, "127.0.0.1")
	client, clientKey := ca.pair(t, "postern.example.com")
	address := testport.For(t, "tcp")
	out := filepath.Join(dir, "out.log")
	config := write("rsyslog.conf", fmt.Sprintf(`
global(workDirectory=%q defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile=%q defaultNetstreamDriverCertFile=%q defaultNetstreamDriverKeyFile=%q parser.escapeControlCharactersOnReceive="off")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="parsed" type="string" string="%%pri%% %%hostname%% %%app-name%% %%msgid%% %%structured-data%% %%msg%%\n")
input(type="imtcp" port="%s" address="127.0.0.1")
action(type="omfile" file=%q template="parsed")
`, dir, write("ca.pem", ca.pem), write("server.pem", server), write("server.key", serverKey), strings.TrimPrefix(address, "127.0.0.1:"), out))
	daemon := exec.CommandContext(t.Context(), "/usr/sbin/rsyslogd", "-n", "-f", config, "-i", filepath.Join(dir, "pid"))
	said := new(strings.Builder)
	daemon.Stderr = said
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = daemon.Process.Kill(); _ = daemon.Wait() }()
	until(t, said, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})

	w := newWorld(t)
	in := postern.AuditStreamInput{
		Kind: postern.StreamSyslog, Format: postern.AuditJSON, Address: "tls://" + address, CA: ca.pem,
		ClientCertificate: client, ClientKey: clientKey,
	}
	made := w.create(in)
	w.fill(250) // more than a batch
	if one := w.deliver(made.Stream.ID); one.State != postern.StreamCurrent || one.Lag != 0 {
		t.Fatalf("%+v: %s", one, said)
	}
	var lines []string
	until(t, said, func() bool {
		text, _ := os.ReadFile(out)
		lines = strings.Split(strings.TrimSpace(string(text)), "\n")
		return len(lines) >= 251
	})
	for n, line := range lines {
		parts := strings.SplitN(line, "{", 2)
		var e postern.AuditEvent
		if len(parts) != 2 || json.Unmarshal([]byte("{"+parts[1]), &e) != nil || e.Sequence != int64(n+1) {
			t.Fatalf("line %d: %s", n, line)
		}
		if n == 7 {
			want := fmt.Sprintf(`110 postern.example.com postern USR001I [origin software="postern"][meta sequenceId="%d"] `, e.Sequence)
			if strings.TrimRight(parts[0], " ") != strings.TrimRight(want, " ") || !strings.Contains(e.Message, "Ünïcode") {
				t.Fatalf("%q, want %q", parts[0], want)
			}
		}
	}
	if len(lines) != 251 {
		t.Fatalf("%d lines", len(lines))
	}

	// Somebody else's authority is not believed.
	in.Name, in.CA, in.ClientCertificate, in.ClientKey = "stranger", newAuthority(t).pem, "", ""
	stranger := w.create(in)
	if got, err := w.Test(w.ctx(), stranger.Stream.ID); err != nil || got.OK || !strings.Contains(got.Message, "not trusted") {
		t.Fatalf("%+v %v", got, err)
	}
}

// until waits for what another program does.
func until(t *testing.T, said fmt.Stringer, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen: %s", said)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestPlainOnlyHere sends to receivers on this machine without TLS.
func TestPlainOnlyHere(t *testing.T) {
	w := newWorld(t)
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	made := w.create(postern.AuditStreamInput{Name: "udp", Kind: postern.StreamSyslog, Format: postern.AuditCEF, Address: "udp://" + packets.LocalAddr().String()})
	w.deliver(made.Stream.ID)
	_ = packets.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 64<<10)
	n, _, err := packets.ReadFrom(buf)
	if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, "<108>1 ") || !strings.Contains(got, `[meta sequenceId="1"] CEF:0|Postern|Postern|1.2.3|AUD004W|`) {
		t.Fatalf("%q %v", got, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	made = w.create(postern.AuditStreamInput{Name: "tcp", Kind: postern.StreamSyslog, Address: "tcp://" + address})
	if one := w.deliver(made.Stream.ID); one.State != postern.StreamFailing || !strings.Contains(one.Problem, "No connection") {
		t.Fatalf("%+v", one)
	}
}

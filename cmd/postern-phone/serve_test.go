package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
	"github.com/postern/postern/internal/cli"
)

// prompts is what a served key says to its user, for a test that answers.
type prompts struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (p *prompts) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *prompts) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// servedKey is a key at a simulator port of its own.
type servedKey struct {
	address string
	stdin   *io.PipeWriter
	said    *prompts
	stop    func()
}

// serveKey runs serve until stop or the end of the test.
func serveKey(t *testing.T, args ...string) *servedKey {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, stdin := io.Pipe()
	out, ready := io.Pipe()
	k := &servedKey{stdin: stdin, said: new(prompts)}
	ended := make(chan int, 1)
	args = append([]string{"--json", "--file", filepath.Join(t.TempDir(), "none"), "serve", "--udp", "127.0.0.1:0"}, args...)
	go func() {
		ended <- program().Run(ctx, args, cli.Streams{In: in, Out: ready, Err: k.said})
		_ = ready.Close()
	}()
	k.stop = sync.OnceFunc(func() {
		cancel()
		if code := <-ended; code != cli.ExitOK {
			t.Errorf("serve: exit %d, %s", code, k.said)
		}
		_ = stdin.Close()
	})
	t.Cleanup(k.stop)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var where struct {
		UDP string `json:"udp"`
	}
	if err = errors.Join(err, json.Unmarshal(line, &where)); err != nil {
		t.Fatalf("serve says %q, %v: %s", line, err, k.said)
	}
	k.address = where.UDP
	return k
}

func (k *servedKey) open(t *testing.T) *hid.Channel {
	t.Helper()
	host, err := udp.Dial(k.address, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	c, err := hid.Open(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// call sends a request and gives the answer's CBOR.
func call(t *testing.T, c *hid.Channel, request []byte, err error) (ctap.Status, []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.CBOR(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return ctap.Status(response[0]), response[1:]
}

func makeCredential() ([]byte, error) {
	return (&ctap.MakeCredentialRequest{
		ClientDataHash: make([]byte, 32), RP: ctap.RelyingParty{ID: "example.com"},
		User: ctap.User{ID: []byte{1}, Name: "alex\x1b[2J"}, Options: map[string]bool{ctap.OptionRK: true},
		Parameters: []ctap.CredentialParameter{{Type: ctap.PublicKeyType, Algorithm: ctap.ES256}},
	}).Encode()
}

// TestServeAsks: the user is told who asks for what, and decides.
func TestServeAsks(t *testing.T) {
	k := serveKey(t, "--store", "memory")
	c := k.open(t)
	for answer, want := range map[string]ctap.Status{"\n": ctap.OK, " Yes \n": ctap.OK, "n\n": ctap.ErrOperationDenied, "what?\n": ctap.ErrOperationDenied} {
		answered := make(chan error, 1)
		go func() {
			_, err := io.WriteString(k.stdin, answer)
			answered <- err
		}()
		request, err := makeCredential()
		if got, _ := call(t, c, request, err); got != want {
			t.Errorf("%q: %v, want %v", answer, got, want)
		}
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	}
	if want := "Make a passkey for example.com, account alex\uFFFD[2J? Enter accepts, n refuses: "; strings.Count(k.said.String(), want) != 4 {
		t.Errorf("the user was told %q", k.said)
	}
	if err := k.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := ctap.EncodeRequest(ctap.Selection, nil)
	if got, _ := call(t, c, request, err); got != ctap.ErrOperationDenied || !strings.Contains(k.said.String(), "nobody can answer") {
		t.Errorf("nobody there: %v, %q", got, k.said)
	}
}

// TestServeAsksPolls: a U2F program asks again and again, the user is asked once.
func TestServeAsksPolls(t *testing.T) {
	k := serveKey(t, "--store", "memory")
	c := k.open(t)
	register := append([]byte{0, 1, 0, 0, 0, 0, 64}, make([]byte, 64)...)
	register = append(register, 0, 0)
	copy(register[7+32:], "the application of this test ...")
	for polls := range 100 {
		response, err := c.Msg(t.Context(), register)
		if err != nil || len(response) < 2 {
			t.Fatalf("%x, %v", response, err)
		}
		status := [2]byte(response[len(response)-2:])
		switch {
		case polls < 2 && status != [2]byte{0x69, 0x85}:
			t.Fatalf("before the touch: %x", status)
		case polls == 2:
			if _, err := io.WriteString(k.stdin, "\n"); err != nil {
				t.Fatal(err)
			}
		case status == [2]byte{0x90, 0x00}:
			if n := strings.Count(k.said.String(), "Enter accepts"); n != 1 {
				t.Errorf("asked %d times: %q", n, k.said)
			}
			return
		}
	}
	t.Error("a touch was never seen")
}

// TestServeKeeps: with a file passkeys and the authority outlive the program,
// sealed; in memory nothing does, and no file is written.
func TestServeKeeps(t *testing.T) {
	dir := t.TempDir()
	store, authority := filepath.Join(dir, "keys"), filepath.Join(dir, "ca.pem")
	var kept []byte
	for round := range 2 {
		k := serveKey(t, "--auto-touch", "--no-uv", "--store", store, "--attestation-ca", authority)
		c := k.open(t)
		if round == 0 {
			request, err := makeCredential()
			if status, _ := call(t, c, request, err); status != ctap.OK {
				t.Fatal(status)
			}
		}
		request, err := (&ctap.GetAssertionRequest{RPID: "example.com", ClientDataHash: make([]byte, 32)}).Encode()
		if status, _ := call(t, c, request, err); status != ctap.OK {
			t.Errorf("start %d: %v", round+1, status)
		}
		k.stop()
		text, err := os.ReadFile(authority)
		if err != nil || round > 0 && !bytes.Equal(text, kept) {
			t.Errorf("start %d: another authority, %v", round+1, err)
		}
		kept = text
	}
	for _, file := range []string{store, store + ".key", authority} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}

	empty := t.TempDir()
	t.Chdir(empty)
	t.Setenv("HOME", empty)
	k := serveKey(t, "--auto-touch", "--store", "memory")
	request, err := makeCredential()
	if status, _ := call(t, k.open(t), request, err); status != ctap.OK {
		t.Error(status)
	}
	k.stop()
	if left, err := os.ReadDir(empty); err != nil || len(left) != 0 {
		t.Errorf("in memory it left %v, %v", left, err)
	}
}

// TestServeThePhone: the phone's own passkeys sign, and verify their user.
func TestServeThePhone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	enrolled(t, file)
	k := serveKey(t, "--auto-touch", "--file", file)
	request, err := ctap.EncodeRequest(ctap.GetInfo, nil)
	_, answer := call(t, k.open(t), request, err)
	info, err := ctap.DecodeInfo(answer)
	if err != nil {
		t.Fatal(err)
	}
	if !info.Options[ctap.OptionUV] {
		t.Errorf("options %v", info.Options)
	}
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitConflict {
		t.Errorf("beside a served phone: exit %d, %q", code, errs)
	}
	k.stop()
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitOK {
		t.Errorf("after it: exit %d, %q", code, errs)
	}
}

func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	broken := filepath.Join(dir, "broken.pem")
	if err := os.WriteFile(broken, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, args string
		code       int
		says       string
	}{
		{"no attachment", "--store memory", cli.ExitUsage, "next: Give --usbip"},
		{"a peer alone", "--store memory --udp-peer 127.0.0.1:7112", cli.ExitUsage, "--udp too"},
		{"open to others", "--store memory --udp 0.0.0.0:0", cli.ExitUsage, "loopback"},
		{"peer elsewhere", "--store memory --udp 127.0.0.1:0 --udp-peer 192.0.2.1:7112", cli.ExitUsage, "loopback"},
		{"no address", "--store memory --udp here", cli.ExitUsage, "127.0.0.1:8111"},
		{"port taken", "--store memory --udp " + taken.LocalAddr().String(), cli.ExitUsage, "in use"},
		{"no phone", "--udp 127.0.0.1:0", cli.ExitNotFound, "next: Run postern-phone enroll"},
		{"no authority", "--udp 127.0.0.1:0 --store memory --attestation-ca " + broken, cli.ExitFailure, "no certificate authority"},
	} {
		code, _, errs := command(t, filepath.Join(dir, "none"), append([]string{"serve"}, strings.Fields(tc.args)...)...)
		if code != tc.code || !strings.Contains(errs, tc.says) {
			t.Errorf("%s: exit %d, %q; want %d, %q", tc.name, code, errs, tc.code, tc.says)
		}
	}
}

// realDevice is an attachment that other programs reach.
type realDevice struct{ simulatorPort }

func (*realDevice) name() string { return "usbip" }

func (*realDevice) simulator() bool { return false }

// TestTestsOnly: what tests may do nobody else may, even beside a simulator port.
func TestTestsOnly(t *testing.T) {
	beside := []attachment{&simulatorPort{}, &realDevice{}}
	for flag, c := range map[string]serveCmd{"--auto-touch": {AutoTouch: true}, "--lenient-channels": {LenientChannels: true}} {
		if err := c.check(beside); err == nil || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), "--usbip") {
			t.Errorf("%s: %v", flag, err)
		}
		if err := c.check(beside[:1]); err != nil {
			t.Error(err)
		}
	}
	if err := new(serveCmd).check(beside); err != nil {
		t.Error(err)
	}
}

// TestTurns: programs at two attachments use one key without noticing.
func TestTurns(t *testing.T) {
	config, err := new(serveCmd).config(memory.New(0), autoTouch{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := authenticator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ports := []attachment{&simulatorPort{address: "127.0.0.1:0"}, &simulatorPort{address: "127.0.0.1:0"}}
	var programs sync.WaitGroup
	for _, p := range ports {
		address, err := p.open()
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		programs.Go(func() {
			c := (&servedKey{address: address}).open(t)
			for range 20 {
				request, err := makeCredential()
				if status, _ := call(t, c, request, err); status != ctap.OK {
					t.Errorf("at %s: %v", address, status)
				}
			}
		})
	}
	served := make(chan error)
	go func() {
		served <- serveAll(ctx, key{a, func([]byte, []byte) {}}, cli.Streams{Err: io.Discard}, ports, ctaphid.Config{})
	}()
	programs.Wait()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

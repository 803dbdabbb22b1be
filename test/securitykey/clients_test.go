package securitykey

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limit bounds a client's whole run; it is far above what one takes.
const limit = 3 * time.Minute

var phone string // the program under test, as built

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "securitykey")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	phone = filepath.Join(dir, "postern-phone")
	if out, err := exec.Command("go", "build", "-o", phone, "github.com/postern/postern/cmd/postern-phone").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// startKey runs a security key in memory that takes every touch as given, and
// a tap in front of it.
func startKey(t *testing.T) *tap {
	t.Helper()
	cmd := exec.Command(phone, "serve", "--udp", "127.0.0.1:0", "--auto-touch", "--lenient-channels", "--store", "memory", "--json")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the key stopped with %v: %s", err, errs.String())
		}
		if left, _ := filepath.Glob(filepath.Join(cmd.Dir, "*")); len(left) > 0 {
			t.Errorf("a key in memory left %v", left)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var ready struct {
		UDP string `json:"udp"`
	}
	if err != nil || json.Unmarshal(line, &ready) != nil {
		t.Fatalf("the key says %q, %v: %s", line, err, errs.String())
	}
	address, err := net.ResolveUDPAddr("udp4", ready.UDP)
	if err != nil {
		t.Fatal(err)
	}
	return newTap(t, address)
}

// compile builds a C source of testdata.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(source, ".c"))
	args := append([]string{"-Wall", "-Wextra", "-Werror", "-O1", "-o", out, filepath.Join("testdata", source)}, flags...)
	if b, err := exec.CommandContext(t.Context(), "gcc", append(args, "-lfido2", "-lcrypto")...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, b)
	}
	return out
}

// command runs a client to its end.
func command(t *testing.T, env []string, stdin, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestLibfido2(t *testing.T) {
	key := startKey(t)
	out := command(t, nil, "", compile(t, "libfido2.c"), fmt.Sprintf("udp:%d", key.port()))
	t.Log("\n" + out)
	if n := strings.Count(out, "ok "); n != 11 {
		t.Errorf("libfido2 did %d of 11 things", n)
	}
	key.report(t)
	key.keep("libfido2")
}

// TestOpenSSH makes keys on the security key, signs a file with them and has
// OpenSSH verify the signatures.
func TestOpenSSH(t *testing.T) {
	key := startKey(t)
	provider := compile(t, "provider.c", "-shared", "-fPIC")
	env := []string{"SSH_SK_PROVIDER=" + provider, fmt.Sprintf("SK_UDP_PORT=%d", key.port())}
	for _, kind := range []string{"ecdsa-sk", "ed25519-sk"} {
		dir := t.TempDir()
		file, text, signers := filepath.Join(dir, "id"), filepath.Join(dir, "text"), filepath.Join(dir, "signers")
		command(t, env, "", "ssh-keygen", "-q", "-t", kind, "-f", file, "-N", "", "-C", "alex@example.com")
		public, err := os.ReadFile(file + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{text: "hello", signers: "alex@example.com " + string(public)} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		command(t, env, "", "ssh-keygen", "-Y", "sign", "-f", file, "-n", "file", text)
		verify := []string{"-Y", "verify", "-f", signers, "-I", "alex@example.com", "-n", "file", "-s", text + ".sig"}
		command(t, env, "hello", "ssh-keygen", verify...)
		wrong := exec.CommandContext(t.Context(), "ssh-keygen", verify...)
		wrong.Stdin = strings.NewReader("another text")
		if out, err := wrong.CombinedOutput(); err == nil {
			t.Errorf("%s: the signature fits another text: %s", kind, out)
		}
	}
	key.report(t)
	key.keep("openssh")
}

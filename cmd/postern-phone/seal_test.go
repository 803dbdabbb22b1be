package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"github.com/postern/postern/fido/authenticator/tpmseal"
	"github.com/postern/postern/internal/cli"
)

// swtpm starts a machine's TPM and gives its socket.
func swtpm(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "swtpm-") // short, for the socket's path
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	cmd := exec.CommandContext(t.Context(), "swtpm", "socket", "--tpm2", "--tpmstate", "dir="+dir,
		"--server", "type=unixio,path="+socket, "--flags", "not-need-init,startup-clear")
	if err := cmd.Start(); err != nil {
		t.Fatalf("swtpm: %v; install what scripts/needs lists", err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		<-exited // the test's context has ended it
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for {
		if tpm, err := tpmseal.At(socket)(); err == nil {
			if _, err := (tpm2.ReadClock{}).Execute(tpm); err == nil {
				return socket
			}
		}
		select {
		case <-exited:
			t.Fatalf("swtpm: %v", cmd.ProcessState)
		default:
		}
	}
}

func TestSealedByTPM(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	t.Setenv(sealEnv, "tpm:"+swtpm(t))
	enrolled(t, file)
	if _, err := os.Stat(file + ".key"); err == nil {
		t.Error("there is a key beside the TPM")
	}
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitOK {
		t.Errorf("on its machine: exit %d, %q", code, errs)
	}
	here := os.Getenv(sealEnv)
	for seal, want := range map[string]string{
		"":                  "neither a passphrase",
		"tpm:" + swtpm(t):   "another machine",
		"tpm:" + file + "x": "no TPM",
		"paper":             sealEnv,
	} {
		t.Setenv(sealEnv, seal)
		if code, _, errs := command(t, file, "passkeys"); code == cli.ExitOK || !strings.Contains(errs, want) {
			t.Errorf("%s=%q: exit %d, %q; want %q in it", sealEnv, seal, code, errs, want)
		}
	}
	t.Setenv(sealEnv, here)
	if code, _, errs := command(t, file, "forget", "--local"); code != cli.ExitOK {
		t.Errorf("forget: exit %d, %q", code, errs)
	}
	if left, _ := filepath.Glob(file + "*"); len(left) != 0 {
		t.Errorf("forgetting left %v", left)
	}
	enrolled(t, file)
}

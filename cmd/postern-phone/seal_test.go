package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/internal/testtpm"
)

func TestSealedByTPM(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	t.Setenv(sealEnv, "tpm:"+testtpm.Start(t).Socket())
	enrolled(t, file)
	if _, err := os.Stat(file + ".key"); err == nil {
		t.Error("there is a key beside the TPM")
	}
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitOK {
		t.Errorf("on its machine: exit %d, %q", code, errs)
	}
	here := os.Getenv(sealEnv)
	for seal, want := range map[string]string{
		"":                                 "neither a passphrase",
		"tpm:" + testtpm.Start(t).Socket(): "another machine",
		"tpm:" + file + "x":                "no TPM",
		"paper":                            sealEnv,
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

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone"
)

// command runs the program against a phone's file.
func command(t *testing.T, file string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = program().Run(t.Context(), append([]string{"--file", file}, args...), cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

// enrolled writes the files of a phone that enrolled once, with one passkey.
func enrolled(t *testing.T, file string) {
	t.Helper()
	v, err := (&options{File: file}).create()
	if err != nil {
		t.Fatal(err)
	}
	s := &phone.State{
		Server: "http://127.0.0.1:1", ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), Name: "Test", UPN: "alex@contoso.example",
		IdentityKey: bytes.Repeat([]byte{1}, 32), SealKey: bytes.Repeat([]byte{2}, 32),
	}
	if err := v.Save(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	c := &authenticator.Credential{
		ID: []byte("credential"), RP: ctap.RelyingParty{ID: "login.microsoft.com"}, User: ctap.User{ID: []byte{1}, Name: "alex\x1b[2J@contoso.example"},
		Algorithm: ctap.ES256, Discoverable: true,
	}
	if err := v.passkeys.Put(t.Context(), c, &authenticator.Secret{PrivateKey: []byte("a private key of 32 bytes length")}); err != nil {
		t.Fatal(err)
	}
	if err := v.close(); err != nil {
		t.Fatal(err)
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	none, some := filepath.Join(dir, "none"), filepath.Join(dir, "some")
	enrolled(t, some)
	for _, tc := range []struct {
		name string
		file string
		args string
		code int
		says string
	}{
		{"help", none, "--help", cli.ExitOK, ""},
		{"version", none, "version", cli.ExitOK, ""},
		{"no such command", none, "fly", cli.ExitUsage, "--help"},
		{"flag missing", none, "enroll --server https://x.example", cli.ExitUsage, "One-time code"},
		{"bad address", none, "enroll --server postern --code A", cli.ExitUsage, "next: Correct"},
		{"nobody there", none, "enroll --server http://127.0.0.1:1 --code A --name n", cli.ExitFailure, "cannot be reached"},
		{"not enrolled", none, "provision", cli.ExitNotFound, "next: Run postern-phone enroll"},
		{"passkeys", some, "passkeys", cli.ExitOK, ""},
		{"enrolled twice", some, "enroll --server http://127.0.0.1:1 --code A", cli.ExitConflict, "already"},
		{"out of reach", some, "provision", cli.ExitFailure, "cannot be reached"},
		{"strange authority", some, "sign-in --client-id c --authority https://login.example.com", cli.ExitUsage, "not an authority"},
		{"authority in the clear", some, "sign-in --client-id c --authority http://127.0.0.1:1", cli.ExitUsage, "https"},
		{"authority out of reach", some, "sign-in --client-id c --authority https://127.0.0.1:1", cli.ExitFailure, "cannot be reached"},
		{"forget out of reach", some, "forget", cli.ExitFailure, "cannot be reached"},
	} {
		code, _, errs := command(t, tc.file, strings.Fields(tc.args)...)
		if code != tc.code || !strings.Contains(errs, tc.says) {
			t.Errorf("%s: exit %d, %q; want %d, %q", tc.name, code, errs, tc.code, tc.says)
		}
	}
	if left, err := filepath.Glob(none + "*"); err != nil || len(left) != 0 {
		t.Errorf("a failed enrolment left %v, %v", left, err)
	}
}

// TestFiles: nobody else may read the files, nothing in them is in the clear, and forgetting leaves none.
func TestFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deep", "phone")
	enrolled(t, file)
	names, err := filepath.Glob(file + "*")
	if err != nil || len(names) < 3 {
		t.Fatalf("files %v, %v", names, err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode().Perm())
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"a private key", "alex", "login.microsoft.com", string(bytes.Repeat([]byte{1}, 16))} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q in the clear", name, secret)
			}
		}
	}
	_, out, _ := command(t, file, "passkeys")
	if !strings.Contains(out, "contoso.example") || strings.Contains(out, "\x1b") {
		t.Errorf("passkeys prints %q", out)
	}
	if err := os.Chmod(file+".key", 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitFailure || !strings.Contains(errs, "chmod 600") {
		t.Errorf("a key that others may read: exit %d, %q", code, errs)
	}
	if err := os.Chmod(file+".key", 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, file, "forget", "--local"); code != cli.ExitOK {
		t.Errorf("forget: exit %d, %q", code, errs)
	}
	if left, _ := filepath.Glob(file + "*"); len(left) != 0 {
		t.Errorf("forgetting left %v", left)
	}
}

func TestPassphrase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	t.Setenv(passphraseEnv, "correct horse")
	enrolled(t, file)
	if _, err := os.Stat(file + ".key"); err == nil {
		t.Error("there is a key beside a passphrase")
	}
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitOK {
		t.Errorf("right passphrase: exit %d, %q", code, errs)
	}
	t.Setenv(passphraseEnv, "wrong horse")
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitDenied || !strings.Contains(errs, passphraseEnv) || strings.Contains(errs, "wrong horse") {
		t.Errorf("wrong passphrase: exit %d, %q", code, errs)
	}
	t.Setenv(passphraseEnv, "")
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitDenied || !strings.Contains(errs, passphraseEnv) {
		t.Errorf("no passphrase: exit %d, %q", code, errs)
	}
}

func TestStopped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	enrolled(t, file)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var o, e bytes.Buffer
	if code := program().Run(ctx, []string{"--file", file, "status"}, cli.Streams{In: strings.NewReader(""), Out: &o, Err: &e}); code != cli.ExitStopped {
		t.Errorf("exit %d, %q", code, e.String())
	}
}

func TestTwoAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "phone")
	enrolled(t, file)
	v, err := (&options{File: file}).open()
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	if code, _, errs := command(t, file, "passkeys"); code != cli.ExitConflict || !strings.Contains(errs, "at work") {
		t.Errorf("exit %d, %q", code, errs)
	}
}

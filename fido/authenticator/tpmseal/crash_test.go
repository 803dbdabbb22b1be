package tpmseal

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"github.com/postern/postern/fido/authenticator/sealedfile"
)

// story makes a file and writes to it twice. It gives the contents that were
// promised and the one in hand when it ended.
func story(path string, o Options) (promised []string, inHand string, err error) {
	f, err := sealedfile.Open(path, label, New(o))
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, content := range []string{"one", "two"} {
		if err := f.Write(1, []byte(content)); err != nil {
			return promised, content, err
		}
		promised = append(promised, content)
	}
	return promised, "", nil
}

// TestPowerFailsAnywhere cuts the power before and after every command to the
// TPM in turn. Whatever was promised is there afterwards, or what was being
// written; never anything else, and never a file that does not open.
func TestPowerFailsAnywhere(t *testing.T) {
	m := newMachine(t)
	o := Options{Open: m.open, Mark: true}
	m.n = 0
	if _, _, err := story(filepath.Join(t.TempDir(), "whole"), o); err != nil {
		t.Fatal(err)
	}
	commands := m.n
	if commands < 15 {
		t.Fatalf("only %d commands: the story is not told through this TPM", commands)
	}
	for at := 1; at <= commands; at++ {
		for _, after := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "file")
			before := m.indices()
			m.n = 0
			var cutAt tpm2.TPMCC
			m.cut = func(n int, code tpm2.TPMCC, isAfter bool) bool {
				if n == at && isAfter == after {
					cutAt = code
				}
				return n > at || n == at && (isAfter || !after) // and it stays off
			}
			promised, inHand, err := story(path, o)
			if err == nil && cutAt != tpm2.TPMCCFlushContext {
				t.Errorf("the power failed at command %d (%v) and nobody noticed", at, cutAt)
			}
			m.powerCycle()
			f, err := sealedfile.Open(path, label, New(o))
			if err != nil {
				t.Errorf("cut at %v (%d, after: %v): %v", cutAt, at, after, err)
				continue
			}
			_, got, _ := f.Read()
			allowed := []string{inHand, ""}
			if len(promised) > 0 {
				allowed[1] = promised[len(promised)-1]
			}
			if !slices.Contains(allowed, string(got)) {
				t.Errorf("cut at %v (%d, after: %v): content %q, want one of %q", cutAt, at, after, got, allowed)
			}
			if err := f.Write(1, []byte("more")); err != nil {
				t.Errorf("cut at %v (%d, after: %v): write: %v", cutAt, at, after, err)
			}
			if err := f.Remove(); err != nil {
				t.Error(err)
			}
			if now := m.indices(); now != before {
				t.Errorf("cut at %v (%d, after: %v): %d indices left behind", cutAt, at, after, now-before)
			}
		}
	}
}

// TestGoesOnAfterAFailedCommand: the TPM fails once in a running program, which
// then writes on. What the TPM has done and not said must not lock it out.
func TestGoesOnAfterAFailedCommand(t *testing.T) {
	m := newMachine(t)
	for _, after := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "file")
		o := Options{Open: m.open, Mark: true}
		f := open(t, path, o)
		write(t, f, "one")
		m.cut = func(_ int, code tpm2.TPMCC, isAfter bool) bool { return code == tpm2.TPMCCNVWrite && isAfter == after }
		if err := f.Write(1, []byte("two")); !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		wantContent(t, f, "one")
		m.cut = nil
		write(t, f, "three")
		closeFile(t, f)
		wantContent(t, open(t, path, o), "three")
	}
}

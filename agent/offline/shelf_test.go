package offline

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator/tpmseal"
	"github.com/postern/postern/internal/testtpm"
	codes "github.com/postern/postern/link/offline"
)

// swtpm is a machine's TPM 2.0, emulated.
func swtpm(t testing.TB) func() (transport.TPMCloser, error) {
	t.Helper()
	return tpmseal.At(testtpm.Start(t).Socket())
}

func (b *bench) shelf(dir string, tpm func() (transport.TPMCloser, error)) *Shelf {
	b.Helper()
	env := b.env()
	env.Dir = dir
	if tpm != nil {
		env.TPM = tpm
	}
	s, err := Open(env)
	b.ok(err)
	return s
}

// issued has a passkey issued on a shelf.
func (b *bench) issued(s *Shelf, id postern.PairingID) *Passkey {
	b.Helper()
	p, err := s.New(id)
	b.ok(err)
	b.p = p
	b.ok(p.Draw(settings, b.now))
	b.ok(p.Answered())
	b.refill()
	b.ok(p.Make(b.Context(), options))
	b.ok(p.Registering())
	b.ok(p.Activate())
	return p
}

// TestOlderCopy: an older file put back would give back codes and tries. A TPM notices; without one the seal says less.
func TestOlderCopy(t *testing.T) {
	tpm := swtpm(t)
	b := &bench{TB: t, now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	s := b.shelf(dir, tpm)
	p := b.issued(s, pairing)
	if how := p.Standing().Seal; how.Kind != postern.SealTPM || !strings.Contains(how.Text, "older copy") {
		t.Errorf("sealed as %+v", how)
	}
	path, err := s.path(pairing)
	b.ok(err)
	older, err := os.ReadFile(path)
	b.ok(err)
	if a, err := b.signIn(b.code(0)); err != nil || !b.holds(a) {
		t.Fatal(err)
	}
	newest, err := os.ReadFile(path)
	b.ok(err)
	if bytes.Contains(newest, []byte("alex@contoso.com")) {
		t.Error("the file is to be read by everybody")
	}
	b.ok(s.Close())
	b.ok(os.WriteFile(path, older, 0o600))
	s = b.shelf(dir, tpm)
	if why := s.Get(pairing).Standing().Why; why == nil || s.Get(pairing).Usable() == nil {
		t.Error("an older copy opens")
	}
	if _, err := s.New(pairing); err == nil {
		t.Error("a passkey that does not open was begun anew over itself")
	}
	b.ok(s.Close())
	b.ok(os.WriteFile(path, newest, 0o600))
	s = b.shelf(dir, tpm)
	b.p = s.Get(pairing)
	if right, _ := b.try(b.code(0)); right {
		t.Error("the used code is good again")
	}
	if right, err := b.try(b.code(1)); !right || err != nil {
		t.Errorf("the newest copy: %v", err)
	}
	b.ok(s.Remove(pairing))
	left, err := os.ReadDir(dir)
	b.ok(err)
	if len(left) != 0 || s.Get(pairing) != nil {
		t.Errorf("left is %v", left)
	}
	b.issued(s, pairing)
	b.ok(s.Close())
}

// TestShelf: without a TPM a key beside the file seals it; what is over is taken away whole and alone, and files that were
// swapped do not open.
func TestShelf(t *testing.T) {
	b := &bench{TB: t, now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	s := b.shelf(dir, nil)
	other := postern.NewPairingID([16]byte{0xab})
	mine := b.issued(s, pairing)
	b.ok(b.p.Declined(b.now))
	phone := b.phone
	theirs := b.issued(s, other)
	if theirs.Standing().Seal.Kind != postern.SealKeyFile {
		t.Errorf("sealed as %+v", theirs.Standing().Seal)
	}
	// The wrong key is plugged in and the wrong person types: it costs that key tries, and the other nothing.
	b.p = theirs
	for i := range 3 {
		if right, _ := b.try(phone.Batch.Code(i)); right {
			t.Error("a code of another phone is good")
		}
	}
	if mine.Standing().TriesLeft != 8 || mine.Standing().Left != 20 || theirs.Standing().TriesLeft != 5 {
		t.Error("what happens to one passkey happens to the other")
	}
	b.ok(s.Remove(other))
	if left := s.Pairings(); len(left) != 1 || left[0] != pairing {
		t.Errorf("left on the shelf is %v", left)
	}
	if _, err := b.try(b.code(0)); err == nil || theirs.Usable() == nil {
		t.Error("a passkey that was taken away judges codes")
	}
	b.ok(s.Close())
	left, err := filepath.Glob(filepath.Join(dir, "offline-ab*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left is %v", left)
	}
	s = b.shelf(dir, nil)
	b.p, b.phone = s.Get(pairing), phone
	if a, err := b.signIn(b.code(0)); err != nil || !b.holds(a) {
		t.Fatalf("the one that stayed: %v", err)
	}
	path, err := s.path(pairing)
	b.ok(err)
	moved, err := s.path(other)
	b.ok(err)
	b.ok(s.Close())
	for _, suffix := range []string{"", ".key", ".lock"} {
		b.ok(os.Rename(path+suffix, moved+suffix))
	}
	s = b.shelf(dir, nil)
	if p := s.Get(other); p == nil || p.Usable() == nil {
		t.Error("a file opens under the name of another pairing")
	}
	b.ok(s.Remove(other))
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left is %v, %v", left, err)
	}
	if _, err := s.New("no pairing"); err == nil {
		t.Error("a passkey for no pairing")
	}
	b.ok(s.Close())
}

// BenchmarkSignIn is a sign-in from the code that is typed to the assertion, at the cost that is used, with the seal of a key
// file and with that of an emulated TPM.
func BenchmarkSignIn(b *testing.B) {
	for name, tpm := range map[string]func(testing.TB) func() (transport.TPMCloser, error){"key file": nil, "tpm": swtpm} {
		b.Run(name, func(b *testing.B) {
			w := &bench{TB: b, now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)}
			env := w.env()
			env.Dir, env.Cost = b.TempDir(), codes.DefaultCost
			if tpm != nil {
				env.TPM = tpm(b)
			}
			s, err := Open(env)
			w.ok(err)
			fresh := w.issued(s, pairing).content.Batch.clone()
			for b.Loop() {
				w.p.content.Batch = fresh.clone()
				if _, err := w.signIn(w.code(0)); err != nil {
					b.Fatal(err)
				}
			}
			w.ok(s.Close())
		})
	}
}

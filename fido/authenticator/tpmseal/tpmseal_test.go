package tpmseal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/filestore"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/authenticator/storetest"
)

const label = "test"

func open(t *testing.T, path string, o Options) *sealedfile.File {
	t.Helper()
	f, err := sealedfile.Open(path, label, New(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func write(t *testing.T, f *sealedfile.File, content string) {
	t.Helper()
	if err := f.Write(1, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func closeFile(t *testing.T, f *sealedfile.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, f *sealedfile.File, want string) {
	t.Helper()
	if _, got, exists := f.Read(); !exists || string(got) != want {
		t.Errorf("content %q, exists %v; want %q", got, exists, want)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func putBack(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	m := newMachine(t)
	o := Options{Open: m.open, Mark: true}
	paths := map[authenticator.Store]string{}
	openAt := func(t *testing.T, path string) authenticator.Store {
		s, err := filestore.Open(path, New(o), storetest.Capacity)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		paths[s] = path
		return s
	}
	storetest.Run(t,
		func(t *testing.T) authenticator.Store { return openAt(t, filepath.Join(t.TempDir(), "credentials")) },
		func(t *testing.T, old authenticator.Store) authenticator.Store {
			if err := old.(*filestore.Store).Close(); err != nil {
				t.Fatal(err)
			}
			m.powerCycle()
			return openAt(t, paths[old])
		})
}

func TestOpensOnItsMachineOnly(t *testing.T) {
	here, there := newMachine(t), newMachine(t)
	for _, mark := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "file")
		f := open(t, path, Options{Open: here.open, Mark: mark})
		write(t, f, "content")
		closeFile(t, f)
		if _, err := sealedfile.Open(path, label, New(Options{Open: there.open})); !errors.Is(err, ErrOtherTPM) {
			t.Errorf("another machine: %v, want ErrOtherTPM", err)
		}
		for name, other := range map[string]sealedfile.Unlock{
			"key": sealedfile.WithKey(make([]byte, sealedfile.KeySize)), "passphrase": sealedfile.WithPassphrase([]byte("p")),
		} {
			if _, err := sealedfile.Open(path, label, other); err == nil {
				t.Errorf("opened with a %s", name)
			}
		}
		here.powerCycle()
		wantContent(t, open(t, path, Options{Open: here.open}), "content")
	}
}

// TestClearedTPM: a new owner's TPM is another one.
func TestClearedTPM(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "file")
	f := open(t, path, Options{Open: m.open, Mark: true})
	write(t, f, "content")
	closeFile(t, f)
	tpm, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	clearing := tpm2.Clear{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHLockout, Auth: tpm2.PasswordAuth(nil)}}
	if _, err := clearing.Execute(tpm); err != nil {
		t.Fatal(err)
	}
	if _, err := sealedfile.Open(path, label, New(Options{Open: m.open, AcceptOlder: true})); !errors.Is(err, ErrOtherTPM) {
		t.Errorf("%v, want ErrOtherTPM", err)
	}
}

func TestPassphrase(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "file")
	right := Options{Open: m.open, Passphrase: []byte("1234")}
	f := open(t, path, right)
	write(t, f, "content")
	closeFile(t, f)
	_, err := sealedfile.Open(path, label, New(Options{Open: m.open, Passphrase: []byte("1235")}))
	if !errors.Is(err, ErrPassphrase) {
		t.Fatalf("another passphrase: %v, want ErrPassphrase", err)
	}
	f = open(t, path, right)
	wantContent(t, f, "content")
	closeFile(t, f)
	for range 100 {
		if _, err = sealedfile.Open(path, label, New(Options{Open: m.open})); !errors.Is(err, ErrPassphrase) {
			break
		}
	}
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("after many guesses: %v, want ErrLocked", err)
	}
	if _, err = sealedfile.Open(path, label, New(right)); !errors.Is(err, ErrLocked) {
		t.Errorf("the right passphrase while locked: %v, want ErrLocked", err)
	}
}

func TestOlderCopyIsRefused(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "file")
	o := Options{Open: m.open, Mark: true}
	f := open(t, path, o)
	copies := [][]byte{read(t, path)}
	for _, content := range []string{"one", "two", "three"} {
		write(t, f, content)
		copies = append(copies, read(t, path))
	}
	closeFile(t, f)
	for n, old := range copies[:3] {
		putBack(t, path, old)
		for range 2 { // being refused changes nothing
			if _, err := sealedfile.Open(path, label, New(o)); !errors.Is(err, sealedfile.ErrOlderCopy) {
				t.Errorf("copy %d: %v, want ErrOlderCopy", n, err)
			}
		}
	}
	putBack(t, path, copies[3])
	f = open(t, path, o)
	wantContent(t, f, "three")
	closeFile(t, f)

	putBack(t, path, copies[1])
	o.AcceptOlder = true
	f = open(t, path, o)
	wantContent(t, f, "one")
	closeFile(t, f)
	o.AcceptOlder = false
	f = open(t, path, o)
	wantContent(t, f, "one")
	closeFile(t, f)
	for n, old := range copies {
		putBack(t, path, old)
		if _, err := sealedfile.Open(path, label, New(o)); !errors.Is(err, sealedfile.ErrOlderCopy) {
			t.Errorf("copy %d after another was accepted: %v, want ErrOlderCopy", n, err)
		}
	}
}

// TestInterruptedWriteGivesNoWayBack: a write that was cut short, kept aside,
// cannot take the place of what was written instead of it.
func TestInterruptedWriteGivesNoWayBack(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "file")
	o := Options{Open: m.open, Mark: true}
	f := open(t, path, o)
	write(t, f, "one")
	one := read(t, path)
	m.cut = func(_ int, code tpm2.TPMCC, after bool) bool { return code == tpm2.TPMCCNVWrite && !after }
	if err := f.Write(1, []byte("aside")); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	m.cut = nil
	aside := read(t, path)
	closeFile(t, f)

	putBack(t, path, one)
	f = open(t, path, o)
	wantContent(t, f, "one")
	write(t, f, "two")
	closeFile(t, f)
	putBack(t, path, aside)
	if _, err := sealedfile.Open(path, label, New(o)); !errors.Is(err, sealedfile.ErrOlderCopy) {
		t.Errorf("%v, want ErrOlderCopy", err)
	}
}

func TestIndexTakenAway(t *testing.T) {
	for name, then := range map[string]func(t *testing.T, mk *marker){
		"removed": func(*testing.T, *marker) {},
		"replaced": func(t *testing.T, mk *marker) {
			other := *mk
			other.auth = bytes.Repeat([]byte{'x'}, 32)
			if err := other.SetMark(make([]byte, sealedfile.MarkSize)); err != nil {
				t.Fatal(err)
			}
		},
		"replaced by one of another kind": func(t *testing.T, mk *marker) {
			tpm, err := mk.u.o.Open()
			if err != nil {
				t.Fatal(err)
			}
			_, err = tpm2.NVDefineSpace{AuthHandle: mk.u.owner(), PublicInfo: tpm2.New2B(tpm2.TPMSNVPublic{
				NVIndex: mk.index, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8,
				Attributes: tpm2.TPMANV{AuthRead: true, AuthWrite: true, OwnerWrite: true},
			})}.Execute(tpm)
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			path := filepath.Join(t.TempDir(), "file")
			o := Options{Open: m.open, Mark: true}
			spy := &spy{Unlock: New(o)}
			f, err := sealedfile.Open(path, label, spy)
			if err != nil {
				t.Fatal(err)
			}
			blank := read(t, path)
			write(t, f, "content")
			closeFile(t, f)
			mk := spy.key.Marker.(*marker)
			if err := mk.Forget(); err != nil {
				t.Fatal(err)
			}
			then(t, mk)
			if _, err := sealedfile.Open(path, label, New(o)); !errors.Is(err, sealedfile.ErrOlderCopy) {
				t.Errorf("%v, want ErrOlderCopy", err)
			}
			o.AcceptOlder = true
			f = open(t, path, o)
			wantContent(t, f, "content")
			closeFile(t, f)
			putBack(t, path, blank)
			o.AcceptOlder = false
			if _, err := sealedfile.Open(path, label, New(o)); !errors.Is(err, sealedfile.ErrOlderCopy) {
				t.Errorf("the blank copy: %v, want ErrOlderCopy", err)
			}
		})
	}
}

// spy remembers the key that was found.
type spy struct {
	sealedfile.Unlock
	key *sealedfile.Key
}

func (s *spy) Create() (key *sealedfile.Key, err error) {
	s.key, err = s.Unlock.Create()
	return s.key, err
}

func TestOwnerAuthorization(t *testing.T) {
	m := newMachine(t)
	tpm, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	change := tpm2.HierarchyChangeAuth{
		AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}, NewAuth: tpm2.TPM2BAuth{Buffer: []byte("owner")},
	}
	if _, err := change.Execute(tpm); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if _, err := sealedfile.Open(path, label, New(Options{Open: m.open, Mark: true})); !errors.Is(err, ErrOwner) {
		t.Errorf("%v, want ErrOwner", err)
	}
	f := open(t, path, Options{Open: m.open, Mark: true, OwnerAuth: []byte("owner")})
	write(t, f, "content")
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	if n := m.indices(); n != 0 {
		t.Errorf("%d indices left", n)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}

// TestNothingSecretOnTheBus listens to everything between processor and TPM.
func TestNothingSecretOnTheBus(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "file")
	o := Options{Open: m.open, Mark: true, Passphrase: []byte("correct horse")}
	f := open(t, path, o)
	write(t, f, "content")
	closeFile(t, f)
	key, err := New(o).Find(leadOf(t, path))
	if err != nil {
		t.Fatal(err)
	}
	u := New(o).(*unlock)
	mk := key.Marker.(*marker)
	mark, err := mk.Mark()
	if err != nil {
		t.Fatal(err)
	}
	l, err := parseLead(key.Lead)
	if err != nil {
		t.Fatal(err)
	}
	var secret []byte
	err = u.with(func(tpm transport.TPM) error {
		r, err := u.openRoot(tpm)
		if err != nil {
			return err
		}
		defer r.flush()
		secret, err = r.unseal(l, u.passphraseAuth(l))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(m.bus, l.private) {
		t.Fatal("the sealed object was not seen: this test listens to the wrong bus")
	}
	for name, b := range map[string][]byte{
		"secret": secret, "file key": key.Secret, "index authorization": mk.auth, "mark": mark, "passphrase": u.passphraseAuth(l),
	} {
		if len(b) < 32 || bytes.Contains(m.bus, b) || bytes.Contains(m.bus, b[:8]) {
			t.Errorf("the %s crossed the bus in the clear", name)
		}
	}
}

// leadOf finds the lead in a file, as the package that writes it does.
func leadOf(t *testing.T, path string) (l sealedfile.Lead) {
	t.Helper()
	_, err := sealedfile.Open(path, label, finder{&l})
	if !errors.Is(err, errFound) {
		t.Fatal(err)
	}
	return l
}

var errFound = errors.New("found")

type finder struct{ l *sealedfile.Lead }

func (finder) Create() (*sealedfile.Key, error) { return nil, errors.New("no file") }

func (f finder) Find(l sealedfile.Lead) (*sealedfile.Key, error) {
	*f.l = l
	return nil, errFound
}

func TestNoTPM(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	absent := func() (transport.TPMCloser, error) { return nil, os.ErrNotExist }
	_, err := sealedfile.Open(path, label, New(Options{Open: absent}))
	if !errors.Is(err, ErrNoTPM) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want ErrNoTPM and its reason", err)
	}
	if tpm, err := Device(); err == nil { // a machine that has one
		_ = tpm.Close()
	} else if !errors.Is(err, ErrNoTPM) {
		t.Errorf("Device: %v, want ErrNoTPM", err)
	}
}

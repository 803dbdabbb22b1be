package tpmseal

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/postern/postern/fido/authenticator/sealedfile"
)

// FuzzLead: what is parsed is written back as it was, unknown flags aside.
func FuzzLead(f *testing.F) {
	f.Add((&lead{root: []byte("root"), public: []byte("public"), private: []byte("private")}).encode().Params)
	f.Add((&lead{passphrase: true, index: firstIndex}).encode().Params)
	f.Fuzz(func(t *testing.T, params []byte) {
		l, err := parseLead(sealedfile.Lead{Scheme: sealedfile.SchemeTPM, Params: params})
		if err != nil {
			return
		}
		params[1] &= flagPassphrase
		if again := l.encode().Params; !bytes.Equal(again, params) {
			t.Errorf("%x written back as %x", params, again)
		}
	})
}

// TestChangedFileDoesNotOpen flips bytes of the header, which tells the TPM
// what to do, and of the rest.
func TestChangedFileDoesNotOpen(t *testing.T) {
	m := newMachine(t)
	path := filepath.Join(t.TempDir(), "file")
	o := Options{Open: m.open, Mark: true}
	f := open(t, path, o)
	write(t, f, "content")
	closeFile(t, f)
	good := read(t, path)
	for i := range good {
		if i > 64 && i%5 != 0 {
			continue
		}
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		putBack(t, path, bad)
		if f, err := sealedfile.Open(path, label, New(o)); err == nil {
			t.Errorf("byte %d changed unnoticed", i)
			_ = f.Close()
		}
	}
	putBack(t, path, good)
	wantContent(t, open(t, path, o), "content")
}

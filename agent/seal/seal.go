package seal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/authenticator/tpmseal"
)

// Seal is how a file is kept.
type Seal struct {
	Kind string `json:"kind"` // [postern.SealTPM] or [postern.SealKeyFile]
	Text string `json:"text"` // for people, as the end of a sentence
}

// Options are how a file is sealed. What exists stays as it was made.
type Options struct {
	Label   string // of the kind of content
	Version uint16 // of the content of a new file
	// Mark has the TPM notice older copies of the file that are put back. A TPM that keeps no marks for this account seals
	// without one.
	Mark bool
	TPM  func() (transport.TPMCloser, error)
	Log  *slog.Logger
}

const (
	byTPM  = "sealed by the TPM of this machine: a copy opens nowhere else"
	marked = byTPM + ", and an older copy does not open here either"
)

// KeyPath is where the key of a file lies that no TPM seals.
func KeyPath(path string) string { return path + ".key" }

// Open opens a file, making what is missing: a new one is there afterwards, with the content "{}".
func Open(path string, o Options) (*sealedfile.File, Seal, error) {
	if _, err := os.Stat(KeyPath(path)); err == nil {
		return openWithKey(path, o)
	}
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, Seal{}, err
	}
	isNew := err != nil
	file, seal, failure := openWithTPM(path, o, isNew, o.Mark)
	if isNew && o.Mark && errors.Is(failure, tpmseal.ErrOwner) {
		o.Log.Info("the TPM keeps no mark of this file: an older copy that is put back is not noticed", "file", path, "reason", failure)
		file, seal, failure = openWithTPM(path, o, isNew, false)
	}
	switch {
	case failure == nil:
		return file, seal, nil
	case !isNew || errors.Is(failure, sealedfile.ErrInUse):
		return nil, Seal{}, failure
	}
	o.Log.Info("the file is not sealed by a TPM", "file", path, "reason", failure)
	if err := makeKey(KeyPath(path)); err != nil {
		return nil, Seal{}, err
	}
	return openWithKey(path, o)
}

func openWithTPM(path string, o Options, isNew, mark bool) (*sealedfile.File, Seal, error) {
	file, err := sealedfile.Open(path, o.Label, tpmseal.New(tpmseal.Options{Open: o.TPM, Mark: mark}))
	if err != nil {
		return nil, Seal{}, err
	}
	if isNew { // a TPM that opens but does not seal is noticed now
		if err := file.Write(o.Version, []byte("{}")); err != nil {
			return nil, Seal{}, errors.Join(err, file.Remove())
		}
	}
	text := byTPM
	if mark {
		text = marked
	}
	return file, Seal{postern.SealTPM, text}, nil
}

func openWithKey(path string, o Options) (*sealedfile.File, Seal, error) {
	keyPath := KeyPath(path)
	info, err := os.Stat(keyPath)
	if err != nil {
		return nil, Seal{}, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, Seal{}, fmt.Errorf("%s may be read by others: run chmod 600 %[1]s", keyPath)
	}
	text, err := os.ReadFile(keyPath) // #nosec G304 -- the service's own directory
	if err != nil {
		return nil, Seal{}, err
	}
	defer clear(text)
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != sealedfile.KeySize {
		return nil, Seal{}, fmt.Errorf("%s holds no key", keyPath)
	}
	defer clear(key)
	file, err := sealedfile.Open(path, o.Label, sealedfile.WithKey(key))
	return file, Seal{postern.SealKeyFile, "encrypted with a key in " + keyPath + ", as no TPM can be used here: whoever copies both files has what is in it"}, err
}

func makeKey(path string) error {
	key := make([]byte, sealedfile.KeySize)
	_, _ = rand.Read(key) // never fails: package crypto/rand ends the program instead
	defer clear(key)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the service's own directory
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, hex.EncodeToString(key))
	return errors.Join(err, f.Sync(), f.Close())
}

// Remove takes a file away for good, its key first, over which is written: without it the rest is noise. The file may be open
// as f, or nil where it did not open.
func Remove(path string, f *sealedfile.File) error {
	err := shred(KeyPath(path))
	if f != nil {
		err = errors.Join(err, f.Remove())
	}
	for _, left := range []string{path, path + ".lock"} {
		if e := os.Remove(left); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // #nosec G304 -- the service's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 2*sealedfile.KeySize))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(path))
}

package sealedfile

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	magic           = "fidoseal"
	envelopeVersion = 1
	headerSize      = len(magic) + 2 + 2 + derivationSize
	// maxFileSize bounds what is read: a store of credentials takes some
	// hundred bytes for each.
	maxFileSize = 16 << 20
)

// Errors callers tell apart.
var (
	// ErrUnreadable means that the content could not be decrypted.
	ErrUnreadable = errors.New("wrong key or passphrase, or the file is damaged")
	// ErrInUse means that another process has the file open.
	ErrInUse = errors.New("the file is open in another process")
)

// File is an open sealed file. It holds a lock beside the file, on PATH.lock,
// until it is closed.
type File struct {
	path  string
	label string
	lock  *os.File

	mu         sync.Mutex
	derivation derivation
	key        []byte
	version    uint16
	content    []byte
	exists     bool
}

// Open locks and reads a file. A file that does not exist is created by the
// first [File.Write]; its directory is created now, for its owner alone. Label
// names the kind of content; a file of another kind does not open.
func Open(path, label string, unlock Unlock) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	lock, err := acquire(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &File{path: path, label: label, lock: lock}
	if err := f.read(unlock); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), release(lock))
	}
	return f, nil
}

func (f *File) read(unlock Unlock) error {
	data, err := readBounded(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.derivation = unlock.fresh()
		f.key, err = unlock.key(f.derivation)
		return err
	}
	if err != nil {
		return err
	}
	if len(data) < headerSize+chacha20poly1305.NonceSizeX || !bytes.HasPrefix(data, []byte(magic)) {
		return errors.New("not a sealed file")
	}
	header := data[:headerSize]
	if v := binary.BigEndian.Uint16(header[8:]); v != envelopeVersion {
		return fmt.Errorf("written in layout %d, this program knows %d: use a newer program", v, envelopeVersion)
	}
	f.derivation = parseDerivation(header[12:])
	if f.key, err = unlock.key(f.derivation); err != nil {
		return err
	}
	aead, err := f.aead()
	if err != nil {
		return err
	}
	nonce, sealed := data[headerSize:headerSize+aead.NonceSize()], data[headerSize+aead.NonceSize():]
	content, err := aead.Open(nil, nonce, sealed, f.additional(header))
	if err != nil {
		return ErrUnreadable
	}
	f.version, f.content, f.exists = binary.BigEndian.Uint16(header[10:]), content, true
	return nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileSize {
		return nil, fmt.Errorf("the file has %d bytes, more than any sealed file: it is damaged", info.Size())
	}
	return os.ReadFile(path) // #nosec G304 -- the caller's own path
}

func (f *File) aead() (cipher.AEAD, error) {
	if f.key == nil {
		return nil, fs.ErrClosed
	}
	return chacha20poly1305.NewX(f.key)
}

func (f *File) additional(header []byte) []byte {
	return append(bytes.Clone(header), f.label...)
}

// Read gives a copy of the content and its version; exists is false for a file
// that was never written.
func (f *File) Read() (version uint16, content []byte, exists bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version, bytes.Clone(f.content), f.exists
}

// Write replaces the content. When it returns nil the new content is on disk;
// when it fails or the power does, the old one still is.
func (f *File) Write(version uint16, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	aead, err := f.aead()
	if err != nil {
		return err
	}
	header := append(make([]byte, 0, headerSize), magic...)
	header = binary.BigEndian.AppendUint16(header, envelopeVersion)
	header = binary.BigEndian.AppendUint16(header, version)
	header = f.derivation.append(header)
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails, see WithPassphrase
	data := append(bytes.Clone(header), nonce...)
	data = aead.Seal(data, nonce, content, f.additional(header))
	if len(data) > maxFileSize {
		return errors.New("the content is too large for a sealed file")
	}
	if err := replace(f.path, data); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	clear(f.content)
	f.version, f.content, f.exists = version, bytes.Clone(content), true
	return nil
}

// replace writes data beside path, makes it durable and puts it in place.
func replace(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// Close wipes the key and the content from memory and releases the lock.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.key == nil {
		return nil
	}
	clear(f.key)
	clear(f.content)
	f.key, f.content = nil, nil
	return release(f.lock)
}

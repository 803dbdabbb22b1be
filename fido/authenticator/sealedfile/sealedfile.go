package sealedfile

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

// maxFileSize bounds what is read: a store of credentials takes some hundred
// bytes for each.
const maxFileSize = 16 << 20

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

	mu      sync.Mutex
	key     *Key
	marks   *marks // nil without a marker
	version uint16
	content []byte
	exists  bool
}

// Open locks and reads a file. A file that does not exist is created by the
// first [File.Write], or now if it is a marked one; its directory is created
// now, for its owner alone. Label names the kind of content; a file of another
// kind does not open.
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
		f.wipe()
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), release(lock))
	}
	return f, nil
}

func (f *File) read(unlock Unlock) error {
	data, err := readBounded(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.begin(unlock)
	}
	if err != nil {
		return err
	}
	h, written, rest, err := parseHeader(data)
	if err != nil {
		return err
	}
	key, err := unlock.Find(h.lead)
	if err != nil {
		return err
	}
	f.use(key)
	aead, err := f.aead()
	if err != nil {
		return err
	}
	if len(rest) < aead.NonceSize() {
		return errNotSealed
	}
	nonce, sealed := rest[:aead.NonceSize()], rest[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, sealed, f.additional(written))
	if err != nil || (h.flags&flagMarked != 0) != (f.marks != nil) {
		return ErrUnreadable
	}
	f.version, f.exists = h.version, h.flags&flagBlank == 0
	if f.marks == nil {
		f.content = plain
		return nil
	}
	own, previous, content, err := splitMarks(plain)
	if err != nil {
		return err
	}
	f.content = content
	renew, err := f.marks.check(own, previous, key.AcceptOlder)
	if err != nil || !renew {
		return err
	}
	return f.write(f.version, f.content, f.exists)
}

// begin makes a new file. A marked one is put in place at once, before the
// marker has anything to keep: were it the other way round, a loss of power
// would leave behind a mark that belongs to no file.
func (f *File) begin(unlock Unlock) error {
	key, err := unlock.Create()
	if err != nil {
		return err
	}
	f.use(key)
	if f.marks == nil {
		return nil
	}
	return f.write(0, nil, false)
}

func (f *File) use(key *Key) {
	f.key = key
	if key.Marker != nil {
		f.marks = &marks{marker: key.Marker}
	}
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
	return chacha20poly1305.NewX(f.key.Secret)
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

// Write replaces the content. When it returns nil the new content is on disk.
// When it fails or the power does, the old one still is; in a marked file either
// may be, so what depends on a write is done only after it has succeeded.
func (f *File) Write(version uint16, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.write(version, content, true); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	content = bytes.Clone(content)
	clear(f.content)
	f.version, f.content, f.exists = version, content, true
	return nil
}

func (f *File) write(version uint16, content []byte, exists bool) error {
	aead, err := f.aead()
	if err != nil {
		return err
	}
	h := header{version: version, lead: f.key.Lead}
	if len(h.lead.Params) > maxParams {
		return errors.New("the parameters are too large for a sealed file")
	}
	if !exists {
		h.flags |= flagBlank
	}
	var own [MarkSize]byte
	plain := content
	if f.marks != nil {
		h.flags |= flagMarked
		var previous [MarkSize]byte
		if own, previous, err = f.marks.next(); err != nil {
			return err
		}
		plain = slices.Concat(own[:], previous[:], content)
		defer clear(plain)
	}
	written := h.encode()
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails, see WithPassphrase
	data := append(bytes.Clone(written), nonce...)
	data = aead.Seal(data, nonce, plain, f.additional(written))
	if len(data) > maxFileSize {
		return errors.New("the content is too large for a sealed file")
	}
	if err := replace(f.path, data); err != nil || f.marks == nil {
		return err
	}
	return f.marks.set(own)
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
	return f.close()
}

func (f *File) close() error {
	if f.key == nil {
		return nil
	}
	f.wipe()
	return release(f.lock)
}

func (f *File) wipe() {
	if f.key == nil {
		return
	}
	clear(f.key.Secret)
	clear(f.content)
	f.key, f.content = nil, nil
}

// Remove deletes the file and what its marker keeps, and closes it. The mark
// goes first: if that is all that happens, the file left does not open.
func (f *File) Remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.key == nil {
		return fs.ErrClosed
	}
	if f.marks != nil {
		if err := f.marks.marker.Forget(); err != nil {
			return fmt.Errorf("remove %s: %w", f.path, err)
		}
	}
	err := os.Remove(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, f.close(), os.Remove(f.path+".lock"))
}

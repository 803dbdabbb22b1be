package vault

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern/fido/authenticator"
)

// Windows of [Vault.Unlock]. The default is enough for the 30 seconds in which a gesture given for a pinUvAuthToken
// counts for the ceremony after it (CTAP 2.1 §6.5.2.1), and for that ceremony.
const (
	DefaultWindow = time.Minute
	MaxWindow     = 5 * time.Minute
)

// DefaultCapacity is the number of credentials a vault holds where none is given.
const DefaultCapacity = 256

// maxAttempts bounds how often a change is made again because another writer came first.
const maxAttempts = 64

// Config is what a vault stands on. Backing, Random and Now are needed.
type Config struct {
	Backing Backing
	Random  io.Reader
	Now     func() time.Time
	// AfterFunc runs f after d and gives a function that withdraws it; it wipes the key of a window nobody closed.
	// Nil means that of package time.
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
	// Capacity is how many credentials fit; below 1 it is [DefaultCapacity].
	Capacity int
	// AtLeast is the lowest [Vault.Revision] that is accepted, from wherever it was remembered outside of the
	// backing; 0 accepts any.
	AtLeast uint64
}

// Vault implements [authenticator.Store]. It is safe for use by several goroutines, and several vaults, in this process
// or others, may stand on one backing.
type Vault struct {
	c  Config
	id []byte

	mu     sync.Mutex // held for no call of the backing
	newest uint64     // the highest revision seen
	window *window    // nil: locked
}

// window is an unlocked vault's key.
type window struct {
	epoch        uint64
	key          []byte
	since, until time.Time
	stop         func() bool
}

func newVault(c Config) (*Vault, error) {
	if c.Backing == nil || c.Random == nil || c.Now == nil {
		return nil, errors.New("phone vault: Backing, Random and Now are required")
	}
	if c.AfterFunc == nil {
		c.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	if c.Capacity < 1 {
		c.Capacity = DefaultCapacity
	}
	return &Vault{c: c, newest: c.AtLeast}, nil
}

// Create makes a vault, locked, that the gate's output opens.
func Create(ctx context.Context, c Config, g Gate, output []byte) (*Vault, error) {
	v, err := newVault(c)
	if err != nil {
		return nil, err
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	h := &head{Vault: make([]byte, idSize), Install: make([]byte, keySize), Revision: c.AtLeast + 1, Epoch: 1, Gate: g.stored()}
	for _, b := range [][]byte{h.Vault, h.Install} {
		if _, err := io.ReadFull(c.Random, b); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
	}
	if h.Check, err = h.derive(output, labelCheck); err != nil {
		return nil, err
	}
	data, err := encodeRecord(kindHead, h)
	if err != nil {
		return nil, err
	}
	records, err := c.Backing.Read(ctx)
	if err != nil {
		return nil, err
	}
	if _, exists := records[headName]; exists {
		return nil, ErrExists
	}
	changes := append(removal(records), Change{Name: headName, Data: data})
	if err := c.Backing.Replace(ctx, changes...); errors.Is(err, ErrConflict) {
		return nil, ErrExists
	} else if err != nil {
		return nil, err
	}
	v.id, v.newest = h.Vault, h.Revision
	return v, nil
}

// Open finds the vault of a backing. It is locked.
func Open(ctx context.Context, c Config) (*Vault, error) {
	v, err := newVault(c)
	if err != nil {
		return nil, err
	}
	h, _, err := v.read(ctx, headName)
	if err != nil {
		return nil, err
	}
	v.id = h.Vault
	return v, nil
}

// Erase removes the vault and everything in it, damaged or not.
func Erase(ctx context.Context, b Backing) error {
	for range maxAttempts {
		records, err := b.Read(ctx)
		if err != nil {
			return err
		}
		changes := removal(records)
		if len(changes) == 0 {
			return nil
		}
		if err := b.Replace(ctx, changes...); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrBusy
}

// removal deletes a vault's records.
func removal(records map[string]Record) []Change {
	var changes []Change
	for name, r := range records {
		if name == headName || strings.HasPrefix(name, prefix) || strings.HasPrefix(name, notes) {
			changes = append(changes, Change{Name: name, From: r.Version})
		}
	}
	return changes
}

// Gate gives the gate to ask for the key.
func (v *Vault) Gate(ctx context.Context) (Gate, error) {
	h, _, err := v.read(ctx, headName)
	if err != nil {
		return Gate{}, err
	}
	return h.Gate.gate(), nil
}

// Revision gives a number that every change raises.
func (v *Vault) Revision(ctx context.Context) (uint64, error) {
	h, _, err := v.read(ctx, headName)
	if err != nil {
		return 0, err
	}
	return h.Revision, nil
}

// Unlock opens the vault with the output of its gate until [Vault.Lock], at most for a window: below 1 that is
// [DefaultWindow], above [MaxWindow] it is MaxWindow. The output is the caller's to wipe. Another output is ErrWrongKey
// and changes nothing, also for a vault that is open.
func (v *Vault) Unlock(ctx context.Context, output []byte, length time.Duration) error {
	h, _, err := v.read(ctx, headName)
	if err != nil {
		return err
	}
	key, err := h.unlock(output)
	if err != nil {
		return err
	}
	if length < 1 {
		length = DefaultWindow
	}
	length = min(length, MaxWindow)
	now := v.c.Now()
	w := &window{epoch: h.Epoch, key: key, since: now, until: now.Add(length)}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lock()
	v.window = w
	w.stop = v.c.AfterFunc(length, func() { v.end(w) })
	return nil
}

// unlock gives the wrapping key.
func (h *head) unlock(output []byte) ([]byte, error) {
	check, err := h.derive(output, labelCheck)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(check, h.Check) != 1 {
		return nil, ErrWrongKey
	}
	return h.derive(output, labelWrapping)
}

// Lock closes the vault and wipes the key. A locked vault stays locked.
func (v *Vault) Lock() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lock()
}

// Locked reports whether secrets are sealed.
func (v *Vault) Locked() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire()
	return v.window == nil
}

func (v *Vault) lock() {
	if v.window == nil {
		return
	}
	clear(v.window.key)
	if v.window.stop != nil {
		v.window.stop()
	}
	v.window = nil
}

// end closes one window, not the one that may have followed it.
func (v *Vault) end(w *window) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.window == w {
		v.lock()
	}
}

// expire closes a window that is over. A clock that was set back ends it too.
func (v *Vault) expire() {
	if v.window == nil {
		return
	}
	if now := v.c.Now(); now.Before(v.window.since) || !now.Before(v.window.until) {
		v.lock()
	}
}

// credentialKey gives the key of one credential; the caller wipes it.
func (v *Vault) credentialKey(h *head, id []byte) ([]byte, error) {
	return v.withKey(h, func(wrapping []byte) ([]byte, error) { return credentialKey(wrapping, id) })
}

// withKey derives a key from that of the window. A key of a gate that was replaced meanwhile is none.
func (v *Vault) withKey(h *head, derive func(wrapping []byte) ([]byte, error)) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire()
	if v.window != nil && v.window.epoch != h.Epoch {
		v.lock()
	}
	if v.window == nil {
		return nil, authenticator.ErrSealed
	}
	return derive(v.window.key)
}

// read gives the head and the records of these names, or every record. The names have to include the head's.
func (v *Vault) read(ctx context.Context, names ...string) (*head, map[string]Record, error) {
	v.mu.Lock()
	newest := v.newest // before reading: what others write meanwhile makes nothing old
	v.mu.Unlock()
	records, err := v.c.Backing.Read(ctx, names...)
	if err != nil {
		return nil, nil, err
	}
	r, ok := records[headName]
	if !ok {
		return nil, nil, ErrNoVault
	}
	h := &head{}
	err = decodeRecord(kindHead, r.Data, h)
	g := h.Gate.gate()
	switch {
	case err != nil:
	case len(h.Vault) != idSize || len(h.Install) != keySize || len(h.Check) != keySize || g.check() != nil:
		err = ErrDamaged
	case v.id != nil && !bytes.Equal(h.Vault, v.id):
		err = ErrForeign
	case h.Revision < newest:
		err = ErrOlder
	}
	if err != nil {
		return nil, nil, &RecordError{Name: headName, Err: err}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.newest = max(v.newest, h.Revision)
	return h, records, nil
}

// draft is a change being made.
type draft struct {
	*head
	records map[string]Record
	changes []Change
}

// change reads as read does, lets f draft a change and stores it, again while other
// writers come first.
func (v *Vault) change(ctx context.Context, f func(*draft) error, names ...string) error {
	for range maxAttempts {
		h, records, err := v.read(ctx, names...)
		if err != nil {
			return err
		}
		h.Revision++
		d := &draft{head: h, records: records}
		if err := f(d); err != nil {
			return err
		}
		data, err := encodeRecord(kindHead, h)
		if err != nil {
			return err
		}
		d.changes = append(d.changes, Change{Name: headName, From: records[headName].Version, Data: data})
		err = v.c.Backing.Replace(ctx, d.changes...)
		if err == nil {
			v.mu.Lock()
			v.newest = max(v.newest, h.Revision)
			v.mu.Unlock()
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrBusy
}

// find gives the place of a credential in the directory, or -1.
func (h *head) find(id []byte) int {
	return slices.IndexFunc(h.Entries, func(e entry) bool { return bytes.Equal(e.ID, id) })
}

package offline

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/seal"
	"github.com/postern/postern/fido/authenticator/sealedfile"
)

// prefix is how the names of the files begin; the pairing in hexadecimal follows, for file systems that do not tell cases apart.
const prefix = "offline-"

// Shelf has the passkeys of a workstation, one file for each.
type Shelf struct {
	env Env

	mu   sync.Mutex
	keys map[postern.PairingID]*Passkey
}

// Open opens what is there. A file that does not open is on the shelf too, as one that says why: it is not taken away by itself,
// for whatever keeps it shut may pass.
func Open(env Env) (*Shelf, error) {
	s := &Shelf{env: env, keys: map[postern.PairingID]*Passkey{}}
	entries, err := os.ReadDir(env.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), prefix)
		raw, err := hex.DecodeString(name)
		if !ok || err != nil || len(raw) != 16 {
			continue
		}
		id := postern.NewPairingID([16]byte(raw))
		s.keys[id] = s.open(id)
	}
	return s, nil
}

func (s *Shelf) path(id postern.PairingID) (string, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(string(id))
	if err != nil || len(raw) != 16 {
		return "", fmt.Errorf("the id of a pairing is damaged")
	}
	return filepath.Join(s.env.Dir, prefix+hex.EncodeToString(raw)), nil
}

func (s *Shelf) options(id postern.PairingID) seal.Options {
	return seal.Options{Label: "postern offline passkey " + string(id), Version: contentVersion, Mark: true, TPM: s.env.TPM, Log: s.env.Log}
}

func (s *Shelf) open(id postern.PairingID) *Passkey {
	path, err := s.path(id)
	if err != nil {
		return &Passkey{pairing: id, env: s.env, broken: err, content: &content{}}
	}
	f, how, err := seal.Open(path, s.options(id))
	if err == nil {
		var p *Passkey
		if p, err = load(id, s.env, f, how); err == nil {
			return p
		}
		err = errors.Join(err, f.Close())
	}
	s.env.Log.Error("an offline passkey does not open", "pairing", id, "error", err)
	return &Passkey{pairing: id, env: s.env, broken: err, content: &content{}}
}

// Get gives the passkey of a pairing, nil where there is none.
func (s *Shelf) Get(id postern.PairingID) *Passkey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[id]
}

// New gives the passkey of a pairing, and begins one where there is none.
func (s *Shelf) New(id postern.PairingID) (*Passkey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.keys[id]; p != nil {
		return p, p.broken
	}
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	f, how, err := seal.Open(path, s.options(id))
	if err != nil {
		return nil, err
	}
	p, err := load(id, s.env, f, how)
	if err == nil {
		p.latest = s.env.Now()
		p.mu.Lock()
		// Events are counted up over all passkeys that a pairing ever had: the control center takes none twice.
		err = p.write(func(c *content) { c.Pairing, c.Numbered = id, p.latest.UnixMilli() })
		p.mu.Unlock()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.keys[id] = p
	return p, nil
}

// Remove takes the passkey of a pairing away, its key material with it.
func (s *Shelf) Remove(id postern.PairingID) error {
	s.mu.Lock()
	p := s.keys[id]
	delete(s.keys, id)
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	path, err := s.path(id)
	if err != nil {
		return err
	}
	p.trying.Lock()
	p.mu.Lock()
	open, _ := p.file.(*sealedfile.File)
	p.content.wipe()
	p.content, p.file, p.broken = &content{}, nil, ErrBroken
	p.mu.Unlock()
	p.trying.Unlock()
	err = seal.Remove(path, open)
	s.env.Changed()
	return err
}

// Pairings are those with a passkey here.
func (s *Shelf) Pairings() []postern.PairingID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.keys))
}

// Close closes all files.
func (s *Shelf) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, p := range s.keys {
		err = errors.Join(err, p.close())
	}
	s.keys = map[postern.PairingID]*Passkey{}
	return err
}

package offline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/seal"
	"github.com/postern/postern/fido/authenticator"
	codes "github.com/postern/postern/link/offline"
)

const (
	// setBackAfter is how far the clock may be behind the latest time seen.
	setBackAfter = 2 * time.Minute
	// rememberEvery is how far the clock runs before the latest time is written though nothing else is: each write is one in
	// the memory of the TPM too.
	rememberEvery = time.Hour
	// grantLife is how long a code that was right may wait for the assertion it was typed for.
	grantLife = 2 * time.Minute
)

// Env is what passkeys stand on. All are required.
type Env struct {
	Dir     string // of the files
	TPM     func() (transport.TPMCloser, error)
	Random  io.Reader
	Now     func() time.Time
	Log     *slog.Logger
	Changed func() // is called when something changed that is shown or said, never while a lock is held
	Cost    codes.Cost
}

// file is a sealed file; [sealedfile.File] is one.
type file interface {
	Read() (version uint16, content []byte, exists bool)
	Write(version uint16, content []byte) error
	Close() error
}

const contentVersion = 1

// Passkey is the offline passkey of one pairing, on its way or there. Its methods may be called from any goroutine.
type Passkey struct {
	pairing postern.PairingID
	env     Env
	seal    seal.Seal
	broken  error // why the file does not open; nothing else is there then

	trying sync.Mutex // held while a code is judged; taken before mu

	mu      sync.Mutex
	file    file
	content *content
	latest  time.Time // seen, not yet written
	grant   postern.OfflineEventKind
	granted time.Time
	used    time.Time // when it last signed somebody in, since this program began
	online  bool
}

// ErrBroken says that the file of a passkey does not open.
var ErrBroken = errors.New("the offline passkey does not open")

func load(pairing postern.PairingID, env Env, f file, s seal.Seal) (*Passkey, error) {
	p := &Passkey{pairing: pairing, env: env, seal: s, file: f, content: &content{}}
	version, data, exists := f.Read()
	defer clear(data)
	if exists && version != contentVersion {
		return nil, fmt.Errorf("it is of version %d, this program knows %d: use a newer postern-agent", version, contentVersion)
	}
	if exists {
		if err := json.Unmarshal(data, p.content); err != nil {
			return nil, err
		}
	}
	if err := p.content.check(pairing); err != nil {
		p.content.wipe()
		return nil, err
	}
	p.latest = p.content.Latest
	return p, nil
}

// check holds what was read to what was written: a file that is damaged in a way its seal does not tell is refused whole.
func (c *content) check(pairing postern.PairingID) error {
	if c.Pairing != pairing && c.Pairing != "" {
		return errors.New("it belongs to another pairing")
	}
	sheets := []*codes.Sheet{c.Recovery}
	for _, b := range []*batch{c.Batch, c.Next} {
		if b != nil {
			if b.Sheet == nil {
				return codes.ErrBatch
			}
			sheets = append(sheets, b.Sheet)
		}
	}
	for _, s := range sheets {
		if s != nil {
			if err := s.Check(); err != nil {
				return err
			}
		}
	}
	if c.Stage == Active && (c.Key == nil || c.Batch == nil) {
		return errors.New("it says that there is a passkey, and there is none")
	}
	return nil
}

// write makes a change durable, then real. p.mu is held.
func (p *Passkey) write(change func(*content)) error {
	if p.broken != nil {
		return p.broken
	}
	next := p.content.clone()
	next.Latest = p.latest
	change(next)
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	defer clear(data)
	if err := p.file.Write(contentVersion, data); err != nil {
		return fmt.Errorf("keep the offline passkey: %w", err)
	}
	p.content = next
	return nil
}

// change is write for those who do not hold p.mu, and tells of it.
func (p *Passkey) change(do func(*content)) error {
	p.mu.Lock()
	err := p.write(do)
	p.mu.Unlock()
	if err == nil {
		p.env.Changed()
	}
	return err
}

// Pairing is whose it is.
func (p *Passkey) Pairing() postern.PairingID { return p.pairing }

// see takes the time of this machine, where nobody knows better. p.mu is held.
func (p *Passkey) see(now time.Time) {
	switch {
	case p.broken != nil || p.online:
	case now.Add(setBackAfter).Before(p.latest):
		if p.content.SetBack {
			return
		}
		if err := p.write(func(c *content) {
			c.SetBack = true
			c.record(postern.OfflineClockSetBack, now)
		}); err != nil {
			p.content.SetBack = true
			p.env.Log.Warn("that the clock was set back could not be kept", "error", err)
		}
	case now.After(p.latest):
		p.latest = now
		if now.Sub(p.content.Latest) >= rememberEvery {
			if err := p.write(func(*content) {}); err != nil {
				p.env.Log.Warn("the time could not be kept for signing in offline", "error", err)
			}
		}
	}
}

// Online says whether the control center can be reached, and what time it is there. A clock that is ahead or behind is
// forgiven then.
func (p *Passkey) Online(online bool, now time.Time) {
	p.mu.Lock()
	p.online = online
	changed := false
	if online && p.broken == nil {
		far := p.latest.Sub(now) > setBackAfter
		if now.After(p.latest) || far {
			p.latest = now
		}
		if p.content.SetBack || far || now.Sub(p.content.Latest) >= rememberEvery {
			changed = p.content.SetBack
			if err := p.write(func(c *content) { c.SetBack, c.Unsaid = false, c.Unsaid || c.SetBack }); err != nil {
				p.env.Log.Warn("the time could not be kept for signing in offline", "error", err)
			}
		}
	}
	p.mu.Unlock()
	if changed {
		p.env.Changed()
	}
}

// Bar says whether the control center lets the phone be used here; that holds without it too.
func (p *Passkey) Bar(barred bool) {
	p.mu.Lock()
	same := p.broken != nil || p.content.Barred == barred
	p.mu.Unlock()
	if same {
		return
	}
	if err := p.change(func(c *content) { c.Barred = barred }); err != nil {
		p.env.Log.Warn("what the control center says of the offline passkey could not be kept", "error", err)
	}
}

// SignedInByPhone says that the phone's user has signed in with the phone, online. It forgives wrong codes.
func (p *Passkey) SignedInByPhone() error {
	p.mu.Lock()
	none := p.broken != nil || p.content.Failures == 0
	p.mu.Unlock()
	if none {
		return nil
	}
	return p.change(func(c *content) {
		if c.Failures >= authenticator.MaxPINRetries {
			c.record(postern.OfflineUnlocked, p.env.Now())
		}
		c.Failures, c.Unsaid = 0, true
	})
}

// Used is when it last signed somebody in since this program began, zero for never.
func (p *Passkey) Used() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}

// Busy tells that a right code was typed a moment ago, so that its assertion is on its way.
func (p *Passkey) Busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open(p.env.Now())
}

// open reports whether a right code opens the key. p.mu is held.
func (p *Passkey) open(now time.Time) bool {
	since := now.Sub(p.granted)
	return p.grant != "" && since >= 0 && since < grantLife
}

func (p *Passkey) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.content.wipe()
	p.content, p.file, p.broken = &content{}, nil, ErrBroken
	return err
}

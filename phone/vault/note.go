package vault

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern/fido/authenticator"
)

// Bounds of notes. A name is ASCII, and base64 of it fits the name of a record.
const (
	MaxNotes    = 256
	MaxNote     = 4096 // bytes of a note
	MaxNoteName = 200
)

// encapsulatedSize is the length of an X25519 share, which begins a note that came through the mailbox.
const encapsulatedSize = 32

// PutNote keeps a note under a name, in the place of the one before. A locked vault answers [authenticator.ErrSealed].
func (v *Vault) PutNote(ctx context.Context, name string, text []byte) error {
	if err := checkNote(name, text); err != nil {
		return err
	}
	return v.change(ctx, func(d *draft) error {
		if err := d.roomForNote(name); err != nil {
			return err
		}
		if d.Mailbox == nil {
			private, err := d.newMailbox(v.c.Random)
			if err != nil {
				return err
			}
			defer clear(private)
			if err := v.putNote(d, mailboxName, private); err != nil {
				return err
			}
		}
		return v.putNote(d, name, text)
	}, headName, noteName(name), noteName(mailboxName))
}

// MailNote is PutNote for a vault that may be locked: the note is sealed to the vault's mailbox. Where no note was ever put
// in while it was open there is no mailbox, and the answer is [authenticator.ErrSealed].
func (v *Vault) MailNote(ctx context.Context, name string, text []byte) error {
	if err := checkNote(name, text); err != nil {
		return err
	}
	return v.change(ctx, func(d *draft) error {
		if err := d.roomForNote(name); err != nil {
			return err
		}
		if d.Mailbox == nil {
			return authenticator.ErrSealed
		}
		return d.sealNote(noteBound{Vault: d.Vault, Epoch: d.Epoch, Name: name, Mailed: true}, func(info []byte) ([]byte, error) {
			return toMailbox(d.Mailbox, info, text)
		})
	}, headName, noteName(name))
}

// Note gives a note, which the caller wipes. A locked vault answers [authenticator.ErrSealed] for what it has,
// [authenticator.ErrNotFound] for what it has not.
func (v *Vault) Note(ctx context.Context, name string) ([]byte, error) {
	h, records, err := v.read(ctx, headName, noteName(name), noteName(mailboxName))
	if err != nil {
		return nil, err
	}
	return h.readNote(name, records, func(name string) ([]byte, error) { return v.noteKey(h, name) })
}

// DeleteNote removes a note, also one that is refused, and from a vault that is locked. One that is not there is
// [authenticator.ErrNotFound].
func (v *Vault) DeleteNote(ctx context.Context, name string) error {
	if checkNote(name, nil) != nil {
		return authenticator.ErrNotFound
	}
	return v.change(ctx, func(d *draft) error {
		i, old := d.findNote(name), d.records[noteName(name)]
		if i < 0 && old.Version == 0 {
			return authenticator.ErrNotFound
		}
		if i >= 0 {
			d.Notes = slices.Delete(d.Notes, i, i+1)
		}
		if old.Version != 0 {
			d.changes = append(d.changes, Change{Name: noteName(name), From: old.Version})
		}
		return nil
	}, headName, noteName(name))
}

// Notes gives the names of the notes, by order of arrival, from a vault that may be locked.
func (v *Vault) Notes(ctx context.Context) ([]string, error) {
	h, _, err := v.read(ctx, headName)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range h.Notes {
		if name := string(e.ID); !strings.HasPrefix(name, own) {
			names = append(names, name)
		}
	}
	return names, nil
}

func checkNote(name string, text []byte) error {
	ascii := !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' })
	switch {
	case name == "" || len(name) > MaxNoteName || !ascii || strings.HasPrefix(name, own):
		return fmt.Errorf("phone vault: %q is no name for a note", name)
	case len(text) > MaxNote:
		return fmt.Errorf("phone vault: a note of %d bytes, not %d at most", len(text), MaxNote)
	}
	return nil
}

// noteKey gives the key of one note of a vault that is open; the caller wipes it.
func (v *Vault) noteKey(h *head, name string) ([]byte, error) {
	return v.withKey(h, func(wrapping []byte) ([]byte, error) { return noteKey(wrapping, name) })
}

// putNote drafts the writing of a note, sealed by the gate.
func (v *Vault) putNote(d *draft, name string, text []byte) error {
	key, err := v.noteKey(d.head, name)
	if err != nil {
		return err
	}
	defer clear(key)
	return d.putNote(v.c.Random, key, name, text)
}

func (d *draft) putNote(random io.Reader, key []byte, name string, text []byte) error {
	return d.sealNote(noteBound{Vault: d.Vault, Epoch: d.Epoch, Name: name}, func(info []byte) ([]byte, error) {
		a, err := aead(key)
		if err != nil {
			return nil, err
		}
		nonce := make([]byte, nonceSize, nonceSize+len(text)+a.Overhead())
		if _, err := io.ReadFull(random, nonce); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
		return a.Seal(nonce, nonce, text, info), nil
	})
}

// sealNote drafts the writing of a note's record: at the place of the entry with its name, or at the end.
func (d *draft) sealNote(b noteBound, seal func(info []byte) ([]byte, error)) error {
	bound, err := cbor.Marshal(b)
	if err != nil {
		return err
	}
	n := note{Bound: bound, Revision: d.Revision}
	if n.Sealed, err = seal(b.info(bound)); err != nil {
		return err
	}
	data, err := encodeRecord(kindNote, &n)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(data)
	e := entry{ID: []byte(b.Name), Revision: d.Revision, Digest: digest[:]}
	if i := d.findNote(b.Name); i >= 0 {
		d.Notes[i] = e
	} else {
		d.Notes = append(d.Notes, e)
	}
	name := noteName(b.Name)
	d.changes = append(d.changes, Change{Name: name, From: d.records[name].Version, Data: data})
	return nil
}

// info is what a seal is made over.
func (b noteBound) info(bound []byte) []byte {
	if b.Mailed {
		return append([]byte(labelMail), bound...)
	}
	return append([]byte(labelNote), bound...)
}

func (d *draft) roomForNote(name string) error {
	if d.findNote(name) < 0 && len(d.Notes) >= MaxNotes {
		return authenticator.ErrFull
	}
	return nil
}

// findNote gives the place of a note in the directory, or -1.
func (h *head) findNote(name string) int {
	return slices.IndexFunc(h.Notes, func(e entry) bool { return string(e.ID) == name })
}

// loadNote reads the record of a note and holds it against the directory.
func (h *head) loadNote(e *entry, records map[string]Record) (*note, *noteBound, error) {
	name := noteName(string(e.ID))
	n, b, err := h.openNote(e, records[name].Data)
	if err != nil {
		return nil, nil, &RecordError{Name: name, Err: err}
	}
	return n, b, nil
}

func (h *head) openNote(e *entry, data []byte) (*note, *noteBound, error) {
	n, b := &note{}, &noteBound{}
	if err := decodeRecord(kindNote, data, n); err != nil {
		return nil, nil, err
	}
	if err := cbor.Unmarshal(n.Bound, b); err != nil {
		return nil, nil, ErrDamaged
	}
	digest := sha256.Sum256(data)
	switch {
	case !bytes.Equal(b.Vault, h.Vault):
		return nil, nil, ErrForeign
	case b.Name != string(e.ID):
		return nil, nil, ErrMoved
	case n.Revision != e.Revision || b.Epoch != h.Epoch:
		return nil, nil, ErrOlder
	case !bytes.Equal(digest[:], e.Digest):
		return nil, nil, ErrDamaged
	}
	return n, b, nil
}

// readNote gives the text of a note. key gives the key of the one it is asked for, or of the mailbox.
func (h *head) readNote(name string, records map[string]Record, key func(name string) ([]byte, error)) ([]byte, error) {
	i := h.findNote(name)
	if i < 0 {
		return nil, authenticator.ErrNotFound
	}
	n, b, err := h.loadNote(&h.Notes[i], records)
	if err != nil {
		return nil, err
	}
	if b.Mailed {
		if name == mailboxName { // its own key is not behind itself
			return nil, &RecordError{Name: noteName(name), Err: ErrDamaged}
		}
		private, err := h.readNote(mailboxName, records, key)
		if err != nil {
			return nil, err
		}
		defer clear(private)
		text, err := fromMailbox(private, b.info(n.Bound), n.Sealed)
		if err != nil {
			return nil, &RecordError{Name: noteName(name), Err: ErrDamaged}
		}
		return text, nil
	}
	k, err := key(name)
	if err != nil {
		return nil, err
	}
	defer clear(k)
	a, err := aead(k)
	if err != nil {
		return nil, err
	}
	if len(n.Sealed) < nonceSize {
		return nil, &RecordError{Name: noteName(name), Err: ErrDamaged}
	}
	text, err := a.Open(nil, n.Sealed[:nonceSize], n.Sealed[nonceSize:], b.info(n.Bound))
	if err != nil {
		return nil, &RecordError{Name: noteName(name), Err: ErrDamaged}
	}
	return text, nil
}

// newMailbox draws the key of the mailbox. It gives the private part, which becomes a note and is then wiped.
func (d *draft) newMailbox(random io.Reader) ([]byte, error) {
	private := make([]byte, keySize)
	if _, err := io.ReadFull(random, private); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	key, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	d.Mailbox = key.PublicKey().Bytes()
	return private, nil
}

func toMailbox(mailbox, info, text []byte) ([]byte, error) {
	public, err := ecdh.X25519().NewPublicKey(mailbox)
	if err != nil {
		return nil, &RecordError{Name: headName, Err: ErrDamaged}
	}
	recipient, err := hpke.NewDHKEMPublicKey(public)
	if err != nil {
		return nil, err
	}
	enc, sender, err := hpke.NewSender(recipient, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, err
	}
	sealed, err := sender.Seal(nil, text)
	return append(enc, sealed...), err
}

func fromMailbox(private, info, sealed []byte) ([]byte, error) {
	if len(sealed) < encapsulatedSize {
		return nil, ErrDamaged
	}
	key, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	own, err := hpke.NewDHKEMPrivateKey(key)
	if err != nil {
		return nil, err
	}
	recipient, err := hpke.NewRecipient(sealed[:encapsulatedSize], own, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, err
	}
	return recipient.Open(nil, sealed[encapsulatedSize:])
}

// readNotes gives all notes but the mailbox's key, by name.
func (d *draft) readNotes(wrapping []byte) (map[string][]byte, error) {
	texts := map[string][]byte{}
	for _, e := range d.Notes {
		name := string(e.ID)
		if name == mailboxName {
			continue
		}
		text, err := d.readNote(name, d.records, func(name string) ([]byte, error) { return noteKey(wrapping, name) })
		if err != nil {
			return texts, err
		}
		texts[name] = text
	}
	return texts, nil
}

func wipeNotes(texts map[string][]byte) {
	for _, text := range texts {
		clear(text)
	}
}

// resealNotes drafts all notes anew under the key of another gate. The mailbox has another key from then on.
func (v *Vault) resealNotes(d *draft, texts map[string][]byte, wrapping []byte) error {
	if d.Mailbox != nil {
		private, err := d.newMailbox(v.c.Random)
		if err != nil {
			return err
		}
		defer clear(private)
		texts[mailboxName] = private
	}
	for _, e := range slices.Clone(d.Notes) {
		name := string(e.ID)
		key, err := noteKey(wrapping, name)
		if err != nil {
			return err
		}
		err = d.putNote(v.c.Random, key, name, texts[name])
		clear(key)
		if err != nil {
			return err
		}
	}
	return nil
}

// checkNotes is [Vault.Check] for notes.
func (h *head) checkNotes(records map[string]Record) (out []*RecordError) {
	known := map[string]bool{}
	for i := range h.Notes {
		name := noteName(string(h.Notes[i].ID))
		known[name] = true
		if _, _, err := h.openNote(&h.Notes[i], records[name].Data); err != nil {
			out = append(out, &RecordError{Name: name, Err: err})
		}
	}
	for name, r := range records {
		if !strings.HasPrefix(name, notes) || known[name] {
			continue
		}
		refused := &RecordError{Name: name, Err: ErrOlder}
		if decodeRecord(kindNote, r.Data, &note{}) != nil {
			refused.Err = ErrDamaged
		}
		out = append(out, refused)
	}
	return out
}

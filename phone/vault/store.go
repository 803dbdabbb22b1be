package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

var _ authenticator.Store = (*Vault)(nil)

// entry reads the head and the record of one credential.
func (v *Vault) entry(ctx context.Context, id []byte) (*head, *held, error) {
	if len(id) > maxID {
		return nil, nil, authenticator.ErrNotFound
	}
	h, records, err := v.read(ctx, headName, recordName(id))
	if err != nil {
		return nil, nil, err
	}
	i := h.find(id)
	if i < 0 {
		return nil, nil, authenticator.ErrNotFound
	}
	c, err := h.load(&h.Entries[i], records)
	return h, c, err
}

// Get implements [authenticator.Store].
func (v *Vault) Get(ctx context.Context, rp ctap.RPIDHash, id []byte) (*authenticator.Credential, error) {
	_, held, err := v.entry(ctx, id)
	if err != nil {
		return nil, err
	}
	c := held.credential()
	if c.RPIDHash != rp {
		return nil, authenticator.ErrNotFound
	}
	return &c, nil
}

// Discoverable implements [authenticator.Store].
func (v *Vault) Discoverable(ctx context.Context, rp ctap.RPIDHash) ([]authenticator.Credential, error) {
	all, err := v.List(ctx)
	return slices.DeleteFunc(all, func(c authenticator.Credential) bool { return !c.Discoverable || c.RPIDHash != rp }), err
}

// List implements [authenticator.Store]. One record that is refused is enough to refuse the list, lest a passkey
// disappears without a word; [Vault.Check] tells which it is, [Vault.Delete] removes it.
func (v *Vault) List(ctx context.Context) ([]authenticator.Credential, error) {
	h, records, err := v.read(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]authenticator.Credential, 0, len(h.Entries))
	for i := range slices.Backward(h.Entries) {
		c, err := h.load(&h.Entries[i], records)
		if err != nil {
			return nil, err
		}
		out = append(out, c.credential())
	}
	return out, nil
}

// Check tells which records are refused, and why. A record of a credential or a note that the directory does not know is
// one that was put back.
func (v *Vault) Check(ctx context.Context) ([]*RecordError, error) {
	h, records, err := v.read(ctx)
	if err != nil {
		return nil, err
	}
	var out []*RecordError
	known := map[string]bool{}
	for i := range h.Entries {
		known[recordName(h.Entries[i].ID)] = true
		_, err := h.load(&h.Entries[i], records)
		if refused, ok := errors.AsType[*RecordError](err); ok {
			out = append(out, refused)
		}
	}
	for name, r := range records {
		if !strings.HasPrefix(name, prefix) || known[name] {
			continue
		}
		refused := &RecordError{Name: name, Err: ErrOlder}
		if id, err := idOf(name); err == nil {
			refused.CredentialID = id
		}
		var c held
		if decodeRecord(kindCredential, r.Data, &c.record) != nil {
			refused.Err = ErrDamaged
		}
		out = append(out, refused)
	}
	out = append(out, h.checkNotes(records)...)
	slices.SortFunc(out, func(a, b *RecordError) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Remaining implements [authenticator.Store].
func (v *Vault) Remaining(ctx context.Context) (uint64, error) {
	h, _, err := v.read(ctx, headName)
	if err != nil {
		return 0, err
	}
	return uint64(max(0, v.c.Capacity-len(h.Entries))), nil // #nosec G115 -- not negative
}

// Put implements [authenticator.Store]. A locked vault answers [authenticator.ErrSealed].
func (v *Vault) Put(ctx context.Context, c *authenticator.Credential, s *authenticator.Secret) error {
	if len(c.ID) == 0 || len(c.ID) > maxID {
		return fmt.Errorf("phone vault: a credential id of %d bytes, not 1 to %d", len(c.ID), maxID)
	}
	return v.change(ctx, func(d *draft) error {
		key, err := v.credentialKey(d.head, c.ID)
		if err != nil {
			return err
		}
		defer clear(key)
		replaced, err := d.replacedBy(c)
		if err != nil {
			return err
		}
		if len(replaced) == 0 && len(d.Entries) >= v.c.Capacity {
			return authenticator.ErrFull
		}
		for _, id := range replaced {
			d.remove(id, !bytes.Equal(id, c.ID))
		}
		fresh := newHeld(d.head, c)
		if err := fresh.seal(v.c.Random, key, s); err != nil {
			return err
		}
		return d.put(fresh)
	})
}

// replacedBy gives the ids of the credentials whose place c takes.
func (d *draft) replacedBy(c *authenticator.Credential) (ids [][]byte, err error) {
	for i := range d.Entries {
		e := &d.Entries[i]
		if bytes.Equal(e.ID, c.ID) {
			ids = append(ids, e.ID)
			continue
		}
		if !c.Discoverable {
			continue
		}
		old, err := d.load(e, d.records)
		if err != nil {
			return nil, err
		}
		if b := &old.bound; b.Discoverable && bytes.Equal(b.RPIDHash, c.RPIDHash[:]) && bytes.Equal(b.UserID, c.User.ID) {
			ids = append(ids, e.ID)
		}
	}
	return ids, nil
}

// remove takes a credential off the directory, and its record away unless another is written to its name.
func (d *draft) remove(id []byte, record bool) {
	if i := d.find(id); i >= 0 {
		d.Entries = slices.Delete(d.Entries, i, i+1)
	}
	if old, ok := d.records[recordName(id)]; ok && record {
		d.changes = append(d.changes, Change{Name: recordName(id), From: old.Version})
	}
}

// Secret implements [authenticator.Store]. A locked vault answers [authenticator.ErrSealed] for what it has.
func (v *Vault) Secret(ctx context.Context, id []byte) (*authenticator.Secret, error) {
	h, c, err := v.entry(ctx, id)
	if err != nil {
		return nil, err
	}
	key, err := v.credentialKey(h, id)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return c.unseal(key)
}

// Advance implements [authenticator.Store]. The counter is part of what the secret is sealed to, so a locked vault
// answers [authenticator.ErrSealed]. The new value is stored before it is given out.
func (v *Vault) Advance(ctx context.Context, id []byte) (count uint32, err error) {
	err = v.changeOne(ctx, id, func(d *draft, c *held) error {
		key, err := v.credentialKey(d.head, id)
		if err != nil {
			return err
		}
		defer clear(key)
		s, err := c.unseal(key)
		if err != nil {
			return err
		}
		defer s.Wipe()
		if c.bound.SignCount == math.MaxUint32 {
			return errors.New("phone vault: the signature counter is at its end: register the passkey again")
		}
		c.bound.SignCount++
		count = c.bound.SignCount
		return c.seal(v.c.Random, key, s)
	})
	if err != nil {
		return 0, err
	}
	return count, nil
}

// SetUser implements [authenticator.Store].
func (v *Vault) SetUser(ctx context.Context, id []byte, u ctap.User) error {
	return v.changeOne(ctx, id, func(_ *draft, c *held) error {
		c.record.UserName, c.record.UserDisplayName, c.record.UserIcon = u.Name, u.DisplayName, u.Icon
		return nil
	})
}

// changeOne changes the record of one credential.
func (v *Vault) changeOne(ctx context.Context, id []byte, f func(*draft, *held) error) error {
	if len(id) > maxID {
		return authenticator.ErrNotFound
	}
	return v.change(ctx, func(d *draft) error {
		i := d.find(id)
		if i < 0 {
			return authenticator.ErrNotFound
		}
		c, err := d.load(&d.Entries[i], d.records)
		if err != nil {
			return err
		}
		if err := f(d, c); err != nil {
			return err
		}
		return d.put(c)
	}, headName, recordName(id))
}

// Delete implements [authenticator.Store]. It also removes records that are refused.
func (v *Vault) Delete(ctx context.Context, id []byte) error {
	if len(id) > maxID {
		return authenticator.ErrNotFound
	}
	return v.change(ctx, func(d *draft) error {
		if _, stored := d.records[recordName(id)]; !stored && d.find(id) < 0 {
			return authenticator.ErrNotFound
		}
		d.remove(id, true)
		return nil
	}, headName, recordName(id))
}

// State implements [authenticator.Store].
func (v *Vault) State(ctx context.Context) (*authenticator.State, error) {
	h, _, err := v.read(ctx, headName)
	if err != nil {
		return nil, err
	}
	s := authenticator.State(h.State)
	return &s, nil
}

// SetState implements [authenticator.Store].
func (v *Vault) SetState(ctx context.Context, s *authenticator.State) error {
	return v.change(ctx, func(d *draft) error {
		d.State = state(*s)
		return nil
	}, headName)
}

// Reset implements [authenticator.Store]. The gate stays.
func (v *Vault) Reset(ctx context.Context) error {
	return v.change(ctx, func(d *draft) error {
		d.Entries, d.Notes, d.Mailbox, d.State = nil, nil, nil, state{}
		d.changes = slices.DeleteFunc(removal(d.records), func(c Change) bool { return c.Name == headName })
		return nil
	})
}

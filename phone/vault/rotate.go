package vault

import (
	"context"
	"crypto/subtle"
	"errors"
)

// Rotate moves the vault to another gate: the same credential with another salt, or another credential. Output is what
// the present gate gives (prf.eval.first), nextOutput what the next one does (prf.eval.second, or that of the other
// credential). Every secret and note is sealed anew, all in one change, and the mailbox has another key: afterwards the vault
// is locked and opens with the new gate alone, or nothing has changed.
func (v *Vault) Rotate(ctx context.Context, output []byte, next Gate, nextOutput []byte) error {
	if err := next.check(); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(output, nextOutput) == 1 {
		return errors.New("phone vault: the new gate gives the key of the old one: ask it with the new salt")
	}
	defer v.Lock()
	return v.change(ctx, func(d *draft) error {
		old, err := d.unlock(output)
		if err != nil {
			return err
		}
		defer clear(old)
		all := make([]*held, len(d.Entries))
		for i := range d.Entries {
			if all[i], err = d.load(&d.Entries[i], d.records); err != nil {
				return err
			}
		}
		texts, err := d.readNotes(old)
		defer wipeNotes(texts)
		if err != nil {
			return err
		}
		d.Epoch++
		d.Gate = next.stored()
		if d.Check, err = d.derive(nextOutput, labelCheck); err != nil {
			return err
		}
		key, err := d.derive(nextOutput, labelWrapping)
		if err != nil {
			return err
		}
		defer clear(key)
		for _, c := range all {
			if err := v.reseal(d, c, old, key); err != nil {
				return err
			}
		}
		return v.resealNotes(d, texts, key)
	})
}

func (v *Vault) reseal(d *draft, c *held, from, to []byte) error {
	old, err := credentialKey(from, c.bound.ID)
	if err != nil {
		return err
	}
	defer clear(old)
	s, err := c.unseal(old)
	if err != nil {
		return err
	}
	defer s.Wipe()
	key, err := credentialKey(to, c.bound.ID)
	if err != nil {
		return err
	}
	defer clear(key)
	c.bound.Epoch = d.Epoch
	if err := c.seal(v.c.Random, key, s); err != nil {
		return err
	}
	return d.put(c)
}

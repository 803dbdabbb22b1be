package main

import (
	"bytes"
	"maps"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/offline"
	"github.com/postern/postern/phone/ceremony"
)

// codes is what the phone's file holds of signing in at one workstation without a network.
type codes struct {
	ceremony.Shelf
	// Secrets are those of the batches on the shelf, by the name of their note.
	Secrets map[string]postern.Bytes `json:"secrets,omitempty"`
}

// shelf gives what is kept of a pairing's codes; nil where there is no such pairing.
func (v *vault) shelf(id postern.PairingID) *codes {
	w, paired := v.content.Link.Workstations[id]
	if !paired || w.Unconfirmed {
		return nil
	}
	if w.Offline == nil {
		return new(codes)
	}
	return w.Offline
}

// shelve changes what is kept of a pairing's codes, and drops the secrets that are not on the shelf any more.
func (v *vault) shelve(id postern.PairingID, change func(*codes) error) error {
	kept := v.shelf(id)
	if kept == nil {
		return postern.Errorf(postern.CodePairingOver, "")
	}
	next := codes{Shelf: kept.Shelf, Secrets: maps.Clone(kept.Secrets)}
	if err := change(&next); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, c := range []*ceremony.Codes{next.Current, next.Agreed} {
		if c != nil {
			wanted[c.Note(id)] = true
		}
	}
	maps.DeleteFunc(next.Secrets, func(name string, _ postern.Bytes) bool { return !wanted[name] })
	w := v.content.Link.Workstations[id]
	was := w
	w.Offline = &next
	if len(wanted) == 0 {
		w.Offline = nil
	}
	v.content.Link.Workstations[id] = w
	if err := v.save(); err != nil {
		v.content.Link.Workstations[id] = was
		return err
	}
	return nil
}

// put puts the secret of a message among those of a shelf, and gives what may be shown of it.
func (c *codes) put(id postern.PairingID, m *offline.Message) (*ceremony.Codes, error) {
	made, err := ceremony.NewCodes(m, time.Now())
	if err != nil {
		return nil, err
	}
	secret, err := ceremony.NewSealed(m)
	if err != nil {
		return nil, err
	}
	if c.Secrets == nil {
		c.Secrets = map[string]postern.Bytes{}
	}
	c.Secrets[made.Note(id)] = postern.Bytes(secret)
	return made, nil
}

// agreed keeps codes that the user said yes to, until the control center has taken that.
func (v *vault) agreed(id postern.PairingID, m *offline.Message) error {
	return v.shelve(id, func(c *codes) (err error) {
		c.Agreed, err = c.put(id, m)
		return err
	})
}

// take makes codes the current ones that the control center has taken the user's yes to.
func (v *vault) take(id postern.PairingID, batch []byte) error {
	return v.shelve(id, func(c *codes) error {
		if c.Agreed == nil || !bytes.Equal(c.Agreed.BatchID, batch) {
			return postern.Errorf(postern.CodeOfflineState, "")
		}
		c.Current, c.Agreed = c.Agreed, nil
		return nil
	})
}

// refill puts codes in the place of the current ones.
func (v *vault) refill(id postern.PairingID, m *offline.Message) error {
	return v.shelve(id, func(c *codes) (err error) {
		c.Current, err = c.put(id, m)
		return err
	})
}

// drop forgets the codes of a pairing.
func (v *vault) drop(id postern.PairingID) error {
	if kept := v.shelf(id); kept == nil || kept.Shelf == (ceremony.Shelf{}) {
		return nil
	}
	return v.shelve(id, func(c *codes) error { c.Shelf = ceremony.Shelf{}; return nil })
}

// draw takes the next code. That it was taken is kept before it is given.
func (v *vault) draw(id postern.PairingID) (code string, c *ceremony.Codes, err error) {
	err = v.shelve(id, func(kept *codes) error {
		if kept.Current == nil {
			return postern.Errorf(postern.CodeNotFound, "This phone has no codes for that workstation.").WithNext("Set up signing in without a network there.")
		}
		name := kept.Current.Note(id)
		drawn, shows, rest, err := ceremony.Sealed(kept.Secrets[name]).Draw()
		if err != nil {
			return err
		}
		shows.Accepted = kept.Current.Accepted
		code, c, kept.Current, kept.Secrets[name] = drawn, shows, shows, postern.Bytes(rest)
		return nil
	})
	return code, c, err
}

// endCodes forgets codes that the control center says no longer count.
func (v *vault) endCodes(self postern.PhoneSelf) error {
	for _, p := range self.Pairings {
		kept := v.shelf(p.Pairing.ID)
		if kept == nil || kept.Current == nil || p.Offline == nil || p.Offline.State != postern.OfflineEnding && p.Offline.State != postern.OfflineEnded {
			continue
		}
		if err := v.shelve(p.Pairing.ID, func(c *codes) error { c.Current = nil; return nil }); err != nil {
			return err
		}
	}
	return nil
}

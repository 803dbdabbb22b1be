package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// held is a credential record that was read.
type held struct {
	record credential
	bound  bound
}

// load reads the record of an entry and holds it against the directory.
func (h *head) load(e *entry, records map[string]Record) (*held, error) {
	name := recordName(e.ID)
	out, err := h.open(e, records[name].Data)
	if err != nil {
		return nil, &RecordError{Name: name, CredentialID: e.ID, Err: err}
	}
	return out, nil
}

func (h *head) open(e *entry, data []byte) (*held, error) {
	out := &held{}
	if err := decodeRecord(kindCredential, data, &out.record); err != nil {
		return nil, err
	}
	if err := cbor.Unmarshal(out.record.Bound, &out.bound); err != nil {
		return nil, ErrDamaged
	}
	digest := sha256.Sum256(data)
	switch {
	case !bytes.Equal(out.bound.Vault, h.Vault):
		return nil, ErrForeign
	case !bytes.Equal(out.bound.ID, e.ID):
		return nil, ErrMoved
	case out.record.Revision != e.Revision || out.bound.Epoch != h.Epoch:
		return nil, ErrOlder
	case !bytes.Equal(digest[:], e.Digest) || len(out.bound.RPIDHash) != len(ctap.RPIDHash{}):
		return nil, ErrDamaged
	}
	return out, nil
}

// put drafts the writing of a record: at the place of the entry with its id, or at the end.
func (d *draft) put(c *held) error {
	var err error
	c.record.Revision = d.Revision
	data, err := encodeRecord(kindCredential, &c.record)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(data)
	e := entry{ID: c.bound.ID, Revision: d.Revision, Digest: digest[:]}
	if i := d.find(e.ID); i >= 0 {
		d.Entries[i] = e
	} else {
		d.Entries = append(d.Entries, e)
	}
	name := recordName(e.ID)
	d.changes = append(d.changes, Change{Name: name, From: d.records[name].Version, Data: data})
	return nil
}

func newHeld(h *head, c *authenticator.Credential) *held {
	return &held{
		record: credential{UserName: c.User.Name, UserDisplayName: c.User.DisplayName, UserIcon: c.User.Icon},
		bound: bound{
			Vault: h.Vault, Epoch: h.Epoch, ID: c.ID, RPIDHash: c.RPIDHash[:], RPID: c.RP.ID, RPName: c.RP.Name, UserID: c.User.ID,
			Algorithm: int64(c.Algorithm), PublicKey: c.PublicKey, Discoverable: c.Discoverable,
			CredProtect: uint8(c.CredProtect), HMACSecret: c.HMACSecret, Created: c.Created.UnixNano(), SignCount: c.SignCount,
		},
	}
}

func (c *held) credential() authenticator.Credential {
	b := &c.bound
	return authenticator.Credential{
		ID: b.ID, RPIDHash: ctap.RPIDHash(b.RPIDHash), RP: ctap.RelyingParty{ID: b.RPID, Name: b.RPName},
		User:      ctap.User{ID: b.UserID, Name: c.record.UserName, DisplayName: c.record.UserDisplayName, Icon: c.record.UserIcon},
		Algorithm: ctap.Algorithm(b.Algorithm), PublicKey: b.PublicKey, Discoverable: b.Discoverable,
		CredProtect: ctap.CredProtect(b.CredProtect), HMACSecret: b.HMACSecret, Created: time.Unix(0, b.Created).UTC(), SignCount: b.SignCount,
	}
}

func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal binds the secret to the credential as it is now.
func (c *held) seal(random io.Reader, key []byte, s *authenticator.Secret) error {
	encoded, err := cbor.Marshal(secret(*s))
	if err != nil {
		return err
	}
	defer clear(encoded)
	if c.record.Bound, err = cbor.Marshal(c.bound); err != nil {
		return err
	}
	a, err := aead(key)
	if err != nil {
		return err
	}
	nonce := make([]byte, nonceSize, nonceSize+len(encoded)+a.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	c.record.Sealed = a.Seal(nonce, nonce, encoded, append([]byte(labelSecret), c.record.Bound...))
	return nil
}

// unseal gives the secret; the caller wipes it.
func (c *held) unseal(key []byte) (*authenticator.Secret, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	if len(c.record.Sealed) < nonceSize {
		return nil, c.damaged()
	}
	nonce, sealed := c.record.Sealed[:nonceSize], c.record.Sealed[nonceSize:]
	encoded, err := a.Open(nil, nonce, sealed, append([]byte(labelSecret), c.record.Bound...))
	if err != nil {
		return nil, c.damaged()
	}
	defer clear(encoded)
	var out secret
	if err := cbor.Unmarshal(encoded, &out); err != nil {
		return nil, c.damaged()
	}
	s := authenticator.Secret(out)
	return &s, nil
}

func (c *held) damaged() error {
	return &RecordError{Name: recordName(c.bound.ID), CredentialID: c.bound.ID, Err: ErrDamaged}
}

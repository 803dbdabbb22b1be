package offline

import (
	"bytes"
	"context"
	"slices"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	codes "github.com/postern/postern/link/offline"
)

// store is the passkey as an [authenticator.Store] that signs in and refuses everything else: hosts make no credentials here,
// rename and delete none, and reset nothing. Its secret is to be had only after a code.
type store struct{ p *Passkey }

var _ authenticator.Store = store{}

// held gives the credential. p.mu is held.
func (s store) held() (*authenticator.Credential, bool) {
	k := s.p.content.Key
	if k == nil || s.p.content.Stage != Active {
		return nil, false
	}
	c := k.Credential
	c.ID, c.User.ID, c.PublicKey = bytes.Clone(c.ID), bytes.Clone(c.User.ID), bytes.Clone(c.PublicKey)
	return &c, true
}

// Get implements [authenticator.Store].
func (s store) Get(_ context.Context, rp ctap.RPIDHash, id []byte) (*authenticator.Credential, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if c, ok := s.held(); ok && c.RPIDHash == rp && bytes.Equal(c.ID, id) {
		return c, nil
	}
	return nil, authenticator.ErrNotFound
}

// Discoverable implements [authenticator.Store].
func (s store) Discoverable(ctx context.Context, rp ctap.RPIDHash) ([]authenticator.Credential, error) {
	all, err := s.List(ctx)
	return slices.DeleteFunc(all, func(c authenticator.Credential) bool { return c.RPIDHash != rp }), err
}

// List implements [authenticator.Store].
func (s store) List(context.Context) ([]authenticator.Credential, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if c, ok := s.held(); ok {
		return []authenticator.Credential{*c}, nil
	}
	return nil, nil
}

// Remaining implements [authenticator.Store].
func (store) Remaining(context.Context) (uint64, error) { return 0, nil }

// Put implements [authenticator.Store]: there is never room.
func (store) Put(context.Context, *authenticator.Credential, *authenticator.Secret) error {
	return authenticator.ErrFull
}

// Secret implements [authenticator.Store].
func (s store) Secret(_ context.Context, id []byte) (*authenticator.Secret, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	c, ok := s.held()
	switch {
	case !ok || !bytes.Equal(c.ID, id):
		return nil, authenticator.ErrNotFound
	case !s.p.open(s.p.env.Now()):
		return nil, authenticator.ErrSealed
	}
	k := s.p.content.Key.Secret
	return &authenticator.Secret{
		PrivateKey: bytes.Clone(k.PrivateKey), CredRandomWithUV: bytes.Clone(k.CredRandomWithUV), CredRandomWithoutUV: bytes.Clone(k.CredRandomWithoutUV),
	}, nil
}

// Advance implements [authenticator.Store]: the signature of a sign-in is about to be given out, for the one code it took.
func (s store) Advance(_ context.Context, id []byte) (count uint32, err error) {
	p := s.p
	defer p.env.Changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.env.Now()
	c, ok := s.held()
	switch {
	case !ok || !bytes.Equal(c.ID, id):
		return 0, authenticator.ErrNotFound
	case !p.open(now):
		return 0, authenticator.ErrSealed
	}
	grant := p.grant
	p.grant = ""
	err = p.write(func(c *content) {
		c.Key.Credential.SignCount++
		count = c.Key.Credential.SignCount
		c.record(grant, now)
		if p.online && c.ProvenAt == nil {
			at := now.UTC()
			c.ProvenAt = &at
		}
	})
	if err == nil {
		p.used = now
	}
	return count, err
}

// SetUser implements [authenticator.Store].
func (store) SetUser(context.Context, []byte, ctap.User) error { return ctap.ErrNotAllowed }

// Delete implements [authenticator.Store].
func (store) Delete(context.Context, []byte) error { return ctap.ErrNotAllowed }

// State implements [authenticator.Store]. Without a code nothing is signed, whatever a host asks for: alwaysUv.
func (store) State(context.Context) (*authenticator.State, error) {
	return &authenticator.State{AlwaysUV: true, MinPINLength: codes.MinLength}, nil
}

// SetState implements [authenticator.Store].
func (store) SetState(context.Context, *authenticator.State) error { return ctap.ErrNotAllowed }

// Reset implements [authenticator.Store].
func (store) Reset(context.Context) error { return ctap.ErrNotAllowed }

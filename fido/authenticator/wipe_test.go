package authenticator_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// watchedStore remembers what it handed out and what it was handed.
type watchedStore struct {
	authenticator.Store
	secrets [][]byte
}

func (s *watchedStore) watch(st *authenticator.State) {
	s.secrets = append(s.secrets, st.PINHash, st.PersistentToken)
}

func (s *watchedStore) State(ctx context.Context) (*authenticator.State, error) {
	st, err := s.Store.State(ctx)
	if err == nil {
		s.watch(st)
	}
	return st, err
}

func (s *watchedStore) SetState(ctx context.Context, st *authenticator.State) error {
	s.watch(st)
	return s.Store.SetState(ctx, st)
}

// TestStateIsWiped: between requests the authenticator holds neither the hash of
// the PIN nor the persistent token.
func TestStateIsWiped(t *testing.T) {
	store := &watchedStore{}
	p := newPlatform(t, withPIN, func(c *authenticator.Config) {
		store.Store = c.Store
		c.Store = store
	})
	p.SetPIN(t, rightPIN)
	p.persistent()
	p.guess(wrongPIN)
	p.guess(rightPIN)
	p.info()
	p.wantStatus(p.agree(1).changePIN(rightPIN, "9999"), ctap.OK)
	p.wantStatus(p.agree(1).changePIN("9999", "1"), ctap.ErrPINPolicyViolation)
	seen := 0
	for _, secret := range store.secrets {
		seen += len(secret)
		if !bytes.Equal(secret, make([]byte, len(secret))) {
			t.Errorf("%x is left in memory", secret)
		}
	}
	if seen == 0 {
		t.Error("nothing was watched")
	}
}

package ceremony

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// consent stands between the authenticator of a session and its user and store, and holds the workstation to what the
// user said yes to: one yes gives one use of one key, for the relying party and the purpose that were shown. CTAP alone
// gives more. A token may be asked for with several permissions and shown as one of them, and a store that is open for a
// ceremony is open for all that is sent until it ends.
type consent struct {
	authenticator.Store
	user User

	mu     sync.Mutex
	given  bool // and not used
	prompt authenticator.Prompt
	signed []byte // the credential in use, whose counter may be advanced
}

var (
	_ authenticator.Store = (*consent)(nil)
	_ User                = (*consent)(nil)
)

// Verification implements [authenticator.User].
func (c *consent) Verification() authenticator.Verification { return c.user.Verification() }

// Present implements [authenticator.User].
func (c *consent) Present(ctx context.Context, q authenticator.Prompt) error {
	return c.remember(ctx, q, c.user.Present)
}

// Verify implements [authenticator.User].
func (c *consent) Verify(ctx context.Context, q authenticator.Prompt) error {
	return c.remember(ctx, q, c.user.Verify)
}

// Choose implements [authenticator.Chooser]. It asks which, and not whether.
func (c *consent) Choose(ctx context.Context, q authenticator.Prompt) (int, error) {
	return c.user.Choose(ctx, q)
}

// remember asks, and keeps the answer in the place of the one before.
func (c *consent) remember(ctx context.Context, q authenticator.Prompt, ask func(context.Context, authenticator.Prompt) error) error {
	c.keep(false, authenticator.Prompt{})
	if err := ask(ctx, q); err != nil {
		return err
	}
	c.keep(true, q)
	return nil
}

func (c *consent) keep(given bool, q authenticator.Prompt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given, c.prompt, c.signed = given, q, nil
}

// use takes the yes for a purpose.
func (c *consent) use(reason authenticator.Reason, id []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.given || c.prompt.Reason != reason {
		return false
	}
	c.given, c.signed = false, bytes.Clone(id)
	return true
}

func (c *consent) last() (authenticator.Prompt, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.prompt, c.given
}

// Put implements [authenticator.Store].
func (c *consent) Put(ctx context.Context, made *authenticator.Credential, secret *authenticator.Secret) error {
	if q, given := c.last(); !given || ctap.HashRPID(q.RPID) != made.RPIDHash || !c.use(authenticator.ReasonRegister, made.ID) {
		return authenticator.ErrSealed
	}
	return c.Store.Put(ctx, made, secret)
}

// Secret implements [authenticator.Store]. A yes to a registration is none to a sign-in: where a platform had the user
// asked for the one and wants the other, the user is asked for that.
func (c *consent) Secret(ctx context.Context, id []byte) (*authenticator.Secret, error) {
	q, given := c.last()
	if !given {
		return nil, authenticator.ErrSealed
	}
	found, err := c.Get(ctx, ctap.HashRPID(q.RPID), id)
	if errors.Is(err, authenticator.ErrNotFound) {
		return nil, authenticator.ErrSealed
	}
	if err != nil {
		return nil, err
	}
	if q.Reason == authenticator.ReasonRegister {
		again := authenticator.Prompt{Reason: authenticator.ReasonSignIn, RPID: q.RPID, RPName: found.RP.Name, Accounts: []ctap.User{found.User}}
		if err := c.Verify(ctx, again); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, authenticator.ErrSealed
		}
	}
	if !c.use(authenticator.ReasonSignIn, id) {
		return nil, authenticator.ErrSealed
	}
	return c.Store.Secret(ctx, id)
}

// Advance implements [authenticator.Store].
func (c *consent) Advance(ctx context.Context, id []byte) (uint32, error) {
	c.mu.Lock()
	same := c.signed != nil && bytes.Equal(c.signed, id)
	c.signed = nil
	c.mu.Unlock()
	if !same {
		return 0, authenticator.ErrSealed
	}
	return c.Store.Advance(ctx, id)
}

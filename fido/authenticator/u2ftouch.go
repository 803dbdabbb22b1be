package authenticator

import (
	"context"
	"time"

	"github.com/postern/postern/fido/ctap/u2f"
)

// touchLimit is how long a question stays open, and its answer good, while
// nobody asks for it: some times what passes between two polls, and little
// enough that no touch is taken for what came of it much later.
const touchLimit = 10 * time.Second

// touchKey is what the polls of one request have in common.
type touchKey struct {
	registration bool
	application  [32]byte
}

type touchAnswer struct{ err error }

// touch is the question that U2F requests share while they are repeated. It is
// put on a goroutine of its own, because it outlives the request that began it.
type touch struct {
	key       touchKey
	challenge [32]byte // of the last request that looked
	looked    time.Time

	answer  chan touchAnswer   // nil: no question is open
	cancel  context.CancelFunc // of the open question
	agreed  bool               // the user has touched, and nothing came of it yet
	refused bool
}

// await gives nil when the user has touched, else the status to answer.
func (t *touch) await(ctx context.Context, a *Authenticator, key touchKey, challenge [32]byte, p Prompt) error {
	now := a.now()
	if age := now.Sub(t.looked); t.key != key || age < 0 || age > touchLimit {
		t.withdraw()
	}
	if t.refused && t.challenge != challenge { // somebody tries anew
		t.refused = false
	}
	t.key, t.challenge, t.looked = key, challenge, now
	switch {
	case t.agreed:
		return nil
	case t.refused:
		return u2f.ConditionsNotSatisfied
	case t.answer == nil:
		t.ask(ctx, a.user, p)
	}
	err, answered := t.look(ctx, a)
	t.looked = a.now()
	if !answered {
		return u2f.ConditionsNotSatisfied
	}
	t.cancel()
	t.answer, t.cancel = nil, nil
	t.agreed, t.refused = err == nil, err != nil
	if t.refused {
		return u2f.ConditionsNotSatisfied
	}
	return nil
}

func (t *touch) ask(ctx context.Context, user User, p Prompt) {
	ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	answer := make(chan touchAnswer, 1)
	t.answer = answer
	go func() { answer <- touchAnswer{user.Present(ctx, p)} }()
}

// look waits for the answer as long as ctx has a deadline for it.
func (t *touch) look(ctx context.Context, a *Authenticator) (err error, answered bool) {
	if _, ok := ctx.Deadline(); !ok {
		select {
		case got := <-t.answer:
			return got.err, true
		default:
			return nil, false
		}
	}
	a.waiting.Store(true)
	defer a.waiting.Store(false)
	select {
	case got := <-t.answer:
		return got.err, true
	case <-ctx.Done():
		return nil, false
	}
}

// count spends the touch on a request that came to an end. One that ran out of
// time is repeated and finds it still there.
func (t *touch) count(err error) {
	if err == nil || !unfinished(err) {
		*t = touch{}
	}
}

// withdraw takes the question back and forgets its answer. It returns when the
// user has been told, so that no two questions are open at a time.
func (t *touch) withdraw() {
	if t.answer != nil {
		t.cancel()
		<-t.answer
	}
	*t = touch{}
}

package entra

import (
	"context"
	"iter"
	"time"
)

var opListPasskeysBeta = withBeta(opListPasskeys)

// betaRestsFor is how long beta is left alone after it refused what v1.0 answers.
const betaRestsFor = time.Hour

// InventoryPasskeys is [Tenant.PasskeysOf] with the time of each passkey's last use, which only beta tells. Where beta
// does not answer, v1.0 is asked: LastUseKnown of each user says which of the two spoke. Several may be under way at once.
func (t *Tenant) InventoryPasskeys(ctx context.Context, users []string) iter.Seq2[UserPasskeys, error] {
	return func(yield func(UserPasskeys, error) bool) {
		for left := users; len(left) > 0; {
			chunk := left[:min(len(left), t.opts.Budget.listings())]
			left = left[len(chunk):]
			found, failed := make([]UserPasskeys, len(chunk)), make([]error, len(chunk))
			again := make([]int, 0, len(chunk)) // to be asked of v1.0
			if t.opts.Now().Before(t.betaRests()) {
				for i := range chunk {
					again = append(again, i)
				}
			} else {
				found, failed = t.passkeysOf(ctx, opListPasskeysBeta, chunk)
				for i := range chunk {
					found[i].LastUseKnown = failed[i] == nil
					if formRefused(failed[i]) {
						again = append(again, i)
					}
				}
				if len(again) == len(chunk) {
					until := t.opts.Now().Add(betaRestsFor)
					t.betaRest.Store(&until)
				}
			}
			if len(again) > 0 {
				rest := make([]string, len(again))
				for n, i := range again {
					rest[n] = chunk[i]
				}
				foundAgain, failedAgain := t.passkeysOf(ctx, opListPasskeys, rest)
				for n, i := range again {
					found[i], failed[i] = foundAgain[n], failedAgain[n]
				}
			}
			for i := range chunk {
				if !yield(found[i], failed[i]) || ctx.Err() != nil {
					return
				}
			}
		}
	}
}

// betaRests is until when beta is left alone.
func (t *Tenant) betaRests() time.Time {
	if until := t.betaRest.Load(); until != nil {
		return *until
	}
	return time.Time{}
}

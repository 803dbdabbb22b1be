package inventory

import (
	"context"
	"slices"
	"sync"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

const (
	batchSize = 20 // as many users as Graph takes in a batch
	// inFlight is how many batches are asked at once. The connector's budget sets the pace; this only hides the way there
	// and back.
	inFlight = 8
	// keptAtOnce bounds how many users one transaction keeps.
	keptAtOnce = 10 * batchSize
)

// Looked is what became of asking for one user's passkeys.
type Looked struct {
	ObjectID string
	Passkeys []postern.InventoryPasskey // what Entra says of them, and nothing else
	LastUse  bool                       // Entra was asked when they were last used
	Gone     bool                       // Entra has no such user
	Failed   error                      // the passkeys could not be read; nothing is known
}

// look asks for the passkeys of users, several batches at once, and hands what it learns to keep, which runs in one
// goroutine. An error of keep, or one that is not about a single user, ends it.
func look(ctx context.Context, graph Graph, users []string, keep func([]Looked) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan []string)
	results := make(chan []Looked, inFlight)
	go func() {
		defer close(batches)
		for b := range slices.Chunk(users, batchSize) {
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			for b := range batches {
				found, err := lookAt(ctx, graph, b)
				if err != nil {
					cancel(err)
					return
				}
				results <- found
			}
		})
	}
	go func() { workers.Wait(); close(results) }()
	var failed error
	for found := range results {
		if failed != nil {
			continue // the workers are let go
		}
		found = append(found, ready(results, keptAtOnce-len(found))...)
		if failed = keep(found); failed != nil {
			cancel(failed)
		}
	}
	if failed != nil {
		return failed
	}
	return context.Cause(ctx)
}

// ready takes what is there already, so that a slow database makes fewer and larger transactions.
func ready(results <-chan []Looked, room int) (more []Looked) {
	for len(more)+batchSize <= room {
		select {
		case found := <-results:
			if found == nil {
				return more
			}
			more = append(more, found...)
		default:
			return more
		}
	}
	return more
}

// lookAt asks for one batch. An error says that nobody can be asked.
func lookAt(ctx context.Context, graph Graph, users []string) ([]Looked, error) {
	found := make([]Looked, 0, len(users))
	failures := 0
	var last error
	for keys, err := range graph.InventoryPasskeys(ctx, users) {
		l := Looked{ObjectID: users[len(found)], Passkeys: listed(keys.Passkeys), LastUse: keys.LastUseKnown}
		switch {
		case err == nil:
		case postern.IsCode(err, postern.CodeEntraUserNotFound), postern.IsCode(err, postern.CodeEntraNotFound):
			l.Gone = true
		case everybodys(err):
			return nil, err
		default:
			l.Failed, last = err, err
			failures++
		}
		found = append(found, l)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if failures == batchSize {
		return nil, last
	}
	return found, nil
}

// everybodys says of an error that the next user would get it too.
func everybodys(err error) bool {
	for _, code := range []postern.Code{
		postern.CodeEntraThrottled, postern.CodeEntraPermission, postern.CodeEntraLicence, postern.CodeEntraUnreachable,
	} {
		if postern.IsCode(err, code) {
			return true
		}
	}
	return false
}

func listed(keys []entra.Passkey) []postern.InventoryPasskey {
	out := make([]postern.InventoryPasskey, len(keys))
	for n, k := range keys {
		out[n] = postern.InventoryPasskey{
			MethodID: k.ID, Name: k.DisplayName, Model: k.Model, AAGUID: k.AAGUID, Attested: k.Attested(), Synced: k.Synced(),
			CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt,
		}
	}
	return out
}

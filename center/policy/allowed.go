package policy

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

const (
	// judgedFor is for how long a policy that was read, or could not be, is judged by.
	judgedFor = time.Minute
	// judgedWithin bounds how long a page waits for the policy.
	judgedWithin = 10 * time.Second
)

// Verdicts says of models whether tenants let them sign in, by their policies of a minute ago at most. Nobody waits long
// for it: what Entra does not tell at once is unknown.
type Verdicts struct {
	read func(ctx context.Context, id postern.IntegrationID) (postern.PasskeyPolicy, error)
	log  *slog.Logger
	now  func() time.Time

	mu    sync.Mutex
	known map[postern.IntegrationID]*glance
}

// glance is what is known of one tenant. Its lock is held while the policy is read, so that it is read once.
type glance struct {
	mu    sync.Mutex
	at    time.Time
	judge *impact.Judge // nil where the policy could not be read
}

// NewVerdicts makes one that knows nothing yet. read asks Entra for the passkey policy.
func NewVerdicts(read func(ctx context.Context, id postern.IntegrationID) (postern.PasskeyPolicy, error), log *slog.Logger, now func() time.Time) *Verdicts {
	return &Verdicts{read: read, log: log, now: now, known: make(map[postern.IntegrationID]*glance)}
}

// Allowed says of each model, by its AAGUID, whether the passkey method lets somebody sign in with a passkey of it, of the
// kinds that are counted.
func (v *Verdicts) Allowed(ctx context.Context, id postern.IntegrationID, models []postern.InventoryModel) (map[string]postern.Known, error) {
	j, err := v.judge(ctx, id)
	if j == nil || err != nil {
		return nil, err
	}
	verdicts := make(map[string]postern.Known, len(models))
	for _, m := range models {
		verdict := postern.KnownNo
		if m.Synced > 0 && j.Somebody(impact.Candidate{AAGUID: m.AAGUID, Synced: true}) ||
			m.Synced < m.Passkeys && j.Somebody(impact.Candidate{AAGUID: m.AAGUID}) {
			verdict = postern.KnownYes
		}
		verdicts[m.AAGUID] = verdict
	}
	return verdicts, nil
}

// judge is nil where the policy cannot be read, which is no error but that of a caller who left.
func (v *Verdicts) judge(ctx context.Context, id postern.IntegrationID) (*impact.Judge, error) {
	v.mu.Lock()
	k := v.known[id]
	if k == nil {
		k = new(glance)
		v.known[id] = k
	}
	v.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.at.IsZero() && v.now().Sub(k.at) < judgedFor {
		return k.judge, nil
	}
	within, cancel := context.WithTimeout(ctx, judgedWithin)
	defer cancel()
	p, err := v.read(within, id)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	k.at, k.judge = v.now(), nil
	if err != nil {
		v.log.Info("models are not judged, because the tenant's policy cannot be read", "integration", id, "code", postern.AsError(err).Code)
		return nil, nil
	}
	k.judge = impact.Prepare(postern.TenantPolicy{Passkeys: p}, nil)
	return k.judge, nil
}

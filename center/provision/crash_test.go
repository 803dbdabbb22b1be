package provision_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/provision"
)

// crasher kills the process at its n-th point. Points stand before and after every write and every call to Graph.
type crasher struct {
	at, seen int
	point    string // where it died
	resent   int    // credentials sent to Entra that it had already; what Entra makes of that is not documented
}

func (c *crasher) here(name string) {
	c.seen++
	if c.seen == c.at {
		c.point = name
		panic(jobtest.Crash{At: name})
	}
}

// around runs one act between two points.
func around[T any](c *crasher, name string, act func() (T, error)) (T, error) {
	c.here("before " + name)
	v, err := act()
	c.here("after " + name)
	return v, err
}

func aroundOnly(c *crasher, name string, act func() error) error {
	_, err := around(c, name, func() (struct{}, error) { return struct{}{}, act() })
	return err
}

// crashingStore has points around every write and every transaction.
type crashingStore struct {
	provision.Store
	*crasher
}

func (s crashingStore) Atomically(ctx context.Context, do func(ctx context.Context) error) error {
	return aroundOnly(s.crasher, "a transaction", func() error { return s.Store.Atomically(ctx, do) })
}

func (s crashingStore) CreateProvisioning(ctx context.Context, r provision.Record) error {
	return aroundOnly(s.crasher, "CreateProvisioning", func() error { return s.Store.CreateProvisioning(ctx, r) })
}

func (s crashingStore) UpdateProvisioning(ctx context.Context, r *provision.Record) error {
	return aroundOnly(s.crasher, "UpdateProvisioning", func() error { return s.Store.UpdateProvisioning(ctx, r) })
}

func (s crashingStore) CreatePasskey(ctx context.Context, p postern.Passkey) error {
	return aroundOnly(s.crasher, "CreatePasskey", func() error { return s.Store.CreatePasskey(ctx, p) })
}

func (s crashingStore) UpdatePasskey(ctx context.Context, p *postern.Passkey) error {
	return aroundOnly(s.crasher, "UpdatePasskey", func() error { return s.Store.UpdatePasskey(ctx, p) })
}

func (s crashingStore) CreateClaim(ctx context.Context, c provision.Claim) error {
	return aroundOnly(s.crasher, "CreateClaim", func() error { return s.Store.CreateClaim(ctx, c) })
}

func (s crashingStore) UpdateClaim(ctx context.Context, c *provision.Claim) error {
	return aroundOnly(s.crasher, "UpdateClaim", func() error { return s.Store.UpdateClaim(ctx, c) })
}

func (s crashingStore) DeleteClaim(ctx context.Context, phone postern.PhoneID, credential []byte) error {
	return aroundOnly(s.crasher, "DeleteClaim", func() error { return s.Store.DeleteClaim(ctx, phone, credential) })
}

type crashingQueue struct {
	job.Queue
	*crasher
}

func (q crashingQueue) Enqueue(ctx context.Context, args job.Args, options ...job.Option) error {
	return aroundOnly(q.crasher, "Enqueue "+args.Kind(), func() error { return q.Queue.Enqueue(ctx, args, options...) })
}

type crashingUsers struct {
	provision.Users
	*crasher
}

func (u crashingUsers) Know(ctx context.Context, id postern.IntegrationID, who postern.DirectoryUser) (postern.User, error) {
	return around(u.crasher, "Know", func() (postern.User, error) { return u.Users.Know(ctx, id, who) })
}

func (u crashingUsers) TakenAway(ctx context.Context, id postern.UserID) (postern.User, bool, error) {
	u.here("before TakenAway")
	user, changed, err := u.Users.TakenAway(ctx, id)
	u.here("after TakenAway")
	return user, changed, err
}

func (u crashingUsers) Settle(ctx context.Context, id postern.UserID) error {
	return aroundOnly(u.crasher, "Settle", func() error { return u.Users.Settle(ctx, id) })
}

type crashingGraph struct {
	provision.Graph
	*crasher
}

func (g crashingGraph) User(ctx context.Context, id string) (postern.DirectoryUser, error) {
	return around(g.crasher, "GET user", func() (postern.DirectoryUser, error) { return g.Graph.User(ctx, id) })
}

func (g crashingGraph) CreationOptions(ctx context.Context, user string, minutes int) (entra.CreationOptions, error) {
	return around(g.crasher, "GET creationOptions", func() (entra.CreationOptions, error) { return g.Graph.CreationOptions(ctx, user, minutes) })
}

func (g crashingGraph) RegisterPasskey(ctx context.Context, user, name string, c entra.NewCredential) (entra.Passkey, error) {
	return around(g.crasher, "POST fido2Methods", func() (entra.Passkey, error) {
		p, err := g.Graph.RegisterPasskey(ctx, user, name, c)
		if postern.IsCode(err, postern.CodeEntraAlreadyExists) {
			g.resent++
		}
		return p, err
	})
}

func (g crashingGraph) Passkeys(ctx context.Context, user string) ([]entra.Passkey, error) {
	return around(g.crasher, "GET fido2Methods", func() ([]entra.Passkey, error) { return g.Graph.Passkeys(ctx, user) })
}

func (g crashingGraph) Passkey(ctx context.Context, user, id string) (entra.Passkey, error) {
	return around(g.crasher, "GET fido2Methods/{id}", func() (entra.Passkey, error) { return g.Graph.Passkey(ctx, user, id) })
}

func (g crashingGraph) DeletePasskey(ctx context.Context, user, id string) error {
	return aroundOnly(g.crasher, "DELETE fido2Methods/{id}", func() error { return g.Graph.DeletePasskey(ctx, user, id) })
}

// stories are what may be cut off anywhere. Each is told as often as it takes until it is through; then check says
// what must be true.
var stories = []struct {
	name  string
	delay time.Duration // of replication at Entra
	tell  func(t *testing.T, w *world)
	check func(t *testing.T, w *world)
}{
	{
		name: "provisioning",
		tell: func(t *testing.T, w *world) { w.obtainPasskey(t) },
		check: func(t *testing.T, w *world) {
			w.wantPasskeys(t, 1)
			w.wantPhase(t, postern.PhaseActive)
		},
	},
	{
		name:  "provisioning while Entra replicates slowly",
		delay: 20 * time.Second,
		tell:  func(t *testing.T, w *world) { w.obtainPasskey(t) },
		check: func(t *testing.T, w *world) {
			w.wantPasskeys(t, 1)
			w.wantPhase(t, postern.PhaseActive)
		},
	},
	{
		name: "provisioning, then revocation of the phone",
		tell: func(t *testing.T, w *world) {
			w.obtainPasskey(t)
			w.must(t, func() error { _, err := w.passkeys.RevokePhone(t.Context(), w.phone.ID); return err })
			w.runJobs(t)
		},
		check: func(t *testing.T, w *world) {
			w.wantPasskeys(t, 0)
			w.wantPhase(t, postern.PhaseRevoked)
		},
	},
	{
		name: "provisioning, then revocation of the user",
		tell: func(t *testing.T, w *world) { w.obtainPasskey(t); w.revokeUser(t) },
		check: func(t *testing.T, w *world) {
			w.wantPasskeys(t, 0)
			w.wantPhase(t, postern.PhaseRevoked)
		},
	},
	{
		name: "provisioning, then another passkey in place of it",
		tell: func(t *testing.T, w *world) { w.replaceWhole(t) },
		check: func(t *testing.T, w *world) {
			w.wantOne(t)
			w.wantPhase(t, postern.PhaseActive)
		},
	},
	{
		name: "cancelling after a crash, before anything else goes on",
		tell: func(t *testing.T, w *world) {
			if w.crash.at == 0 {
				w.cancel(t)
			}
			w.obtainPasskey(t)
		},
		check: func(t *testing.T, w *world) {
			if state := w.latest(t).State; state != postern.ProvisioningCancelled && state != postern.ProvisioningActive {
				t.Errorf("the provisioning is %s", state)
			}
			w.wantNobodysPasskey(t)
		},
	},
	{
		name: "security key",
		tell: func(t *testing.T, w *world) { w.obtainOnKey(t) },
		check: func(t *testing.T, w *world) {
			w.wantPasskeys(t, 1)
			w.wantPhase(t, postern.PhasePaired) // as before: phases follow the phone
		},
	},
	{
		name:  "security key while Entra replicates slowly",
		delay: 20 * time.Second,
		tell:  func(t *testing.T, w *world) { w.obtainOnKey(t) },
		check: func(t *testing.T, w *world) {
			w.wantPasskeys(t, 1)
			w.wantPhase(t, postern.PhasePaired)
		},
	},
	{
		name: "security key, then revocation",
		tell: func(t *testing.T, w *world) {
			w.obtainOnKey(t)
			w.revokeKey(t)
			w.runJobs(t)
		},
		check: func(t *testing.T, w *world) {
			w.wantPasskeys(t, 0)
			w.wantPhase(t, postern.PhasePaired)
		},
	},
	{
		name: "security key that is never touched",
		tell: func(t *testing.T, w *world) {
			if w.beginOnKey(t) {
				w.must(t, func() error { _, err := w.passkeys.SecurityKeyOptions(t.Context(), w.latest(t).ID); return err })
			}
			w.runJobs(t)
		},
		check: func(t *testing.T, w *world) {
			if p := w.latest(t); p.State != postern.ProvisioningFailed || p.Code != postern.CodeChallengeExpired {
				t.Errorf("the provisioning is %s, %s", p.State, p.Code)
			}
			w.wantPasskeys(t, 0)
		},
	},
	{
		name: "self-service",
		tell: func(t *testing.T, w *world) { w.registerThemselves(t); w.claim(t); w.runJobs(t) },
		check: func(t *testing.T, w *world) {
			w.wantOwn(t, 1)
			w.wantPhase(t, postern.PhaseActive)
		},
	},
	{
		name:  "self-service while Entra replicates slowly",
		delay: 4 * time.Minute,
		tell:  func(t *testing.T, w *world) { w.registerThemselves(t); w.claim(t); w.runJobs(t) },
		check: func(t *testing.T, w *world) {
			w.wantOwn(t, 1)
			w.wantPhase(t, postern.PhaseActive)
		},
	},
	{
		name:  "self-service, with the phone revoked before Entra lists the passkey",
		delay: time.Minute,
		tell: func(t *testing.T, w *world) {
			w.registerThemselves(t)
			if _, err := w.store.Claim(t.Context(), w.phone.ID, w.credential.ID); postern.IsCode(err, postern.CodeNotFound) && w.activePhone(t) {
				w.claim(t)
			}
			w.must(t, func() error { _, err := w.passkeys.RevokePhone(t.Context(), w.phone.ID); return err })
			w.runJobs(t)
		},
		check: func(t *testing.T, w *world) {
			w.wantOwn(t, 0)
			w.wantPhase(t, postern.PhaseRevoked)
		},
	},
	{
		name: "cancelling a security key after a crash",
		tell: func(t *testing.T, w *world) {
			if w.crash.at == 0 {
				w.cancel(t)
			}
			w.obtainOnKey(t)
		},
		check: func(t *testing.T, w *world) {
			if state := w.latest(t).State; state != postern.ProvisioningCancelled && state != postern.ProvisioningActive {
				t.Errorf("the provisioning is %s", state)
			}
			w.wantNobodysPasskey(t)
		},
	},
}

// TestCrashAnywhere kills the process at every point of every story, in turn, starts it again and tells the story on.
func TestCrashAnywhere(t *testing.T) {
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			w := newWorld(t, story.delay)
			var points int
			for at := 1; ; at++ {
				w.reset(t)
				w.crash = &crasher{at: at}
				w.start(t)
				died := dies(func() { story.tell(t, w) })
				if !died {
					points = w.crash.seen
					if at > 1 {
						w.wantSound(t)
						story.check(t, w)
						break
					}
				}
				where := fmt.Sprintf("killed at point %d, %s", at, w.crash.point)
				w.crash = &crasher{resent: w.crash.resent}
				w.start(t)
				story.tell(t, w)
				w.wantSound(t)
				story.check(t, w)
				if t.Failed() {
					t.Fatal(where)
				}
			}
			t.Logf("%d points", points)
			if points < 15 {
				t.Errorf("only %d points; the test does not reach what it is about", points)
			}
		})
	}
}

// dies reports whether the process was killed in do.
func dies(do func()) (died bool) {
	defer func() {
		if cause := recover(); cause != nil {
			if _, ok := cause.(jobtest.Crash); !ok {
				panic(cause)
			}
			died = true
		}
	}()
	do()
	return false
}

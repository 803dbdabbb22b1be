package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/reconcile"
	"github.com/postern/postern/entrasim"
)

const (
	reconciledUsers = 50_000
	reconcileSpeed  = 100 // of the clocks, so that the connector's own pace holds nothing up
)

// measureReconcile compares a tenant of fifty thousand users with the books, with nothing different and with differences
// that another hand made at Entra, against a plain listing of the directory and of every managed passkey, twenty users
// in one request.
func measureReconcile(ctx context.Context) (figures []figure, err error) {
	w, err := openWorld(ctx, reconciledUsers, reconcileSpeed, entrasim.Levers{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	if _, err := w.center.Directory.Sync(ctx, w.integration.ID); err != nil {
		return nil, err
	}
	if err := w.center.Integrations.Groups(ctx, integration.GroupsJob{Integration: w.integration.ID}); err != nil {
		return nil, err
	}
	if w.integration, err = w.center.Integrations.Get(ctx, w.integration.ID); err != nil {
		return nil, err
	}
	hand, err := w.otherHand()
	if err != nil {
		return nil, err
	}
	defer hand.Close()
	t := &compared{world: w, hand: hand, count: watchTraffic(ctx, w.sim.Server)}
	defer t.count.stop()
	if err := t.fill(ctx); err != nil {
		return nil, err
	}
	plain, err := t.measured(ctx, t.list)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "bench: reconcile: %d users in the books, %d of them with a passkey\n", t.known, len(t.holders))
	for _, n := range []int{-1, 0, 10, 1000} {
		name := "reconcile.first"
		mended := 0
		if n >= 0 {
			name = fmt.Sprintf("reconcile.%d_differences", n)
			if mended, err = t.differ(ctx, n); err != nil {
				return nil, err
			}
		}
		waited, err := w.atEmulator(ctx)
		if err != nil {
			return nil, err
		}
		took, err := t.measured(ctx, func(ctx context.Context) error { return t.compare(ctx, mended) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		emulator, err := w.atEmulator(ctx)
		if err != nil {
			return nil, err
		}
		const against = "a plain listing of all users and of every managed passkey"
		figures = append(figures,
			figure{Name: name + ".requests", Value: float64(took.requests), Unit: "requests", Baseline: float64(plain.requests), Against: against},
			figure{Name: name + ".parts", Value: float64(took.parts), Unit: "in batches", Baseline: float64(plain.parts), Against: against},
			figure{Name: name + ".seconds", Value: took.seconds, Unit: "s", Baseline: plain.seconds, Against: against},
			figure{Name: name + ".own", Value: took.seconds, Unit: "s", Baseline: emulator - waited, Against: "the emulator's time for the same requests"},
		)
	}
	return figures, t.verify(ctx)
}

// compared is a tenant and books that are compared.
type compared struct {
	*world
	hand    *entra.Tenant
	count   *traffic
	holders []holder // with a passkey that nobody has deleted yet
	known   int
	members int // of the group of those with a passkey

	deleted, renamed, disabled []holder
}

// effort is what something took.
type effort struct {
	tally
	seconds float64
}

func (t *compared) measured(ctx context.Context, do func(ctx context.Context) error) (e effort, err error) {
	before, err := t.count.now()
	if err != nil {
		return e, err
	}
	begin := time.Now()
	err = do(ctx)
	e.seconds = time.Since(begin).Seconds()
	after, lost := t.count.now()
	e.tally = after.since(before)
	return e, errors.Join(err, lost)
}

// fill writes everybody into the books: whoever has a passkey as active, and all others as invited.
func (t *compared) fill(ctx context.Context) (err error) {
	if t.holders, err = t.world.holders(ctx, t.hand, len(t.users)); err != nil {
		return err
	}
	has := make(map[string]bool, len(t.holders))
	active := make([]string, len(t.holders))
	for n, h := range t.holders {
		has[h.user.ObjectID], active[n] = true, h.user.ObjectID
	}
	var eligible []string
	var invited []postern.User
	for _, u := range t.users {
		if !has[u.ObjectID] {
			invited = append(invited, t.world.known(u, postern.PhaseEligible))
			eligible = append(eligible, u.ObjectID)
		}
	}
	t.known, t.members = len(t.users), len(active)
	if err := t.center.Store.Atomically(ctx, func(ctx context.Context) error {
		for _, h := range t.holders {
			if err := t.book(ctx, h); err != nil {
				return err
			}
		}
		for _, u := range invited {
			if err := t.center.Store.CreateUser(ctx, u); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := t.hand.AddMembers(ctx, t.group(postern.PhaseActive), active); err != nil {
		return err
	}
	return t.hand.AddMembers(ctx, t.group(postern.PhaseEligible), eligible)
}

func (t *compared) group(p postern.Phase) string {
	for _, g := range t.integration.Groups {
		if g.Phase == p {
			return g.ID
		}
	}
	return ""
}

// list is what anybody would do who knows nothing: read all users, and the passkeys of those who have one.
func (t *compared) list(ctx context.Context) error {
	for _, err := range t.hand.AllUsers(ctx) {
		if err != nil {
			return err
		}
	}
	ids := make([]string, len(t.holders))
	for n, h := range t.holders {
		ids[n] = h.user.ObjectID
	}
	for _, err := range t.hand.PasskeysOf(ctx, ids) {
		if err != nil {
			return err
		}
	}
	return nil
}

// differ has another hand change so many things at Entra, of four kinds by turns, and returns how many of them a
// comparison mends by itself. The others it follows.
func (t *compared) differ(ctx context.Context, n int) (mended int, err error) {
	if n > len(t.holders) {
		return 0, fmt.Errorf("only %d users have a passkey, and %d are needed", len(t.holders), n)
	}
	for k, h := range t.holders[:n] {
		user := h.user.ObjectID
		switch k % 4 {
		case 0:
			t.deleted, mended = append(t.deleted, h), mended+1
			err = t.hand.DeletePasskey(ctx, user, h.passkey.MethodID)
		case 1:
			t.renamed = append(t.renamed, h)
			err = t.control(ctx, http.MethodPatch, "users/"+user, fmt.Sprintf(`{"upn":%q}`, newName(h)), nil)
		case 2:
			t.disabled = append(t.disabled, h)
			err = t.control(ctx, http.MethodPatch, "users/"+user, `{"enabled":false}`, nil)
		default:
			mended++
			err = t.hand.RemoveMember(ctx, t.group(postern.PhaseActive), user)
		}
		if err != nil {
			return 0, err
		}
	}
	t.holders = t.holders[n:]
	return mended, nil
}

// newName is what a user is called after another hand renamed them.
func newName(h holder) string { return "new-" + h.user.UPN }

// compare does one incremental run in this goroutine, as its job does.
func (t *compared) compare(ctx context.Context, mended int) error {
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
	r, _, err := t.center.Reconcile.Run(ctx, t.integration.ID, postern.ReconcileIncremental)
	if err != nil {
		return err
	}
	for {
		err := t.center.Reconcile.Do(ctx, reconcile.RunJob{Run: r.ID})
		if err == nil {
			break
		}
		wait, again := job.SnoozeOf(err)
		if !again {
			return err
		}
		if err := t.clock.sleep(ctx, wait); err != nil {
			return err
		}
	}
	if r, err = t.center.Reconcile.ReconcileRun(ctx, r.ID); err != nil {
		return err
	}
	if r.State != postern.ReconcileDone || r.Mended != mended || r.Waiting > 0 {
		return fmt.Errorf("the run is %s and mended %d of %d: %s", r.State, r.Mended, mended, r.Message)
	}
	return nil
}

// verify looks whether the books and the tenant say the same about everything that was changed.
func (t *compared) verify(ctx context.Context) error {
	for _, h := range t.deleted {
		k, err := t.center.Store.Passkey(ctx, h.passkey.ID)
		if err != nil || k.State != postern.PasskeyRevoked {
			return fmt.Errorf("a passkey that was deleted at Entra is %s in the books: %w", k.State, err)
		}
	}
	for _, h := range t.renamed {
		u, err := t.center.Store.User(ctx, h.user.ID)
		if err != nil || u.UPN != newName(h) {
			return fmt.Errorf("a user who was renamed at Entra is %s in the books: %w", u.UPN, err)
		}
	}
	for _, h := range t.disabled {
		u, err := t.center.Store.User(ctx, h.user.ID)
		if err != nil || u.Account != postern.AccountDisabled {
			return fmt.Errorf("an account that was disabled at Entra is %s in the books: %w", u.Account, err)
		}
	}
	n, err := t.hand.CountMembers(ctx, t.group(postern.PhaseActive))
	if err == nil && n != t.members {
		err = fmt.Errorf("the group has %d members, not %d", n, t.members)
	}
	return err
}

// atEmulator is for how many seconds the control center has waited for answers of Entra so far.
func (w *world) atEmulator(ctx context.Context) (seconds float64, err error) {
	answer := httptest.NewRecorder()
	w.center.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "postern_entra_exchange_seconds_sum") {
			continue
		}
		_, number, _ := strings.Cut(lines.Text(), "} ")
		one, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, err
		}
		seconds += one
	}
	return seconds / w.clock.speed, nil // it is measured by the clock of the world
}

package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/storetest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/phone/vault"
	"github.com/postern/postern/phone/vault/backingtest"
)

// output is what a gate gives; n tells gates apart.
func output(n byte) []byte { return bytes.Repeat([]byte{n}, vault.OutputSize) }

// bench is a vault and what it stands on.
type bench struct {
	*testing.T
	*vault.Vault
	backing *vault.Memory
	clock   *authtest.Clock
	timers  []*timer
}

type timer struct {
	after   time.Duration
	fire    func()
	stopped bool
}

func (b *bench) config() vault.Config {
	return vault.Config{
		Backing: b.backing, Random: rand.Reader, Now: b.clock.Now, Capacity: storetest.Capacity,
		AfterFunc: func(d time.Duration, f func()) func() bool {
			t := &timer{after: d, fire: f}
			b.timers = append(b.timers, t)
			return func() bool { t.stopped = true; return true }
		},
	}
}

func newGate(t testing.TB, id string) vault.Gate {
	t.Helper()
	g, err := vault.NewGate(rand.Reader, vault.KindPRF, []byte(id), authtest.NewClock().Now())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// newBench gives a locked vault that output(1) opens.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, backing: &vault.Memory{}, clock: authtest.NewClock()}
	v, err := vault.Create(t.Context(), b.config(), newGate(t, "gate"), output(1))
	if err != nil {
		t.Fatal(err)
	}
	b.Vault = v
	return b
}

func (b *bench) unlock(n byte) {
	b.Helper()
	if err := b.Unlock(b.Context(), output(n), 0); err != nil {
		b.Fatal(err)
	}
}

// reopen gives the vault as another process finds it.
func (b *bench) reopen() *vault.Vault {
	b.Helper()
	v, err := vault.Open(b.Context(), b.config())
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// put adds the sample credential n, by a window of its own.
func (b *bench) put(n byte) *authenticator.Credential {
	b.Helper()
	b.unlock(1)
	defer b.Lock()
	c, s := storetest.Sample(n)
	if err := b.Put(b.Context(), c, s); err != nil {
		b.Fatal(err)
	}
	return c
}

func TestMemory(t *testing.T) {
	backingtest.Run(t, func(*testing.T) vault.Backing { return &vault.Memory{} }, func(_ *testing.T, b vault.Backing) vault.Backing {
		return vault.LoadMemory(b.(*vault.Memory).Content())
	})
}

func TestStoreUnlocked(t *testing.T) {
	benches := map[authenticator.Store]*bench{}
	storetest.Run(t,
		func(t *testing.T) authenticator.Store {
			b := newBench(t)
			b.unlock(1)
			benches[b.Vault] = b
			return b.Vault
		},
		func(t *testing.T, old authenticator.Store) authenticator.Store {
			v := benches[old].reopen()
			if err := v.Unlock(t.Context(), output(1), 0); err != nil {
				t.Fatal(err)
			}
			return v
		})
}

// TestLocked: everything but secrets works without the gate.
func TestLocked(t *testing.T) {
	b := newBench(t)
	c := b.put(1)
	b.put(2)
	ctx := t.Context()
	if got, err := b.Get(ctx, c.RPIDHash, c.ID); err != nil || !cmp.Equal(c, got) {
		t.Errorf("Get = %+v, %v", got, err)
	}
	if list, err := b.Discoverable(ctx, c.RPIDHash); err != nil || len(list) != 2 {
		t.Errorf("Discoverable = %v, %v", list, err)
	}
	if left, err := b.Remaining(ctx); err != nil || left != storetest.Capacity-2 {
		t.Errorf("Remaining = %d, %v", left, err)
	}
	other, s := storetest.Sample(3)
	if err := b.Put(ctx, other, s); !errors.Is(err, authenticator.ErrSealed) {
		t.Errorf("Put = %v, want ErrSealed", err)
	}
	if _, err := b.Secret(ctx, c.ID); !errors.Is(err, authenticator.ErrSealed) {
		t.Errorf("Secret = %v, want ErrSealed", err)
	}
	if _, err := b.Secret(ctx, []byte("none")); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("Secret of an unknown id = %v, want ErrNotFound", err)
	}
	if _, err := b.Advance(ctx, c.ID); !errors.Is(err, authenticator.ErrSealed) {
		t.Errorf("Advance = %v, want ErrSealed", err)
	}
	if err := b.SetUser(ctx, c.ID, ctap.User{ID: c.User.ID, Name: "renamed"}); err != nil {
		t.Errorf("SetUser = %v", err)
	}
	if err := b.SetState(ctx, &authenticator.State{UVFailures: 3}); err != nil {
		t.Errorf("SetState = %v", err)
	}
	if err := b.Delete(ctx, []byte{2, 1, 2, 3}); err != nil {
		t.Errorf("Delete = %v", err)
	}
	// What was changed while it was locked fits the seals.
	b.unlock(1)
	_, want := storetest.Sample(1)
	if got, err := b.Secret(ctx, c.ID); err != nil || !cmp.Equal(want, got) {
		t.Errorf("Secret = %v, %v", got, err)
	}
	b.Lock()
	if err := b.Reset(ctx); err != nil {
		t.Errorf("Reset = %v", err)
	}
	if records, _ := b.backing.Content(); len(records) != 1 {
		t.Errorf("%d records after a reset, want the head alone", len(records))
	}
}

// TestNothingReadable: no secret, and no key, is in what lies in the storage.
func TestNothingReadable(t *testing.T) {
	b := newBench(t)
	c, s := storetest.Sample(1)
	s.PrivateKey, s.CredRandomWithUV = []byte("a private key of thirty-two byte"), []byte("a random that nobody should see!")
	b.unlock(1)
	if err := b.Put(t.Context(), c, s); err != nil {
		t.Fatal(err)
	}
	records, _ := b.backing.Content()
	for name, r := range records {
		for _, hidden := range [][]byte{s.PrivateKey, s.CredRandomWithUV, output(1)} {
			if bytes.Contains(r.Data, hidden) {
				t.Errorf("record %s shows %q", name, hidden)
			}
		}
	}
}

func TestWindow(t *testing.T) {
	b := newBench(t)
	c := b.put(1)
	open := func() bool { _, err := b.Secret(t.Context(), c.ID); return err == nil }
	for name, tc := range map[string]struct {
		asked, length time.Duration
	}{
		"default": {0, vault.DefaultWindow}, "given": {time.Second, time.Second}, "too long": {time.Hour, vault.MaxWindow},
	} {
		if err := b.Unlock(t.Context(), output(1), tc.asked); err != nil {
			t.Fatal(err)
		}
		if last := b.timers[len(b.timers)-1]; last.after != tc.length {
			t.Errorf("%s: the timer is set to %v, want %v", name, last.after, tc.length)
		}
		b.clock.Advance(tc.length - 1)
		if !open() || b.Locked() {
			t.Errorf("%s: closed before its end", name)
		}
		b.clock.Advance(1)
		if open() || !b.Locked() {
			t.Errorf("%s: open after its end", name)
		}
	}
	b.unlock(1)
	b.clock.Advance(-time.Second)
	if open() {
		t.Error("open after the clock was set back")
	}
	b.unlock(1)
	first := b.timers[len(b.timers)-1]
	b.unlock(1)
	if !first.stopped {
		t.Error("the timer of the replaced window runs on")
	}
	if first.fire(); !open() {
		t.Error("the end of one window closed the next")
	}
	if b.timers[len(b.timers)-1].fire(); open() {
		t.Error("the timer did not close the window")
	}
	b.unlock(1)
	b.Lock()
	b.Lock()
	if open() || !b.timers[len(b.timers)-1].stopped {
		t.Error("Lock did not lock")
	}
}

// TestWrongKey: a wrong output is noticed, and writes nothing.
func TestWrongKey(t *testing.T) {
	b := newBench(t)
	b.put(1)
	records, _ := b.backing.Content()
	for name, wrong := range map[string][]byte{"another": output(2), "short": output(1)[1:], "none": nil, "zeros": output(0)} {
		err := b.Unlock(t.Context(), wrong, 0)
		if err == nil || name != "zeros" && !errors.Is(err, vault.ErrWrongKey) {
			t.Errorf("%s: Unlock = %v, want ErrWrongKey", name, err)
		}
		if err := b.Rotate(t.Context(), wrong, newGate(t, "next"), output(3)); err == nil {
			t.Errorf("%s: Rotate succeeded", name)
		}
		if !b.Locked() {
			t.Errorf("%s: unlocked", name)
		}
	}
	if after, _ := b.backing.Content(); !cmp.Equal(records, after) {
		t.Error("a wrong key changed records")
	}
}

func TestRotate(t *testing.T) {
	b := newBench(t)
	b.put(1)
	b.put(2)
	before, err := b.Gate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	otherTab := b.reopen()
	if err := otherTab.Unlock(t.Context(), output(1), 0); err != nil {
		t.Fatal(err)
	}
	next := newGate(t, "gate")
	if err := b.Rotate(t.Context(), output(1), next, output(1)); err == nil {
		t.Error("rotated to the same key")
	}
	if err := b.Rotate(t.Context(), output(1), next, output(2)); err != nil {
		t.Fatal(err)
	}
	if !b.Locked() {
		t.Error("unlocked after a rotation")
	}
	if gate, err := b.Gate(t.Context()); err != nil || !cmp.Equal(next, gate) || cmp.Equal(before.Salt, gate.Salt) {
		t.Errorf("Gate = %+v, %v", gate, err)
	}
	if err := b.Unlock(t.Context(), output(1), 0); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("Unlock with the old key = %v", err)
	}
	c, s := storetest.Sample(3)
	if err := otherTab.Put(t.Context(), c, s); !errors.Is(err, authenticator.ErrSealed) || !otherTab.Locked() {
		t.Errorf("Put with the old key = %v, want ErrSealed", err)
	}
	b.unlock(2)
	for n := range byte(2) {
		_, want := storetest.Sample(n + 1)
		if got, err := b.Secret(t.Context(), []byte{n + 1, 1, 2, 3}); err != nil || !cmp.Equal(want, got) {
			t.Errorf("Secret(%d) = %v, %v", n+1, got, err)
		}
	}
}

// TestTwoTabs: two vaults on one backing lose none of each other's writes.
func TestTwoTabs(t *testing.T) {
	b := newBench(t)
	c := b.put(1)
	tabs := []*vault.Vault{b.Vault, b.reopen()}
	const each = 20
	var counts sync.Map
	var wg sync.WaitGroup
	for _, tab := range tabs {
		if err := tab.Unlock(t.Context(), output(1), 0); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for range each {
				n, err := tab.Advance(context.Background(), c.ID)
				if err != nil {
					t.Error(err)
				}
				if _, twice := counts.LoadOrStore(n, true); twice {
					t.Errorf("counter %d was given out twice", n)
				}
			}
		})
	}
	wg.Wait()
	if got, err := b.Get(t.Context(), c.RPIDHash, c.ID); err != nil || got.SignCount != each*uint32(len(tabs)) {
		t.Errorf("SignCount = %v, %v; want %d", got.SignCount, err, each*len(tabs))
	}
}

func TestCreateOpenErase(t *testing.T) {
	b := newBench(t)
	b.put(1)
	ctx := t.Context()
	if _, err := vault.Create(ctx, b.config(), newGate(t, "x"), output(1)); !errors.Is(err, vault.ErrExists) {
		t.Errorf("second Create = %v, want ErrExists", err)
	}
	if err := vault.Erase(ctx, b.backing); err != nil {
		t.Fatal(err)
	}
	if records, _ := b.backing.Content(); len(records) != 0 {
		t.Errorf("%d records after Erase", len(records))
	}
	if _, err := vault.Open(ctx, b.config()); !errors.Is(err, vault.ErrNoVault) {
		t.Errorf("Open = %v, want ErrNoVault", err)
	}
	if _, err := b.List(ctx); !errors.Is(err, vault.ErrNoVault) {
		t.Errorf("List = %v, want ErrNoVault", err)
	}
	if _, err := vault.Create(ctx, b.config(), newGate(t, "x"), output(1)); err != nil {
		t.Errorf("Create after Erase = %v", err)
	}
	if _, err := b.List(ctx); !errors.Is(err, vault.ErrForeign) {
		t.Errorf("List on the next vault = %v, want ErrForeign", err)
	}
}

func TestGate(t *testing.T) {
	for name, g := range map[string]vault.Gate{
		"no kind":       {CredentialID: []byte("x"), Salt: output(1)},
		"no credential": {Kind: vault.KindPRF, Salt: output(1)},
		"short salt":    {Kind: vault.KindPRF, CredentialID: []byte("x"), Salt: output(1)[1:]},
	} {
		b := &bench{T: t, backing: &vault.Memory{}, clock: authtest.NewClock()}
		if _, err := vault.Create(t.Context(), b.config(), g, output(1)); err == nil {
			t.Errorf("%s: Create succeeded", name)
		}
	}
	if vault.KindPRF.Assurance() != postern.AssuranceGated || vault.KindNone.Assurance() != postern.AssuranceNone {
		t.Error("a gate is recorded under the wrong assurance")
	}
	g, err := vault.NewGate(rand.Reader, vault.KindNone, nil, time.Time{})
	if err != nil || len(g.Salt) != vault.SaltSize {
		t.Errorf("NewGate = %+v, %v", g, err)
	}
}

// Package storetest is the suite every [authenticator.Store] has to pass.
package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// Capacity is the number of credentials the stores under test have to hold.
const Capacity = 4

// Run runs the suite. Open gives an empty store of [Capacity]; reopen gives
// what is left of a store after its process ended, or nil for a store that
// keeps nothing.
func Run(t *testing.T, open func(*testing.T) authenticator.Store, reopen func(*testing.T, authenticator.Store) authenticator.Store) {
	t.Run("find", func(t *testing.T) { testFind(t, open(t)) })
	t.Run("order", func(t *testing.T) { testOrder(t, open(t)) })
	t.Run("replace", func(t *testing.T) { testReplace(t, open(t)) })
	t.Run("full", func(t *testing.T) { testFull(t, open(t)) })
	t.Run("counter", func(t *testing.T) { testCounter(t, open(t)) })
	t.Run("delete", func(t *testing.T) { testDelete(t, open(t)) })
	t.Run("user", func(t *testing.T) { testUser(t, open(t)) })
	t.Run("state", func(t *testing.T) { testState(t, open(t)) })
	t.Run("reset", func(t *testing.T) { testReset(t, open(t)) })
	t.Run("copies", func(t *testing.T) { testCopies(t, open(t)) })
	if reopen != nil {
		t.Run("durable", func(t *testing.T) { testDurable(t, open(t), reopen) })
	}
}

var hash = ctap.HashRPID("example.com")

// Sample makes a credential and secrets that differ from those of any other n
// in every field.
func Sample(n byte) (*authenticator.Credential, *authenticator.Secret) {
	c := &authenticator.Credential{
		ID:           []byte{n, 1, 2, 3},
		RPIDHash:     hash,
		RP:           ctap.RelyingParty{ID: "example.com", Name: fmt.Sprintf("Example %d", n)},
		User:         ctap.User{ID: []byte{n}, Name: fmt.Sprintf("user%d", n), DisplayName: "Käthe", Icon: "i"},
		Algorithm:    ctap.ES256,
		PublicKey:    ctap.Raw{0xA1, 0x01, 0x02},
		Discoverable: true,
		CredProtect:  ctap.UVOptional,
		HMACSecret:   true,
		Created:      time.Date(2026, 1, 2, 3, 4, int(n), 0, time.UTC),
	}
	s := &authenticator.Secret{
		PrivateKey: []byte{n, 'k'}, CredRandomWithUV: []byte{n, 'v'}, CredRandomWithoutUV: []byte{n, 'w'},
		CredBlob: []byte{n, 'b'}, LargeBlobKey: []byte{n, 'l'},
	}
	return c, s
}

func put(t *testing.T, st authenticator.Store, n byte, change func(*authenticator.Credential)) *authenticator.Credential {
	t.Helper()
	c, s := Sample(n)
	if change != nil {
		change(c)
	}
	if err := st.Put(t.Context(), c, s); err != nil {
		t.Fatalf("Put(%d) = %v", n, err)
	}
	return c
}

func testFind(t *testing.T, st authenticator.Store) {
	c := put(t, st, 1, nil)
	got, err := st.Get(t.Context(), hash, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("Get: %s", diff)
	}
	for name, lookup := range map[string]struct {
		rp ctap.RPIDHash
		id []byte
	}{
		"another relying party": {ctap.HashRPID("example.org"), c.ID},
		"unknown id":            {hash, []byte{9}},
		"no id":                 {hash, nil},
	} {
		if _, err := st.Get(t.Context(), lookup.rp, lookup.id); !errors.Is(err, authenticator.ErrNotFound) {
			t.Errorf("%s: Get = %v, want ErrNotFound", name, err)
		}
	}
	_, want := Sample(1)
	secret, err := st.Secret(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, secret); diff != "" {
		t.Errorf("Secret: %s", diff)
	}
	if _, err := st.Secret(t.Context(), []byte{9}); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("Secret of unknown id = %v, want ErrNotFound", err)
	}
}

func ids(list []authenticator.Credential) []byte {
	out := []byte{}
	for _, c := range list {
		out = append(out, c.ID[0])
	}
	return out
}

func testOrder(t *testing.T, st authenticator.Store) {
	put(t, st, 1, nil)
	put(t, st, 2, func(c *authenticator.Credential) { c.Discoverable = false })
	put(t, st, 3, func(c *authenticator.Credential) { c.RPIDHash = ctap.HashRPID("example.org") })
	put(t, st, 4, nil)
	found, err := st.Discoverable(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{4, 1}, ids(found)); diff != "" {
		t.Errorf("Discoverable: %s", diff)
	}
	all, err := st.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{4, 3, 2, 1}, ids(all)); diff != "" {
		t.Errorf("List: %s", diff)
	}
}

func testReplace(t *testing.T, st authenticator.Store) {
	put(t, st, 1, nil)
	put(t, st, 2, nil)
	sameUser := func(c *authenticator.Credential) { c.User.ID = []byte{1} }
	put(t, st, 3, sameUser)
	found, err := st.Discoverable(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{3, 2}, ids(found)); diff != "" {
		t.Errorf("after replacing 1 by 3: %s", diff)
	}
	if _, err := st.Secret(t.Context(), []byte{1, 1, 2, 3}); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("secret of the replaced credential: %v, want ErrNotFound", err)
	}
	// Only discoverable credentials replace and are replaced.
	put(t, st, 4, func(c *authenticator.Credential) { sameUser(c); c.Discoverable = false })
	all, err := st.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{4, 3, 2}, ids(all)); diff != "" {
		t.Errorf("after adding 4, not discoverable: %s", diff)
	}
}

func testFull(t *testing.T, st authenticator.Store) {
	for n := range byte(Capacity) {
		left, err := st.Remaining(t.Context())
		if err != nil || left != uint64(Capacity-n) {
			t.Fatalf("Remaining = %d, %v; want %d", left, err, Capacity-n)
		}
		put(t, st, n+1, nil)
	}
	c, s := Sample(Capacity + 1)
	if err := st.Put(t.Context(), c, s); !errors.Is(err, authenticator.ErrFull) {
		t.Errorf("Put into a full store = %v, want ErrFull", err)
	}
	put(t, st, Capacity+2, func(c *authenticator.Credential) { c.User.ID = []byte{1} }) // replacing still fits
}

func testCounter(t *testing.T, st authenticator.Store) {
	c := put(t, st, 1, nil)
	put(t, st, 2, nil)
	for want := uint32(1); want <= 3; want++ {
		if got, err := st.Advance(t.Context(), c.ID); err != nil || got != want {
			t.Fatalf("Advance = %d, %v; want %d", got, err, want)
		}
	}
	got, err := st.Get(t.Context(), hash, c.ID)
	if err != nil || got.SignCount != 3 {
		t.Errorf("SignCount = %v, %v; want 3", got, err)
	}
	if other, err := st.Get(t.Context(), hash, []byte{2, 1, 2, 3}); err != nil || other.SignCount != 0 {
		t.Errorf("the counter of another credential moved: %v, %v", other, err)
	}
	if _, err := st.Advance(t.Context(), []byte{9}); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("Advance of unknown id = %v, want ErrNotFound", err)
	}
}

func testDelete(t *testing.T, st authenticator.Store) {
	c := put(t, st, 1, nil)
	put(t, st, 2, nil)
	if err := st.Delete(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if err := st.Delete(t.Context(), c.ID); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("second Delete = %v, want ErrNotFound", err)
	}
	if _, err := st.Secret(t.Context(), c.ID); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("secret of a deleted credential: %v, want ErrNotFound", err)
	}
	if left, err := st.List(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("List = %v, %v; want one credential", left, err)
	}
}

// testCopies changes what went in and what came out; the store may not notice.
func testCopies(t *testing.T, st authenticator.Store) {
	c, s := Sample(1)
	if err := st.Put(t.Context(), c, s); err != nil {
		t.Fatal(err)
	}
	s.Wipe()
	c.User.ID[0] = 99
	out, err := st.Secret(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	out.Wipe()
	_, want := Sample(1)
	again, err := st.Secret(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("wiping copies changed the store: %s", diff)
	}
	got, err := st.Get(t.Context(), hash, c.ID)
	if err != nil || got.User.ID[0] != 1 {
		t.Errorf("changing the argument changed the store: %v, %v", got, err)
	}
}

func testDurable(t *testing.T, st authenticator.Store, reopen func(*testing.T, authenticator.Store) authenticator.Store) {
	put(t, st, 1, nil)
	put(t, st, 2, nil)
	put(t, st, 3, nil)
	if _, err := st.Advance(t.Context(), []byte{2, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := st.Delete(t.Context(), []byte{1, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := st.SetState(t.Context(), sampleState()); err != nil {
		t.Fatal(err)
	}
	before, err := st.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	st = reopen(t, st)
	after, err := st.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("after reopening: %s", diff)
	}
	if state, err := st.State(t.Context()); err != nil || !cmp.Equal(sampleState(), state) {
		t.Errorf("state after reopening: %+v, %v", state, err)
	}
	_, want := Sample(3)
	secret, err := st.Secret(t.Context(), []byte{3, 1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, secret); diff != "" {
		t.Errorf("secret after reopening: %s", diff)
	}
}

func testUser(t *testing.T, st authenticator.Store) {
	c := put(t, st, 1, nil)
	put(t, st, 2, nil)
	if err := st.SetUser(t.Context(), c.ID, ctap.User{ID: c.User.ID, Name: "new"}); err != nil {
		t.Fatal(err)
	}
	c.User = ctap.User{ID: c.User.ID, Name: "new"}
	got, err := st.Get(t.Context(), hash, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("after SetUser: %s", diff)
	}
	if err := st.SetUser(t.Context(), []byte{9}, ctap.User{}); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("SetUser of unknown id = %v, want ErrNotFound", err)
	}
}

func sampleState() *authenticator.State {
	return &authenticator.State{
		PINHash: []byte("pin hash"), PINLength: 4, PINFailures: 1, UVFailures: 2,
		MinPINLength: 6, MinPINLengthRPIDs: []string{"example.com"}, ForcePINChange: true, AlwaysUV: true, EnterpriseAttestation: true,
		LargeBlobs: []byte("blobs"), PersistentToken: []byte("token"), DeviceIdentifier: []byte("device"), CredentialStoreState: []byte("credentials"),
	}
}

func testState(t *testing.T, st authenticator.Store) {
	state, err := st.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&authenticator.State{}, state); diff != "" {
		t.Errorf("new store: %s", diff)
	}
	in := sampleState()
	if err := st.SetState(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	in.PINHash[0], in.MinPINLengthRPIDs[0] = 0, ""
	for range 2 {
		if state, err = st.State(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sampleState(), state); diff != "" {
			t.Fatalf("State: %s", diff)
		}
		clear(state.PINHash)
		clear(state.LargeBlobs)
	}
}

func testReset(t *testing.T, st authenticator.Store) {
	c := put(t, st, 1, nil)
	if err := st.SetState(t.Context(), sampleState()); err != nil {
		t.Fatal(err)
	}
	if err := st.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := st.List(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("List = %v, %v; want nothing", left, err)
	}
	if _, err := st.Secret(t.Context(), c.ID); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("secret after a reset: %v, want ErrNotFound", err)
	}
	if state, err := st.State(t.Context()); err != nil || !cmp.Equal(&authenticator.State{}, state) {
		t.Errorf("State = %+v, %v; want that of a new store", state, err)
	}
	if left, err := st.Remaining(t.Context()); err != nil || left != Capacity {
		t.Errorf("Remaining = %d, %v; want %d", left, err, Capacity)
	}
}

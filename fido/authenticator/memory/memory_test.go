package memory_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/authenticator/storetest"
	"github.com/postern/postern/fido/ctap"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) authenticator.Store { return memory.New(storetest.Capacity) }, nil)
}

// TestIndexesAgree does the same to a store and to a list without any index.
func TestIndexesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const capacity = 6
		store := memory.New(capacity)
		var list []authenticator.Credential // oldest first
		at := func(id byte) int {
			return slices.IndexFunc(list, func(c authenticator.Credential) bool { return c.ID[0] == id })
		}
		small := rapid.ByteRange(0, 7)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				c, secret := storetest.Sample(small.Draw(t, "id"))
				c.RPIDHash = ctap.RPIDHash{small.Draw(t, "rp") % 3}
				c.User.ID = []byte{small.Draw(t, "user") % 3}
				c.Discoverable = rapid.Bool().Draw(t, "discoverable")
				left := slices.DeleteFunc(slices.Clone(list), func(old authenticator.Credential) bool {
					return bytes.Equal(old.ID, c.ID) || c.Discoverable && old.Discoverable && old.RPIDHash == c.RPIDHash && bytes.Equal(old.User.ID, c.User.ID)
				})
				err := store.Put(t.Context(), c, secret)
				if full := len(left) == len(list) && len(list) == capacity; full != errors.Is(err, authenticator.ErrFull) {
					t.Fatalf("Put = %v with %d credentials", err, len(list))
				}
				if err == nil {
					list = append(left, *c)
				}
			},
			"delete": func(t *rapid.T) {
				id := small.Draw(t, "id")
				i := at(id)
				err := store.Delete(t.Context(), []byte{id, 1, 2, 3})
				if (err == nil) != (i >= 0) {
					t.Fatalf("Delete = %v", err)
				}
				if i >= 0 {
					list = slices.Delete(list, i, i+1)
				}
			},
			"advance": func(t *rapid.T) {
				id := small.Draw(t, "id")
				if _, err := store.Advance(t.Context(), []byte{id, 1, 2, 3}); err == nil {
					list[at(id)].SignCount++
				}
			},
			"reset": func(t *rapid.T) {
				if small.Draw(t, "rarely") > 0 {
					return
				}
				if err := store.Reset(t.Context()); err != nil {
					t.Fatal(err)
				}
				list = nil
			},
			"reload": func(*rapid.T) { store = memory.Load(capacity, store.Content()) },
			"": func(t *rapid.T) {
				newest := slices.Clone(list)
				slices.Reverse(newest)
				got, err := store.List(t.Context())
				if diff := cmp.Diff(newest, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
					t.Fatalf("List: %v %s", err, diff)
				}
				for rp := range byte(3) {
					var want []authenticator.Credential
					for _, c := range newest {
						if c.Discoverable && c.RPIDHash == (ctap.RPIDHash{rp}) {
							want = append(want, c)
						}
					}
					got, err := store.Discoverable(t.Context(), ctap.RPIDHash{rp})
					if diff := cmp.Diff(want, got); err != nil || diff != "" {
						t.Fatalf("Discoverable(%d): %v %s", rp, err, diff)
					}
				}
				for _, want := range newest {
					got, err := store.Get(t.Context(), want.RPIDHash, want.ID)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(&want, got); diff != "" {
						t.Fatalf("Get: %s", diff)
					}
				}
			},
		})
	})
}

package vault_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/storetest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/phone/vault"
)

// credentialNames gives the names of the credentials' records, and records as they are.
func (b *bench) content() (names []string, records map[string]vault.Record) {
	records, _ = b.backing.Content()
	for name := range records {
		if strings.HasPrefix(name, "credential/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, records
}

// overwrite puts data under a name behind the vault's back.
func (b *bench) overwrite(name string, data []byte) {
	b.Helper()
	records, err := b.backing.Read(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := b.backing.Replace(b.Context(), vault.Change{Name: name, From: records[name].Version, Data: data}); err != nil {
		b.Fatal(err)
	}
}

// TestTampering: each kind is refused with its own reason, locked and unlocked, and what is refused can be deleted.
func TestTampering(t *testing.T) {
	for name, tc := range map[string]struct {
		tamper func(*bench)
		want   error
	}{
		"moved to another id": {func(b *bench) {
			names, records := b.content()
			b.overwrite(names[0], records[names[1]].Data)
		}, vault.ErrMoved},
		"an old copy put back": {func(b *bench) {
			names, records := b.content()
			b.unlock(1)
			if _, err := b.Advance(b.Context(), []byte{1, 1, 2, 3}); err != nil {
				b.Fatal(err)
			}
			b.Lock()
			b.overwrite(names[0], records[names[0]].Data)
		}, vault.ErrOlder},
		"a flipped bit": {func(b *bench) {
			names, records := b.content()
			data := bytes.Clone(records[names[0]].Data)
			data[len(data)-1] ^= 1
			b.overwrite(names[0], data)
		}, vault.ErrDamaged},
		"gone": {func(b *bench) {
			names, _ := b.content()
			b.overwrite(names[0], nil)
		}, vault.ErrDamaged},
		"from another vault": {func(b *bench) {
			other := newBench(b.T)
			other.put(1)
			names, records := other.content()
			b.overwrite(names[0], records[names[0]].Data)
		}, vault.ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c := b.put(1)
			b.put(2)
			tc.tamper(b)
			ctx := t.Context()
			refused := func(what string, err error) {
				t.Helper()
				r, ok := errors.AsType[*vault.RecordError](err)
				if !ok || !errors.Is(err, tc.want) || !bytes.Equal(r.CredentialID, c.ID) {
					t.Errorf("%s = %v, want %v", what, err, tc.want)
				}
			}
			for _, unlocked := range []bool{false, true} {
				if unlocked {
					b.unlock(1)
				}
				_, err := b.Get(ctx, c.RPIDHash, c.ID)
				refused("Get", err)
				_, err = b.Secret(ctx, c.ID)
				refused("Secret", err)
				_, err = b.Advance(ctx, c.ID)
				refused("Advance", err)
				_, err = b.List(ctx)
				refused("List", err)
				_, err = b.Discoverable(ctx, c.RPIDHash)
				refused("Discoverable", err)
				refused("SetUser", b.SetUser(ctx, c.ID, ctap.User{}))
			}
			refused("Rotate", b.Rotate(ctx, output(1), newGate(t, "next"), output(2)))
			all, err := b.Check(ctx)
			if err != nil || len(all) != 1 {
				t.Fatalf("Check = %v, %v", all, err)
			}
			refused("Check", all[0])
			if _, err := b.Get(ctx, c.RPIDHash, []byte{2, 1, 2, 3}); err != nil {
				t.Errorf("the other credential suffers: %v", err)
			}
			if err := b.Delete(ctx, c.ID); err != nil {
				t.Fatal(err)
			}
			if list, err := b.List(ctx); err != nil || len(list) != 1 {
				t.Errorf("after deleting what was refused: %v, %v", list, err)
			}
		})
	}
}

// TestDeletedPutBack: a deleted credential does not come back.
func TestDeletedPutBack(t *testing.T) {
	b := newBench(t)
	c := b.put(1)
	names, records := b.content()
	if err := b.Delete(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	b.overwrite(names[0], records[names[0]].Data)
	if _, err := b.Get(t.Context(), c.RPIDHash, c.ID); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	refused, err := b.Check(t.Context())
	if err != nil || len(refused) != 1 || !errors.Is(refused[0], vault.ErrOlder) || !bytes.Equal(refused[0].CredentialID, c.ID) {
		t.Errorf("Check = %v, %v", refused, err)
	}
	if err := b.Delete(t.Context(), c.ID); err != nil {
		t.Errorf("Delete of what was put back = %v", err)
	}
	if refused, err := b.Check(t.Context()); err != nil || len(refused) != 0 {
		t.Errorf("Check afterwards = %v, %v", refused, err)
	}
}

// TestHead: an older copy of everything is noticed by whoever has seen a newer one, damage by everybody.
func TestHead(t *testing.T) {
	b := newBench(t)
	b.put(1)
	old, last := b.backing.Content()
	b.put(2)
	revision, err := b.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := b.config()
	c.AtLeast, c.Backing = revision, vault.LoadMemory(old, last)
	if _, err := vault.Open(t.Context(), c); !errors.Is(err, vault.ErrOlder) {
		t.Errorf("Open of an older copy = %v, want ErrOlder", err)
	}
	records, err := b.backing.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.overwrite("vault", old["vault"].Data)
	if _, err := b.List(t.Context()); !errors.Is(err, vault.ErrOlder) {
		t.Errorf("List with an older head = %v, want ErrOlder", err)
	}
	for i := range records["vault"].Data {
		data := bytes.Clone(records["vault"].Data)
		data[i] ^= 0x40
		b.overwrite("vault", data)
		if _, err := vault.Open(t.Context(), b.config()); err == nil {
			t.Fatalf("Open succeeds with byte %d of the head changed", i)
		}
	}
}

// TestRecordsAtRandom plays tricks with the records of two vaults and asks for one thing: a secret that is given out is
// that of the credential it is asked for, with the counter it stands at, or nothing is given out.
func TestRecordsAtRandom(t *testing.T) {
	b, other := newBench(t), newBench(t)
	for n := byte(1); n <= 3; n++ {
		b.put(n)
		other.put(n)
	}
	var history []map[string]vault.Record
	for range 3 {
		records, _ := b.backing.Content()
		history = append(history, records)
		b.unlock(1)
		if _, err := b.Advance(t.Context(), []byte{2, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	now, last := b.backing.Content()
	foreign, _ := other.backing.Content()
	names := slices.Sorted(maps.Keys(now))
	counters := map[byte]uint32{1: 0, 2: 3, 3: 0}
	sources := append(history, now, foreign)
	rapid.Check(t, func(r *rapid.T) {
		records := maps.Clone(now)
		for range rapid.IntRange(1, 3).Draw(r, "tricks") {
			name := rapid.SampledFrom(names[:3]).Draw(r, "name") // the credentials' come before the head's
			source := rapid.SampledFrom(sources).Draw(r, "source")[rapid.SampledFrom(names).Draw(r, "from")]
			data := bytes.Clone(source.Data)
			switch rapid.IntRange(0, 3).Draw(r, "trick") {
			case 0:
				data[rapid.IntRange(0, len(data)-1).Draw(r, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
			case 1:
				data = data[:rapid.IntRange(0, len(data)-1).Draw(r, "cut")]
			case 2:
				data = append(data, rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(r, "more")...)
			}
			records[name] = vault.Record{Version: records[name].Version, Data: data}
		}
		c := b.config()
		c.Backing = vault.LoadMemory(records, last)
		v, err := vault.Open(context.Background(), c)
		if err != nil {
			r.Fatal(err)
		}
		if err := v.Unlock(context.Background(), output(1), 0); err != nil {
			r.Fatal(err)
		}
		for n := byte(1); n <= 3; n++ {
			id := []byte{n, 1, 2, 3}
			s, err := v.Secret(context.Background(), id)
			if _, refused := errors.AsType[*vault.RecordError](err); err != nil && !refused {
				r.Fatalf("Secret(%d) = %v, want a RecordError", n, err)
			}
			if err != nil {
				continue
			}
			_, want := storetest.Sample(n)
			got, err := v.Get(context.Background(), ctap.HashRPID("example.com"), id)
			if err != nil || got.SignCount != counters[n] || !cmp.Equal(want, s) {
				r.Fatalf("Secret(%d) = %v with %+v, %v", n, s, got, err)
			}
		}
	})
}

// TestModel holds a vault that is locked, unlocked, reopened and rotated at random against a plain map.
func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ctx := context.Background()
		b := &bench{T: t, backing: &vault.Memory{}, clock: authtest.NewClock()}
		v, err := vault.Create(ctx, b.config(), newGate(t, "gate"), output(1))
		if err != nil {
			r.Fatal(err)
		}
		key := byte(1)
		counters := map[byte]uint32{}
		allowed := func(err error) bool {
			if v.Locked() != errors.Is(err, authenticator.ErrSealed) {
				r.Fatalf("locked %v, and the answer is %v", v.Locked(), err)
			}
			return err == nil
		}
		pick := func() (byte, []byte) {
			n := rapid.ByteRange(1, storetest.Capacity).Draw(r, "credential")
			return n, []byte{n, 1, 2, 3}
		}
		r.Repeat(map[string]func(*rapid.T){
			"put": func(*rapid.T) {
				n, _ := pick()
				c, s := storetest.Sample(n)
				if allowed(v.Put(ctx, c, s)) {
					counters[n] = 0
				}
			},
			"advance": func(r *rapid.T) {
				n, id := pick()
				if _, here := counters[n]; !here {
					return
				}
				if got, err := v.Advance(ctx, id); allowed(err) {
					if counters[n]++; got != counters[n] {
						r.Fatalf("counter %d, want %d", got, counters[n])
					}
				}
			},
			"delete": func(r *rapid.T) {
				n, id := pick()
				if err := v.Delete(ctx, id); (err == nil) != mapHas(counters, n) {
					r.Fatal(err)
				}
				delete(counters, n)
			},
			"unlock": func(r *rapid.T) {
				if err := v.Unlock(ctx, output(key), 0); err != nil {
					r.Fatal(err)
				}
			},
			"lock": func(*rapid.T) { v.Lock() },
			"late": func(*rapid.T) { b.clock.Advance(vault.DefaultWindow / 2) },
			"reopen": func(r *rapid.T) {
				if v, err = vault.Open(ctx, b.config()); err != nil {
					r.Fatal(err)
				}
			},
			"rotate": func(r *rapid.T) {
				if err := v.Rotate(ctx, output(key), newGate(t, "gate"), output(key+1)); err != nil {
					r.Fatal(err)
				}
				if key++; key == 250 {
					key = 1
				}
			},
			"": func(r *rapid.T) {
				list, err := v.List(ctx)
				if err != nil {
					r.Fatal(err)
				}
				got := map[byte]uint32{}
				for _, c := range list {
					got[c.ID[0]] = c.SignCount
					s, err := v.Secret(ctx, c.ID)
					if _, want := storetest.Sample(c.ID[0]); allowed(err) && !cmp.Equal(want, s) {
						r.Fatalf("secret of %d is another's", c.ID[0])
					}
				}
				if diff := cmp.Diff(counters, got); diff != "" {
					r.Fatal(diff)
				}
			},
		})
	})
}

func mapHas(m map[byte]uint32, n byte) bool { _, ok := m[n]; return ok }

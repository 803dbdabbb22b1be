package vault_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/storetest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/phone/vault"
)

var errCrash = errors.New("the process died here")

// dying is a backing whose process dies at a write: before it, or after it and before anybody hears of it.
type dying struct {
	*vault.Memory
	writes, dies int
	after        bool
}

func (d *dying) Replace(ctx context.Context, changes ...vault.Change) error {
	d.writes++
	if d.writes != d.dies {
		return d.Memory.Replace(ctx, changes...)
	}
	if d.after {
		if err := d.Memory.Replace(ctx, changes...); err != nil {
			return err
		}
	}
	return errCrash
}

// view is what a vault shows when it is opened anew and unlocked.
type view struct {
	List    []authenticator.Credential
	Secrets []*authenticator.Secret
	Notes   map[string]string
	State   *authenticator.State
	Gate    vault.Gate
}

func look(t *testing.T, c vault.Config) *view {
	t.Helper()
	v, err := vault.Open(t.Context(), c)
	if errors.Is(err, vault.ErrNoVault) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	out := &view{}
	if out.Gate, err = v.Gate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Unlock(t.Context(), output(1), 0); err != nil {
		if err := v.Unlock(t.Context(), output(2), 0); err != nil {
			t.Fatal(err)
		}
	}
	if out.List, err = v.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range out.List {
		s, err := v.Secret(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		out.Secrets = append(out.Secrets, s)
	}
	names, err := v.Notes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out.Notes = map[string]string{}
	for _, name := range names {
		text, err := v.Note(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		out.Notes[name] = string(text)
	}
	if out.State, err = v.State(t.Context()); err != nil {
		t.Fatal(err)
	}
	if refused, err := v.Check(t.Context()); err != nil || len(refused) > 0 {
		t.Fatalf("Check = %v, %v", refused, err)
	}
	return out
}

// TestCrash: whatever write a process dies at, the next finds all of the old or all of the new.
func TestCrash(t *testing.T) {
	next := newGate(t, "next")
	sample := func(n byte) []byte { c, _ := storetest.Sample(n); return c.ID }
	acts := map[string]func(context.Context, *vault.Vault) error{
		"put": func(ctx context.Context, v *vault.Vault) error {
			c, s := storetest.Sample(3)
			return v.Put(ctx, c, s)
		},
		"replace": func(ctx context.Context, v *vault.Vault) error {
			c, s := storetest.Sample(3)
			c.User.ID = []byte{1}
			return v.Put(ctx, c, s)
		},
		"advance": func(ctx context.Context, v *vault.Vault) error {
			n, err := v.Advance(ctx, sample(1))
			if err != nil && n != 0 {
				return errors.New("a counter was given out that may not be stored")
			}
			return err
		},
		"delete": func(ctx context.Context, v *vault.Vault) error { return v.Delete(ctx, sample(2)) },
		"rename": func(ctx context.Context, v *vault.Vault) error {
			return v.SetUser(ctx, sample(2), ctap.User{Name: "n"})
		},
		"state": func(ctx context.Context, v *vault.Vault) error {
			return v.SetState(ctx, &authenticator.State{PINHash: []byte{1}})
		},
		"note":        func(ctx context.Context, v *vault.Vault) error { return v.PutNote(ctx, "a", []byte("new")) },
		"another":     func(ctx context.Context, v *vault.Vault) error { return v.PutNote(ctx, "b", []byte("new")) },
		"mail":        func(ctx context.Context, v *vault.Vault) error { return v.MailNote(ctx, "a", []byte("new")) },
		"delete note": func(ctx context.Context, v *vault.Vault) error { return v.DeleteNote(ctx, "a") },

		"reset":  func(ctx context.Context, v *vault.Vault) error { return v.Reset(ctx) },
		"rotate": func(ctx context.Context, v *vault.Vault) error { return v.Rotate(ctx, output(1), next, output(2)) },
	}
	for name, act := range acts {
		t.Run(name, func(t *testing.T) {
			// run does the act on a copy of one beginning, dying at a write; 0 survives.
			base := newBench(t)
			base.put(1)
			base.put(2)
			base.putNote("a", "old")
			if err := base.MailNote(t.Context(), "mailed", []byte("sent")); err != nil {
				t.Fatal(err)
			}
			before := look(t, base.config())
			run := func(dies int, after bool) (*view, int) {
				b := &bench{T: t, backing: vault.LoadMemory(base.backing.Content()), clock: authtest.NewClock()}
				d := &dying{Memory: b.backing, dies: dies, after: after}
				c := b.config()
				c.Backing = d
				v, err := vault.Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if err := v.Unlock(t.Context(), output(1), 0); err != nil {
					t.Fatal(err)
				}
				if err := act(t.Context(), v); dies == 0 && err != nil || dies > 0 && !errors.Is(err, errCrash) {
					t.Fatalf("dying at %d: %v", dies, err)
				}
				return look(t, b.config()), d.writes
			}
			changed, writes := run(0, false)
			if cmp.Equal(before, changed) || writes == 0 {
				t.Fatal("the act changed nothing")
			}
			for at := 1; at <= writes; at++ {
				for _, after := range []bool{false, true} {
					if got, _ := run(at, after); !cmp.Equal(before, got) && !cmp.Equal(changed, got) {
						t.Errorf("dying at write %d, after it %v: neither the old nor the new: %s", at, after, cmp.Diff(changed, got))
					}
				}
			}
		})
	}
}

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
	"github.com/postern/postern/phone/vault"
)

// putNote puts a note in, by a window of its own.
func (b *bench) putNote(name, text string) {
	b.Helper()
	b.unlock(1)
	defer b.Lock()
	if err := b.PutNote(b.Context(), name, []byte(text)); err != nil {
		b.Fatal(err)
	}
}

// noteNames gives the names of the notes' records, and records as they are. The mailbox's own comes last.
func (b *bench) noteRecords() (names []string, records map[string]vault.Record) {
	records, _ = b.backing.Content()
	for name := range records {
		if strings.HasPrefix(name, "note/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, records
}

// TestNotes: what is put in comes out again while the vault is open, whoever put it in and by which way.
func TestNotes(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	if err := b.PutNote(ctx, "a", []byte("x")); !errors.Is(err, authenticator.ErrSealed) {
		t.Errorf("PutNote into a locked vault = %v, want ErrSealed", err)
	}
	if err := b.MailNote(ctx, "a", []byte("x")); !errors.Is(err, authenticator.ErrSealed) {
		t.Errorf("MailNote without a mailbox = %v, want ErrSealed", err)
	}
	if _, err := b.Note(ctx, "a"); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("Note that is not there = %v, want ErrNotFound", err)
	}
	b.putNote("a", "first")
	if err := b.MailNote(ctx, "b", []byte("mailed")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := b.Note(ctx, name); !errors.Is(err, authenticator.ErrSealed) {
			t.Errorf("Note of a locked vault = %v, want ErrSealed", err)
		}
	}
	if names, err := b.reopen().Notes(ctx); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("Notes = %q, %v", names, err)
	}
	read := func(name, want string) {
		t.Helper()
		b.unlock(1)
		defer b.Lock()
		if text, err := b.Note(ctx, name); err != nil || string(text) != want {
			t.Errorf("Note(%q) = %q, %v; want %q", name, text, err, want)
		}
	}
	read("a", "first")
	read("b", "mailed")
	if err := b.MailNote(ctx, "a", []byte("second")); err != nil {
		t.Fatal(err)
	}
	read("a", "second")
	b.putNote("b", "")
	read("b", "")
	if err := b.DeleteNote(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteNote(ctx, "a"); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("second DeleteNote = %v, want ErrNotFound", err)
	}
	if err := b.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	if names, records := b.noteRecords(); len(names) > 0 {
		t.Errorf("after a reset there are %v", records)
	}
	if err := b.MailNote(ctx, "a", nil); !errors.Is(err, authenticator.ErrSealed) {
		t.Errorf("MailNote after a reset = %v, want ErrSealed", err)
	}
	b.putNote("a", "anew")
	read("a", "anew")
	if refused, err := b.Check(ctx); err != nil || len(refused) > 0 {
		t.Errorf("Check = %v, %v", refused, err)
	}
}

// TestNoteBounds: names and sizes that no record has room for are refused, and so is one note too many.
func TestNoteBounds(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.unlock(1)
	for _, name := range []string{"", "vault/mailbox", "vault/x", "é", "a\nb", strings.Repeat("x", vault.MaxNoteName+1)} {
		if b.PutNote(ctx, name, nil) == nil || b.MailNote(ctx, name, nil) == nil {
			t.Errorf("%q is taken as a name", name)
		}
		if err := b.DeleteNote(ctx, name); !errors.Is(err, authenticator.ErrNotFound) {
			t.Errorf("DeleteNote(%q) = %v", name, err)
		}
	}
	if b.PutNote(ctx, "a", make([]byte, vault.MaxNote+1)) == nil {
		t.Error("a note that is too large was taken")
	}
	if err := b.PutNote(ctx, strings.Repeat("x", vault.MaxNoteName), make([]byte, vault.MaxNote)); err != nil {
		t.Error(err)
	}
	for i := range vault.MaxNotes - 2 { // beside that and the mailbox's
		if err := b.MailNote(ctx, string(rune('0'+i/64))+string(rune('0'+i%64)), nil); err != nil {
			t.Fatal(err)
		}
	}
	if b.PutNote(ctx, "full", nil) == nil || !errors.Is(b.MailNote(ctx, "full", nil), authenticator.ErrFull) {
		t.Error("there is room for one note too many")
	}
	if err := b.MailNote(ctx, "00", []byte("in its place")); err != nil {
		t.Error(err)
	}
}

// TestNoteTampering: each kind is refused with its own reason, and what is refused can be deleted and written anew.
func TestNoteTampering(t *testing.T) {
	for name, tc := range map[string]struct {
		tamper func(*bench, string)
		want   error
	}{
		"moved to another name": {func(b *bench, name string) {
			names, records := b.noteRecords()
			other := names[slices.IndexFunc(names, func(n string) bool { return n != name })]
			b.overwrite(name, records[other].Data)
		}, vault.ErrMoved},
		"an old copy put back": {func(b *bench, name string) {
			_, records := b.noteRecords()
			b.putNote("a", "newer")
			if err := b.MailNote(b.Context(), "b", []byte("newer")); err != nil {
				b.Fatal(err)
			}
			b.overwrite(name, records[name].Data)
		}, vault.ErrOlder},
		"a flipped bit": {func(b *bench, name string) {
			_, records := b.noteRecords()
			data := bytes.Clone(records[name].Data)
			data[len(data)-1] ^= 1
			b.overwrite(name, data)
		}, vault.ErrDamaged},
		"gone": {func(b *bench, name string) { b.overwrite(name, nil) }, vault.ErrDamaged},
		"from another vault": {func(b *bench, name string) {
			other := newBench(b.T)
			other.putNote("a", "theirs")
			if err := other.MailNote(b.Context(), "b", []byte("theirs")); err != nil {
				b.Fatal(err)
			}
			_, records := other.noteRecords()
			b.overwrite(name, records[name].Data)
		}, vault.ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			for _, target := range []string{"a", "b"} { // sealed by the gate, and by the mailbox
				b := newBench(t)
				b.putNote("a", "one")
				if err := b.MailNote(t.Context(), "b", []byte("two")); err != nil {
					t.Fatal(err)
				}
				record := map[string]string{"a": "note/YQ", "b": "note/Yg"}[target]
				tc.tamper(b, record)
				refused := func(what string, err error) {
					t.Helper()
					r, ok := errors.AsType[*vault.RecordError](err)
					if !ok || !errors.Is(err, tc.want) || r.Name != record {
						t.Errorf("%s = %v, want %v", what, err, tc.want)
					}
				}
				b.unlock(1)
				_, err := b.Note(t.Context(), target)
				refused("Note", err)
				refused("Rotate", b.Rotate(t.Context(), output(1), newGate(t, "next"), output(2)))
				all, err := b.Check(t.Context())
				if err != nil || len(all) != 1 {
					t.Fatalf("Check = %v, %v", all, err)
				}
				refused("Check", all[0])
				if err := b.DeleteNote(t.Context(), target); err != nil {
					t.Fatal(err)
				}
				if refused, err := b.Check(t.Context()); err != nil || len(refused) > 0 {
					t.Errorf("Check afterwards = %v, %v", refused, err)
				}
				b.putNote(target, "anew")
				b.unlock(1)
				if text, err := b.Note(t.Context(), target); err != nil || string(text) != "anew" {
					t.Errorf("written anew: %q, %v", text, err)
				}
			}
		})
	}
}

// TestDeletedNotePutBack: a deleted note does not come back, and Check tells of it.
func TestDeletedNotePutBack(t *testing.T) {
	b := newBench(t)
	b.putNote("a", "one")
	_, records := b.noteRecords()
	if err := b.DeleteNote(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	b.overwrite("note/YQ", records["note/YQ"].Data)
	b.unlock(1)
	if _, err := b.Note(t.Context(), "a"); !errors.Is(err, authenticator.ErrNotFound) {
		t.Errorf("Note = %v, want ErrNotFound", err)
	}
	if all, err := b.Check(t.Context()); err != nil || len(all) != 1 || !errors.Is(all[0], vault.ErrOlder) {
		t.Errorf("Check = %v, %v", all, err)
	}
	if err := b.DeleteNote(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}

// TestNotesNotReadable: neither way leaves the text, or the mailbox's key, in the storage.
func TestNotesNotReadable(t *testing.T) {
	b := newBench(t)
	const text = "a seed that nobody should ever see"
	b.putNote("a", text)
	if err := b.MailNote(t.Context(), "b", []byte(text)); err != nil {
		t.Fatal(err)
	}
	records, _ := b.backing.Content()
	for name, r := range records {
		if bytes.Contains(r.Data, []byte(text)) {
			t.Errorf("record %s shows the note", name)
		}
	}
}

// TestMailboxRotates: what was mailed before a rotation is read after it, and the mailbox then has another key.
func TestMailboxRotates(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.putNote("a", "one")
	if err := b.MailNote(ctx, "b", []byte("two")); err != nil {
		t.Fatal(err)
	}
	before, last := b.backing.Content()
	if err := b.Rotate(ctx, output(1), newGate(t, "next"), output(2)); err != nil {
		t.Fatal(err)
	}
	if err := b.MailNote(ctx, "c", []byte("three")); err != nil {
		t.Fatal(err)
	}
	b.unlock(2)
	for name, want := range map[string]string{"a": "one", "b": "two", "c": "three"} {
		if text, err := b.Note(ctx, name); err != nil || string(text) != want {
			t.Errorf("Note(%q) = %q, %v", name, text, err)
		}
	}
	// Whoever held the old gate and a copy from before reads nothing that came afterwards.
	after, _ := b.backing.Content()
	mixed := maps.Clone(before)
	mixed["note/Yw"] = after["note/Yw"]
	c := b.config()
	c.Backing = vault.LoadMemory(mixed, last+10)
	old, err := vault.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Unlock(ctx, output(1), 0); err != nil {
		t.Fatal(err)
	}
	if text, err := old.Note(ctx, "c"); err == nil {
		t.Errorf("the copy from before reads %q", text)
	}
}

// TestNotesModel holds notes that come by either way, through locking, reopening and rotating, against a plain map.
func TestNotesModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ctx := context.Background()
		b := &bench{T: t, backing: &vault.Memory{}, clock: authtest.NewClock()}
		v, err := vault.Create(ctx, b.config(), newGate(t, "gate"), output(1))
		if err != nil {
			r.Fatal(err)
		}
		key, mailbox := byte(1), false
		model := map[string]string{}
		draw := func(r *rapid.T) (name, text string) {
			return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "name"), rapid.StringN(0, 20, 40).Draw(r, "text")
		}
		r.Repeat(map[string]func(*rapid.T){
			"put": func(r *rapid.T) {
				name, text := draw(r)
				err := v.PutNote(ctx, name, []byte(text))
				if v.Locked() != errors.Is(err, authenticator.ErrSealed) {
					r.Fatalf("locked %v, and the answer is %v", v.Locked(), err)
				}
				if err == nil {
					model[name], mailbox = text, true
				}
			},
			"mail": func(r *rapid.T) {
				name, text := draw(r)
				if err := v.MailNote(ctx, name, []byte(text)); (err == nil) != mailbox {
					r.Fatal(err)
				}
				if mailbox {
					model[name] = text
				}
			},
			"delete": func(r *rapid.T) {
				name, _ := draw(r)
				_, here := model[name]
				if err := v.DeleteNote(ctx, name); (err == nil) != here {
					r.Fatal(err)
				}
				delete(model, name)
			},
			"unlock": func(r *rapid.T) {
				if err := v.Unlock(ctx, output(key), 0); err != nil {
					r.Fatal(err)
				}
			},
			"lock": func(*rapid.T) { v.Lock() },
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
				names, err := v.Notes(ctx)
				if err != nil {
					r.Fatal(err)
				}
				slices.Sort(names)
				if diff := cmp.Diff(slices.Sorted(maps.Keys(model)), names); diff != "" {
					r.Fatal(diff)
				}
				for name, want := range model {
					text, err := v.Note(ctx, name)
					if v.Locked() != errors.Is(err, authenticator.ErrSealed) || err == nil && string(text) != want {
						r.Fatalf("Note(%q) = %q, %v; want %q", name, text, err, want)
					}
				}
			},
		})
	})
}

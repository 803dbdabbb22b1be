package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern/fido/authenticator/storetest"
)

// TestMigrate: old content comes to the present step by step; what cannot come is refused, and says why.
func TestMigrate(t *testing.T) {
	step := func(add string) func([]byte) ([]byte, error) {
		return func(b []byte) ([]byte, error) { return append(bytes.Clone(b), add...), nil }
	}
	steps := map[uint16]func([]byte) ([]byte, error){1: step("b"), 2: step("c")}
	if got, err := migrate(1, 3, []byte("a"), steps); err != nil || string(got) != "abc" {
		t.Errorf("migrate = %q, %v", got, err)
	}
	if got, err := migrate(3, 3, []byte("a"), steps); err != nil || string(got) != "a" {
		t.Errorf("migrate of the present = %q, %v", got, err)
	}
	if _, err := migrate(4, 3, nil, steps); !errors.Is(err, ErrNewer) {
		t.Errorf("migrate of the future = %v, want ErrNewer", err)
	}
	if _, err := migrate(0, 3, nil, steps); !errors.Is(err, ErrDamaged) {
		t.Errorf("migrate of an unknown version = %v, want ErrDamaged", err)
	}
	fails := errors.New("no")
	steps[2] = func([]byte) ([]byte, error) { return nil, fails }
	if _, err := migrate(1, 3, nil, steps); !errors.Is(err, fails) {
		t.Errorf("migrate with a step that fails = %v", err)
	}
}

// TestMigrationsReachThePresent: there is a way from every version that was ever written, for every kind.
func TestMigrationsReachThePresent(t *testing.T) {
	for kind, steps := range migrations {
		for v := uint16(1); v < version; v++ {
			if steps[v] == nil {
				t.Errorf("records of kind %c have no step from version %d", kind, v)
			}
		}
	}
}

// TestVersionsOfRecords: a record of another version is migrated where there is a step, whatever the vault is asked.
func TestVersionsOfRecords(t *testing.T) {
	old := migrations[kindCredential]
	defer func() { migrations[kindCredential] = old }()
	migrations[kindCredential] = map[uint16]func([]byte) ([]byte, error){
		0: func(b []byte) ([]byte, error) { return cbor.Marshal(credential{UserName: string(b)}) }, 1: same,
	}
	var got credential
	if err := decodeRecord(kindCredential, frame(kindCredential, 0, []byte("name")), &got); err != nil || got.UserName != "name" {
		t.Errorf("version 0 = %+v, %v", got, err)
	}
	if err := decodeRecord(kindHead, frame(kindHead, 1, []byte{0xA0}), &head{}); err != nil {
		t.Errorf("a head of version 1 = %v", err)
	}
	if err := decodeRecord(kindHead, frame(kindCredential, 1, []byte{0xA0}), &head{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("a credential as the head = %v, want ErrDamaged", err)
	}
	if err := decodeRecord(kindHead, frame(kindHead, version+1, []byte{0xA0}), &head{}); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer head = %v, want ErrNewer", err)
	}
}

// TestForgedDirectory: who can write a fitting directory still cannot move a secret, change what it is bound to or use
// it under another gate.
func TestForgedDirectory(t *testing.T) {
	for name, forge := range map[string]func(a, b *held){
		"another's secret":       func(a, b *held) { a.record.Sealed = b.record.Sealed },
		"another relying party":  func(a, _ *held) { a.bound.RPIDHash = bytes.Repeat([]byte{1}, 32) },
		"another policy":         func(a, _ *held) { a.bound.CredProtect = 0 },
		"another counter":        func(a, _ *held) { a.bound.SignCount = 7 },
		"another user":           func(a, _ *held) { a.bound.UserID = []byte("mallory") },
		"no secret":              func(a, _ *held) { a.record.Sealed = nil },
		"moved with its binding": func(a, b *held) { id := a.bound.ID; *a = *b; a.bound.ID = id },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			now := time.Unix(0, 0)
			c := Config{Backing: &Memory{}, Random: rand.Reader, Now: func() time.Time { return now }}
			g, err := NewGate(rand.Reader, KindPRF, []byte("gate"), now)
			if err != nil {
				t.Fatal(err)
			}
			output := bytes.Repeat([]byte{1}, OutputSize)
			v, err := Create(ctx, c, g, output)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Unlock(ctx, output, 0); err != nil {
				t.Fatal(err)
			}
			defer v.Lock()
			for n := byte(1); n <= 2; n++ {
				sample, secret := storetest.Sample(n)
				if err := v.Put(ctx, sample, secret); err != nil {
					t.Fatal(err)
				}
			}
			err = v.change(ctx, func(d *draft) error {
				one, err := d.load(&d.Entries[0], d.records)
				if err != nil {
					return err
				}
				two, err := d.load(&d.Entries[1], d.records)
				if err != nil {
					return err
				}
				forge(one, two)
				if one.record.Bound, err = cbor.Marshal(one.bound); err != nil {
					return err
				}
				return d.put(one)
			})
			if err != nil {
				t.Fatal(err)
			}
			sample, _ := storetest.Sample(1)
			if _, err := v.Secret(ctx, sample.ID); !errors.Is(err, ErrDamaged) {
				t.Errorf("Secret = %v, want ErrDamaged", err)
			}
			if _, err := v.Advance(ctx, sample.ID); !errors.Is(err, ErrDamaged) {
				t.Errorf("Advance = %v, want ErrDamaged", err)
			}
		})
	}
}

// TestGateIsBound: the kind and the credential of the gate are part of its keys, so that neither can be exchanged.
func TestGateIsBound(t *testing.T) {
	h := head{Vault: make([]byte, idSize), Install: make([]byte, keySize), Epoch: 1, Gate: gate{Kind: uint8(KindPRF), CredentialID: []byte("gate")}}
	output := bytes.Repeat([]byte{1}, OutputSize)
	var err error
	if h.Check, err = h.derive(output, labelCheck); err != nil {
		t.Fatal(err)
	}
	if _, err := h.unlock(output); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*head){
		"kind":       func(h *head) { h.Gate.Kind = uint8(KindNone) },
		"credential": func(h *head) { h.Gate.CredentialID = []byte("mine") },
		"epoch":      func(h *head) { h.Epoch++ },
		"vault":      func(h *head) { h.Vault = bytes.Repeat([]byte{1}, idSize) },
		"install":    func(h *head) { h.Install = bytes.Repeat([]byte{1}, keySize) },
	} {
		changed := h
		if change(&changed); !bytes.Equal(changed.Check, h.Check) {
			t.Fatal("the check value changed too")
		}
		if _, err := changed.unlock(output); !errors.Is(err, ErrWrongKey) {
			t.Errorf("another %s: %v, want ErrWrongKey", name, err)
		}
	}
}

// FuzzRecords: no record makes the vault panic, and none that was changed is taken for the one in the directory.
func FuzzRecords(f *testing.F) {
	ctx := context.Background()
	now := time.Unix(0, 0)
	m := &Memory{}
	c := Config{Backing: m, Random: rand.Reader, Now: func() time.Time { return now }}
	output := bytes.Repeat([]byte{1}, OutputSize)
	v, err := Create(ctx, c, Gate{Kind: KindPRF, CredentialID: []byte("gate"), Salt: make([]byte, SaltSize)}, output)
	if err != nil {
		f.Fatal(err)
	}
	if err := v.Unlock(ctx, output, 0); err != nil {
		f.Fatal(err)
	}
	sample, secret := storetest.Sample(1)
	if err := v.Put(ctx, sample, secret); err != nil {
		f.Fatal(err)
	}
	v.Lock()
	records, last := m.Content()
	name := recordName(sample.ID)
	f.Add(true, records[headName].Data[frameSize:])
	f.Add(false, records[name].Data[frameSize:])
	f.Fuzz(func(t *testing.T, isHead bool, body []byte) {
		forged, target, kind := cloneRecords(records), name, byte(kindCredential)
		if isHead {
			target, kind = headName, kindHead
		}
		same := bytes.Equal(records[target].Data[frameSize:], body)
		forged[target] = Record{Version: 1, Data: frame(kind, version, body)}
		c := c
		c.Backing = LoadMemory(forged, last)
		v, err := Open(ctx, c)
		if err != nil {
			return
		}
		list, err := v.List(ctx)
		if !isHead && (err == nil) != same {
			t.Errorf("List = %v, %v", list, err)
		}
		if _, err := v.Check(ctx); err != nil {
			t.Errorf("Check = %v", err)
		}
		_ = v.Unlock(ctx, output, 0)
		defer v.Lock()
		for _, e := range list {
			_, _ = v.Secret(ctx, e.ID)
			_, _ = v.Advance(ctx, e.ID)
		}
		if err := v.Delete(ctx, sample.ID); !isHead && err != nil {
			t.Errorf("Delete of what is refused = %v", err)
		}
	})
}

// TestVectors holds the derivations to values computed once from the wire page by an independent program.
func TestVectors(t *testing.T) {
	output := bytes.Repeat([]byte{1}, OutputSize)
	h := head{Vault: bytes.Repeat([]byte{2}, idSize), Install: bytes.Repeat([]byte{3}, keySize), Epoch: 4, Gate: gate{Kind: uint8(KindPRF), CredentialID: []byte("gate")}}
	for label, want := range map[string]string{
		labelCheck:    "6ecf5b1c5b9ed11237b5274e58aa3e0f2adf17f8c0b609caabed20efe57d3f28",
		labelWrapping: "850dd1af4765f9b873a77d1cf0e8ccc8b2aae53673c4f7db377b028438f93047",
	} {
		got, err := h.derive(output, label)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s = %s, %v; want %s", label, hex.EncodeToString(got), err, want)
		}
	}
	wrapping := sha256.Sum256([]byte("wrapping"))
	if got, err := credentialKey(wrapping[:], []byte("id")); err != nil || hex.EncodeToString(got) != "a6017a77d432d64111c984fe88073559a7e32a9494e9a1c72e25657add6f739d" {
		t.Errorf("credential key = %s, %v", hex.EncodeToString(got), err)
	}
}

// noted is a vault with a note of either kind, "a" and "b", which output(1) opens.
func noted(t testing.TB) (Config, *Memory, *Vault, []byte) {
	t.Helper()
	ctx := context.Background()
	m := &Memory{}
	c := Config{Backing: m, Random: rand.Reader, Now: func() time.Time { return time.Unix(0, 0) }}
	output := bytes.Repeat([]byte{1}, OutputSize)
	v, err := Create(ctx, c, Gate{Kind: KindPRF, CredentialID: []byte("gate"), Salt: make([]byte, SaltSize)}, output)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Unlock(ctx, output, 0); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{v.PutNote(ctx, "a", []byte("one")), v.MailNote(ctx, "b", []byte("two"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c, m, v, output
}

// TestForgedNotes: who can write a fitting directory still cannot move what is sealed, nor pass one kind of seal for the other.
func TestForgedNotes(t *testing.T) {
	for name, forge := range map[string]func(a, b *note, ab, bb *noteBound){
		"another's seal":        func(a, b *note, _, _ *noteBound) { a.Sealed, b.Sealed = b.Sealed, a.Sealed },
		"as if mailed":          func(_, _ *note, ab, bb *noteBound) { ab.Mailed, bb.Mailed = true, false },
		"nothing sealed":        func(a, b *note, _, _ *noteBound) { a.Sealed, b.Sealed = nil, nil },
		"with its binding":      func(a, b *note, ab, bb *noteBound) { *a, *b = *b, *a; ab.Mailed, bb.Mailed = true, false },
		"from before the gates": func(_, _ *note, ab, bb *noteBound) { ab.Epoch, bb.Epoch = 0, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			_, _, v, _ := noted(t)
			defer v.Lock()
			err := v.change(ctx, func(d *draft) error {
				a, ab, err := d.loadNote(&d.Notes[d.findNote("a")], d.records)
				if err != nil {
					return err
				}
				b, bb, err := d.loadNote(&d.Notes[d.findNote("b")], d.records)
				if err != nil {
					return err
				}
				forge(a, b, ab, bb)
				for _, one := range []struct {
					n *note
					b *noteBound
				}{{a, ab}, {b, bb}} {
					if err := d.sealNote(*one.b, func([]byte) ([]byte, error) { return one.n.Sealed, nil }); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"a", "b"} {
				if text, err := v.Note(ctx, name); err == nil {
					t.Errorf("Note(%q) = %q", name, text)
				}
			}
		})
	}
}

// TestMailboxBehindItself: a mailbox whose key pretends to have come through it is refused, and the vault goes on.
func TestMailboxBehindItself(t *testing.T) {
	ctx := context.Background()
	_, _, v, _ := noted(t)
	err := v.change(ctx, func(d *draft) error {
		return d.sealNote(noteBound{Vault: d.Vault, Epoch: d.Epoch, Name: mailboxName, Mailed: true}, func(info []byte) ([]byte, error) {
			return toMailbox(d.Mailbox, info, make([]byte, keySize))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := v.Note(ctx, "b"); !errors.Is(err, ErrDamaged) {
		t.Errorf("Note = %q, %v; want ErrDamaged", text, err)
	}
	if text, err := v.Note(ctx, "a"); err != nil || string(text) != "one" {
		t.Errorf("the other one: %q, %v", text, err)
	}
}

// FuzzNotes: no record of a note makes the vault panic, and none that was changed is read.
func FuzzNotes(f *testing.F) {
	ctx := context.Background()
	c, m, v, output := noted(f)
	v.Lock()
	records, last := m.Content()
	names := []string{"a", "b", mailboxName}
	for i, name := range names {
		f.Add(uint8(i), records[noteName(name)].Data[frameSize:])
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		target := noteName(names[int(which)%len(names)])
		same := bytes.Equal(records[target].Data[frameSize:], body)
		forged := cloneRecords(records)
		forged[target] = Record{Version: 1, Data: frame(kindNote, version, body)}
		c := c
		c.Backing = LoadMemory(forged, last)
		v, err := Open(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Unlock(ctx, output, 0); err != nil {
			t.Fatal(err)
		}
		defer v.Lock()
		a, errA := v.Note(ctx, "a")
		b, errB := v.Note(ctx, "b")
		if same && (errA != nil || errB != nil) || errA == nil && string(a) != "one" || errB == nil && string(b) != "two" {
			t.Errorf("notes are %q, %v and %q, %v", a, errA, b, errB)
		}
		if all, err := v.Check(ctx); err != nil || (len(all) == 0) != same {
			t.Errorf("Check = %v, %v", all, err)
		}
		if err := v.DeleteNote(ctx, "a"); err != nil {
			t.Error(err)
		}
	})
}

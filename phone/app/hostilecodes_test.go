package app

import (
	"bytes"
	"crypto/rand"
	"reflect"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/offline"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/link"
	"github.com/postern/postern/phone/vault"
)

// FuzzVendor: whatever a workstation sends in the range for vendors, the codes of another stay as they are, and without a yes it has
// none of its own.
func FuzzVendor(f *testing.F) {
	mine, other := postern.NewPairingID([16]byte{1}), postern.NewPairingID([16]byte{2})
	issue := offline.Message{What: offline.Issue, Display: 30 * time.Second, WarnAt: 2, Batch: offline.Batch{
		ID: bytes.Repeat([]byte{1}, offline.IDSize), Seed: bytes.Repeat([]byte{1}, offline.SeedSize), Length: 8, Count: 5, Expires: time.Unix(2_000_000_000, 0),
	}}
	a := newOffline(f, new(vault.Memory))
	if err := a.Start(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(a.Stop)
	a.mu.Lock()
	ctx, gate := f.Context(), bytes.Repeat([]byte{1}, vault.OutputSize)
	g, err := vault.NewGate(rand.Reader, vault.KindPRF, []byte("gate"), time.Now())
	if err != nil {
		f.Fatal(err)
	}
	if a.vault, err = vault.Create(ctx, a.vaultConfig(), g, gate); err != nil {
		f.Fatal(err)
	}
	a.kind = vault.KindPRF
	a.identity.Phone = &phone.State{
		Server: "https://postern.example.com", ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), Name: "Test", UPN: "alex@contoso.example",
		IdentityKey: bytes.Repeat([]byte{1}, 32), SealKey: bytes.Repeat([]byte{2}, 32),
	}
	if a.phone, err = phone.Open(a.identity.Phone, a.env()); err != nil {
		f.Fatal(err)
	}
	key := make(postern.Bytes, channel.KeySize)
	a.identity.Workstations = map[postern.PairingID]workstation{mine: {ID: "wks_1", Key: key, Name: "PC-7"}, other: {ID: "wks_2", Key: key, Name: "PC-8"}}
	if err := a.unlock(ctx, codesOwner, gate, codeWindow); err != nil {
		f.Fatal(err)
	}
	if err := a.keepAgreed(ctx, mine, &issue); err != nil {
		f.Fatal(err)
	}
	a.lock()
	if err := a.shelve(ctx, mine, func(s *ceremony.Shelf) bool { *s = ceremony.Shelf{Current: s.Agreed}; return true }); err != nil {
		f.Fatal(err)
	}
	want := a.identity.Workstations[mine].Offline
	a.mu.Unlock()
	for _, what := range []offline.What{offline.Issue, offline.Refill, offline.Forget} {
		m := issue
		m.What = what
		text, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte{0x40})
	f.Add([]byte{0x50, 0xA1, 0x01, 0x04})
	f.Fuzz(func(t *testing.T, request []byte) {
		if !ceremony.Vendor(request) {
			return
		}
		if m, err := offline.Decode(request); err == nil && m.What == offline.Issue && m.Batch.Count > 0 {
			return // it asks the user, who is not here
		}
		got := a.handle(t.Context(), &link.Request{Pairing: other, Workstation: "wks_2", Session: 2, CTAP: request})
		if got.Reason != 0 || len(got.CTAP) != 1 || ctap.Status(got.CTAP[0]) == ctap.OK && !forgets(request) {
			t.Fatalf("%x is answered %+v", request, got)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		names, err := a.vault.Notes(t.Context())
		if err != nil || len(names) != 1 || names[0] != want.Current.Note(mine) || !reflect.DeepEqual(a.identity.Workstations[mine].Offline, want) ||
			a.identity.Workstations[other].Offline != (ceremony.Shelf{}) || !a.vault.Locked() {
			t.Fatalf("%x leaves %v and %+v, %v", request, names, a.identity.Workstations, err)
		}
	})
}

func forgets(request []byte) bool {
	m, err := offline.Decode(request)
	return err == nil && m.What == offline.Forget
}

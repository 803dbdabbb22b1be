package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone/vault"
)

// noNetwork is a network that is never there.
type noNetwork struct{}

func (noNetwork) RoundTrip(context.Context, signed.Request) (*signed.Response, error) {
	return nil, errors.New("no network")
}

// newOffline is an app without a network, on a storage with these records.
func newOffline(t testing.TB, b vault.Backing) *App {
	t.Helper()
	return New(Host{
		Server: "https://postern.example.com", Platform: "Test OS", Version: "1", Backing: b, Erase: func(context.Context) error { return nil },
		Transport: noNetwork{}, Dial: func(context.Context, string) (relay.Conn, error) { return nil, errors.New("no network") },
		Random: rand.Reader, Now: time.Now, View: func(View) {}, Log: slog.New(slog.DiscardHandler),
	})
}

// FuzzCommand: whatever the page says, the app stays up, and says no in words for people.
func FuzzCommand(f *testing.F) {
	for name := range commands {
		f.Add(name, []byte(`{"id":"1","text":"K7QF-01AB-CDEF","key":"AA","name":"x","code":"A","credential_id":"AA"}`), []byte(nil))
		f.Add(name, []byte(`[]`), make([]byte, 32))
	}
	a := newOffline(f, new(vault.Memory))
	if err := a.Start(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(a.Stop)
	f.Fuzz(func(t *testing.T, name string, in, output []byte) {
		err := a.Do(t.Context(), name, in, output)
		if err == nil {
			return
		}
		var p *Problem
		if !errors.As(err, &p) || p.Code == "" || p.Message == "" || p.Next == "" {
			t.Fatalf("%s answered %v", name, err)
		}
		if p.Code == postern.CodeInternal {
			t.Fatalf("%s(%s): %v", name, in, err)
		}
	})
}

// FuzzRecord: whatever lies in the storage, the app starts with it, or says that it cannot.
func FuzzRecord(f *testing.F) {
	salt := make(postern.Bytes, 32)
	good, err := json.Marshal(identity{UserID: salt, Salt: salt})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"version":1,"content":`+string(good)+`}`), []byte(`{"version":1,"content":{"activity":[{}],"keys":{"a":null}}}`))
	f.Add([]byte(`{"version":2,"content":{}}`), []byte(`{}`))
	f.Add([]byte(`null`), []byte(nil))
	f.Fuzz(func(t *testing.T, identity, memory []byte) {
		b := vault.LoadMemory(map[string]vault.Record{identityName: {Version: 1, Data: identity}, memoryName: {Version: 1, Data: memory}}, 1)
		a := newOffline(t, b)
		err := a.Start(t.Context())
		a.Stop()
		if a.identity.Phone == nil && err == nil && len(a.identity.Salt) != vault.SaltSize {
			t.Fatal("the app started without a salt for its gate")
		}
		if len(a.memory.Activity) > maxActivities || len(a.memory.Notices) > maxNotices {
			t.Fatal("the memory is out of its bounds")
		}
	})
}

// TestTwoWindows: a window that another one overtook says so and overwrites nothing.
func TestTwoWindows(t *testing.T) {
	b := new(vault.Memory)
	one, two := records{backing: b}, records{backing: b}
	ctx := t.Context()
	for _, r := range []*records{&one, &two} {
		if err := r.read(ctx, memoryName, &memory{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.write(ctx, memoryName, memory{}); err != nil {
		t.Fatal(err)
	}
	if err := two.write(ctx, memoryName, memory{}); !errors.Is(err, errElsewhere) {
		t.Fatalf("the other window wrote: %v", err)
	}
	if err := one.write(ctx, memoryName, memory{}); err != nil {
		t.Fatal(err)
	}
}

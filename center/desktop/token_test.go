package desktop_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/desktop"
	"github.com/postern/postern/center/store"
)

type home struct{ postern.Integration }

func (h home) Get(context.Context, postern.IntegrationID) (postern.Integration, error) {
	return h.Integration, nil
}

type trail struct{ events []postern.AuditEvent }

func (t *trail) Record(_ context.Context, e postern.AuditEvent) error {
	t.events = append(t.events, e)
	return nil
}

// bench is a service on a real database, with a clock that the test turns.
type bench struct {
	*desktop.Service
	trail *trail
	id    postern.IntegrationID
	now   time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &bench{trail: new(trail), now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	i := postern.Integration{ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), Version: 1, ApplicationName: "Contoso", CreatedAt: b.now, UpdatedAt: b.now}
	if err := s.CreateIntegration(t.Context(), i, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	b.id = i.ID
	b.Service = &desktop.Service{Store: s, Integrations: home{i}, Audit: b.trail, Now: func() time.Time { return b.now }, PublicURL: "https://postern.example", Packages: t.TempDir(), Version: "v1.0.0"}
	return b
}

func TestInstallTokenEnds(t *testing.T) {
	for name, one := range map[string]struct {
		end   func(t *testing.T, b *bench, made postern.InstallTokenCreated)
		want  postern.Code
		state postern.InstallTokenState
	}{
		"expired": {func(_ *testing.T, b *bench, made postern.InstallTokenCreated) { b.now = made.Token.ExpiresAt }, postern.CodeInstallExpired, postern.InstallTokenExpired},
		"used up": {func(t *testing.T, b *bench, made postern.InstallTokenCreated) {
			if err := b.Spend(t.Context(), made.Token.ID); err != nil {
				t.Fatal(err)
			}
		}, postern.CodeInstallUsedUp, postern.InstallTokenUsedUp},
		"revoked": {func(t *testing.T, b *bench, made postern.InstallTokenCreated) {
			for range 2 { // a second time changes and records nothing
				if _, err := b.RevokeToken(t.Context(), b.id, made.Token.ID); err != nil {
					t.Fatal(err)
				}
			}
			if len(b.trail.events) != 2 {
				t.Errorf("%d events, want one of the making and one of the end", len(b.trail.events))
			}
		}, postern.CodeInstallRevoked, postern.InstallTokenRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			made, err := b.CreateToken(t.Context(), b.id, postern.InstallTokenInput{ValidDays: 7, MaxUses: 2})
			if err != nil {
				t.Fatal(err)
			}
			found, err := b.Bearer(t.Context(), made.Value)
			if err != nil || found.ID != made.Token.ID || !found.ExpiresAt.Equal(b.now.AddDate(0, 0, 7)) {
				t.Fatalf("%+v, %v", found, err)
			}
			if err := b.Spend(t.Context(), found.ID); err != nil {
				t.Fatal(err)
			}
			one.end(t, b, made)
			if err := b.Spend(t.Context(), found.ID); !postern.IsCode(err, one.want) {
				t.Errorf("answer %v, want %s", err, one.want)
			}
			all, err := b.Tokens(t.Context(), b.id)
			if err != nil || len(all) != 1 || all[0].State != one.state {
				t.Errorf("%+v, %v", all, err)
			}
			for _, e := range b.trail.events {
				for _, text := range e.Fields {
					if strings.Contains(text, made.Value) {
						t.Error("the trail holds the value")
					}
				}
			}
		})
	}
}

func TestInstallTokenThatNobodyMade(t *testing.T) {
	b := newBench(t)
	for _, value := range []string{"", "pti_", "pti_" + strings.Repeat("a", 43), "pt_" + strings.Repeat("a", 44)} {
		if _, err := b.Bearer(t.Context(), value); !postern.IsCode(err, postern.CodeInstallToken) {
			t.Errorf("%q: %v", value, err)
		}
	}
	for field, in := range map[string]postern.InstallTokenInput{"valid_days": {ValidDays: 366}, "max_uses": {MaxUses: -1}, "name": {Name: strings.Repeat("x", 81)}} {
		if _, err := b.CreateToken(t.Context(), b.id, in); !postern.IsCode(err, postern.CodeInvalid) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

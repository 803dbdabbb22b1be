package policy_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy"
)

// TestVerdictsAreOfTheLastMinute: the policy is read once a minute however often it is asked for, and what cannot be read
// is unknown and asked for again a minute later.
func TestVerdictsAreOfTheLastMinute(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	p := postern.PasskeyPolicy{
		Schema: postern.PolicySchemaTenant, Enabled: true, Include: []postern.PolicyTarget{{ID: postern.TargetAllUsers, Type: "group"}},
		KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{yubikey}},
	}
	var fails error
	reads := 0
	v := policy.NewVerdicts(func(context.Context, postern.IntegrationID) (postern.PasskeyPolicy, error) {
		reads++
		return p, fails
	}, slog.New(slog.DiscardHandler), func() time.Time { return now })
	models := []postern.InventoryModel{{AAGUID: yubikey, Passkeys: 2}, {AAGUID: solo, Passkeys: 3, Synced: 3}}
	expect := func(name string, read int, yubikeys, solos postern.Known) {
		t.Helper()
		verdicts, err := v.Allowed(t.Context(), "int_1", models)
		if err != nil || verdicts[yubikey] != yubikeys || verdicts[solo] != solos || reads != read {
			t.Errorf("%s: %v after %d readings, %v", name, verdicts, reads, err)
		}
	}
	expect("the first", 1, postern.KnownYes, postern.KnownNo)
	p.KeyRestrictions.Block = true
	now = now.Add(59 * time.Second)
	expect("within the minute", 1, postern.KnownYes, postern.KnownNo)
	now = now.Add(time.Second)
	expect("afterwards", 2, postern.KnownNo, postern.KnownYes)
	p.AttestationEnforced = true // which synced passkeys cannot meet
	fails = errors.New("no answer")
	now = now.Add(time.Minute)
	expect("without an answer", 3, "", "")
	fails = nil
	now = now.Add(30 * time.Second)
	expect("half a minute later", 3, "", "")
	now = now.Add(30 * time.Second)
	expect("a minute later", 4, postern.KnownNo, postern.KnownNo)
	// Who leaves leaves nothing behind.
	now = now.Add(time.Minute)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := v.Allowed(gone, "int_1", models); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	expect("the next", 6, postern.KnownNo, postern.KnownNo)
}

package lifecycle

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern"
)

func TestNext(t *testing.T) {
	for _, c := range []struct {
		present postern.Phase
		facts   Facts
		want    postern.Phase
	}{
		{"", Facts{OpenInvitations: 1}, postern.PhaseEligible},
		{"", Facts{}, ""},
		{postern.PhaseEligible, Facts{}, postern.PhaseEligible},
		{postern.PhaseEligible, Facts{Phones: 1}, postern.PhasePaired},
		{postern.PhasePaired, Facts{Phones: 1, Passkeys: 1}, postern.PhaseActive},
		{postern.PhaseActive, Facts{Phones: 1}, postern.PhasePaired},
		{postern.PhaseActive, Facts{}, postern.PhaseRevoked},
		{postern.PhasePaired, Facts{}, postern.PhaseRevoked},
		{postern.PhaseRevoked, Facts{}, postern.PhaseRevoked},
		{postern.PhaseRevoked, Facts{OpenInvitations: 1}, postern.PhaseEligible},
		{postern.PhasePaired, Facts{OpenInvitations: 1}, postern.PhaseEligible},
		{postern.PhaseSuspended, Facts{Phones: 1, Passkeys: 1}, postern.PhaseSuspended},
	} {
		if got := Next(c.present, c.facts); got != c.want {
			t.Errorf("Next(%q, %+v) = %q, want %q", c.present, c.facts, got, c.want)
		}
	}
}

func TestNextSettles(t *testing.T) {
	phases := []postern.Phase{"", postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive, postern.PhaseSuspended, postern.PhaseRevoked}
	rapid.Check(t, func(t *rapid.T) {
		present := rapid.SampledFrom(phases).Draw(t, "present")
		f := Facts{
			OpenInvitations: rapid.IntRange(0, 2).Draw(t, "invitations"), Phones: rapid.IntRange(0, 2).Draw(t, "phones"),
			Passkeys: rapid.IntRange(0, 2).Draw(t, "passkeys"),
		}
		next := Next(present, f)
		if again := Next(next, f); again != next {
			t.Fatalf("the same facts move on from %q to %q", next, again)
		}
		if next == postern.PhaseActive && f.Passkeys == 0 {
			t.Fatal("active without a passkey")
		}
	})
}

func TestCodesSplit(t *testing.T) {
	for range 100 {
		code := newCode()
		handle, hash, ok := splitCode(code)
		again, hashAgain, okAgain := splitCode(" " + code[:9] + code[10:] + " ")
		if !ok || !okAgain || handle != code[:4] || again != handle || string(hash) != string(hashAgain) {
			t.Fatalf("%q: %q %t, %q %t", code, handle, ok, again, okAgain)
		}
	}
	for _, bad := range []string{"", "ABCD", "ABCD-EFGH-JKMN-PQR", "ABCD-EFGH-JKMN-PQRST"} {
		if _, _, ok := splitCode(bad); ok {
			t.Errorf("%q is taken for a code", bad)
		}
	}
}

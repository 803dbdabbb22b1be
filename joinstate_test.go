package postern_test

import (
	"testing"

	"github.com/postern/postern"
)

// TestJoinStates: each state has its words, and Microsoft's support is what Microsoft says.
func TestJoinStates(t *testing.T) {
	for state, supported := range map[postern.JoinState]bool{
		postern.JoinNone: false, postern.JoinAD: false, postern.JoinEntra: true, postern.JoinHybrid: true,
	} {
		got, why := state.Support()
		if !state.Valid() || got != supported || why == "" || state.Name() == "" || state.SignIn() == "" {
			t.Errorf("%s: %v, %q, %q, %q", state, got, state.Name(), state.SignIn(), why)
		}
	}
	if postern.JoinState("other").Valid() {
		t.Error("an unknown state is valid")
	}
}

//go:build !windows

package join

import (
	"errors"
	"testing"
)

func TestOnlyWindowsHasJoinStates(t *testing.T) {
	if s, err := Read(t.Context()); !errors.Is(err, ErrNotWindows) || s != (Status{}) {
		t.Errorf("Read = %+v, %v", s, err)
	}
}

//go:build !windows

package join

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// ErrNotWindows means that there is no join state to speak of: only Windows joins a machine to Entra.
var ErrNotWindows = errors.New("join states exist on Windows alone")

// Read answers [ErrNotWindows].
func Read(context.Context) (Status, error) {
	return Status{}, fmt.Errorf("%w, and this is %s", ErrNotWindows, runtime.GOOS)
}

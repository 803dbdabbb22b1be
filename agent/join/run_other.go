//go:build !windows

package join

import (
	"context"
	"fmt"
	"runtime"
)

// Read answers [ErrNotWindows].
func Read(context.Context) (Status, error) {
	return Status{}, fmt.Errorf("%w, and this is %s", ErrNotWindows, runtime.GOOS)
}

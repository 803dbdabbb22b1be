//go:build !linux

package windows

import (
	"errors"
	"os"
)

func openRaw(string) (*os.File, error) { return nil, errors.New("hidraw devices are Linux's") }

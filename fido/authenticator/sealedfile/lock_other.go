//go:build !unix && !windows

package sealedfile

import (
	"errors"
	"os"
)

// Where two writers cannot be kept apart, no file is opened.

func acquire(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func release(*os.File) error { return nil }

func syncDir(string) error { return errors.ErrUnsupported }

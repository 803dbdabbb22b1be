//go:build !unix

package doctor

import (
	"errors"
	"io/fs"
)

func diskOf(string) (Disk, error) { return Disk{}, errors.ErrUnsupported }

// othersMay says no: access lists are not read.
func othersMay(fs.FileInfo) bool { return false }

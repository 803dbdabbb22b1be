//go:build unix

package doctor

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

func diskOf(path string) (Disk, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Disk{}, err
	}
	block := uint64(s.Bsize) //nolint:gosec // a size; its type differs between systems
	return Disk{Path: path, Free: s.Bavail * block, Total: s.Blocks * block}, nil
}

// othersMay reports whether others than its owner may read a file.
func othersMay(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

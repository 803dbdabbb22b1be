package sealedfile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// acquire takes an exclusive lock, which Windows drops with the process.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func release(f *os.File) error { return f.Close() }

// syncDir has nothing to do: NTFS journals renames, and directories cannot be
// flushed through a file handle.
func syncDir(string) error { return nil }

//go:build unix

package sealedfile

import (
	"errors"
	"os"
	"syscall"
)

// acquire takes an exclusive advisory lock. The kernel drops it with the
// process, so a crash leaves nothing to clean up.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- beside the caller's own path
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // #nosec G115 -- a descriptor
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func release(f *os.File) error { return f.Close() }

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the caller's own path
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

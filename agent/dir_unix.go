//go:build !windows

package agent

import "os"

// makeDir makes a directory for this account alone.
func makeDir(dir string) error { return os.MkdirAll(dir, 0o700) }

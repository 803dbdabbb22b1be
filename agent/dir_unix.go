//go:build !windows

package agent

import "os"

// makeDir makes a directory for this account alone.
func makeDir(dir string) error { return os.MkdirAll(dir, 0o700) }

// MachineDir is where the state of a machine's service lies.
func MachineDir() (string, error) { return "/var/lib/postern-agent", nil }

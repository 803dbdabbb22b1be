//go:build !linux && !windows

package remote

import "os"

// Here is the session of this process if it came over SSH.
func Here() Session {
	if os.Getenv("SSH_CONNECTION") != "" {
		return Session{Kind: "ssh"}
	}
	return Session{}
}

package remote

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// sessions is where systemd-logind keeps a file for each session, lines of KEY=value; every program may read them.
const sessions = "/run/systemd/sessions"

// maxSessions bounds how many are looked at.
const maxSessions = 256

// Here is the session of this process if it came over SSH, or for a service, the ones in use: remote when all of the active
// ones are.
func Here() Session {
	if os.Getenv("SSH_CONNECTION") != "" {
		return Session{Kind: "ssh"}
	}
	return inUse(sessions)
}

func inUse(dir string) Session {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) > maxSessions {
		return Session{}
	}
	remote := Session{}
	for _, name := range files {
		if filepath.Ext(name) == ".ref" {
			continue
		}
		s := read(name)
		if s["CLASS"] != "user" || s["ACTIVE"] != "1" {
			continue
		}
		if s["REMOTE"] != "1" {
			return Session{}
		}
		remote = Session{Kind: "ssh"}
		if strings.Contains(s["SERVICE"], "rdp") {
			remote = Session{Kind: "rdp"}
		}
	}
	return remote
}

func read(name string) map[string]string {
	f, err := os.Open(name) // #nosec G304 -- a file of systemd
	if err != nil {
		return nil
	}
	defer f.Close()
	all := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan() && len(all) < 64; {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok {
			all[key] = value
		}
	}
	return all
}

package web

import (
	"fmt"

	"github.com/postern/postern"
)

// directoryWords says how current the list is. The moment of the last reading follows, where there was one.
func directoryWords(s postern.DirectoryStatus) string {
	people := fmt.Sprintf("%d users", s.Users)
	if s.Users == 1 {
		people = "1 user"
	}
	how := "Postern looks for changes every 15 minutes"
	if s.Notified {
		how = "Entra tells of changes at once"
	}
	roles := ""
	if s.FinishedAt != nil && !s.RolesRead {
		roles = " Nobody is marked as privileged, because Postern may not see who holds a role."
	}
	switch {
	case s.State == postern.DirectoryClosed:
		return "The directory is not read."
	case s.State == postern.DirectoryReading && s.Full:
		return fmt.Sprintf("The whole directory is being read; %d users changed so far.", s.Changed)
	case s.State == postern.DirectoryReading:
		return "Changes are being read."
	case s.FinishedAt == nil:
		return "The directory was not read yet."
	}
	return people + ". " + how + "." + roles + " Last read"
}

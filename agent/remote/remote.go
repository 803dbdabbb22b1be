// Package remote finds out whether somebody works at this machine from another one. It matters because a virtual security key
// belongs to this machine: it does not reach the one somebody sits at, and a key plugged in there does not always reach here.
package remote

// Session is a remote session.
type Session struct {
	Kind string // "rdp" or "ssh"; empty: nobody works here from afar, or it cannot be told
}

// Message says what that means; empty where nobody works here from afar.
func (s Session) Message() string {
	switch s.Kind {
	case "rdp":
		return "You work here over Remote Desktop. The security key of this machine does not reach the machine you sit at, and Windows takes no security key at the sign-in of a remote session."
	case "ssh":
		return "You work here over SSH. The security key of this machine does not reach the machine you sit at."
	}
	return ""
}

// Next says what to do about it.
func (s Session) Next() string {
	if s.Kind == "" {
		return ""
	}
	return "Pair the phone with the machine you sit at. For signing in to a remote machine with the phone choose web sign-in, which passes WebAuthn on to where you sit."
}

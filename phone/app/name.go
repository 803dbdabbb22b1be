package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
)

// computerName is how the user knows a workstation: by the name they gave it, else by the one it had when its digits were
// compared, which came through the handshake. What it is called now is its own word and the control center's, so it comes
// after. Of two with one name the one paired later has a number, wherever the user is to tell them apart. a.mu is held.
func (a *App) computerName(id postern.PairingID) string {
	name := a.plainName(id)
	w, known := a.identity.Workstations[id]
	if !known {
		return name
	}
	same := 1
	for other, o := range a.identity.Workstations {
		earlier := o.Paired.Before(w.Paired) || o.Paired.Equal(w.Paired) && other < id
		if other != id && o.ID != w.ID && !o.Unconfirmed && earlier && alike(a.plainName(other), name) {
			same++
		}
	}
	if same > 1 {
		name += fmt.Sprintf(" (%d)", same)
	}
	return name
}

func (a *App) plainName(id postern.PairingID) string {
	if c := a.memory.Computers[id]; c != nil && c.Name != "" {
		return c.Name
	}
	paired := a.identity.Workstations[id].Name
	if a.memory.Self == nil {
		return paired
	}
	for _, p := range a.memory.Self.Pairings {
		switch now := channel.Label(p.Name); {
		case p.Pairing.ID != id || now == "" || now == paired:
		case paired == "":
			return now
		default:
			return paired + ", now " + now
		}
	}
	return paired
}

// alike reports whether people take one name for another.
func alike(x, y string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(x), " "), strings.Join(strings.Fields(y), " "))
}

// Lengths of what a request says for people, in characters. A relying party id is a domain (WebAuthn §4); a user name
// may be an address.
const (
	maxShownName = 128
	maxShownRPID = 253
)

// shown makes what a request says fit for the screen on which the user decides. What cannot be shown is not left out but
// marked, so that a name with it is not taken for the one without.
func shown(text string, most int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if !postern.Showable(string(r)) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD")))
	if len(runes) > most {
		runes = append(slices.Clip(runes[:most-1]), '…')
	}
	return string(runes)
}

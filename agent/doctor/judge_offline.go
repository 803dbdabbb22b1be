package doctor

import (
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/offline"
)

const provenWhy = "Windows lets nobody in offline with a security key that they have never signed in with online on this machine."

// offlineSignIn judges the offline passkeys, each phone's.
func offlineSignIn(f Facts) []postern.Finding {
	var all []postern.Finding
	for _, p := range f.View.Phones {
		if p.Offline != nil {
			all = append(all, about(p.Name, offlineOf(f, p))...)
		}
	}
	return all
}

func offlineOf(f Facts, p agent.Phone) []postern.Finding {
	o, name := p.Offline, p.Name
	said := func(w *agent.Problem) []postern.Finding {
		return failure(fmt.Sprintf("%s: %s", name, w.Message), w.Next)
	}
	switch {
	case o.Why != nil && (o.Step == agent.OfflineReady || o.Step == agent.OfflineBroken):
		return said(o.Why)
	case o.Problem != nil:
		return warning(fmt.Sprintf("%s: %s", name, o.Problem.Message), o.Problem.Next)
	case o.Step == agent.OfflineOffered:
		return note(fmt.Sprintf("Signing in without a network is not set up with %s.", name), "Press Set up on the page of this machine, or run postern-agent offline issue.")
	case o.Step != agent.OfflineReady || o.Standing == nil:
		return note(fmt.Sprintf("Signing in without a network is being set up with %s.", name), "Look at the phone, or wait: Entra can take some minutes.")
	}
	return judgeStanding(f, name, *o.Standing)
}

func judgeStanding(f Facts, name string, s offline.Standing) []postern.Finding {
	var all []postern.Finding
	if s.Left <= s.WarnAt {
		all = append(all, warning(fmt.Sprintf("%s: %d of %d codes for signing in without a network are left.", name, s.Left, s.Codes), "Connect to the network with the app open on the phone; new ones are fetched by themselves.")...)
	}
	if s.TriesLeft <= 4 {
		all = append(all, warning(fmt.Sprintf("%s: %d more wrong codes lock signing in without a network.", name, s.TriesLeft), "If nobody here typed them, tell your administrator. A sign-in with the phone forgives them.")...)
	}
	if s.ProvenAt == nil && f.GOOS == "windows" {
		all = append(all, because(provenWhy, linkWindows, warning(fmt.Sprintf("%s: nobody has signed in here with the offline key while there was a network.", name), "Press Try it once on the page of this machine, or run postern-agent offline try, and sign in with a code."))...)
	}
	if s.Seal.Kind == postern.SealKeyFile {
		all = append(all, note(fmt.Sprintf("%s: no TPM keeps the offline passkey; it is %s.", name, s.Seal.Text), "Switch the TPM on in the firmware of the machine, then remove signing in offline here and set it up again.")...)
	}
	if len(all) == 0 {
		return ok("%s opens this machine without a network: %d codes, good until %s.", name, s.Left, day(s.Expires))
	}
	return all
}

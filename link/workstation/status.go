package workstation

import (
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/relay"
)

// Status is how a workstation stands, for screens.
type Status struct {
	Server      string
	ID          postern.WorkstationID
	Name        string
	Application string // the integration's name, as last heard
	Connected   bool   // with the relay
	// Problem is why the control center cannot be reached, or does not take this workstation. nil: nothing is known to be
	// wrong.
	Problem *postern.Error
	// Notice is why no phone can be used here now.
	Notice *postern.PhoneNotice
	Phones []Phone // in the order they were paired
}

// Phone is a paired phone, for screens.
type Phone struct {
	Pairing postern.PairingID
	ID      postern.PhoneID
	Name    string
	UPN     string
	User    string        // display name
	Phase   postern.Phase // empty before the control center told it
	// Incomplete says that the user has no passkey at Microsoft Entra ID yet.
	Incomplete bool
	Presence   relay.State
	// Ready says that there is a session: a request reaches the phone at once.
	Ready bool
	// Notice is why the phone cannot be used now.
	Notice *postern.PhoneNotice
	Paired time.Time // zero while unknown
	// Told says that the control center has told of the pairing since this program began, Offline among it: signing in without
	// a network, nil where that is off or may not be.
	Told    bool
	Offline *postern.OfflineOffer
}

func (w *Workstation) status() Status {
	s := Status{
		Server: w.state.Server, ID: w.state.ID, Name: w.state.Name, Application: w.state.Application,
		Connected: w.connected, Notice: copied(w.notice), Phones: make([]Phone, 0, len(w.phones)),
	}
	if w.problem != nil {
		problem := *w.problem
		s.Problem = &problem
	}
	for _, k := range w.state.Phones {
		ph := w.phones[k.PhoneID]
		if ph == nil || ph.known.PairingID != k.PairingID {
			continue
		}
		out := Phone{
			Pairing: k.PairingID, ID: k.PhoneID, Name: k.Name, UPN: k.UPN, User: k.User, Paired: k.Paired,
			Presence: ph.presence, Ready: w.connected && ph.line != nil && ph.presence == relay.Present,
		}
		if ph.told != nil {
			out.Phase, out.Incomplete, out.Notice = ph.told.Phase, ph.told.Incomplete(), copied(ph.told.Notice)
			out.Told, out.Offline = true, offered(ph.told.Offline)
		}
		if ph.notice != nil {
			out.Notice = copied(ph.notice)
		}
		s.Phones = append(s.Phones, out)
	}
	for _, p := range w.strangers {
		s.Phones = append(s.Phones, Phone{
			Pairing: p.Pairing.ID, ID: p.Pairing.PhoneID, Name: p.Name, UPN: p.UPN, User: p.User, Phase: p.Phase, Incomplete: p.Incomplete(),
			Notice: &postern.PhoneNotice{
				Code:    postern.CodeNotPaired,
				Message: "This workstation no longer has the key it knew the phone by.",
				Next:    "Pair the phone again, or remove it here.",
			},
			Paired: confirmed(p),
		})
	}
	return s
}

func copied(n *postern.PhoneNotice) *postern.PhoneNotice {
	if n == nil {
		return nil
	}
	c := *n
	return &c
}

func offered(o *postern.OfflineOffer) *postern.OfflineOffer {
	if o == nil {
		return nil
	}
	c := *o
	c.BatchID = slices.Clone(o.BatchID)
	return &c
}

func confirmed(p postern.PairedPhone) time.Time {
	if p.Pairing.ConfirmedAt == nil {
		return time.Time{}
	}
	return *p.Pairing.ConfirmedAt
}

// noticeOf is what a code of the catalogue tells people.
func noticeOf(code postern.Code) *postern.PhoneNotice {
	e := postern.Errorf(code, "")
	return &postern.PhoneNotice{Code: code, Message: e.Message, Next: e.Next}
}

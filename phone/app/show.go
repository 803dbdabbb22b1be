package app

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/phone/link"
)

// The steps of a [Setup].
const (
	setupBegin     = "begin"
	setupEnrolling = "enrolling"
)

// view makes what a screen may show. a.mu is held.
func (a *App) view() View {
	v := View{
		Version: a.host.Version,
		Keys:    []Key{}, Computers: []Computer{}, Notices: []Notice{}, Activity: slices.Clone(a.memory.Activity), Diagnosis: a.diagnosis,
	}
	if v.Activity == nil {
		v.Activity = []Activity{}
	}
	if a.phone == nil {
		v.Setup = &Setup{UserID: a.identity.UserID, Salt: a.identity.Salt, Step: setupBegin, Problem: a.setupFail, Offer: a.signInOffer, SignIn: a.viewSignIn()}
		if a.enrolling {
			v.Setup.Step = setupEnrolling
		}
		return v
	}
	v.Phone = a.viewPhone()
	v.Link = a.viewLink()
	v.Keys = a.viewKeys()
	v.Computers = a.viewComputers()
	v.Notices = a.viewNotices()
	if a.approval != nil {
		v.Approval = new(a.approval.view)
	}
	if a.code != nil {
		v.Code = new(a.code.view)
	}
	if a.offer != nil {
		v.Offer = new(a.offer.view)
		v.Offer.Mandatory = a.mandatory()
	}
	v.Enrolment = a.viewEnrolment(v.Keys)
	if a.pairing != nil {
		v.Pairing = new(a.pairing.view)
	}
	if s := a.memory.Self; s != nil {
		v.Push = Push{PublicKey: s.Push.PublicKey, Subscribed: s.Push.Subscribed}
	}
	return v
}

func (a *App) viewPhone() *Phone {
	s := a.identity.Phone
	p := &Phone{
		ID: s.ID, Name: s.Name, Server: s.Server, UPN: s.UPN, Application: s.Application, Assurance: a.kind.Assurance(),
		Gate: Gate{CredentialID: a.gate.CredentialID, Salt: a.gate.Salt}, Synced: a.synced,
	}
	if self := a.memory.Self; self != nil {
		p.UPN, p.User, p.Application, p.Phase = self.User.UPN, self.User.DisplayName, self.Integration.ApplicationName, self.User.Phase
		p.CanProvision = self.Integration.CanProvision
	}
	return p
}

func (a *App) viewLink() Link {
	if a.refusal != nil {
		return Link{State: LinkRefused, Problem: problemOf(a.refusal)}
	}
	if a.link == nil {
		return Link{State: LinkConnecting}
	}
	s := a.link.Status()
	out := Link{State: string(s.State)}
	if s.Problem != nil {
		out.Problem = problemOf(s.Problem)
	}
	return out
}

func (a *App) viewComputers() []Computer {
	out := []Computer{}
	var status link.Status
	if a.link != nil {
		status = a.link.Status()
	}
	for id, w := range a.identity.Workstations {
		if w.Unconfirmed {
			continue
		}
		c := Computer{ID: id, Name: a.computerName(id), Present: status.Present[w.ID], Paired: w.Paired}
		c.Offline = a.viewCodes(w.Offline.Current)
		if m := a.memory.Computers[id]; m != nil {
			c.LastUsed = m.LastUsed
		}
		if a.memory.Self != nil {
			for _, p := range a.memory.Self.Pairings {
				if p.Pairing.ID == id {
					c.Kind, c.OS, c.Join, c.Notice = p.Kind, p.OS, p.JoinState.Name(), problemOfNotice(p.Notice)
				}
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y Computer) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	return out
}

// accountKey is the id of the key that stands for an account without a passkey.
const accountKey = "account"

// viewKeys lists the passkeys, those that are damaged or on their way out, and the account where it has none yet.
func (a *App) viewKeys() []Key {
	out := []Key{}
	entra := false
	for i := range a.held {
		k := a.viewKey(&a.held[i])
		entra = entra || k.RPID == postern.EntraRPID
		out = append(out, k)
	}
	for _, d := range a.damaged {
		if d.CredentialID == nil {
			continue
		}
		id := idOf(d.CredentialID)
		out = append(out, Key{
			ID: id, Name: cmp.Or(a.memory.Keys[id].name(), "Damaged key"), State: KeyDamaged,
			Problem: &Problem{Code: CodeStorage, Message: "What is kept of this key is damaged, and it cannot sign in.", Next: "Delete it here, and ask for a new passkey."},
		})
	}
	for id, m := range a.memory.Keys {
		if m.Removing && !a.holds(id) {
			out = append(out, Key{ID: id, PasskeyID: m.PasskeyID, Name: cmp.Or(m.Name, nameOfRP(m.RPID, "")), Account: m.Account, RPID: m.RPID, State: KeyRemoving})
		}
	}
	if !entra {
		out = append(out, a.viewAccount())
	}
	slices.SortStableFunc(out, func(x, y Key) int { return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.ID, y.ID)) })
	return out
}

func (k *keyMemory) name() string {
	if k == nil {
		return ""
	}
	return k.Name
}

func nameOfRP(id, name string) string {
	if id == postern.EntraRPID {
		return "Microsoft Entra ID"
	}
	return cmp.Or(name, id)
}

func (a *App) viewKey(c *authenticator.Credential) Key {
	id := idOf(c.ID)
	m := a.memory.Keys[id]
	created := c.Created.UTC()
	k := Key{
		ID: id, Name: cmp.Or(m.name(), shown(nameOfRP(c.RP.ID, c.RP.Name), maxShownName)), RPID: shown(c.RP.ID, maxShownRPID),
		Account: shown(cmp.Or(c.User.Name, c.User.DisplayName), maxShownName),
		State:   KeyReady, Created: &created,
	}
	if m != nil {
		k.LastUsed, k.Problem = m.LastUsed, m.Problem
	}
	if c.RP.ID != postern.EntraRPID {
		return k
	}
	listed := a.listed(c.ID)
	switch {
	case m != nil && m.Removing:
		k.State = KeyRemoving
	case listed != nil && listed.State == postern.PasskeyRevocation:
		k.State, k.PasskeyID = KeyRemoving, listed.ID
	case listed != nil:
		k.PasskeyID = listed.ID
	case a.provisioned(c.ID):
		k.State, k.Provisioning = KeyWorking, a.provisioningState()
	default:
		a.claimed(c.ID, &k)
	}
	return k
}

// claimed says of a passkey that was made at Security info whether it is looked for, or was not found. a.mu is held.
func (a *App) claimed(credentialID []byte, k *Key) {
	k.State = KeyChecking
	if a.memory.Self != nil {
		for _, c := range a.memory.Self.Claims {
			if bytes.Equal(c.CredentialID, credentialID) && c.State == postern.ClaimGivenUp {
				k.Problem = &Problem{
					Code: cmp.Or(c.Code, CodePasskeyUnknown), Message: cmp.Or(c.Message, "Microsoft Entra ID does not list this passkey."),
					Next: cmp.Or(c.Next, "Delete it here, and make it again at Security info (aka.ms/mysecurityinfo)."),
				}
			}
		}
	}
	if k.Problem != nil {
		k.State = KeyIncomplete
	}
}

func (a *App) provisioningState() string {
	if s := a.memory.Self; s != nil && len(s.Provisionings) > 0 {
		return string(s.Provisionings[len(s.Provisionings)-1].State)
	}
	return ""
}

// viewAccount is the account of a user who has no passkey yet: paired with Postern alone.
func (a *App) viewAccount() Key {
	k := Key{ID: accountKey, Name: nameOfRP(postern.EntraRPID, ""), Account: a.account(), RPID: postern.EntraRPID, State: KeyIncomplete, Provisioning: a.provisioningState()}
	if m := a.memory.Keys[accountKey]; m != nil && m.Name != "" {
		k.Name = m.Name
	}
	if k.Provisioning != "" {
		k.State = KeyWorking
		return k
	}
	next := "Make the passkey yourself: open Security info (aka.ms/mysecurityinfo) on a paired computer, add a security key, and accept on this phone."
	if s := a.memory.Self; s != nil && s.Integration.CanProvision {
		next = "Ask for a passkey here, and accept it when it is offered."
	}
	k.Problem = &Problem{Code: CodeIncomplete, Message: "Pairing incomplete: this phone is known to your organisation, but Microsoft Entra ID has no passkey of it yet.", Next: next}
	return k
}

// viewNotices lists what stands in the way now, then what happened.
func (a *App) viewNotices() []Notice {
	out := []Notice{}
	if n := a.forbidden(); n != nil {
		out = append(out, Notice{ID: "standing", Code: n.Code, Grave: true, Message: n.Message, Next: n.Next})
	}
	if a.setupFail != nil {
		out = append(out, Notice{ID: "storage", Code: a.setupFail.Code, Grave: true, Message: a.setupFail.Message, Next: a.setupFail.Next})
	}
	happened := slices.Clone(a.memory.Notices)
	slices.SortStableFunc(happened, func(x, y Notice) int {
		switch {
		case x.Grave == y.Grave:
			return 0
		case x.Grave:
			return -1
		}
		return 1
	})
	return append(out, happened...)
}

// notice adds something that happened. a.mu is held.
func (a *App) notice(n Notice) {
	kept := slices.DeleteFunc(a.memory.Notices, func(old Notice) bool { return old.ID == n.ID })
	a.memory.Notices = append([]Notice{n}, kept[:min(len(kept), maxNotices-1)]...)
	a.remembered()
}

func pausedNotice(id postern.WorkstationID) string { return "paused:" + string(id) }

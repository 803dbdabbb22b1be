package model_test

import (
	"slices"

	"github.com/postern/postern"
)

func (w *world) invite(a, b int) error {
	p := w.person(a)
	made, err := w.integrations.Get(w.ctx, w.integration)
	if err != nil {
		return err
	}
	out, err := w.users.Invite(w.ctx, made.ID, postern.InvitationInput{
		User: p.upn, ValidMinutes: []int{0, 10, 1440}[b%3],
		Mail: []postern.InvitationMail{postern.MailNone, postern.MailNone, postern.MailCode, postern.MailInvitation}[b/3%4],
	})
	if err != nil {
		return w.refusal(err)
	}
	p.id, p.known = out.User.ID, true
	p.codes = append(p.codes, out.Code)
	w.secrets = append(w.secrets, out.Code)
	w.codeOf[out.Invitation.ID] = out.Code
	p.invitations = append(p.invitations, out.Invitation.ID)
	return nil
}

func (w *world) withdraw(a, b int) error {
	p := w.person(a)
	if len(p.invitations) == 0 {
		return nil
	}
	id := p.invitations[len(p.invitations)-1-b%min(2, len(p.invitations))]
	err := w.users.Withdraw(w.ctx, id)
	if err == nil {
		w.withdrawn[id] = true
		w.withdrawnAt[id] = w.lab.now
	}
	return w.refusal(err)
}

func (w *world) provision(a, b int) error {
	h := w.phone(a, b)
	if h == nil {
		return nil
	}
	_, _, err := w.passkeys.Begin(w.ctx, h.id)
	return w.refusal(err)
}

func (w *world) cancel(a, b int) error {
	p := w.holder(a)
	if p == nil {
		return nil
	}
	all, err := w.passkeys.Provisionings(w.ctx, p.id)
	if err != nil || len(all) == 0 {
		return w.refusal(err)
	}
	id := all[b%min(3, len(all))].ID
	if _, err = w.passkeys.Cancel(w.ctx, id); err == nil {
		w.cancelled[id] = true
	}
	return w.refusal(err)
}

func (w *world) revokePasskey(a, b int) error {
	p := w.holder(a)
	if p == nil {
		return nil
	}
	stored, err := w.store.PasskeysOfUser(w.ctx, p.id)
	if err != nil || len(stored) == 0 {
		return w.refusal(err)
	}
	slices.SortFunc(stored, func(a, b postern.Passkey) int { return a.CreatedAt.Compare(b.CreatedAt) })
	id := stored[len(stored)-1-b%len(stored)].ID
	if _, err = w.passkeys.RevokePasskey(w.ctx, id); err == nil {
		w.revokedKeys[id] = true
	}
	return w.refusal(err)
}

func (w *world) revokePhone(a, b int) error {
	h := w.phone(a, b)
	if h == nil {
		return nil
	}
	_, err := w.passkeys.RevokePhone(w.ctx, h.id)
	if err == nil {
		w.revokedPhones[h.id] = true
	}
	return w.refusal(err)
}

func (w *world) setState(s postern.State) error {
	i, err := w.integrations.Get(w.ctx, w.integration)
	if err == nil {
		_, err = w.integrations.SetState(w.ctx, i.ID, i.Version, s)
	}
	return w.refusal(err)
}

// look opens a user's page, which reads Entra's list.
func (w *world) look(a, _ int) error {
	p := w.holder(a)
	if p == nil {
		return nil
	}
	_, err := w.passkeys.Passkeys(w.ctx, p.id)
	return w.refusal(err)
}

func (w *world) revokeUser(a, _ int) error {
	p := w.holder(a)
	if p == nil {
		return nil
	}
	_, err := w.passkeys.RevokeUser(w.ctx, p.id, postern.RevocationUser, "left")
	if err == nil {
		w.promiseRevoked(p)
	}
	return w.refusal(err)
}

// promiseRevoked notes that every phone of a person, or of all, is revoked for good.
func (w *world) promiseRevoked(p *person) {
	for _, h := range w.handsets {
		if h.id != "" && (p == nil || h.owner == p) {
			w.revokedPhones[h.id] = true
		}
	}
}

func (w *world) revokeIntegration() error {
	_, err := w.passkeys.RevokeIntegration(w.ctx, w.integration, postern.IntegrationRevocation{ApplicationName: applicationName, Note: "all of it"})
	if err == nil {
		w.promiseRevoked(nil)
	}
	return w.refusal(err)
}

func (w *world) suspend(a, _ int) error {
	p := w.holder(a)
	if p == nil {
		return nil
	}
	_, err := w.users.Suspend(w.ctx, p.id, "on leave")
	return w.refusal(err)
}

func (w *world) resume(a, _ int) error {
	for n := range peopleKnown {
		p := w.person(a + n)
		u, err := w.store.UserByObjectID(w.ctx, w.integration, p.objectID)
		if err != nil || u.Phase != postern.PhaseSuspended {
			continue
		}
		_, err = w.users.Resume(w.ctx, u.ID, "back")
		return w.refusal(err)
	}
	return nil
}

func (w *world) sync(full bool) error {
	var err error
	if full {
		_, err = w.directory.SyncFull(w.ctx, w.integration)
	} else {
		_, err = w.directory.Sync(w.ctx, w.integration)
	}
	return w.refusal(err)
}

func (w *world) mendGroups() error {
	_, err := w.integrations.MendGroups(w.ctx, w.integration)
	return w.refusal(err)
}

func (w *world) leaverPolicy(a, b int) error {
	policy, err := w.users.LeaverPolicy(w.ctx, w.integration)
	if err != nil {
		return w.refusal(err)
	}
	acts := []postern.LeaverAct{postern.LeaverReport, postern.LeaverSuspend, postern.LeaverRevoke}
	policy.Disabled, policy.Deleted, policy.GraceMinutes = acts[a%3], acts[b%3], []int{0, 30}[a%2]
	_, err = w.users.SetLeaverPolicy(w.ctx, w.integration, policy)
	return w.refusal(err)
}

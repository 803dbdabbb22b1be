package model_test

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/postern/postern"
)

// What others do at Entra: another application by Graph, the user at Security info, an administrator there.

// takePasskey deletes a passkey at Entra, Postern's or not.
func (w *world) takePasskey(a, b int) error {
	p := w.holder(a)
	if p == nil {
		p = w.person(a)
	}
	at, gone, err := w.atEntra(p)
	if err != nil || gone || len(at.Passkeys) == 0 {
		return err
	}
	id := at.Passkeys[b%len(at.Passkeys)].ID
	err = w.graph(http.MethodDelete, "users/"+p.objectID+"/authentication/fido2Methods/"+id, nil, nil)
	if err != nil {
		return ignoreMissing(err) // replication does not show it yet
	}
	w.taken[id] = true
	p.foreign = slices.DeleteFunc(p.foreign, func(f string) bool { return f == id })
	return nil
}

// putMember puts somebody whom the sequence is about into one of the groups.
func (w *world) putMember(a, b int) error {
	groups, err := w.groupsOf()
	if err != nil {
		return err
	}
	p, phase := w.person(a), phases[b%len(phases)]
	if groups[phase] == "" {
		return nil
	}
	err = w.graph(http.MethodPost, "groups/"+groups[phase]+"/members/$ref",
		map[string]string{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + p.objectID}, nil)
	if err == nil {
		p.groups = append(p.groups, phase)
		w.touched[memberOf{p.objectID, phase}] = true
	}
	return nil // a member already, deleted, or the group takes nobody
}

// dropMember takes a member out of one of the groups.
func (w *world) dropMember(a, b int) error {
	groups, err := w.groupsOf()
	if err != nil {
		return err
	}
	p := w.holder(a)
	if p == nil {
		p = w.person(a)
	}
	phase := phases[b%len(phases)]
	if known, err := w.store.UserByObjectID(w.ctx, w.integration, p.objectID); err == nil && b%4 > 0 && groups[known.Phase] != "" {
		phase = known.Phase // where they are, mostly
	}
	if groups[phase] == "" {
		return nil
	}
	if w.graph(http.MethodDelete, "groups/"+groups[phase]+"/members/"+p.objectID+"/$ref", nil, nil) == nil {
		p.groups = slices.DeleteFunc(p.groups, func(x postern.Phase) bool { return x == phase })
		w.touched[memberOf{p.objectID, phase}] = true
	}
	return nil
}

// makeDynamic has the members of a group follow a rule, or not any more.
func (w *world) makeDynamic(a int, on bool) error {
	groups, err := w.groupsOf()
	if err != nil || groups[phases[a%3]] == "" {
		return err
	}
	change := map[string]any{"groupTypes": []string{}, "membershipRule": ""}
	if on {
		change = map[string]any{"groupTypes": []string{"DynamicMembership"}, "membershipRule": `user.department -eq "Sales"`}
	}
	if err := w.graph(http.MethodPatch, "groups/"+groups[phases[a%3]], change, nil); err != nil {
		return ignoreMissing(err)
	}
	w.anyTouched(phases[a%3])
	return nil
}

// anyTouched notes that the group of a phase as a whole was disturbed: what a comparison mends there needs no other reason.
func (w *world) anyTouched(phase postern.Phase) { w.touched[memberOf{"", phase}] = true }

func (w *world) restoreUser(b int) error {
	for n := range peopleKnown {
		p := w.person(b + n)
		if !p.gone {
			continue
		}
		err := w.lab.control(w.ctx, http.MethodPost, "tenants/"+w.tenant+"/users/"+p.objectID+"/restore", nil, nil)
		if err == nil {
			p.gone = false
		}
		return ignoreMissing(err)
	}
	return nil
}

// globalAdministrator is the template of the role that may do everything.
const globalAdministrator = "62e90394-69f5-4237-9190-012177145e10"

func (w *world) giveRole(a int, on bool) error {
	p := w.person(a)
	roles := []string{}
	if on {
		roles = append(roles, globalAdministrator)
	}
	if err := w.patchUser(p, map[string]any{"roles": roles}); err != nil {
		return ignoreMissing(err)
	}
	p.admin = on
	return nil
}

// replacePasskey is what an administrator does about a passkey whose user has another name.
func (w *world) replacePasskey(a, b int) error {
	p := w.holder(a)
	if p == nil {
		return nil
	}
	stored, err := w.store.PasskeysOfUser(w.ctx, p.id)
	if err != nil || len(stored) == 0 {
		return w.refusal(err)
	}
	id := stored[b%len(stored)].ID
	if _, err = w.passkeys.ReplacePasskey(w.ctx, id); err == nil {
		w.revokedKeys[id] = true
	}
	return w.refusal(err)
}

// The policy of enrolment, and approvals.

func (w *world) setPolicy(a int) error {
	p, err := w.enrolment.Policy(w.ctx, w.integration)
	if err != nil {
		return w.refusal(err)
	}
	p.Proofs = []postern.Proof{postern.ProofCode}
	asked := a%2 == 0
	if asked {
		p.Proofs = append(p.Proofs, postern.ProofApproval)
	}
	w.approval.unsure = true
	_, err = w.enrolment.SetPolicy(w.ctx, w.integration, postern.EnrolmentPolicyInput{EnrolmentPolicy: p})
	if err == nil {
		w.approval = policyView{asked: asked}
	}
	return w.refusal(err)
}

// approve has one of three administrators vouch for the user of a phone that waits for it.
func (w *world) approve(a, b int) error {
	waiting, err := w.enrolment.Approvals(w.ctx, w.integration)
	if err != nil || len(waiting) == 0 {
		return w.refusal(err)
	}
	return w.refusal(w.vouch(waiting[a%len(waiting)].Phone.ID, b%3))
}

func (w *world) vouch(phone postern.PhoneID, who int) error {
	ctx := postern.WithActor(w.ctx, postern.Actor{Kind: postern.ActorAdministrator, ID: fmt.Sprintf("adm_%d", who), Name: fmt.Sprintf("Approver %d", who)})
	if w.vouched[phone] == nil {
		w.vouched[phone] = make(map[string]bool)
	}
	w.vouched[phone][fmt.Sprint(who)] = true // before it is known: the control center may die after it
	_, err := w.enrolment.Approve(ctx, phone, postern.ApprovalInput{Reason: "I know the voice."})
	return err
}

func (w *world) reject(a, _ int) error {
	waiting, err := w.enrolment.Approvals(w.ctx, w.integration)
	if err != nil || len(waiting) == 0 {
		return w.refusal(err)
	}
	id := waiting[a%len(waiting)].Phone.ID
	if _, err = w.enrolment.Reject(w.ctx, id, postern.ApprovalInput{Reason: "Nobody knows them."}); err == nil {
		w.revokedPhones[id] = true
	}
	return w.refusal(err)
}

// creationOptions is called when Postern asks Entra for a challenge for a user: by then every approval must be there.
func (w *world) creationOptions(objectID string) {
	at := slices.IndexFunc(w.people, func(p *person) bool { return p.objectID == objectID })
	if at < 0 {
		return
	}
	p := w.people[at]
	need := 0
	switch {
	case p.admin:
		need = 2
	case w.approval.asked && !w.approval.unsure:
		need = 1
	}
	most := 0
	for _, h := range w.handsets {
		// The id of a phone whose enrolment died unheard is not known here.
		if h.owner == p {
			most = max(most, len(w.vouched[h.id]))
		}
	}
	if most < need && !w.unheardVouched(p) {
		w.disagree("Entra was asked for a passkey of %s with %d of %d approvals", p.upn, most, need)
	}
}

// unheardVouched reports whether somebody vouched for a phone whose owner the model cannot tell.
func (w *world) unheardVouched(p *person) bool {
	if !slices.ContainsFunc(w.handsets, func(h *handset) bool { return h.owner == p && h.id == "" }) {
		return false
	}
	for id := range w.vouched {
		if w.handset(id) == nil {
			return true
		}
	}
	return false
}

// reconcileNow asks for a comparison.
func (w *world) reconcileNow(a, _ int) error {
	mode := postern.ReconcileIncremental
	if a%3 == 0 {
		mode = postern.ReconcileFull
	}
	_, _, err := w.reconcile.Run(w.ctx, w.integration, mode)
	return w.refusal(err)
}

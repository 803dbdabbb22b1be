package model_test

import (
	"slices"
	"strings"

	"github.com/postern/postern"
)

// agreeAccount compares what is known of an account with what it is, and holds that the policy for leavers was applied.
func (w *world) agreeAccount(b books, p *person, u postern.User, at entraUser, gone bool) {
	want := postern.AccountEnabled
	switch {
	case gone:
		want = postern.AccountDeleted
	case p.disabled:
		want = postern.AccountDisabled
	}
	if u.Account != want && !(u.Account == "" && want == postern.AccountEnabled) {
		w.disagree("the account of %s is %s, and Postern says %q", p.upn, want, u.Account)
	}
	if !gone && u.UPN != at.UPN {
		w.disagree("%s is called %q here", at.UPN, u.UPN)
	}
	if want == postern.AccountEnabled {
		return
	}
	applied := false
	for _, e := range b.events {
		if e.Target != string(u.ID) {
			continue
		}
		switch {
		case e.Name == "user.changed" && e.Fields["after.account"] == string(want):
			applied = false
		case e.Name == "user.left" && e.Fields["account"] == string(want):
			applied = true
		}
	}
	// Somebody who was already gone when Postern first looked had no change to follow.
	changed := slices.ContainsFunc(b.events, func(e postern.AuditEvent) bool {
		return e.Target == string(u.ID) && e.Name == "user.changed" && e.Fields["after.account"] == string(want)
	})
	if !applied || !changed {
		w.disagree("the account of %s is %s, and the policy for leavers was never applied", p.upn, want)
	}
}

// agreeDifferences holds that what is reported is so.
func (w *world) agreeDifferences(b books, groups map[postern.Phase]map[string]bool) {
	for _, d := range b.differences {
		switch d.Kind {
		case postern.DifferencePasskeyUnclaimed:
			for _, keys := range b.passkeys {
				if slices.ContainsFunc(keys, func(k postern.Passkey) bool { return k.MethodID == d.Object && k.State == postern.PasskeyActive }) {
					w.disagree("the passkey %q is managed, and reported as known to nobody", d.ObjectName)
				}
			}
		case postern.DifferenceMemberStranger:
			_, id, _ := strings.Cut(d.Object, "/")
			if _, known := b.byObject[id]; known {
				w.disagree("%s is known, and reported as a stranger", id)
			}
			if !slices.ContainsFunc(phases, func(p postern.Phase) bool { return groups[p][id] }) {
				w.disagree("%s is in no group, and reported as a stranger", id)
			}
		case postern.DifferenceProvisioningStuck:
			for _, all := range b.provisionings {
				if slices.ContainsFunc(all, func(p postern.Provisioning) bool { return string(p.ID) == d.Object && p.State.Final() }) {
					w.disagree("the provisioning %s is over, and reported as stuck", d.Object)
				}
			}
		default:
			w.disagree("a difference of the kind %s stays open: %s %s %s", d.Kind, d.ObjectName, d.Why, d.Done)
		}
	}
}

// agreeReasons holds that a comparison mended only what somebody else had done: what Postern does itself needs no mending.
func (w *world) agreeReasons(b books) {
	people := make(map[string]*person) // by the id that Postern gave them
	methods := make(map[string]string) // of passkeys
	for _, p := range w.people {
		if u, known := b.byObject[p.objectID]; known {
			people[string(u.ID)] = p
			for _, k := range b.passkeys[u.ID] {
				methods[string(k.ID)] = k.MethodID
			}
		}
	}
	for _, e := range b.events {
		switch e.Name {
		case "passkey.removed_at_entra":
			if p := people[e.Fields["user"]]; !w.taken[methods[e.Target]] && (p == nil || !p.wasGone) {
				w.disagree("%s is said to be removed at Entra by somebody else, and nobody did", e.TargetName)
			}
		case "passkey.listed_again":
			if p := people[e.Fields["user"]]; p == nil || !p.wasGone {
				w.disagree("%s was called revoked before Entra had taken it off its list", e.TargetName)
			}
		case "group.member_put_back", "group.member_taken_out":
			if p := people[e.Target]; p == nil || !p.wasGone && !w.disturbed(p, e) {
				w.disagree("the comparison mended a membership that nobody but Postern had touched: %s", e.Message)
			}
		}
	}
}

// disturbed reports whether somebody else changed the memberships of a person, or a group as a whole.
func (w *world) disturbed(p *person, _ postern.AuditEvent) bool {
	return slices.ContainsFunc(phases, func(phase postern.Phase) bool {
		return w.touched[memberOf{p.objectID, phase}] || w.touched[memberOf{"", phase}]
	})
}

package reconcile

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
)

const (
	// moveSettles is how long after a user's phase changed the groups may still show the old one.
	moveSettles = 10 * time.Minute
	// mostStrangers bounds how many strangers of one reading are told of one by one.
	mostStrangers = 500
)

// membership is what one reading of the groups says, and what is to be done about it.
type membership struct {
	phases map[string]postern.Phase // of each group
	blocks map[string]bool          // groups that only a person can change
	whole  bool                     // the reading has everybody, and not only changes
	// in and out are who is, or came, in each group, and who left it, by object id.
	in, out map[string]map[string]string // object id -> type
	next    string

	missing, extra map[string][]postern.User // what to mend, by group
	again          []string
	strangers      []postern.Difference
	untold         int      // strangers beyond mostStrangers
	left           []string // objects of strangers who left: group/object
}

// members compares who is in the groups with the phases of users.
func (w *work) members(ctx context.Context) error {
	if !w.keepsGroups() {
		return nil
	}
	m := &membership{
		phases: make(map[string]postern.Phase), blocks: make(map[string]bool),
		missing: make(map[string][]postern.User), extra: make(map[string][]postern.User),
	}
	var groups []string
	for _, g := range w.integration.Groups {
		if g.ID == "" {
			continue // it is being made, and everybody is moved then
		}
		m.phases[g.ID], m.blocks[g.ID] = g.Phase, g.Problem != ""
		groups = append(groups, g.ID)
	}
	if len(groups) == 0 {
		return nil
	}
	slices.Sort(groups)
	state, err := w.Store.ReconcileState(ctx, w.integration.ID)
	if err != nil {
		return err
	}
	link := state.MembersLink
	if w.run.Mode == postern.ReconcileFull || !slices.Equal(state.Groups, groups) {
		link = ""
	}
	if err := w.readMembers(ctx, m, link, groups); err != nil {
		return err
	}
	open, again, err := w.openMembers(ctx, m)
	if err != nil {
		return err
	}
	if m.whole {
		err = w.judgeEverybody(ctx, m)
	} else {
		err = w.judgeChanged(ctx, m, append(again, state.Again...), groups)
	}
	if err != nil {
		return err
	}
	open = slices.DeleteFunc(open, func(d postern.Difference) bool {
		return !m.whole && d.Kind == postern.DifferenceMemberStranger && !slices.Contains(m.left, d.Object)
	})
	found := w.faults(m)
	if err := w.intend(ctx, found); err != nil {
		return err
	}
	unknown, err := w.mend(ctx, m)
	if err != nil {
		return err
	}
	for n, d := range found {
		if _, id, _ := strings.Cut(d.Object, "/"); unknown[id] {
			found[n].Outcome, found[n].Why, found[n].Done = postern.OutcomeReported, "Entra does not know the user.", "Nothing."
			found[n].Next = "If the person has left, revoke the user."
		}
	}
	found = append(finished(found, open), found...)
	found = append(found, m.strangers...)
	before := *w.run
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		*w.run = before
		if err := w.settle(ctx, found, open); err != nil {
			return err
		}
		for _, d := range found {
			if d.Outcome != postern.OutcomeMended {
				continue
			}
			code := audit.MemberPutBack
			if d.Kind == postern.DifferenceMemberExtra {
				code = audit.MemberTakenOut
			}
			entry := event(code, w.run.ReconcileRun, d.UserName, d.Entra+" "+d.Done, map[string]string{"user": string(d.UserID), "group": d.ObjectName})
			entry.Target = string(d.UserID)
			if err := w.Audit.Record(ctx, entry); err != nil {
				return err
			}
		}
		now, err := w.Store.ReconcileState(ctx, w.integration.ID)
		if err != nil {
			return err
		}
		now.MembersLink, now.Groups, now.Again = m.next, groups, m.again
		if err := w.Store.SetReconcileState(ctx, w.integration.ID, now); err != nil {
			return err
		}
		w.run.Progress.Untold = m.untold
		w.run.Step = postern.ReconcilePasskeys
		return w.save(ctx)
	})
}

// openMembers lists what is open about members, and who has to be looked at because of it though nothing changed.
func (w *work) openMembers(ctx context.Context, m *membership) (open []postern.Difference, again []string, err error) {
	for _, kind := range []postern.DifferenceKind{postern.DifferenceMemberStranger, postern.DifferenceMemberMissing, postern.DifferenceMemberExtra} {
		all, err := w.Store.OpenDifferencesOfKind(ctx, w.integration.ID, kind)
		if err != nil {
			return nil, nil, err
		}
		for _, d := range all {
			_, id, _ := strings.Cut(d.Object, "/")
			if kind != postern.DifferenceMemberStranger {
				again = append(again, id)
				continue
			}
			switch _, err := w.Store.UserByObjectID(ctx, w.integration.ID, id); {
			case err == nil: // invited meanwhile
				m.left, again = append(m.left, d.Object), append(again, id)
			case !postern.IsCode(err, postern.CodeNotFound):
				return nil, nil, err
			}
		}
		open = append(open, all...)
	}
	slices.Sort(again)
	return open, slices.Compact(again), nil
}

// readMembers follows a delta link to its end, or begins anew where there is none or it has expired.
func (w *work) readMembers(ctx context.Context, m *membership, link string, groups []string) error {
	begin := func() {
		m.whole = link == ""
		m.in, m.out = make(map[string]map[string]string), make(map[string]map[string]string)
		for _, id := range groups {
			m.in[id], m.out[id] = make(map[string]string), make(map[string]string)
		}
	}
	begin()
	for {
		page, err := w.graph.MemberChanges(ctx, link, groups)
		if err != nil {
			return err
		}
		if page.Expired {
			if link == "" {
				return postern.Errorf(postern.CodeEntraAnswerUnexpected, "Microsoft Graph calls a reading of the groups expired that begins at the beginning.")
			}
			link = ""
			begin()
			continue
		}
		for _, c := range page.Changes {
			if m.in[c.GroupID] == nil {
				continue
			}
			delete(m.in[c.GroupID], c.ObjectID)
			delete(m.out[c.GroupID], c.ObjectID)
			if c.Left {
				m.out[c.GroupID][c.ObjectID] = c.Type
			} else {
				m.in[c.GroupID][c.ObjectID] = c.Type
			}
		}
		link = page.Next
		if !page.More {
			m.next = link
			return nil
		}
	}
}

// judgeEverybody compares all users of the books with a whole reading.
func (w *work) judgeEverybody(ctx context.Context, m *membership) error {
	known := make(map[string]bool)
	for after := postern.UserID(""); ; {
		users, err := w.Store.UsersAfter(ctx, w.integration.ID, Everybody, after, 1000)
		if err != nil {
			return err
		}
		if len(users) == 0 {
			break
		}
		for _, u := range users {
			known[u.ObjectID] = true
			w.judge(m, u, func(group string) bool { _, in := m.in[group][u.ObjectID]; return in })
		}
		after = users[len(users)-1].ID
	}
	for group, members := range m.in {
		for id, kind := range members {
			if !known[id] {
				m.stranger(group, id, kind)
			}
		}
	}
	return nil
}

// judgeChanged compares those who came and left since the last reading, and those who are to be looked at again.
func (w *work) judgeChanged(ctx context.Context, m *membership, again, groups []string) error {
	touched := make(map[string]bool)
	for _, group := range groups {
		for id := range m.in[group] {
			touched[id] = true
		}
		for id := range m.out[group] {
			touched[id] = true
		}
	}
	for id := range touched {
		u, err := w.Store.UserByObjectID(ctx, w.integration.ID, id)
		if postern.IsCode(err, postern.CodeNotFound) {
			for _, group := range groups {
				if kind, in := m.in[group][id]; in {
					m.stranger(group, id, kind)
				} else {
					m.left = append(m.left, group+"/"+id)
				}
			}
			continue
		}
		if err != nil {
			return err
		}
		want := m.groupOf(u.Phase)
		w.judge(m, u, func(group string) bool {
			if group == want {
				_, left := m.out[group][id]
				return !left
			}
			_, in := m.in[group][id]
			return in
		})
	}
	for _, id := range again {
		if touched[id] {
			continue
		}
		u, err := w.Store.UserByObjectID(ctx, w.integration.ID, id)
		if postern.IsCode(err, postern.CodeNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		in, err := w.graph.MemberOf(ctx, id, groups)
		if postern.IsCode(err, postern.CodeEntraUserNotFound) || postern.IsCode(err, postern.CodeEntraNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		w.judge(m, u, func(group string) bool { return slices.Contains(in, group) })
	}
	return nil
}

func (m *membership) groupOf(p postern.Phase) string {
	for id, phase := range m.phases {
		if phase == p {
			return id
		}
	}
	return ""
}

// judge decides what is wrong about one user's groups.
func (w *work) judge(m *membership, u postern.User, in func(group string) bool) {
	if u.Account == postern.AccountDeleted {
		return // Entra takes those out itself
	}
	want := m.groupOf(u.Phase)
	var extra []string
	for group := range m.phases {
		if group != want && in(group) {
			extra = append(extra, group)
		}
	}
	missing := want != "" && !in(want)
	if !missing && len(extra) == 0 {
		return
	}
	// Whoever is being moved, or was a moment ago, is not judged by a listing that may be behind.
	if u.GroupPhase != u.Phase || w.Now().Sub(u.UpdatedAt) < moveSettles {
		m.again = append(m.again, u.ObjectID)
		return
	}
	if missing {
		m.missing[want] = append(m.missing[want], u)
	}
	for _, group := range extra {
		m.extra[group] = append(m.extra[group], u)
	}
}

func (m *membership) stranger(group, id, kind string) {
	if len(m.strangers) >= mostStrangers {
		m.untold++
		return
	}
	if kind == "" {
		kind = "user"
	}
	m.strangers = append(m.strangers, postern.Difference{
		Kind: postern.DifferenceMemberStranger, Object: group + "/" + id, ObjectName: kind + " " + id, Outcome: postern.OutcomeReported,
		Entra: "The " + kind + " is in the group of the phase " + string(m.phases[group]) + ".", Postern: "Does not know them.",
		Why: "Somebody added them at Entra.", Done: "They were left alone: who is not known here is not Postern's to move.",
		Next: "Invite them, or take them out of the group at Entra. The groups are Postern's own; policies may rely on them.",
	})
}

const (
	putBack  = "The user was put back."
	takenOut = "The user was taken out."
)

// faults says of each user what is wrong about the groups, as it will be once it is mended.
func (w *work) faults(m *membership) []postern.Difference {
	var found []postern.Difference
	say := func(group string, users []postern.User, d postern.Difference) {
		d.Outcome, d.ObjectName = postern.OutcomeMended, w.groupName(group)
		if m.blocks[group] {
			d.Outcome, d.Done, d.Next = postern.OutcomeReported, "Nothing: only a person can change the group.", "See what is said of the group."
		}
		for _, u := range users {
			d.UserID, d.UserName, d.Object = u.ID, u.UPN, group+"/"+u.ObjectID
			found = append(found, d)
		}
	}
	for group, users := range m.missing {
		say(group, users, postern.Difference{
			Kind: postern.DifferenceMemberMissing, Entra: "The user is not in the group.", Postern: "It is the group of the user's phase.",
			Why: "Somebody took the user out at Entra.", Done: putBack,
		})
	}
	for group, users := range m.extra {
		say(group, users, postern.Difference{
			Kind: postern.DifferenceMemberExtra, Entra: "The user is in the group.", Postern: "The group is of another phase than the user's.",
			Why: "Somebody added the user at Entra.", Done: takenOut,
		})
	}
	return found
}

// intend records what is to be mended before it is: once it is done, nobody could tell that it was ever wrong.
func (w *work) intend(ctx context.Context, found []postern.Difference) error {
	if !slices.ContainsFunc(found, func(d postern.Difference) bool { return d.Outcome == postern.OutcomeMended }) {
		return nil
	}
	before := *w.run
	return w.Store.Atomically(ctx, func(ctx context.Context) error {
		*w.run = before
		for _, d := range found {
			if d.Outcome != postern.OutcomeMended {
				continue
			}
			d.Outcome, d.Done = postern.OutcomeWaiting, "It is being mended."
			if err := w.note(ctx, d); err != nil {
				return err
			}
		}
		return w.save(ctx)
	})
}

// mend puts back and takes out. It may be repeated. It returns those whom Entra does not know.
func (w *work) mend(ctx context.Context, m *membership) (map[string]bool, error) {
	gone := make(map[string]bool)
	for group, users := range m.missing {
		if m.blocks[group] {
			continue
		}
		unknown, err := w.graph.PutMembers(ctx, group, objectIDs(users))
		if err != nil {
			return nil, err
		}
		for _, id := range unknown {
			gone[id] = true
		}
	}
	for group, users := range m.extra {
		if m.blocks[group] {
			continue
		}
		if err := w.graph.RemoveMembers(ctx, group, objectIDs(users)); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

// finished are those that an attempt mended that died before it could say so: intended, and no longer wrong.
func finished(found, open []postern.Difference) []postern.Difference {
	var out []postern.Difference
	for _, d := range open {
		if d.Outcome != postern.OutcomeWaiting || slices.ContainsFunc(found, func(f postern.Difference) bool { return f.Kind == d.Kind && f.Object == d.Object }) {
			continue
		}
		d.Outcome, d.Done = postern.OutcomeMended, putBack
		if d.Kind == postern.DifferenceMemberExtra {
			d.Done = takenOut
		}
		out = append(out, d)
	}
	return out
}

func (w *work) groupName(id string) string {
	for _, g := range w.integration.Groups {
		if g.ID == id {
			return g.Name
		}
	}
	return id
}

func objectIDs(users []postern.User) []string {
	ids := make([]string, len(users))
	for n, u := range users {
		ids[n] = u.ObjectID
	}
	return ids
}

var _ Graph = (*entra.Tenant)(nil)

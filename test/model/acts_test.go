package model_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/postern/postern"
)

// act is one step of a sequence. Its numbers choose among what there is when it runs, so that any sequence, and any part
// of one, can run.
type act struct {
	name string
	a, b int
}

func (a act) String() string { return fmt.Sprintf("%s %d %d", a.name, a.a, a.b) }

// verb is a kind of act. do returns what was wrong beyond a refusal in words, which any act may meet with.
type verb struct {
	name   string
	weight int
	do     func(w *world, a, b int) error
}

// verbs are everything that happens. The numbers of a verb that names a phone choose the person and one of their phones.
var verbs = []verb{
	// Users.
	{"enrol", 14, (*world).enrol},
	{"enrol_wrong_code", 1, (*world).enrolWrongCode},
	{"accept", 16, (*world).accept},
	{"hand_in_again", 2, (*world).handInAgain},
	{"decline", 3, (*world).decline},
	{"ask", 3, func(w *world, a, b int) error { return w.own(a, b, (*world).ask) }},
	{"self_register", 5, (*world).selfRegister},
	{"tell", 5, (*world).tell},
	{"delete_own_passkey", 2, (*world).deleteOwnPasskey},
	{"revoke_own_phone", 1, func(w *world, a, b int) error { return w.own(a, b, (*world).revokeOwnPhone) }},
	// Phones.
	{"offline", 2, func(w *world, a, b int) error { return w.withPhone(a, b, func(h *handset) { h.offline = true }) }},
	{"online", 4, func(w *world, a, b int) error { return w.withPhone(a, b, func(h *handset) { h.offline = false }) }},
	{"lose", 1, func(w *world, a, b int) error { return w.withPhone(a, b, func(h *handset) { h.lost = true }) }},
	{"poll", 4, func(w *world, a, b int) error { return w.own(a, b, (*world).poll) }},
	// Administrators.
	{"invite", 14, (*world).invite},
	{"withdraw", 2, (*world).withdraw},
	{"provision", 4, (*world).provision},
	{"cancel", 3, (*world).cancel},
	{"revoke_passkey", 4, (*world).revokePasskey},
	{"revoke_phone", 4, (*world).revokePhone},
	{"revoke_user", 2, (*world).revokeUser},
	{"revoke_integration", 1, func(w *world, a, _ int) error { return w.seldom(a, (*world).revokeIntegration) }},
	{"suspend", 2, (*world).suspend},
	{"resume", 3, (*world).resume},
	{"sync", 2, func(w *world, a, _ int) error { return w.sync(a%5 == 0) }},
	{"mend_groups", 2, func(w *world, _, _ int) error { return w.mendGroups() }},
	{"leaver_policy", 1, (*world).leaverPolicy},
	{"disable_integration", 1, func(w *world, _, _ int) error { return w.setState(postern.StateDisabled) }},
	{"enable_integration", 3, func(w *world, _, _ int) error { return w.setState(postern.StateEnabled) }},
	{"look", 3, (*world).look},
	{"replace_passkey", 2, (*world).replacePasskey},
	{"reconcile", 5, (*world).reconcileNow},
	{"policy", 2, func(w *world, a, _ int) error { return w.setPolicy(a) }},
	{"approve", 6, (*world).approve},
	{"reject", 1, (*world).reject},
	{"bulk", 6, (*world).startBulk},
	{"steer_bulk", 4, (*world).steerBulk},
	{"fetch_codes", 2, (*world).fetchCodes},
	{"remind", 1, (*world).remind},
	{"read_mail", 3, (*world).readMail},
	// Entra's side.
	{"take_passkey", 3, (*world).takePasskey},
	{"put_member", 2, (*world).putMember},
	{"drop_member", 2, (*world).dropMember},
	{"make_dynamic", 1, func(w *world, a, _ int) error { return w.makeDynamic(a, true) }},
	{"make_assigned", 2, func(w *world, a, _ int) error { return w.makeDynamic(a, false) }},
	{"restore_user", 2, func(w *world, _, b int) error { return w.restoreUser(b) }},
	{"give_role", 1, func(w *world, a, _ int) error { return w.giveRole(a, true) }},
	{"take_role", 1, func(w *world, a, _ int) error { return w.giveRole(a, false) }},
	{"foreign_passkey", 2, (*world).foreignPasskey},
	{"rename_user", 1, (*world).renameUser},
	{"add_stranger", 1, (*world).addStranger},
	{"rename_group", 1, (*world).renameGroup},
	{"delete_group", 1, func(w *world, a, b int) error { return w.seldom(a, func(w *world) error { return w.deleteGroup(b) }) }},
	{"delete_user", 1, func(w *world, a, b int) error { return w.seldom(a, func(w *world) error { return w.deleteUser(b) }) }},
	{"disable_user", 1, func(w *world, a, _ int) error { return w.setEnabled(a, false) }},
	{"enable_user", 2, func(w *world, a, _ int) error { return w.setEnabled(a, true) }},
	// Time and work.
	{"work", 40, (*world).work},
	{"clockwork", 4, (*world).clockwork},
	{"wait", 12, (*world).wait},
	// Accidents.
	{"kill", 10, func(w *world, a, _ int) error { w.crash.left = 1 + a%40; return nil }},
	{"restart", 1, func(w *world, _, _ int) error { w.deaths++; return w.restart() }},
	{"trouble", 10, (*world).trouble},
	{"lag", 4, (*world).lag},
	{"jump", 2, func(w *world, a, _ int) error { return w.jump(a) }},
	{"outage", 2, func(w *world, a, _ int) error { return w.outage(a) }},
	{"mail_mood", 3, (*world).mailMood},
}

var verbByName = func() map[string]*verb {
	out := make(map[string]*verb, len(verbs))
	for n := range verbs {
		out[verbs[n].name] = &verbs[n]
	}
	return out
}()

// generate draws a sequence. It looks at nothing but its seed; verbs of emphasis come up more often.
func generate(seed uint64, steps int, emphasis ...string) []act {
	random := rand.New(rand.NewPCG(seed, 0x706f737465726e))
	weighed := slices.Clone(verbs)
	total := 0
	for n := range weighed {
		if slices.Contains(emphasis, weighed[n].name) {
			weighed[n].weight += 40
		}
		total += weighed[n].weight
	}
	out := make([]act, steps)
	begun := 0
	if random.IntN(3) > 0 { // most sequences begin with a user who gets a passkey, so that there is something to lose
		begun = copy(out, []act{{"invite", 0, 0}, {"enrol", 0, 1}, {"work", 5, 1}, {"work", 5, 1}, {"accept", 0, 0}, {"work", 5, 1}})
	}
	for n := begun; n < steps; n++ {
		at := random.IntN(total)
		for _, v := range weighed {
			if at -= v.weight; at < 0 {
				out[n] = act{v.name, random.IntN(1000), random.IntN(1000)}
				break
			}
		}
	}
	return out
}

// refusal is what a person is told in words. Any act may be refused; that it was refused for a reason the invariants
// show. Everything else is a defect.
func (w *world) refusal(err error) error {
	var e *postern.Error
	if err == nil || errors.As(err, &e) && e.Code != postern.CodeInternal {
		return nil
	}
	return fmt.Errorf("an act ended with an error that says nothing: %w", err)
}

func (w *world) person(a int) *person { return w.people[a%peopleKnown] }

// phone chooses one of the enrolled phones, newer ones more often.
func (w *world) phone(a, b int) *handset {
	var all []*handset
	for _, h := range slices.Backward(w.handsets) {
		if h.id != "" {
			all = append(all, h)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[min(a%len(all), b%len(all))]
}

// holder chooses somebody with a phone.
func (w *world) holder(a int) *person {
	if h := w.phone(a, a/7); h != nil && h.owner.known {
		return h.owner
	}
	return nil
}

// coded chooses somebody who has a code that nobody typed, if there is one.
func (w *world) coded(a int) *person {
	for n := range peopleKnown {
		if p := w.person(a + n); len(p.codes) > p.typed {
			return p
		}
	}
	return w.person(a)
}

func (w *world) withPhone(a, b int, do func(h *handset)) error {
	if h := w.phone(a, b); h != nil {
		do(h)
	}
	return nil
}

// own does something with a phone that is in its user's hand and has a network.
func (w *world) own(a, b int, do func(w *world, h *handset) error) error {
	if h := w.phone(a, b); h != nil && !h.offline && !h.lost {
		return w.refusal(do(w, h))
	}
	return nil
}

// seldom does what ends a sequence early, one time in three.
func (w *world) seldom(a int, do func(w *world) error) error {
	if a%3 != 0 {
		return nil
	}
	return do(w)
}

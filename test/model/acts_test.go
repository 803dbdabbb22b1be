package model_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/ctap"
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
	fault  bool // counted as one
	do     func(w *world, a, b int) error
}

// verbs are everything that happens. The numbers of a verb that names a phone choose the person and one of their phones.
var verbs = []verb{
	// Users.
	{"enrol", 14, false, (*world).enrol},
	{"enrol_wrong_code", 1, false, (*world).enrolWrongCode},
	{"accept", 16, false, (*world).accept},
	{"hand_in_again", 2, false, (*world).handInAgain},
	{"decline", 3, false, (*world).decline},
	{"ask", 3, false, func(w *world, a, b int) error { return w.own(a, b, (*world).ask) }},
	{"self_register", 5, false, (*world).selfRegister},
	{"tell", 5, false, (*world).tell},
	{"delete_own_passkey", 2, false, (*world).deleteOwnPasskey},
	{"revoke_own_phone", 1, false, func(w *world, a, b int) error { return w.own(a, b, (*world).revokeOwnPhone) }},
	// Phones.
	{"offline", 2, false, func(w *world, a, b int) error { return w.withPhone(a, b, func(h *handset) { h.offline = true }) }},
	{"online", 4, false, func(w *world, a, b int) error { return w.withPhone(a, b, func(h *handset) { h.offline = false }) }},
	{"lose", 1, false, func(w *world, a, b int) error { return w.withPhone(a, b, func(h *handset) { h.lost = true }) }},
	{"poll", 4, false, func(w *world, a, b int) error { return w.own(a, b, (*world).poll) }},
	// Administrators.
	{"invite", 14, false, (*world).invite},
	{"withdraw", 2, false, (*world).withdraw},
	{"provision", 4, false, (*world).provision},
	{"cancel", 3, false, (*world).cancel},
	{"revoke_passkey", 4, false, (*world).revokePasskey},
	{"revoke_phone", 4, false, (*world).revokePhone},
	{"revoke_user", 2, false, (*world).revokeUser},
	{"revoke_integration", 1, false, func(w *world, a, _ int) error { return w.seldom(a, (*world).revokeIntegration) }},
	{"suspend", 2, false, (*world).suspend},
	{"resume", 3, false, (*world).resume},
	{"sync", 2, false, func(w *world, a, _ int) error { return w.sync(a%5 == 0) }},
	{"mend_groups", 2, false, func(w *world, _, _ int) error { return w.mendGroups() }},
	{"leaver_policy", 1, false, (*world).leaverPolicy},
	{"disable_integration", 1, false, func(w *world, _, _ int) error { return w.setState(postern.StateDisabled) }},
	{"enable_integration", 3, false, func(w *world, _, _ int) error { return w.setState(postern.StateEnabled) }},
	{"look", 3, false, (*world).look},
	// Entra's side.
	{"foreign_passkey", 2, false, (*world).foreignPasskey},
	{"rename_user", 1, false, (*world).renameUser},
	{"add_stranger", 1, false, (*world).addStranger},
	{"rename_group", 1, false, (*world).renameGroup},
	{"delete_group", 1, false, func(w *world, a, b int) error { return w.seldom(a, func(w *world) error { return w.deleteGroup(b) }) }},
	{"delete_user", 1, false, func(w *world, a, b int) error { return w.seldom(a, func(w *world) error { return w.deleteUser(b) }) }},
	{"disable_user", 1, false, func(w *world, a, _ int) error { return w.setEnabled(a, false) }},
	{"enable_user", 2, false, func(w *world, a, _ int) error { return w.setEnabled(a, true) }},
	// Time and work.
	{"work", 40, false, (*world).work},
	{"wait", 12, false, (*world).wait},
	// Accidents.
	{"kill", 10, true, func(w *world, a, _ int) error { w.crash.left = 1 + a%40; return nil }},
	{"restart", 1, true, func(w *world, _, _ int) error { return w.restart() }},
	{"trouble", 10, true, (*world).trouble},
	{"lag", 4, true, (*world).lag},
	{"jump", 1, true, func(w *world, a, _ int) error {
		w.lab.now = w.lab.now.Add([]time.Duration{time.Hour, 24 * time.Hour, 5 * 24 * time.Hour}[a%3])
		return nil
	}},
}

var verbByName = func() map[string]*verb {
	out := make(map[string]*verb, len(verbs))
	for n := range verbs {
		out[verbs[n].name] = &verbs[n]
	}
	return out
}()

// generate draws a sequence. It looks at nothing but its seed.
func generate(seed uint64, steps int) []act {
	random := rand.New(rand.NewPCG(seed, 0x706f737465726e))
	total := 0
	for _, v := range verbs {
		total += v.weight
	}
	out := make([]act, steps)
	begun := 0
	if random.IntN(3) > 0 { // most sequences begin with a user who gets a passkey, so that there is something to lose
		begun = copy(out, []act{{"invite", 0, 0}, {"enrol", 0, 1}, {"work", 5, 1}, {"work", 5, 1}, {"accept", 0, 0}, {"work", 5, 1}})
	}
	for n := begun; n < steps; n++ {
		at := random.IntN(total)
		for _, v := range verbs {
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

func (w *world) invite(a, b int) error {
	p := w.person(a)
	made, err := w.integrations.Get(w.ctx, w.integration)
	if err != nil {
		return err
	}
	out, err := w.users.Invite(w.ctx, made.ID, postern.InvitationInput{User: p.upn, ValidMinutes: []int{0, 10, 1440}[b%3]})
	if err != nil {
		return w.refusal(err)
	}
	p.id, p.known = out.User.ID, true
	p.codes = append(p.codes, out.Code)
	w.secrets = append(w.secrets, out.Code)
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
	}
	return w.refusal(err)
}

// enrol has a user take a new phone and type the newest code, or sometimes an older one.
func (w *world) enrol(a, b int) error {
	p := w.coded(a)
	if len(p.codes) == 0 {
		return nil
	}
	at := len(p.codes) - 1
	if b%8 == 0 {
		at = b / 8 % len(p.codes)
	}
	h, err := w.newHandset(p)
	if err != nil {
		return err
	}
	w.handsets = append(w.handsets, h)
	p.typed = len(p.codes)
	phone, err := w.phones.Enrol(w.ctx, h.enrolment(p.codes[at]))
	if err == nil {
		h.id = phone.ID
	}
	return w.refusal(err)
}

func (w *world) enrolWrongCode(a, _ int) error {
	p := w.person(a)
	if len(p.codes) == 0 {
		return nil
	}
	code := []byte(p.codes[len(p.codes)-1])
	last := &code[len(code)-1]
	if *last == '2' {
		*last = '3'
	} else {
		*last = '2'
	}
	h, err := w.newHandset(p)
	if err != nil {
		return err
	}
	if _, err = w.phones.Enrol(w.ctx, h.enrolment(string(code))); err == nil {
		return errors.New("a wrong code enrolled a phone")
	}
	return w.refusal(err)
}

// offers are the provisionings of a phone, as it is told of them.
func (w *world) offers(h *handset) ([]postern.PhoneProvisioning, error) {
	ctx, phone, err := w.call(h)
	if err != nil {
		return nil, err
	}
	return w.passkeys.Open(ctx, phone)
}

func (w *world) accept(a, b int) error { return w.own(a, b, (*world).acceptAll) }

func (w *world) acceptAll(h *handset) error {
	open, err := w.offers(h)
	if err != nil {
		return err
	}
	for _, p := range open {
		if p.Provisioning.State != postern.ProvisioningOffered {
			continue
		}
		if err := w.answer(h, p.Provisioning.ID); err != nil {
			return err
		}
	}
	return nil
}

// handInAgain is a phone that did not hear the answer and repeats itself, perhaps long after.
func (w *world) handInAgain(a, b int) error {
	return w.own(a, b, func(w *world, h *handset) error {
		for _, c := range h.made {
			if c.own {
				continue
			}
			ctx, phone, err := w.call(h)
			if err != nil {
				return err
			}
			if err := w.refusal(w.handIn(ctx, phone, c.provisioning, c.submission)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) decline(a, b int) error {
	return w.own(a, b, func(w *world, h *handset) error {
		open, err := w.offers(h)
		for _, p := range open {
			ctx, phone, err := w.call(h)
			if err != nil {
				return err
			}
			if _, err := w.passkeys.Decline(ctx, phone, p.Provisioning.ID, "not now"); err == nil {
				w.declined[p.Provisioning.ID] = true
			} else if err := w.refusal(err); err != nil {
				return err
			}
		}
		return err
	})
}

func (w *world) ask(h *handset) error {
	ctx, _, err := w.call(h)
	if err != nil {
		return err
	}
	_, _, err = w.passkeys.Begin(ctx, h.id)
	return err
}

func (w *world) poll(h *handset) error {
	ctx, phone, err := w.call(h)
	if err != nil {
		return err
	}
	_, err = w.passkeys.Self(ctx, phone)
	if err != nil {
		return err
	}
	_, err = w.passkeys.Open(ctx, phone)
	return err
}

// selfRegister has a user add the phone at Security info. Half of the phones tell of it at once.
func (w *world) selfRegister(a, b int) error {
	h := w.phone(a, b)
	if h == nil || h.lost {
		return nil
	}
	w.named++
	c, err := w.register(h.owner, h.key, fmt.Sprintf("My phone %d", w.named))
	if err != nil {
		return nil // the phone has one already, or Entra refuses the user: none of Postern's business
	}
	h.made = append(h.made, c)
	if b%2 == 0 && !h.offline {
		return w.refusal(w.tellOf(h, c))
	}
	return nil
}

func (w *world) tellOf(h *handset, c *credential) error {
	ctx, _, err := w.call(h)
	if err != nil {
		return err
	}
	err = w.passkeys.Claim(ctx, h.id, postern.SelfServicePasskey{CredentialID: c.submission.ID, RPID: postern.EntraRPID})
	c.told = c.told || err == nil
	return err
}

func (w *world) tell(a, b int) error {
	return w.own(a, b, func(w *world, h *handset) error {
		for _, c := range h.made {
			if c.own && !c.told {
				if err := w.tellOf(h, c); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (w *world) deleteOwnPasskey(a, b int) error {
	return w.own(a, b, func(w *world, h *handset) error {
		ctx, phone, err := w.call(h)
		if err != nil {
			return err
		}
		self, err := w.passkeys.Self(ctx, phone)
		if err != nil || len(self.Passkeys) == 0 {
			return err
		}
		id := self.Passkeys[b%len(self.Passkeys)].ID
		if _, err = w.passkeys.RevokeOwnPasskey(ctx, phone, id); err == nil {
			w.revokedKeys[id] = true
		}
		return err
	})
}

func (w *world) revokeOwnPhone(h *handset) error {
	ctx, _, err := w.call(h)
	if err != nil {
		return err
	}
	if _, err = w.passkeys.RevokePhone(ctx, h.id); err == nil {
		w.revokedPhones[h.id] = true
	}
	return err
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

func (w *world) foreignPasskey(a, _ int) error {
	p := w.person(a)
	k, err := newKey(ctap.AAGUID{0xf0, 0x0e, 1}, w.lab.clock)
	if err != nil {
		return err
	}
	w.named++
	if c, err := w.register(p, k, fmt.Sprintf("Key %d", w.named)); err == nil {
		p.foreign = append(p.foreign, c.method)
	}
	return nil
}

func (w *world) renameUser(a, b int) error {
	p := w.person(a)
	upn := fmt.Sprintf("p%d.%d@%s", p.slot, b, w.domain)
	err := w.patchUser(p, map[string]any{"upn": upn})
	if err == nil {
		p.upn = upn
	}
	return nil
}

func (w *world) setEnabled(a int, on bool) error {
	p := w.person(a)
	if err := w.patchUser(p, map[string]any{"enabled": on}); err != nil {
		return ignoreMissing(err)
	}
	p.disabled = !on
	return nil
}

// addStranger puts somebody into one of the groups whom Postern does not know.
func (w *world) addStranger(a, b int) error {
	groups, err := w.groupsOf()
	if err != nil {
		return err
	}
	p, phase := w.people[peopleKnown+a%peopleStrangers], phases[b%len(phases)]
	if groups[phase] == "" {
		return nil
	}
	err = w.graph(http.MethodPost, "groups/"+groups[phase]+"/members/$ref",
		map[string]string{"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/" + p.objectID}, nil)
	if err == nil {
		p.groups = append(p.groups, phase)
	}
	return nil
}

var phases = []postern.Phase{postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive}

// work runs some of the jobs that are due, or goes to the next one that will be.
func (w *world) work(a, b int) error {
	for range 1 + a%6 {
		ran, err := w.queue.RunOne(w.ctx)
		if err != nil {
			var crash jobtest.Crash
			if errors.As(err, &crash) {
				panic(crash)
			}
			return err
		}
		if ran {
			continue
		}
		due, any, err := w.queue.NextDue(w.ctx)
		if err != nil || !any || b%4 == 0 {
			return err
		}
		if wait := due.Sub(w.lab.now); wait > 0 && wait < 5*time.Minute {
			w.lab.now = due
		}
	}
	return nil
}

func (w *world) wait(a, _ int) error {
	w.lab.now = w.lab.now.Add([]time.Duration{time.Second, 5 * time.Second, 20 * time.Second, time.Minute, 6 * time.Minute, 40 * time.Minute}[a%6])
	return nil
}

func (w *world) trouble(a, b int) error {
	kinds := []string{"429", "500", "503", "504", "before", "after", "after", "slow"}
	w.wire.troubles = append(w.wire.troubles, &trouble{
		kind: kinds[a%len(kinds)], skip: b % 4, count: 1 + b/4%3, wait: []time.Duration{2 * time.Second, 20 * time.Second, 50 * time.Second}[b/12%3],
	})
	return nil
}

// lag has Entra replicate slowly: no slower than the doubt that Postern waits out.
func (w *world) lag(a, b int) error {
	delays := []time.Duration{0, 2 * time.Second, 10 * time.Second, 25 * time.Second}
	l := healthy()
	l.MethodDelay = entrasim.Duration(delays[a%len(delays)])
	l.MembershipDelay = entrasim.Duration(delays[b%len(delays)])
	l.ReplicationDelay = entrasim.Duration(delays[b/4%len(delays)])
	return w.lab.server.SetLevers(l)
}

// seldom does what ends a sequence early, one time in three.
func (w *world) seldom(a int, do func(w *world) error) error {
	if a%3 != 0 {
		return nil
	}
	return do(w)
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

func (w *world) renameGroup(a, b int) error {
	groups, err := w.groupsOf()
	if err != nil || groups[phases[a%3]] == "" {
		return err
	}
	return ignoreMissing(w.graph(http.MethodPatch, "groups/"+groups[phases[a%3]], map[string]any{"displayName": fmt.Sprintf("Renamed %d", b)}, nil))
}

// ignoreMissing passes over a group that somebody deleted, or that replication does not show yet.
func ignoreMissing(err error) error {
	if refusedWith(err, http.StatusNotFound) {
		return nil
	}
	return err
}

func (w *world) deleteGroup(b int) error {
	groups, err := w.groupsOf()
	phase := phases[b%3]
	if err != nil || groups[phase] == "" {
		return err
	}
	if err := w.graph(http.MethodDelete, "groups/"+groups[phase], nil, nil); err != nil {
		return ignoreMissing(err)
	}
	for _, p := range w.people[peopleKnown:] {
		p.groups = slices.DeleteFunc(p.groups, func(x postern.Phase) bool { return x == phase })
	}
	return nil
}

func (w *world) deleteUser(b int) error {
	p := w.person(b)
	p.gone = true
	return ignoreMissing(w.lab.control(w.ctx, http.MethodDelete, "tenants/"+w.tenant+"/users/"+p.objectID, nil, nil))
}

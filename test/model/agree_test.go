package model_test

import (
	"encoding/hex"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/reconcile"
)

// books are what the control center has written down, read once when all is quiet.
type books struct {
	users         []postern.User
	byObject      map[string]postern.User
	phones        map[postern.PhoneID]postern.Phone
	passkeys      map[postern.UserID][]postern.Passkey
	provisionings map[postern.UserID][]postern.Provisioning
	invitations   map[postern.UserID][]postern.Invitation
	differences   []postern.Difference // open ones
	events        []postern.AuditEvent
}

func (w *world) read() (b books, err error) {
	b = books{
		byObject: make(map[string]postern.User), phones: make(map[postern.PhoneID]postern.Phone), passkeys: make(map[postern.UserID][]postern.Passkey),
		provisionings: make(map[postern.UserID][]postern.Provisioning), invitations: make(map[postern.UserID][]postern.Invitation),
	}
	if b.users, err = w.store.Users(w.ctx, lifecycle.UserQuery{IntegrationID: w.integration}); err != nil {
		return b, err
	}
	for _, u := range b.users {
		b.byObject[u.ObjectID] = u
		phones, err := w.store.Phones(w.ctx, u.ID)
		if err != nil {
			return b, err
		}
		for _, p := range phones {
			b.phones[p.ID] = p
		}
		if b.passkeys[u.ID], err = w.store.PasskeysOfUser(w.ctx, u.ID); err != nil {
			return b, err
		}
		if b.provisionings[u.ID], err = w.passkeys.Provisionings(w.ctx, u.ID); err != nil {
			return b, err
		}
		if b.invitations[u.ID], err = w.store.Invitations(w.ctx, u.ID); err != nil {
			return b, err
		}
	}
	b.differences, err = w.reconcile.Differences(w.ctx, reconcile.DifferenceQuery{IntegrationID: w.integration, Open: true, Limit: 1000})
	if err != nil {
		return b, err
	}
	b.events, err = w.allEvents()
	return b, err
}

// agree compares everybody's account with everybody else's.
func (w *world) agree() error {
	if err := w.readEverything(); err != nil {
		return err
	}
	b, err := w.read()
	if err != nil {
		return err
	}
	groups, ids, err := w.groupMembers()
	if err != nil {
		return err
	}
	for _, p := range w.people[:peopleKnown] {
		at, gone, err := w.atEntra(p)
		if err != nil {
			return err
		}
		u, known := b.byObject[p.objectID]
		if p.known && !known {
			w.disagree("%s was known and is forgotten", p.upn)
		}
		w.agreePasskeys(b, p, u, at, gone)
		if known {
			w.agreePhase(b, u)
			w.agreeAccount(b, p, u, at, gone)
			w.agreeGroups(p, u, groups, gone)
			w.agreeProvisionings(b, u)
		} else {
			w.agreeStranger(b, p, groups, ids, gone)
		}
	}
	for _, p := range w.people[peopleKnown:] {
		w.agreeStranger(b, p, groups, ids, false)
	}
	w.agreeDifferences(b, groups)
	w.agreeAcknowledged(b)
	if err := w.agreePhones(b); err != nil {
		return err
	}
	if err := w.agreeMail(b); err != nil {
		return err
	}
	if err := w.agreeBulk(b); err != nil {
		return err
	}
	w.agreeReasons(b)
	if err := w.agreeTrail(b); err != nil {
		return err
	}
	return w.agreeNoSecrets(b)
}

// agreePasskeys compares what Entra lists of a user with the books.
func (w *world) agreePasskeys(b books, p *person, u postern.User, at entraUser, gone bool) {
	listed := make(map[string]int)
	names := make(map[string]int)
	for _, k := range at.Passkeys {
		listed[k.ID]++
		if ours(k.AAGUID) {
			names[k.DisplayName]++
		}
	}
	for name, n := range names {
		if n > 1 {
			w.disagree("Entra lists %d passkeys of %s called %q: one intent was carried out twice", n, p.upn, name)
		}
	}
	stored := make(map[string][]postern.Passkey)
	intents := make(map[postern.ProvisioningID]int)
	for _, k := range b.passkeys[u.ID] {
		if k.ProvisioningID != "" {
			if intents[k.ProvisioningID]++; intents[k.ProvisioningID] > 1 {
				w.disagree("the provisioning %s made two passkeys", k.ProvisioningID)
			}
		}
		if k.State != postern.PasskeyRevoked {
			stored[k.MethodID] = append(stored[k.MethodID], k)
		}
		switch k.State {
		case postern.PasskeyActive:
			if listed[k.MethodID] != 1 && !gone {
				w.disagree("the passkey %q of %s is active here, and Entra lists it %d times", k.DisplayName, p.upn, listed[k.MethodID])
			}
			if phone, ok := b.phones[k.PhoneID]; k.Carrier == postern.CarrierPhone && (!ok || phone.UserID != u.ID || phone.State != postern.PhoneActive) {
				w.disagree("the active passkey %q of %s lies on a phone that is %q", k.DisplayName, p.upn, phone.State)
			}
		case postern.PasskeyRevocation:
			w.disagree("the revocation of %q of %s never came to an end: %s", k.DisplayName, p.upn, k.Problem)
		case postern.PasskeyRevoked:
			if listed[k.MethodID] > 0 && !slices.ContainsFunc(b.passkeys[u.ID], func(o postern.Passkey) bool {
				return o.MethodID == k.MethodID && o.State == postern.PasskeyActive
			}) {
				w.disagree("the passkey %q of %s is revoked here, and Entra lists it", k.DisplayName, p.upn)
			}
		}
	}
	for method, keys := range stored {
		if len(keys) > 1 {
			w.disagree("%d passkeys of %s are stored with the method %s", len(keys), p.upn, method)
		}
	}
	for _, k := range at.Passkeys {
		if ours(k.AAGUID) && len(stored[k.ID]) == 0 && !w.reported(b, p, k.ID) {
			w.disagree("Entra lists the passkey %q of %s, made by a phone of ours, and nobody here knows of it or was told", k.DisplayName, p.upn)
		}
		if !ours(k.AAGUID) && !slices.Contains(p.foreign, k.ID) {
			w.disagree("Entra lists the passkey %q of %s, which nobody made", k.DisplayName, p.upn)
		}
	}
	for _, method := range p.foreign {
		if listed[method] != 1 && !gone {
			w.disagree("a passkey of %s that is none of Postern's business was taken away", p.upn)
		}
		if len(stored[method]) > 0 {
			w.disagree("a passkey of %s that is none of Postern's business is in the books", p.upn)
		}
	}
}

// reported is the only excuse for a passkey of our making that nobody knows: its user registered it at Security info, no
// phone is left that could tell of it, and people are told that it is there.
func (w *world) reported(b books, p *person, method string) bool {
	for _, h := range w.handsets {
		for _, c := range h.made {
			if c.own && c.method == method && h.owner == p {
				return slices.ContainsFunc(b.differences, func(d postern.Difference) bool {
					return d.Kind == postern.DifferencePasskeyUnclaimed && d.Object == method
				})
			}
		}
	}
	return false
}

// agreePhase works the phase out from the facts once more.
func (w *world) agreePhase(b books, u postern.User) {
	passkeys, phones, invitations := 0, 0, 0
	ever := false
	for _, k := range b.passkeys[u.ID] {
		if k.State == postern.PasskeyActive && k.Carrier == postern.CarrierPhone {
			passkeys++
		}
	}
	for _, p := range b.phones {
		if p.UserID == u.ID {
			ever = true
			if p.State == postern.PhoneActive {
				phones++
			}
		}
	}
	for _, i := range b.invitations[u.ID] {
		if i.State == postern.InvitationOpen && w.lab.now.Before(i.ExpiresAt) {
			invitations++
		}
	}
	unused := slices.ContainsFunc(b.invitations[u.ID], func(i postern.Invitation) bool { return i.State != postern.InvitationUsed })
	revoked := slices.ContainsFunc(b.events, func(e postern.AuditEvent) bool { return e.Name == "user.revoked" && e.Target == string(u.ID) })
	if (u.Phase == postern.PhaseSuspended) != (u.Suspension != nil) {
		w.disagree("%s is %q, and suspended: %t", u.UPN, u.Phase, u.Suspension != nil)
	}
	var want []postern.Phase
	switch {
	case u.Suspension != nil:
		want = []postern.Phase{postern.PhaseSuspended}
		if invitations > 0 {
			w.disagree("%s is suspended, and has %d open invitations", u.UPN, invitations)
		}
	case passkeys > 0:
		want = []postern.Phase{postern.PhaseActive}
	case phones > 0:
		want = []postern.Phase{postern.PhasePaired}
	case invitations > 0:
		want = []postern.Phase{postern.PhaseEligible}
	case !ever && len(b.invitations[u.ID]) == 0:
		want = []postern.Phase{""}
	case ever || revoked:
		want = []postern.Phase{postern.PhaseRevoked}
		if unused { // invited again, and not come
			want = append(want, postern.PhaseEligible)
		}
	default:
		want = []postern.Phase{postern.PhaseEligible}
	}
	if !slices.Contains(want, u.Phase) {
		w.disagree("%s is %q with %d passkeys, %d phones and %d open invitations; want %q", u.UPN, u.Phase, passkeys, phones, invitations, want)
	}
}

func (w *world) groupMembers() (out map[postern.Phase]map[string]bool, groups map[postern.Phase]string, err error) {
	out = make(map[postern.Phase]map[string]bool)
	if groups, err = w.groupsOf(); err != nil {
		return nil, nil, err
	}
	for _, phase := range phases {
		if groups[phase] == "" {
			w.disagree("there is no group for %s", phase)
			continue
		}
		if out[phase], err = w.members(groups[phase]); err != nil {
			return nil, nil, err
		}
	}
	return out, groups, nil
}

func (w *world) agreeGroups(p *person, u postern.User, groups map[postern.Phase]map[string]bool, gone bool) {
	for _, phase := range phases {
		want := phase == u.Phase && !gone
		if groups[phase][p.objectID] != want {
			w.disagree("%s is %s, and in the group of %s: %t", u.UPN, u.Phase, phase, !want)
		}
	}
}

// agreeStranger holds that whom Postern does not know stays in the groups where somebody put them, and that people are
// told so.
func (w *world) agreeStranger(b books, p *person, groups map[postern.Phase]map[string]bool, ids map[postern.Phase]string, gone bool) {
	for _, phase := range phases {
		want := slices.Contains(p.groups, phase) && !gone
		if groups[phase][p.objectID] != want {
			w.disagree("the stranger %s is in the group of %s: %t", p.upn, phase, !want)
		}
		told := slices.ContainsFunc(b.differences, func(d postern.Difference) bool {
			return d.Kind == postern.DifferenceMemberStranger && d.Object == ids[phase]+"/"+p.objectID
		})
		if told != want {
			w.disagree("the stranger %s is in the group of %s: %t, and people are told so: %t", p.upn, phase, want, told)
		}
	}
}

// agreeProvisionings holds that none is left on its way but those that wait for a phone nobody has.
func (w *world) agreeProvisionings(b books, u postern.User) {
	made := make(map[postern.ProvisioningID]postern.Passkey)
	for _, k := range b.passkeys[u.ID] {
		made[k.ProvisioningID] = k
	}
	open := make(map[postern.PhoneID]int)
	for _, p := range b.provisionings[u.ID] {
		k, has := made[p.ID]
		switch {
		case p.State == postern.ProvisioningActive && !has:
			w.disagree("the provisioning %s is active and made no passkey", p.ID)
		case p.State != postern.ProvisioningActive && has:
			w.disagree("the provisioning %s is %s and made the passkey %s", p.ID, p.State, k.ID)
		case p.State == postern.ProvisioningSubmitted, p.State == postern.ProvisioningRegistered:
			w.disagree("the provisioning %s stays %s for ever: %s %s", p.ID, p.State, p.Code, p.Message)
		case p.State.Final():
			continue
		}
		if u.Suspension != nil {
			w.disagree("the provisioning %s stays %s although its user is suspended", p.ID, p.State)
		}
		if open[p.PhoneID]++; open[p.PhoneID] > 1 {
			w.disagree("the phone %s has two provisionings under way", p.PhoneID)
		}
		if h := w.handset(p.PhoneID); h != nil && !h.lost {
			w.disagree("the provisioning %s stays %s although its phone answers: %s %s", p.ID, p.State, p.Code, p.Message)
		}
	}
}

func (w *world) handset(id postern.PhoneID) *handset {
	for _, h := range w.handsets {
		if h.id == id {
			return h
		}
	}
	return nil
}

// agreeAcknowledged holds Postern to what it said was done.
func (w *world) agreeAcknowledged(b books) {
	for _, u := range b.users {
		for _, i := range b.invitations[u.ID] {
			if w.withdrawn[i.ID] && i.State != postern.InvitationWithdrawn {
				w.disagree("a withdrawn invitation of %s is %s", u.UPN, i.State)
			}
		}
		for _, p := range b.provisionings[u.ID] {
			switch {
			case w.declined[p.ID] && p.State != postern.ProvisioningDeclined:
				w.disagree("the declined provisioning %s is %s", p.ID, p.State)
			case w.cancelled[p.ID] && p.State != postern.ProvisioningCancelled:
				w.disagree("the cancelled provisioning %s is %s", p.ID, p.State)
			}
		}
		for _, k := range b.passkeys[u.ID] {
			if w.revokedKeys[k.ID] && k.State != postern.PasskeyRevoked {
				w.disagree("the revoked passkey %q of %s is %s", k.DisplayName, u.UPN, k.State)
			}
		}
	}
	for id := range w.revokedPhones {
		if b.phones[id].State != postern.PhoneRevoked {
			w.disagree("the revoked phone %s is %q", id, b.phones[id].State)
		}
	}
}

// agreePhones asks every phone what it thinks.
func (w *world) agreePhones(b books) error {
	byKey := make(map[string]postern.Phone)
	for _, p := range b.phones {
		key := hex.EncodeToString(p.IdentityKey)
		if _, twice := byKey[key]; twice {
			w.disagree("one phone is enrolled twice")
		}
		byKey[key] = p
	}
	for _, h := range w.handsets {
		if h.id == "" {
			continue
		}
		p, ok := b.phones[h.id]
		if !ok {
			w.disagree("an enrolled phone of %s is forgotten", h.owner.upn)
			continue
		}
		ctx, phone, err := w.call(h)
		if p.State == postern.PhoneRevoked {
			if !postern.IsCode(err, postern.CodePhoneRevoked) {
				w.disagree("a revoked phone of %s is let in: %v", h.owner.upn, err)
			}
			for _, k := range b.passkeys[p.UserID] {
				if k.PhoneID == p.ID && k.State != postern.PasskeyRevoked {
					w.disagree("the passkey %q lies on a revoked phone and is %s", k.DisplayName, k.State)
				}
			}
			continue
		}
		if err != nil {
			return err
		}
		self, err := w.passkeys.Self(ctx, phone)
		if err != nil {
			return err
		}
		w.agreeSelf(b, h, self)
	}
	return nil
}

// agreeSelf compares a phone's own view with the books and with what it made.
func (w *world) agreeSelf(b books, h *handset, self postern.PhoneSelf) {
	told := make(map[postern.PasskeyID]postern.PasskeyState)
	for _, k := range self.Passkeys {
		told[k.ID] = k.State
		if k.State == postern.PasskeyActive && !slices.ContainsFunc(h.made, func(c *credential) bool { return slices.Equal(c.submission.ID, k.CredentialID) }) {
			w.disagree("a phone of %s is told that it has the passkey %q, which it never made", h.owner.upn, k.DisplayName)
		}
	}
	n := 0
	for _, k := range b.passkeys[self.Phone.UserID] {
		if k.PhoneID != h.id {
			continue
		}
		n++
		if told[k.ID] != k.State {
			w.disagree("a phone of %s is told that %q is %q, and it is %q", h.owner.upn, k.DisplayName, told[k.ID], k.State)
		}
	}
	if n != len(told) {
		w.disagree("a phone of %s is told of %d passkeys, and has %d", h.owner.upn, len(told), n)
	}
	if self.User.Phase != b.byObject[h.owner.objectID].Phase {
		w.disagree("a phone of %s is told the phase %q", h.owner.upn, self.User.Phase)
	}
}

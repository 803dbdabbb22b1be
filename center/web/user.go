package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// userPage is everything known of one user.
type userPage struct {
	frame
	User          postern.User
	Integration   postern.Integration
	Invitations   []postern.Invitation
	Phones        []postern.Phone
	Pairings      []postern.UserPairing
	Claims        []postern.PasskeyClaim // what active phones say they registered, and Entra does not list
	Provisionings []postern.Provisioning
	Passkeys      []postern.Passkey
	Sent          []postern.Message
	Waiting       []postern.PhoneID // phones that somebody has to approve
	Offline       []postern.OfflineSignIn
	Recoveries    []postern.Recovery
	RecoveryOff   bool     // recovery PINs are switched off
	KeyProblems   problems // why the passkeys could not be read from Entra
	Still         bool     // do not ask again: the storybook has nobody to ask
}

// live reports whether something may change without anybody doing anything here.
func (p userPage) live() bool {
	return p.revoking() || p.User.Phase == postern.PhasePaired || slices.ContainsFunc(p.Recoveries, pending) ||
		slices.ContainsFunc(p.Offline, func(o postern.OfflineSignIn) bool {
			return o.State != postern.OfflineActive && o.State != postern.OfflineEnded
		}) ||
		slices.ContainsFunc(p.Provisionings, func(v postern.Provisioning) bool { return !v.State.Final() }) ||
		slices.ContainsFunc(p.Invitations, func(i postern.Invitation) bool { return i.State == postern.InvitationOpen })
}

// revoking reports whether a passkey is on its way out. Only then does asking again mean asking Entra.
func (p userPage) revoking() bool {
	return slices.ContainsFunc(p.Passkeys, func(k postern.Passkey) bool { return k.State == postern.PasskeyRevocation })
}

// stamp changes whenever the page would, so that an unchanged one need not be sent again.
func (p userPage) stamp() string {
	h := sha256.New()
	fmt.Fprint(h, p.User.Version, p.User.Phase, p.User.GroupPhase, p.User.Problem)
	for _, i := range p.Invitations {
		fmt.Fprint(h, "|", i.ID, i.State, i.Failures)
	}
	for _, phone := range p.Phones {
		fmt.Fprint(h, "|", phone.ID, phone.Version, phone.State)
	}
	for _, v := range p.Provisionings {
		fmt.Fprint(h, "|", v.ID, v.Version, v.State, v.Message)
	}
	for _, one := range p.Pairings {
		fmt.Fprint(h, "|", one.Pairing.ID, one.Pairing.Version, one.Workstation.Version)
	}
	for _, claim := range p.Claims {
		fmt.Fprintf(h, "|%x %s %s", claim.CredentialID, claim.State, claim.ExpiresAt)
	}
	for _, o := range p.Offline {
		fmt.Fprint(h, "|", o.Pairing, o.Version, o.State)
	}
	for _, q := range p.Recoveries {
		fmt.Fprint(h, "|", q.ID, q.Version, q.State)
	}
	fmt.Fprint(h, "|", p.RecoveryOff, p.Waiting)
	for _, m := range p.Sent {
		fmt.Fprint(h, "|", m.ID, m.State, m.Attempts)
	}
	if p.revoking() {
		for _, k := range p.Passkeys {
			fmt.Fprint(h, "|", k.ID, k.MethodID, k.State, k.Problem)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// newest is the provisioning to show; older ones are folded away.
func (p userPage) newest() *postern.Provisioning {
	if len(p.Provisionings) == 0 {
		return nil
	}
	newest := &p.Provisionings[0]
	for i := range p.Provisionings {
		if p.Provisionings[i].CreatedAt.After(newest.CreatedAt) {
			newest = &p.Provisionings[i]
		}
	}
	return newest
}

func (p userPage) older() []postern.Provisioning {
	var older []postern.Provisioning
	newest := p.newest()
	for i := range p.Provisionings {
		if &p.Provisionings[i] != newest {
			older = append(older, p.Provisionings[i])
		}
	}
	return older
}

// carrierName is what a passkey lies on, as people call it.
func (p userPage) carrierName(v postern.Provisioning) string {
	if v.Carrier == postern.CarrierSecurityKey {
		return "the security key"
	}
	for _, phone := range p.Phones {
		if phone.ID == v.PhoneID {
			return phone.Name
		}
	}
	return "the phone"
}

// outcome says how a provisioning stands. What came of one that succeeded is told by its passkey, which may have been
// taken away since.
func (p userPage) outcome(v postern.Provisioning) string {
	if v.State != postern.ProvisioningActive {
		return provisioningText(v, p.carrierName(v))
	}
	for _, k := range p.Passkeys {
		switch {
		case k.ProvisioningID != v.ID:
		case k.State == postern.PasskeyActive:
			return provisioningText(v, p.carrierName(v))
		case k.State == postern.PasskeyRevocation:
			return "The passkey was registered, and is being removed from Entra."
		}
	}
	if len(p.KeyProblems) > 0 {
		return "The passkey was registered."
	}
	return "The passkey was registered, and has been revoked since."
}

func userPath(id postern.UserID) string { return "/users/" + string(id) }

func (c *console) loadUser(r *http.Request) (postern.User, error) {
	id := r.PathValue("user")
	if !postern.ValidID(id, postern.PrefixUser) {
		return postern.User{}, postern.Errorf(postern.CodeNotFound, "There is no user with that identifier.")
	}
	return c.Users.User(r.Context(), postern.UserID(id))
}

func (c *console) userFrame(r *http.Request, u postern.User, i postern.Integration, title string) frame {
	f := c.frame(r, sectionIntegrations, title)
	phase := u.Phase
	if phase == "" {
		phase = postern.PhaseNone
	}
	f.Trail = []crumb{{"Integrations", "/integrations"}, {i.ApplicationName, integrationPath(i.ID) + "?phase=" + string(phase)}}
	return f
}

// userPage reads what Postern itself knows of the user. Entra is asked by keys.
func (c *console) userPage(r *http.Request) (userPage, error) {
	u, err := c.loadUser(r)
	if err != nil {
		return userPage{}, err
	}
	ctx := r.Context()
	i, err := c.Integrations.Get(ctx, u.IntegrationID)
	if err != nil {
		return userPage{}, err
	}
	p := userPage{frame: c.userFrame(r, u, i, u.DisplayName), User: u, Integration: i}
	if p.Invitations, err = c.Users.Invitations(ctx, u.ID); err != nil {
		return p, err
	}
	if p.Phones, err = c.Phones.Phones(ctx, u.ID); err != nil {
		return p, err
	}
	if p.Pairings, err = c.Phones.UserPairings(ctx, u.ID); err != nil {
		return p, err
	}
	for _, phone := range p.Phones {
		if phone.State != postern.PhoneActive {
			continue
		}
		claims, err := c.Passkeys.Claims(ctx, phone.ID)
		if err != nil {
			return p, err
		}
		p.Claims = append(p.Claims, claims...)
	}
	if p.Sent, err = c.messagesTo(r, u.ID); err != nil {
		return p, err
	}
	if p.Waiting, err = c.waitingFor(ctx, u); err != nil {
		return p, err
	}
	if err := c.signingInOffline(ctx, &p); err != nil {
		return p, err
	}
	p.Provisionings, err = c.Passkeys.Provisionings(ctx, u.ID)
	p.Provisionings = slices.DeleteFunc(p.Provisionings, func(v postern.Provisioning) bool { return v.Carrier == postern.CarrierWorkstation }) // told of as offline passkeys
	return p, err
}

// keys adds the passkeys, Entra's included. When Entra does not answer, the rest of the page is still worth having.
func (c *console) keys(ctx context.Context, p *userPage) {
	var err error
	p.Passkeys, err = c.Passkeys.Passkeys(ctx, p.User.ID)
	p.KeyProblems = problemsOf(err)
}

func (c *console) user(w http.ResponseWriter, r *http.Request) error {
	p, err := c.userPage(r)
	if err != nil {
		return err
	}
	c.keys(r.Context(), &p)
	return c.show(w, r, http.StatusOK, user(p))
}

// userProgress answers the page that asks again and again: with the whole when something changed, and with nothing
// when not. As long as nothing changes it costs a few reads of the database and no call to Entra.
func (c *console) userProgress(w http.ResponseWriter, r *http.Request) error {
	p, err := c.userPage(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	if q.Has("revoking") {
		c.keys(r.Context(), &p)
	}
	if q.Get("seen") == p.stamp() {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if !q.Has("revoking") {
		c.keys(r.Context(), &p)
	}
	return c.show(w, r, http.StatusOK, userBody(p))
}

// poll makes the page ask for itself: often while something is under way, and now and then because the user may pair a
// workstation or give a phone up.
func (p userPage) poll() templ.Attributes {
	if p.Still {
		return nil
	}
	address, every := userPath(p.User.ID)+"/progress?seen="+p.stamp(), "every 2s"
	switch {
	case p.revoking():
		address, every = address+"&revoking", "every 5s"
	case !p.live():
		every = "every 10s"
	}
	return templ.Attributes{"hx-get": address, "hx-trigger": every, "hx-swap": "outerMorph", "hx-target": "this"}
}

func stepNow(s step) templ.Attributes {
	if s.Class == "now" {
		return templ.Attributes{"aria-current": "step"}
	}
	return nil
}

// nextStep is how a pairing that is not complete becomes so.
func (p userPage) nextStep() string {
	switch {
	case p.Integration.State != postern.StateEnabled:
		return "Enable the integration first."
	case p.newest() != nil && !p.newest().State.Final():
		return "Its registration is under way; see below."
	case slices.ContainsFunc(p.Phones, p.canProvision):
		return "Register a passkey for the phone below, and have the user accept it there."
	}
	return "The user opens https://mysignins.microsoft.com/security-info at a workstation that is paired with the phone, and adds the phone as a security key."
}

// canProvision reports whether the button that registers a passkey is worth showing.
func (p userPage) canProvision(phone postern.Phone) bool {
	if !p.May(postern.PermPasskeysProvision) || phone.State != postern.PhoneActive ||
		p.Integration.State != postern.StateEnabled || !p.Integration.Flags[postern.FlagProvisionAPI] {
		return false
	}
	return !slices.ContainsFunc(p.Provisionings, func(v postern.Provisioning) bool { return v.PhoneID == phone.ID && !v.State.Final() }) &&
		!slices.ContainsFunc(p.Passkeys, func(k postern.Passkey) bool {
			return k.PhoneID == phone.ID && k.Managed && k.Carrier != postern.CarrierWorkstation
		})
}

// groupName is the name of the group that the user was last put into, as the tenant has it.
func (p userPage) groupName() string {
	for _, g := range p.Integration.Groups {
		if g.Phase == p.User.GroupPhase {
			return g.Name
		}
	}
	return "none"
}

// registeredThemselves reports whether a phone has a passkey that no provisioning made.
func (p userPage) registeredThemselves() bool {
	return slices.ContainsFunc(p.Passkeys, func(k postern.Passkey) bool {
		return k.Managed && k.PhoneID != "" && k.ProvisioningID == "" && k.State == postern.PasskeyActive
	})
}

func (p userPage) hasUnmanaged() bool {
	return slices.ContainsFunc(p.Passkeys, func(k postern.Passkey) bool { return !k.Managed })
}

// hasManagedKey reports whether a hardware key holds a passkey that can be taken away here.
func (p userPage) hasManagedKey() bool {
	return slices.ContainsFunc(p.Passkeys, func(k postern.Passkey) bool { return k.Carrier == postern.CarrierSecurityKey })
}

// lies says of the passkey of a workstation whose it is: its name at Entra does not.
func (p userPage) lies(k postern.Passkey) string {
	if k.Carrier != postern.CarrierWorkstation {
		return ""
	}
	text := "Offline passkey of a workstation"
	if n := slices.IndexFunc(p.Offline, func(o postern.OfflineSignIn) bool { return o.WorkstationID == k.WorkstationID }); n >= 0 {
		text = "Offline passkey of " + p.Offline[n].Workstation
	}
	return text + ", for signing in there without a network"
}

func keyModel(k postern.Passkey) string {
	if k.Model != "" {
		return k.Model
	}
	switch {
	case k.Carrier == postern.CarrierWorkstation:
		return "Postern on a workstation"
	case k.Managed && k.Carrier != postern.CarrierSecurityKey:
		return "Postern on a phone"
	}
	return "Model unknown to Entra"
}

func (p userPage) inviteAgain() string {
	return integrationPath(p.Integration.ID) + "/invite?user=" + url.QueryEscape(p.User.UPN)
}

func (p userPage) inviteLabel() string {
	if len(p.Invitations) == 0 {
		return "Invite"
	}
	return "Invite again"
}

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
	Provisionings []postern.Provisioning
	Passkeys      []postern.Passkey
	KeyProblems   problems // why the passkeys could not be read from Entra
	Still         bool     // do not ask again: the storybook has nobody to ask
}

// live reports whether something may change without anybody doing anything here.
func (p userPage) live() bool {
	return p.revoking() || p.User.Phase == postern.PhasePaired ||
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

func (p userPage) phoneName(id postern.PhoneID) string {
	for _, phone := range p.Phones {
		if phone.ID == id {
			return phone.Name
		}
	}
	return ""
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
	f.Trail = []crumb{{"Integrations", "/integrations"}, {i.ApplicationName, integrationPath(i.ID) + "?phase=" + string(u.Phase)}}
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
	p.Provisionings, err = c.Passkeys.Provisionings(ctx, u.ID)
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

// actPage confirms an act on something of a user.
type actPage struct {
	frame
	User     postern.User
	Path     string // where the form is sent
	Text     string
	Button   string
	Problems problems
}

// act shows the confirmation, or does the act and returns to the user.
func (c *console) act(w http.ResponseWriter, r *http.Request, u postern.User, title, text, button, note string, do func(ctx context.Context) error) error {
	i, err := c.Integrations.Get(r.Context(), u.IntegrationID)
	if err != nil {
		return err
	}
	p := actPage{frame: c.userFrame(r, u, i, title), User: u, Path: r.URL.Path, Text: text, Button: button}
	p.frame.Trail = append(p.frame.Trail, crumb{u.DisplayName, userPath(u.ID)})
	if r.Method == http.MethodPost {
		err := do(r.Context())
		if err == nil {
			return c.away(w, r, userPath(u.ID)+"?done="+note)
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), confirmAct(p))
}

func (c *console) withdraw(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	id := postern.InvitationID(r.PathValue("invitation"))
	return c.act(w, r, u, "Withdraw the invitation?",
		"The one-time code of "+u.DisplayName+" stops working. A phone that is paired already stays paired.",
		"Withdraw invitation", "withdrawn", func(ctx context.Context) error {
			// The invitation must be this user's: the address says so to whoever confirms it.
			invitations, err := c.Users.Invitations(ctx, u.ID)
			if err != nil {
				return err
			}
			for _, inv := range invitations {
				if inv.ID == id {
					return c.Users.Withdraw(ctx, id)
				}
			}
			return postern.Errorf(postern.CodeNotFound, "%s has no such invitation.", u.DisplayName)
		})
}

// phoneOf finds the phone of the address among the user's.
func (c *console) phoneOf(r *http.Request, u postern.User) (postern.Phone, error) {
	phones, err := c.Phones.Phones(r.Context(), u.ID)
	if err != nil {
		return postern.Phone{}, err
	}
	for _, p := range phones {
		if string(p.ID) == r.PathValue("phone") {
			return p, nil
		}
	}
	return postern.Phone{}, postern.Errorf(postern.CodeNotFound, "%s has no such phone.", u.DisplayName)
}

func (c *console) revokePhone(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	phone, err := c.phoneOf(r, u)
	if err != nil {
		return err
	}
	return c.act(w, r, u, "Revoke "+phone.Name+"?",
		"The phone is cut off at once, and every passkey it holds is removed from Entra. It cannot be undone; a new invitation pairs it again.",
		"Revoke phone", "phone-revoked", func(ctx context.Context) error {
			_, err := c.Passkeys.RevokePhone(ctx, phone.ID)
			return err
		})
}

func (c *console) provision(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	phone, err := c.phoneOf(r, u)
	if err != nil {
		return err
	}
	if _, _, err := c.Passkeys.Begin(r.Context(), phone.ID); err != nil {
		return err
	}
	return c.away(w, r, userPath(u.ID)+"?done=provisioning")
}

func (c *console) cancelProvisioning(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	id := postern.ProvisioningID(r.PathValue("provisioning"))
	return c.act(w, r, u, "Cancel the provisioning?",
		"The phone is no longer asked. If Entra has the passkey already, it is deleted again.",
		"Cancel provisioning", "cancelled", func(ctx context.Context) error {
			provisionings, err := c.Passkeys.Provisionings(ctx, u.ID)
			if err != nil {
				return err
			}
			for _, p := range provisionings {
				if p.ID == id {
					_, err := c.Passkeys.Cancel(ctx, id)
					return err
				}
			}
			return postern.Errorf(postern.CodeNotFound, "%s has no such provisioning.", u.DisplayName)
		})
}

func (c *console) revokePasskey(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	keys, err := c.Passkeys.Passkeys(r.Context(), u.ID)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if !key.Managed || string(key.ID) != r.PathValue("passkey") {
			continue
		}
		return c.act(w, r, u, "Revoke "+key.DisplayName+"?",
			"The passkey is deleted from Entra, and "+u.DisplayName+" can no longer sign in with it. It cannot be undone.",
			"Revoke passkey", "passkey-revoke", func(ctx context.Context) error {
				_, err := c.Passkeys.RevokePasskey(ctx, key.ID)
				return err
			})
	}
	return postern.Errorf(postern.CodeNotFound, "%s has no such passkey.", u.DisplayName)
}

// way is the picture of a provisioning.
var way = []struct {
	state postern.ProvisioningState
	name  string
}{
	{postern.ProvisioningRequested, "Requested"},
	{postern.ProvisioningOffered, "On the phone"},
	{postern.ProvisioningSubmitted, "Accepted"},
	{postern.ProvisioningRegistered, "Registered"},
	{postern.ProvisioningActive, "Active"},
}

// step is one point of the picture.
type step struct{ Name, Class, Spoken string }

// steps says which points of the way are behind, which one is now. A provisioning that ended early stops at the point
// that can be told from what it left behind.
func steps(v postern.Provisioning) []step {
	at := 0
	for i, w := range way {
		if w.state == v.State {
			at = i
		}
	}
	halted := false
	switch v.State {
	case postern.ProvisioningDeclined:
		at, halted = 1, true
	case postern.ProvisioningFailed, postern.ProvisioningCancelled:
		halted = true
		if v.MethodID != "" {
			at = 3
		} else if v.ExpiresAt != nil {
			at = 1
		}
	}
	out := make([]step, len(way))
	for i, w := range way {
		s := step{Name: w.name, Spoken: "not yet"}
		switch {
		case halted && i == at:
			s.Class, s.Spoken = "halt", "stopped here"
		case i < at || v.State == postern.ProvisioningActive:
			s.Class, s.Spoken = "done", "done"
		case i == at:
			s.Class, s.Spoken = "now", "now"
		}
		out[i] = s
	}
	return out
}

func provisioningText(v postern.Provisioning, phone string) string {
	if phone == "" {
		phone = "the phone"
	}
	switch v.State {
	case postern.ProvisioningRequested:
		return "Postern is fetching the registration options from Entra."
	case postern.ProvisioningOffered:
		return "Waiting for the user to accept on " + phone + "."
	case postern.ProvisioningSubmitted:
		return "The phone made the passkey. Postern is registering it with Entra."
	case postern.ProvisioningRegistered:
		return "Entra took the passkey. Postern reads it back until Entra lists it."
	case postern.ProvisioningActive:
		return "Entra lists the passkey. The user can sign in with " + phone + "."
	case postern.ProvisioningDeclined:
		return "The user declined on " + phone + "."
	case postern.ProvisioningCancelled:
		return "The provisioning was cancelled."
	}
	return "The provisioning failed."
}

func invitationKind(s postern.InvitationState) string {
	switch s {
	case postern.InvitationOpen:
		return "info"
	case postern.InvitationUsed:
		return "ok"
	case postern.InvitationLocked:
		return "bad"
	}
	return ""
}

func assuranceText(a postern.Assurance) string {
	switch a {
	case postern.AssuranceGated:
		return "Keys open only by the phone's own biometric."
	case postern.AssuranceFile:
		return "Keys lie in a file on a machine without a screen."
	}
	return "Keys are not bound to a biometric."
}

// poll makes the page ask for itself while it may change.
func (p userPage) poll() templ.Attributes {
	if p.Still || !p.live() {
		return nil
	}
	address, every := userPath(p.User.ID)+"/progress?seen="+p.stamp(), "every 2s"
	if p.revoking() {
		address, every = address+"&revoking", "every 5s"
	}
	return templ.Attributes{"hx-get": address, "hx-trigger": every, "hx-swap": "outerMorph", "hx-target": "this"}
}

func stepNow(s step) templ.Attributes {
	if s.Class == "now" {
		return templ.Attributes{"aria-current": "step"}
	}
	return nil
}

// canProvision reports whether the button that registers a passkey is worth showing.
func (p userPage) canProvision(phone postern.Phone) bool {
	if !p.May(postern.PermPasskeysProvision) || phone.State != postern.PhoneActive ||
		p.Integration.State != postern.StateEnabled || !p.Integration.Flags[postern.FlagProvisionAPI] {
		return false
	}
	for _, v := range p.Provisionings {
		if v.PhoneID == phone.ID && !v.State.Final() {
			return false
		}
	}
	return true
}

func (p userPage) hasUnmanaged() bool {
	return slices.ContainsFunc(p.Passkeys, func(k postern.Passkey) bool { return !k.Managed })
}

func keyModel(k postern.Passkey) string {
	if k.Model != "" {
		return k.Model
	}
	if k.AAGUID != "" {
		return "AAGUID " + k.AAGUID
	}
	return "Unknown model"
}

func (p userPage) inviteAgain() string {
	return integrationPath(p.Integration.ID) + "/invite?user=" + url.QueryEscape(p.User.UPN)
}

package web

import (
	"net/http"
	"strings"

	"github.com/postern/postern"
)

// administratorsPage lists who may sign in.
type administratorsPage struct {
	frame
	List []postern.Administrator
}

// administratorPage invites, changes or removes one.
type administratorPage struct {
	frame
	Administrator postern.Administrator
	Name          string
	Role          postern.Role
	Disabled      bool
	Problems      problems
	Invitation    *postern.AdministratorInvitation
}

func (p administratorPage) self() bool { return p.Administrator.ID == p.Who.Administrator }

func (c *console) administrators(w http.ResponseWriter, r *http.Request) error {
	list, err := c.Door.Administrators(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, administrators(administratorsPage{frame: c.frame(r, sectionAdministrators, "Administrators"), List: list}))
}

func (c *console) administratorFrame(r *http.Request, title string) frame {
	f := c.frame(r, sectionAdministrators, title)
	f.Trail = []crumb{{"Administrators", "/administrators"}}
	return f
}

func (c *console) inviteAdministrator(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, inviteAdministrator(administratorPage{
		frame: c.administratorFrame(r, "Invite an administrator"), Role: postern.RoleHelpDesk,
	}))
}

func (c *console) sendAdministratorInvitation(w http.ResponseWriter, r *http.Request) error {
	p := administratorPage{
		frame: c.administratorFrame(r, "Invite an administrator"),
		Name:  strings.TrimSpace(r.PostFormValue("name")), Role: postern.Role(r.PostFormValue("role")),
	}
	invitation, err := c.Door.Invite(r.Context(), postern.AdministratorInvitationInput{Name: p.Name, Role: p.Role})
	if err != nil {
		p.Problems = problemsOf(err)
		return c.show(w, r, statusOf(p.Problems), inviteAdministrator(p))
	}
	p.Title = "Link for " + invitation.Name
	p.Invitation = &invitation
	return c.show(w, r, http.StatusOK, administratorInvited(p))
}

func (c *console) loadAdministrator(r *http.Request) (postern.Administrator, error) {
	id := r.PathValue("administrator")
	if !postern.ValidID(id, postern.PrefixAdministrator) {
		return postern.Administrator{}, postern.Errorf(postern.CodeNotFound, "There is no administrator with that identifier.")
	}
	return c.Door.Administrator(r.Context(), postern.AdministratorID(id))
}

func (c *console) editAdministrator(w http.ResponseWriter, r *http.Request) error {
	a, err := c.loadAdministrator(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, editAdministrator(administratorPage{
		frame: c.administratorFrame(r, "Change "+a.Name), Administrator: a, Name: a.Name, Role: a.Role, Disabled: a.DisabledAt != nil,
	}))
}

func (c *console) updateAdministrator(w http.ResponseWriter, r *http.Request) error {
	a, err := c.loadAdministrator(r)
	if err != nil {
		return err
	}
	in := postern.AdministratorInput{
		Version: readVersion(r), Name: strings.TrimSpace(r.PostFormValue("name")), Role: postern.Role(r.PostFormValue("role")),
		Disabled: r.PostFormValue("disabled") == "true",
	}
	if r.PostForm.Has("mail") {
		address := strings.TrimSpace(r.PostFormValue("mail"))
		in.Mail = &address
		a.Mail = address
	}
	if _, err := c.Door.UpdateAdministrator(r.Context(), a.ID, in); err != nil {
		p := administratorPage{Administrator: a, Name: in.Name, Role: in.Role, Disabled: in.Disabled, Problems: problemsOf(err)}
		if postern.IsCode(err, postern.CodeStale) {
			if now, err := c.Door.Administrator(r.Context(), a.ID); err == nil {
				p.Administrator = now
			}
		}
		p.frame = c.administratorFrame(r, "Change "+a.Name)
		return c.show(w, r, statusOf(p.Problems), editAdministrator(p))
	}
	return c.away(w, r, "/administrators?done=role")
}

func (c *console) removeAdministrator(w http.ResponseWriter, r *http.Request) error {
	a, err := c.loadAdministrator(r)
	if err != nil {
		return err
	}
	p := administratorPage{frame: c.administratorFrame(r, "Remove "+a.Name+"?"), Administrator: a}
	if r.Method == http.MethodPost {
		err := c.Door.RemoveAdministrator(r.Context(), a.ID, readVersion(r))
		if err == nil {
			return c.away(w, r, "/administrators?done=admin-removed")
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), removeAdministrator(p))
}

// accountPage is the page of the person who is signed in.
type accountPage struct {
	frame
	Passkeys []postern.AdministratorPasskey
	Problems problems
}

func (c *console) account(w http.ResponseWriter, r *http.Request) error {
	return c.showAccount(w, r, nil)
}

func (c *console) showAccount(w http.ResponseWriter, r *http.Request, wrong problems) error {
	p := accountPage{frame: c.frame(r, "", "Your passkeys"), Problems: wrong}
	var err error
	if p.Passkeys, err = c.Door.Passkeys(r.Context(), p.Who.Administrator); err != nil {
		return err
	}
	return c.show(w, r, statusOf(wrong), account(p))
}

func (c *console) removeOwnPasskey(w http.ResponseWriter, r *http.Request) error {
	if err := c.Door.RemovePasskey(r.Context(), r.PostFormValue("passkey")); err != nil {
		return c.showAccount(w, r, problemsOf(err))
	}
	return c.away(w, r, "/account?done=passkey-removed")
}

func roleMeaning(role postern.Role) string {
	switch role {
	case postern.RoleOwner:
		return "Everything, administrators and their roles included."
	case postern.RoleAdministrator:
		return "Integrations, users, passkeys and API tokens."
	case postern.RoleHelpDesk:
		return "Invite users, see where they stand, revoke a lost phone."
	case postern.RoleAuditor:
		return "Read everything, change nothing."
	}
	return ""
}

func roleOptions(chosen postern.Role) []option {
	var options []option
	for _, role := range postern.Roles {
		options = append(options, option{Name: "role", Value: string(role), Label: roleName(role), Help: roleMeaning(role), Checked: role == chosen})
	}
	return options
}

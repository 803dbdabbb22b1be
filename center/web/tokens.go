package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

// tokensPage lists the API tokens.
type tokensPage struct {
	frame
	List []postern.APIToken
}

// tokenPage makes or revokes one.
type tokenPage struct {
	frame
	Token    postern.APIToken
	Input    postern.APITokenInput
	Problems problems
	Created  *postern.APITokenCreated
}

// defaultTokenDays is how long a token lives unless somebody chooses otherwise.
const defaultTokenDays = 90

func (c *console) tokens(w http.ResponseWriter, r *http.Request) error {
	list, err := c.Door.Tokens(r.Context())
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, tokens(tokensPage{frame: c.frame(r, sectionTokens, "API tokens"), List: list}))
}

func (c *console) tokenFrame(r *http.Request, title string) frame {
	f := c.frame(r, sectionTokens, title)
	f.Trail = []crumb{{"API tokens", "/tokens"}}
	return f
}

func (c *console) newToken(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, newToken(tokenPage{
		frame: c.tokenFrame(r, "Create an API token"), Input: postern.APITokenInput{ValidDays: defaultTokenDays},
	}))
}

func (c *console) createToken(w http.ResponseWriter, r *http.Request) error {
	p := tokenPage{frame: c.tokenFrame(r, "Create an API token")}
	if err := r.ParseForm(); err != nil {
		return postern.Errorf(postern.CodeTooLarge, "The form is larger than Postern accepts.").Because(err)
	}
	p.Input.Name = strings.TrimSpace(r.PostForm.Get("name"))
	for _, scope := range r.PostForm["scopes"] {
		p.Input.Scopes = append(p.Input.Scopes, postern.Permission(scope))
	}
	var err error
	p.Input.ValidDays, err = strconv.Atoi(strings.TrimSpace(r.PostForm.Get("valid_days")))
	if err != nil {
		p.Problems = problems{postern.FieldErrorf("valid_days", "The number of days is not a whole number.").WithNext("Give 1 to 365.")}
		return c.show(w, r, http.StatusUnprocessableEntity, newToken(p))
	}
	created, err := c.Door.CreateToken(r.Context(), p.Input)
	if err != nil {
		p.Problems = problemsOf(err)
		return c.show(w, r, statusOf(p.Problems), newToken(p))
	}
	p.Created = &created
	p.Title = "API token " + created.Token.Name
	return c.show(w, r, http.StatusOK, tokenCreated(p))
}

func (c *console) revokeToken(w http.ResponseWriter, r *http.Request) error {
	list, err := c.Door.Tokens(r.Context())
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(t postern.APIToken) bool { return string(t.ID) == r.PathValue("token") })
	if at < 0 {
		return postern.Errorf(postern.CodeNotFound, "There is no API token with that identifier.")
	}
	p := tokenPage{frame: c.tokenFrame(r, "Revoke "+list[at].Name+"?"), Token: list[at]}
	if r.Method == http.MethodPost {
		_, err := c.Door.RevokeToken(r.Context(), p.Token.ID)
		if err == nil {
			return c.away(w, r, "/tokens?done=token-revoked")
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), revokeToken(p))
}

// scopeOptions offers the scopes that the person has; nobody can give a token more than that.
func (p tokenPage) scopeOptions() []option {
	var options []option
	for _, perm := range postern.Permissions {
		if p.May(perm) {
			options = append(options, option{Name: "scopes", Value: string(perm), Label: string(perm), Help: permissionMeaning(perm), Checked: slices.Contains(p.Input.Scopes, perm)})
		}
	}
	return options
}

func permissionMeaning(p postern.Permission) string {
	switch p {
	case postern.PermIntegrationsRead:
		return "Read integrations and their settings, never their secrets."
	case postern.PermIntegrationsWrite:
		return "Add, change, enable, disable and remove integrations."
	case postern.PermUsersRead:
		return "Read users, phones and passkeys."
	case postern.PermUsersInvite:
		return "Invite users and withdraw invitations."
	case postern.PermPasskeysProvision:
		return "Start and cancel the registration of passkeys."
	case postern.PermPasskeysRevoke:
		return "Suspend users and revoke phones, passkeys and users."
	case postern.PermAuditRead:
		return "Read, verify and export the audit trail."
	case postern.PermAuditManage:
		return "Send the audit trail to other systems and say how long it is kept."
	case postern.PermUsersApprove:
		return "Vouch for who a user is, so that a passkey is given out."
	case postern.PermUsersRecover:
		return "Ask for recovery codes, agree to those of others, and see those asked for."
	case postern.PermMessagesWrite:
		return "Set up mail, change its texts and send campaigns."
	case postern.PermAdministratorsRead:
		return "See who administers this Postern."
	case postern.PermAdministrators:
		return "Invite, change and remove administrators."
	case postern.PermTokens:
		return "Create and revoke API tokens."
	}
	return ""
}

func scopesText(t postern.APIToken) string {
	names := make([]string, len(t.Scopes))
	for i, s := range t.Scopes {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

func passkeyCount(n int) string {
	if n == 1 {
		return "1 passkey"
	}
	return strconv.Itoa(n) + " passkeys"
}

package entrasim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func userRoutes() []graphRoute {
	change := permission{
		app:       []string{"User.ReadWrite.All", "Directory.ReadWrite.All", "User.EnableDisableAccount.All+User.Read.All"},
		delegated: []string{"User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All", "User.EnableDisableAccount.All+User.Read.All"},
		roles:     []string{roleUserAdministrator}, privileged: []string{rolePrivilegedAuthAdministrator},
	}
	whole := permission{
		app:       []string{"User.ReadWrite.All", "Directory.ReadWrite.All"},
		delegated: []string{"User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		roles:     []string{roleUserAdministrator}, privileged: []string{rolePrivilegedAuthAdministrator},
	}
	return []graphRoute{
		{method: "GET", pattern: "users", need: readUsers, cost: 2, handle: (*graphCall).listUsers},
		{method: "GET", pattern: "users/$count", need: readUsers, cost: 2, handle: (*graphCall).countUsers},
		{method: "POST", pattern: "users", need: whole, handle: (*graphCall).createUser},
		{method: "GET", pattern: "users/delta", need: readUsersFull, cost: 2, handle: (*graphCall).usersDelta},
		{method: "GET", pattern: "users/{user}", need: readUsers, cost: 2, handle: (*graphCall).getUser},
		{method: "PATCH", pattern: "users/{user}", need: change, handle: (*graphCall).patchUser},
		{method: "DELETE", pattern: "users/{user}", need: whole, handle: (*graphCall).removeUser},
	}
}

// property is one property of a resource: its name, and how to read it.
type property[T any] struct {
	name    string
	get     func(*T) any
	normal  bool // returned without $select
	basic   bool // visible with User.ReadBasic.All
	noIndex bool // cannot be filtered
}

func text(v string) any {
	if v == "" {
		return nil
	}
	return v
}

func onPremises(read func(*OnPremises) any) func(*User) any {
	return func(u *User) any {
		if u.OnPremises == nil {
			return nil
		}
		return read(u.OnPremises)
	}
}

// userProperties are those of the user resource the emulator keeps.
var userProperties = []property[User]{
	{"id", func(u *User) any { return u.ID }, true, true, false},
	{"businessPhones", func(*User) any { return []string{} }, true, false, true},
	{"displayName", func(u *User) any { return u.DisplayName }, true, true, false},
	{"givenName", func(u *User) any { return text(u.GivenName) }, true, true, false},
	{"jobTitle", func(u *User) any { return text(u.JobTitle) }, true, false, false},
	{"mail", func(u *User) any { return text(u.Mail) }, true, true, false},
	{"mobilePhone", func(u *User) any { return text(u.MobilePhone) }, true, false, true},
	{"officeLocation", func(u *User) any { return text(u.OfficeLocation) }, true, false, false},
	{"preferredLanguage", func(u *User) any { return text(u.PreferredLanguage) }, true, false, false},
	{"surname", func(u *User) any { return text(u.Surname) }, true, true, false},
	{"userPrincipalName", func(u *User) any { return u.UPN }, true, true, false},
	{"accountEnabled", func(u *User) any { return !u.Disabled }, false, false, false},
	{"userType", func(u *User) any { return userType(u) }, false, false, false},
	{"department", func(u *User) any { return text(u.Department) }, false, false, false},
	{"companyName", func(*User) any { return nil }, false, false, false},
	{"employeeId", func(u *User) any { return text(u.EmployeeID) }, false, false, false},
	{"usageLocation", func(u *User) any { return text(u.UsageLocation) }, false, false, false},
	{"country", func(u *User) any { return text(u.UsageLocation) }, false, false, false},
	{"city", func(u *User) any { return text(u.OfficeLocation) }, false, false, false},
	{"mailNickname", func(u *User) any { nick, _, _ := strings.Cut(u.UPN, "@"); return nick }, false, false, false},
	{"createdDateTime", func(u *User) any { return u.Created }, false, false, false},
	{"securityIdentifier", func(*User) any { return nil }, false, false, true},
	{"onPremisesSyncEnabled", onPremises(func(*OnPremises) any { return true }), false, false, false},
	{"onPremisesSamAccountName", onPremises(func(o *OnPremises) any { return o.SamAccountName }), false, false, false},
	{"onPremisesDomainName", onPremises(func(o *OnPremises) any { return o.DomainName }), false, false, true},
	{"onPremisesSecurityIdentifier", onPremises(func(o *OnPremises) any { return o.SecurityIdentifier }), false, false, false},
	{"onPremisesImmutableId", onPremises(func(o *OnPremises) any { return o.ImmutableID }), false, false, false},
	{"onPremisesLastSyncDateTime", onPremises(func(o *OnPremises) any { return o.LastSync }), false, false, false},
	{"onPremisesUserPrincipalName", func(u *User) any {
		if u.OnPremises == nil {
			return nil
		}
		return u.UPN
	}, false, false, true},
	{"signInSessionsValidFromDateTime", func(u *User) any { return moment(u.SessionsValidFrom, u.Created) }, false, false, true},
	{"signInActivity", func(*User) any { return nil }, false, false, true},
	{"deletedDateTime", func(*User) any { return nil }, false, false, true},
	{"passwordPolicies", func(u *User) any { return text(u.PasswordPolicies) }, false, false, true},
	{"proxyAddresses", func(u *User) any {
		if u.Mail == "" {
			return []string{}
		}
		return []string{"SMTP:" + u.Mail}
	}, false, false, false},
	{"otherMails", func(*User) any { return []string{} }, false, false, true},
	{"assignedLicenses", func(*User) any { return []object{} }, false, false, true},
}

func moment(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}

func userType(u *User) string {
	if u.Guest {
		return "Guest"
	}
	return "Member"
}

// find looks a property up by name without regard to case.
func find[T any](props []property[T], name string) *property[T] {
	for i := range props {
		if strings.EqualFold(props[i].name, name) {
			return &props[i]
		}
	}
	return nil
}

// project builds the properties an answer holds.
func project[T any](props []property[T], v *T, selected []string) object {
	out := make(object, len(props))
	for i := range props {
		p := &props[i]
		if selected == nil && !p.normal || selected != nil && !slices.Contains(selected, strings.ToLower(p.name)) {
			continue
		}
		out[p.name] = shown(p.get(v))
	}
	if selected != nil {
		out["id"] = props[0].get(v)
	}
	return out
}

// shown is the JSON form of a property: times in UTC without parts of a second.
func shown(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return v
}

// visible says whether reads show a user now.
func (u *User) visible(now time.Time) bool { return !now.Before(u.VisibleAt) }

// selectUsers checks $select against the caller's permissions.
func (c *graphCall) selectUsers() (selected []string, ok bool) {
	selected = c.selected()
	for _, name := range selected {
		p := find(userProperties, name)
		if p == nil {
			if strings.Contains(name, "/") || strings.HasPrefix(name, "@") || name == "" {
				c.fail(http.StatusBadRequest, "BadRequest", fmt.Sprintf("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.user'.", name))
				return nil, false
			}
			continue // Graph ignores properties a user does not have a value for
		}
		if !p.basic && !c.fullUsers() && !c.isSelf() {
			c.denied()
			return nil, false
		}
	}
	if c.selects("signInActivity") && !holds(slices.Concat(c.who.Roles, c.who.Scopes), []string{"AuditLog.Read.All"}) {
		c.denied()
		return nil, false
	}
	if c.selects("signInActivity") && !c.premium() {
		return nil, false
	}
	return selected, true
}

func (c *graphCall) isSelf() bool {
	own, _ := c.target()
	return own
}

// showUser builds a user for an answer; callers with User.ReadBasic.All alone get the basic properties.
func (c *graphCall) showUser(u *User, selected []string) object {
	out := project(userProperties, u, selected)
	if selected == nil && !c.fullUsers() && !c.isSelf() {
		for _, p := range userProperties {
			if p.normal && !p.basic {
				out[p.name] = nil
			}
		}
	}
	return out
}

func (c *graphCall) listUsers() {
	query, ok := c.userQuery()
	if !ok {
		return
	}
	most := maxPage
	if c.selects("signInActivity") {
		most = 500
	}
	size, ok := c.top(min(defaultPage, most), most)
	if !ok {
		return
	}
	from, ok := c.mark()
	if !ok {
		return
	}
	var values []object
	var next *pageMark
	total := 0
	c.tenant.view(func() {
		page, more := query.run(c.tenant, from, size)
		for _, u := range page {
			values = append(values, c.showUser(u, query.selected))
		}
		next = more
		if query.count {
			total = query.total(c.tenant)
		}
	})
	extra := object{}
	if next != nil {
		extra["@odata.nextLink"] = c.nextLink(*next)
	}
	if query.count {
		extra["@odata.count"] = total
	}
	context := "users"
	if s := c.q.Get("$select"); s != "" {
		context += "(" + s + ")"
	}
	c.collection(context, values, extra)
}

func (c *graphCall) countUsers() {
	if !c.eventual() {
		c.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "$count is not currently supported without the header ConsistencyLevel: eventual.")
		return
	}
	query, ok := c.userQuery()
	if !ok {
		return
	}
	total := 0
	c.tenant.view(func() { total = query.total(c.tenant) })
	c.w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprint(c.w, total) // the client is gone if this fails
}

func (c *graphCall) getUser() {
	selected, ok := c.selectUsers()
	if !ok {
		return
	}
	var out object
	c.tenant.view(func() {
		if u := c.tenant.user(c.param["user"]); u != nil && u.visible(c.s.now()) {
			out = c.showUser(u, selected)
		}
	})
	if out == nil {
		c.notFound(c.param["user"])
		return
	}
	context := "users/$entity"
	if s := c.q.Get("$select"); s != "" {
		context = "users(" + s + ")/$entity"
	}
	c.entity(http.StatusOK, context, out)
}

package entrasim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// userBody is what POST and PATCH of users take.
type userBody struct {
	AccountEnabled    *bool   `json:"accountEnabled"`
	DisplayName       *string `json:"displayName"`
	GivenName         *string `json:"givenName"`
	Surname           *string `json:"surname"`
	UserPrincipalName *string `json:"userPrincipalName"`
	Mail              *string `json:"mail"`
	MailNickname      *string `json:"mailNickname"`
	Department        *string `json:"department"`
	JobTitle          *string `json:"jobTitle"`
	OfficeLocation    *string `json:"officeLocation"`
	MobilePhone       *string `json:"mobilePhone"`
	UsageLocation     *string `json:"usageLocation"`
	PreferredLanguage *string `json:"preferredLanguage"`
	UserType          *string `json:"userType"`
	PasswordPolicies  *string `json:"passwordPolicies"`
	PasswordProfile   *struct {
		Password    string `json:"password"`
		ForceChange *bool  `json:"forceChangePasswordNextSignIn"`
		WithMFA     *bool  `json:"forceChangePasswordNextSignInWithMfa"`
	} `json:"passwordProfile"`
}

// apply writes the members that are present.
func (b *userBody) apply(u *User) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&u.DisplayName, b.DisplayName)
	set(&u.GivenName, b.GivenName)
	set(&u.Surname, b.Surname)
	set(&u.Mail, b.Mail)
	set(&u.Department, b.Department)
	set(&u.JobTitle, b.JobTitle)
	set(&u.OfficeLocation, b.OfficeLocation)
	set(&u.MobilePhone, b.MobilePhone)
	set(&u.UsageLocation, b.UsageLocation)
	set(&u.PreferredLanguage, b.PreferredLanguage)
	if b.AccountEnabled != nil {
		u.Disabled = !*b.AccountEnabled
	}
	set(&u.PasswordPolicies, b.PasswordPolicies)
	if b.UserType != nil {
		u.Guest = *b.UserType == "Guest"
	}
	p := b.PasswordProfile
	if p == nil {
		return
	}
	if p.Password != "" {
		u.Password = p.Password
		u.ForceChange = true // unless it is said otherwise
	}
	if p.ForceChange != nil || p.WithMFA != nil {
		u.ForceChange = p.ForceChange != nil && *p.ForceChange || p.WithMFA != nil && *p.WithMFA
	}
}

// validUPN says whether a user principal name has a verified domain of the tenant. The caller holds the lock.
func (t *Tenant) validUPN(upn string) bool {
	local, domain, ok := strings.Cut(upn, "@")
	return ok && local != "" && len(upn) <= 113 && !strings.ContainsAny(local, " \"(),:;<>[\\]") &&
		slices.ContainsFunc(t.Domains, func(d string) bool { return strings.EqualFold(d, domain) })
}

// weakPassword says whether a user must not get the password (Microsoft Entra documentation, "password policies": eight to 256
// characters of three of four kinds).
func (b *userBody) weakPassword() bool {
	if b.PasswordProfile == nil || b.PasswordProfile.Password == "" {
		return false
	}
	p := b.PasswordProfile.Password
	kinds := 0
	for _, set := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"} {
		if strings.ContainsAny(p, set) {
			kinds++
		}
	}
	if strings.ContainsFunc(p, func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') }) {
		kinds++
	}
	return len(p) < 8 || len(p) > 256 || kinds < 3
}

const passwordRules = "The specified password does not comply with password complexity requirements. Please provide a different password."

func (c *graphCall) createUser() {
	var b userBody
	if !c.body(&b) {
		return
	}
	if b.UserPrincipalName == nil || b.DisplayName == nil || *b.DisplayName == "" || b.AccountEnabled == nil || b.PasswordProfile == nil || b.MailNickname == nil {
		c.badRequest("A value is required for each of the properties accountEnabled, displayName, mailNickname, passwordProfile and userPrincipalName.")
		return
	}
	if b.PasswordProfile.Password == "" || b.weakPassword() {
		c.badRequest(passwordRules)
		return
	}
	u := &User{ID: c.s.newID(), UPN: *b.UserPrincipalName}
	b.apply(u)
	problem := c.tenant.createUser(u)
	if problem != nil {
		c.fail(http.StatusBadRequest, problem.code, problem.message)
		return
	}
	c.auditUser(u, Audit{Service: serviceCore, Category: "UserManagement", Activity: "Add user", Operation: "Add"})
	c.w.Header().Set("Location", c.base()+"/directoryObjects/"+u.ID+"/Microsoft.DirectoryServices.User")
	c.entity(http.StatusCreated, "users/$entity", project(userProperties, u, nil))
}

// createUser puts a new user into the directory; reads see it after the replication delay. u must not be used afterwards
// but for reading what does not change. The caller holds no lock.
func (t *Tenant) createUser(u *User) (problem *queryProblem) {
	now := t.now().UTC().Truncate(time.Second)
	if d := time.Duration(t.srv.Levers().ReplicationDelay); d > 0 {
		u.VisibleAt = t.now().Add(d)
	}
	u.Created = now
	t.update(func() {
		switch {
		case !t.validUPN(u.UPN):
			problem = &queryProblem{"Request_BadRequest", "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization."}
		case t.user(u.UPN) != nil:
			problem = &queryProblem{"Request_BadRequest", "Another object with the same value for property userPrincipalName already exists."}
		default:
			t.insertUser(u.clone())
		}
	})
	return problem
}

func (c *graphCall) patchUser() {
	var b userBody
	if !c.body(&b) {
		return
	}
	if !c.mayPatch(&b) {
		c.denied()
		return
	}
	if b.weakPassword() {
		c.badRequest(passwordRules)
		return
	}
	found := false
	var problem *queryProblem
	var changed *User
	c.tenant.update(func() {
		u := c.tenant.user(c.param["user"])
		if u == nil {
			return
		}
		found = true
		if name := b.UserPrincipalName; name != nil && *name != u.UPN {
			if other := c.tenant.user(*name); other != nil && other != u {
				problem = &queryProblem{"Request_BadRequest", "Another object with the same value for property userPrincipalName already exists."}
				return
			}
			if !c.tenant.validUPN(*name) {
				problem = &queryProblem{"Request_BadRequest", "Property userPrincipalName is invalid."}
				return
			}
			delete(c.tenant.upns, strings.ToLower(u.UPN))
			u.UPN = *name
			c.tenant.upns[strings.ToLower(u.UPN)] = u.ID
		}
		b.apply(u)
		c.tenant.touchUser(u)
		changed = u.clone()
	})
	switch {
	case !found:
		c.notFound(c.param["user"])
	case problem != nil:
		c.fail(http.StatusBadRequest, problem.code, problem.message)
	default:
		c.auditUserChange(changed, &b)
		c.noContent()
	}
}

// auditUserChange writes what the directory notes of a changed user.
func (c *graphCall) auditUserChange(u *User, b *userBody) {
	note := func(activity string) {
		c.auditUser(u, Audit{Service: serviceCore, Category: "UserManagement", Activity: activity, Operation: "Update"})
	}
	note("Update user")
	switch {
	case b.AccountEnabled != nil && *b.AccountEnabled:
		note("Enable account")
	case b.AccountEnabled != nil:
		note("Disable account")
	}
	if b.PasswordProfile != nil && b.PasswordProfile.Password != "" {
		note("Reset user password")
	}
}

// mayPatch holds a caller with User.EnableDisableAccount.All alone to accountEnabled.
func (c *graphCall) mayPatch(b *userBody) bool {
	if holds(c.who.Roles, []string{"User.ReadWrite.All", "Directory.ReadWrite.All"}) ||
		holds(c.who.Scopes, []string{"User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}) {
		return true
	}
	only := *b
	only.AccountEnabled = nil
	return only == userBody{}
}

func (c *graphCall) removeUser() {
	var gone *User
	c.tenant.update(func() {
		if u := c.tenant.user(c.param["user"]); u != nil {
			gone = u.clone()
			c.tenant.deleteUser(u)
		}
	})
	if gone == nil {
		c.notFound(c.param["user"])
		return
	}
	c.auditUser(gone, Audit{Service: serviceCore, Category: "UserManagement", Activity: "Delete user", Operation: "Delete"})
	c.noContent()
}

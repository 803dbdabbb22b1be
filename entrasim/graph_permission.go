package entrasim

import (
	"slices"
	"strings"
)

// permission says who may call an operation (Microsoft Graph permissions reference). Each list names alternatives; an
// entry may join several permissions with "+" when all are needed.
type permission struct {
	app       []string // application permissions (roles claim)
	delegated []string // delegated permissions (scp claim)
	self      []string // delegated permissions that are enough for the signed-in user's own object
	// roles are the directory roles one of which a delegated caller must hold to act on others; none needed if empty.
	roles []string
	// privilegedOnly are the roles needed when the target user is privileged; roles if empty.
	privileged []string
	// anyone lets every valid token through.
	anyone bool
	// itself says that an application needs none of app for its own registration.
	itself bool
}

// Directory roles by template id.
const (
	roleGlobalAdministrator         = "62e90394-69f5-4237-9190-012177145e10"
	rolePrivilegedAuthAdministrator = "7be44c8a-adaf-4e2a-84d6-ab2649e08a13"
	roleAuthAdministrator           = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
	roleAuthPolicyAdministrator     = "0526716b-113d-4c15-b2c8-68e3c22b9f80"
	roleUserAdministrator           = "fe930be7-5e62-47db-91af-98c3a49a38b1"
	roleGroupsAdministrator         = "fdd7a751-b60b-444a-984c-02652fe8fa1c"
	roleHelpdeskAdministrator       = "729827e3-9c14-49f7-bb1b-9608f156bbb8"
	roleSecurityAdministrator       = "194ae4cb-b126-40b2-bd5b-6091b380977d"
	roleConditionalAccessAdmin      = "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9"
	rolePrivilegedRoleAdministrator = "e8611ab8-c189-46e8-94e1-60213ab1f814"
	roleGlobalReader                = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
	roleReportsReader               = "4a5d8f65-41da-4de4-8968-e035b65339cf"
	roleDirectoryReaders            = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
	roleDirectoryWriters            = "9360feb5-f418-4baa-8175-e2a00bac4301"
	roleCloudApplicationAdmin       = "158c047a-c907-4556-b7ef-446551a6b5f7"
	roleApplicationAdministrator    = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
	roleDeviceAdministrator         = "9f06204d-73c1-4d4a-880a-6edb90606fd8"
	roleCloudDeviceAdministrator    = "7698a772-787b-4ac8-901f-60d6b08affd2"
	roleIntuneAdministrator         = "3a2c62db-5318-420d-8d74-23affee5d9d5"
)

// directoryRoles are the roles the emulator knows, by template id.
var directoryRoles = map[string]string{
	roleGlobalAdministrator:         "Global Administrator",
	rolePrivilegedAuthAdministrator: "Privileged Authentication Administrator",
	roleAuthAdministrator:           "Authentication Administrator",
	roleAuthPolicyAdministrator:     "Authentication Policy Administrator",
	roleUserAdministrator:           "User Administrator",
	roleGroupsAdministrator:         "Groups Administrator",
	roleHelpdeskAdministrator:       "Helpdesk Administrator",
	roleSecurityAdministrator:       "Security Administrator",
	roleConditionalAccessAdmin:      "Conditional Access Administrator",
	rolePrivilegedRoleAdministrator: "Privileged Role Administrator",
	roleGlobalReader:                "Global Reader",
	roleReportsReader:               "Reports Reader",
	roleDirectoryReaders:            "Directory Readers",
	roleDirectoryWriters:            "Directory Writers",
	roleCloudApplicationAdmin:       "Cloud Application Administrator",
	roleApplicationAdministrator:    "Application Administrator",
	roleIntuneAdministrator:         "Intune Administrator",
	roleDeviceAdministrator:         "Microsoft Entra Joined Device Local Administrator",
	roleCloudDeviceAdministrator:    "Cloud Device Administrator",
}

// privilegedRoles are those that an Authentication Administrator may not act on.
var privilegedRoles = []string{
	roleGlobalAdministrator, rolePrivilegedAuthAdministrator, roleAuthAdministrator, roleAuthPolicyAdministrator, roleUserAdministrator,
	roleSecurityAdministrator, roleConditionalAccessAdmin, rolePrivilegedRoleAdministrator, roleCloudApplicationAdmin,
	roleApplicationAdministrator, roleIntuneAdministrator,
}

func isPrivileged(u *User) bool {
	return slices.ContainsFunc(u.Roles, func(r string) bool { return slices.Contains(privilegedRoles, r) })
}

// holds says whether one of the alternatives is granted in full.
func holds(granted, alternatives []string) bool {
	return slices.ContainsFunc(alternatives, func(alternative string) bool {
		for p := range strings.SplitSeq(alternative, "+") {
			if !slices.Contains(granted, p) {
				return false
			}
		}
		return true
	})
}

// permitted checks token and roles against the operation and answers 403 if they do not suffice.
func (c *graphCall) permitted() bool {
	n := c.route.need
	if n.anyone {
		return true
	}
	if c.who.UserID == "" {
		if holds(c.who.Roles, n.app) || n.itself && c.ownRegistration() && (c.write() || !c.s.Levers().RegistrationPrivate) {
			return true
		}
		c.denied()
		return false
	}
	own, privileged := c.target()
	if own && (holds(c.who.Scopes, n.self) || holds(c.who.Scopes, n.delegated)) {
		return true
	}
	if own && c.me {
		c.denied()
		return false
	}
	if !holds(c.who.Scopes, n.delegated) {
		c.denied()
		return false
	}
	roles := n.roles
	if privileged && len(n.privileged) > 0 {
		roles = n.privileged
	}
	if len(roles) > 0 && !c.inRole(roles) {
		c.denied()
		return false
	}
	return true
}

// target says whether the user a call addresses is the caller and whether it is privileged.
func (c *graphCall) target() (own, privileged bool) {
	key, ok := c.param["user"]
	if !ok {
		return false, false
	}
	c.tenant.view(func() {
		if u := c.tenant.user(key); u != nil {
			own, privileged = u.ID == c.who.UserID, isPrivileged(u)
		}
	})
	return own, privileged
}

// inRole says whether the signed-in user holds one of the directory roles; a Global Administrator holds them all. Roles are read at the call: they count at
// once, unlike permissions, which count from the next token on.
func (c *graphCall) inRole(roles []string) (ok bool) {
	c.tenant.view(func() {
		if u := c.tenant.user(c.who.UserID); u != nil {
			ok = slices.ContainsFunc(u.rolesAt(c.s.now()), func(r string) bool { return r == roleGlobalAdministrator || slices.Contains(roles, r) })
		}
	})
	return ok
}

// permission sets that several operations share.
var (
	readUsers = permission{
		app:       []string{"User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		self:      []string{"User.Read", "User.ReadWrite"},
	}
	readUsersFull = permission{
		app:       []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		self:      []string{"User.Read", "User.ReadWrite"},
	}
	readGroups = permission{
		app:       []string{"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	writeGroups = permission{
		app:       []string{"Group.ReadWrite.All", "Directory.ReadWrite.All", "Group.Create"},
		delegated: []string{"Group.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		roles:     []string{roleGroupsAdministrator, roleUserAdministrator, roleDirectoryWriters},
	}
	writeMembers = permission{
		app:       []string{"GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All", "Group.Create"},
		delegated: []string{"GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		roles:     []string{roleGroupsAdministrator, roleUserAdministrator, roleDirectoryWriters},
	}
	readPasskeys = permission{
		app: []string{"UserAuthMethod-Passkey.Read.All", "UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"},
		delegated: []string{
			"UserAuthMethod-Passkey.Read.All", "UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.Read.All",
			"UserAuthenticationMethod.ReadWrite.All",
		},
		self:       []string{"UserAuthMethod-Passkey.Read", "UserAuthMethod-Passkey.ReadWrite", "UserAuthenticationMethod.Read", "UserAuthenticationMethod.ReadWrite"},
		roles:      []string{roleAuthAdministrator, rolePrivilegedAuthAdministrator, roleGlobalReader},
		privileged: []string{rolePrivilegedAuthAdministrator, roleGlobalReader},
	}
	writePasskeys = permission{
		app:        []string{"UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"},
		delegated:  []string{"UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"},
		self:       []string{"UserAuthMethod-Passkey.ReadWrite", "UserAuthenticationMethod.ReadWrite"},
		roles:      []string{roleAuthAdministrator, rolePrivilegedAuthAdministrator},
		privileged: []string{rolePrivilegedAuthAdministrator},
	}
	readPolicy = permission{
		app:       []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"},
		delegated: []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"},
		roles:     []string{roleAuthPolicyAdministrator, roleGlobalReader, roleSecurityAdministrator},
	}
	writePolicy = permission{
		app:       []string{"Policy.ReadWrite.AuthenticationMethod"},
		delegated: []string{"Policy.ReadWrite.AuthenticationMethod"},
		roles:     []string{roleAuthPolicyAdministrator},
	}
	readReports = permission{
		app:       []string{"AuditLog.Read.All"},
		delegated: []string{"AuditLog.Read.All"},
		roles:     []string{roleReportsReader, roleSecurityAdministrator, roleGlobalReader, roleAuthAdministrator, rolePrivilegedAuthAdministrator},
	}
)

// fullUsers says whether the caller may see more of users than User.ReadBasic.All shows.
func (c *graphCall) fullUsers() bool {
	if c.who.UserID == "" {
		return holds(c.who.Roles, readUsersFull.app)
	}
	return holds(c.who.Scopes, readUsersFull.delegated)
}

package entrasim

import (
	"net/http"
	"time"
)

func sessionRoutes() []graphRoute {
	revoke := permission{
		app:       []string{"User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"},
		delegated: []string{"User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		self:      []string{"User.ReadWrite"},
		roles:     []string{roleUserAdministrator, roleHelpdeskAdministrator, roleAuthAdministrator, rolePrivilegedAuthAdministrator},
	}
	return []graphRoute{
		{method: "POST", pattern: "users/{user}/revokesigninsessions", need: revoke, handle: (*graphCall).revokeSessions},
		{method: "POST", pattern: "users/{user}/microsoft.graph.revokesigninsessions", need: revoke, handle: (*graphCall).revokeSessions},
	}
}

// revokeSessions ends the browser sessions and refresh tokens of a user. Access tokens live on until they expire. The
// service answers 200 with true, the documentation says 204: a lever chooses.
func (c *graphCall) revokeSessions() {
	user := c.tenant.revokeSessions(c.param["user"])
	if user == nil {
		c.notFound(c.param["user"])
		return
	}
	c.auditUser(user, Audit{Service: "Core Directory", Category: "UserManagement", Activity: "Update StsRefreshTokenValidFrom Timestamp", Operation: "Update"})
	if c.s.Levers().RevokeNoContent {
		c.noContent()
		return
	}
	c.json(http.StatusOK, object{"@odata.context": c.context("Edm.Boolean"), "value": true})
}

// revokeSessions voids what was issued to a user before now and returns the user; nil if there is none. The caller holds
// no lock.
func (t *Tenant) revokeSessions(key string) (user *User) {
	now := t.now()
	t.update(func() {
		if u := t.user(key); u != nil {
			// A token issued in this very instant counts as before.
			u.SessionsValidFrom = now.Add(time.Nanosecond)
			t.touchUser(u)
			user = u.clone()
		}
	})
	return user
}

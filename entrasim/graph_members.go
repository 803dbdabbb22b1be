package entrasim

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

func memberRoutes() []graphRoute {
	ofUser := readUsersFull
	ofUser.app = append([]string{"GroupMember.Read.All+User.ReadBasic.All"}, ofUser.app...)
	return []graphRoute{
		{method: "GET", pattern: "groups/{group}/members", need: readGroups, cost: 3, handle: (*graphCall).listMembers},
		{method: "GET", pattern: "groups/{group}/members/$count", need: readGroups, cost: 3, handle: (*graphCall).countMembers},
		{method: "GET", pattern: "groups/{group}/members/microsoft.graph.user", need: readGroups, cost: 3, handle: (*graphCall).listUserMembers},
		{method: "GET", pattern: "groups/{group}/transitivemembers", need: readGroups, cost: 5, handle: (*graphCall).listTransitive},
		{method: "GET", pattern: "groups/{group}/transitivemembers/microsoft.graph.user", need: readGroups, cost: 5, handle: (*graphCall).listTransitiveUsers},
		{method: "GET", pattern: "groups/{group}/owners", need: readGroups, cost: 2, handle: (*graphCall).listOwners},
		{method: "POST", pattern: "groups/{group}/members/$ref", need: writeMembers, handle: (*graphCall).addOneMember},
		{method: "DELETE", pattern: "groups/{group}/members/{member}/$ref", need: writeMembers, handle: (*graphCall).removeMember},
		// Without /$ref the object itself goes: the trap of the documentation.
		{method: "DELETE", pattern: "groups/{group}/members/{user}", need: permission{
			app: []string{"User.ReadWrite.All", "Directory.ReadWrite.All"}, delegated: []string{"User.ReadWrite.All", "Directory.ReadWrite.All"},
			roles: []string{roleUserAdministrator},
		}, handle: (*graphCall).removeUser},
		{method: "POST", pattern: "users/{user}/checkmembergroups", need: ofUser, cost: 4, readOnly: true, handle: (*graphCall).checkMemberGroups},
		{method: "POST", pattern: "users/{user}/getmembergroups", need: ofUser, cost: 4, readOnly: true, handle: (*graphCall).getMemberGroups},
		{method: "GET", pattern: "users/{user}/memberof", need: ofUser, cost: 2, handle: (*graphCall).memberOf},
		{method: "GET", pattern: "users/{user}/memberof/microsoft.graph.group", need: ofUser, cost: 2, handle: (*graphCall).memberOf},
		{method: "GET", pattern: "users/{user}/transitivememberof", need: ofUser, cost: 3, handle: (*graphCall).transitiveMemberOf},
		{method: "GET", pattern: "users/{user}/transitivememberof/microsoft.graph.group", need: ofUser, cost: 3, handle: (*graphCall).transitiveMemberOf},
	}
}

// referenceID is the object id at the end of an @odata.id.
func referenceID(ref string) string {
	return strings.ToLower(strings.Trim(ref[strings.LastIndexByte(ref, '/')+1:], "')"))
}

// reference resolves an @odata.id to a user or group; kind is empty if there is none, or replication hides it. The
// caller holds the lock.
func (t *Tenant) reference(ref string, now time.Time) (id, kind string) {
	id = referenceID(ref)
	if u := t.Users.get(id); u != nil && u.visible(now) {
		return id, "user"
	}
	if g := t.Groups.get(id); g != nil && !now.Before(g.VisibleAt) {
		return id, "group"
	}
	for _, a := range t.Apps {
		if a.ServicePrincipalID != "" && a.ServicePrincipalID == id && !now.Before(a.PrincipalVisible) {
			return id, "servicePrincipal"
		}
	}
	return id, ""
}

// memberProblem is why members could not be changed.
type memberProblem struct {
	status  int
	message string
	absent  string
}

func (c *graphCall) memberFailure(p *memberProblem) {
	switch {
	case p.absent != "":
		c.notFound(p.absent)
	case p.status == http.StatusForbidden:
		c.fail(p.status, "Authorization_RequestDenied", p.message)
	default:
		c.badRequest(p.message)
	}
}

// addMember makes an object a member. The caller holds the lock for writing and checked everything.
func (t *Tenant) addMember(g *Group, id, kind string, delay time.Duration) {
	m := &Membership{ID: id, Kind: kind}
	if delay > 0 {
		m.VisibleAt = t.now().Add(delay)
	}
	g.Members.remove(id)
	g.Members.add(id, m)
	t.logMember(g, id, kind, false)
}

// writableGroup refuses groups whose members come from elsewhere.
func writableGroup(g *Group) *memberProblem {
	switch {
	case g.dynamic():
		return &memberProblem{status: http.StatusForbidden, message: "Insufficient privileges to complete the operation."}
	case g.OnPremisesSynced:
		return &memberProblem{status: http.StatusBadRequest, message: "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration."}
	}
	return nil
}

// addMembers makes all of the references members, or none. The caller holds the lock for writing.
func (c *graphCall) addMembers(g *Group, refs []string) *memberProblem {
	if len(refs) == 0 {
		return nil
	}
	if p := writableGroup(g); p != nil {
		return p
	}
	found := make(map[string]string, len(refs))
	for _, ref := range refs {
		id, kind := c.tenant.reference(ref, c.s.now())
		m := g.Members.get(id)
		switch {
		case kind == "":
			return &memberProblem{status: http.StatusNotFound, absent: id}
		case m != nil && m.GoneAt.IsZero() || found[id] != "":
			return &memberProblem{status: http.StatusBadRequest, message: "One or more added object references already exist for the following modified properties: 'members'."}
		case id == g.ID:
			return &memberProblem{status: http.StatusBadRequest, message: "A group cannot be added as a member of itself."}
		}
		found[id] = kind
	}
	for _, ref := range refs {
		id := referenceID(ref)
		c.tenant.addMember(g, id, found[id], time.Duration(c.s.Levers().MembershipDelay))
	}
	return nil
}

func (c *graphCall) addOneMember() {
	var b struct {
		ID string `json:"@odata.id"`
	}
	if !c.body(&b) {
		return
	}
	if b.ID == "" {
		c.badRequest("An error occurred while reading the request body: the property '@odata.id' is missing.")
		return
	}
	if !c.mayChangeGroup(false) {
		return
	}
	var problem *memberProblem
	c.tenant.update(func() {
		g := c.shownGroup()
		if g == nil {
			problem = &memberProblem{status: http.StatusNotFound, absent: c.param["group"]}
			return
		}
		problem = c.addMembers(g, []string{b.ID})
	})
	if problem != nil {
		c.memberFailure(problem)
		return
	}
	c.audit(Audit{Service: "Core Directory", Category: "GroupManagement", Activity: "Add member to group", Operation: "Assign", TargetType: "User", TargetID: referenceID(b.ID)})
	c.noContent()
}

func (c *graphCall) removeMember() {
	if !c.mayChangeGroup(false) {
		return
	}
	id := strings.ToLower(c.param["member"])
	delay := time.Duration(c.s.Levers().MembershipDelay)
	var problem *memberProblem
	c.tenant.update(func() {
		g := c.shownGroup()
		if g == nil {
			problem = &memberProblem{status: http.StatusNotFound, absent: c.param["group"]}
			return
		}
		m := g.Members.get(id)
		if m == nil || !m.GoneAt.IsZero() {
			problem = &memberProblem{status: http.StatusNotFound, absent: id}
			return
		}
		if problem = writableGroup(g); problem != nil {
			return
		}
		if delay > 0 {
			m.GoneAt = c.s.now().Add(delay)
		} else {
			g.Members.remove(id)
		}
		c.tenant.logMember(g, id, m.Kind, true)
	})
	if problem != nil {
		c.memberFailure(problem)
		return
	}
	c.audit(Audit{Service: "Core Directory", Category: "GroupManagement", Activity: "Remove member from group", Operation: "Unassign", TargetType: "User", TargetID: id})
	c.noContent()
}

// shown says whether reads show a membership now.
func (m *Membership) shown(now time.Time) bool {
	return !now.Before(m.VisibleAt) && (m.GoneAt.IsZero() || now.Before(m.GoneAt))
}

// showMember builds a member for an answer. Callers who may not read users see only type and id.
func (c *graphCall) showMember(id, kind string) object {
	out := object{"id": id}
	switch kind {
	case "user":
		if u := c.tenant.Users.get(id); u != nil && (c.fullUsers() || c.who.UserID != "" || holds(c.who.Roles, readUsers.app)) {
			out = c.showUser(u, c.selected())
		}
	case "group":
		if g := c.tenant.Groups.get(id); g != nil {
			out = project(groupProperties, g, c.selected())
		}
	}
	out["@odata.type"] = "#microsoft.graph." + kind
	return out
}

func (c *graphCall) listMembers()     { c.members("") }
func (c *graphCall) listUserMembers() { c.members("user") }

// members answers a page of direct members of a kind, or of all.
func (c *graphCall) members(kind string) {
	size, ok := c.top(defaultPage, maxPage)
	if !ok {
		return
	}
	from, ok := c.mark()
	if !ok {
		return
	}
	now := c.s.now()
	var values []object
	var last uint64
	found, more, total := false, false, 0
	c.tenant.view(func() {
		g := c.shownGroup()
		if g == nil {
			return
		}
		found = true
		g.Members.after(0, func(seq uint64, m *Membership) bool {
			if !m.shown(now) || kind != "" && m.Kind != kind {
				return true
			}
			total++
			switch {
			case seq <= from.Seq:
			case len(values) < size:
				values, last = append(values, c.showMember(m.ID, m.Kind)), seq
			default:
				more = true
			}
			return true
		})
	})
	if !found {
		c.notFound(c.param["group"])
		return
	}
	extra := object{}
	if more {
		extra["@odata.nextLink"] = c.nextLink(pageMark{Seq: last})
	}
	if c.eventual() && strings.EqualFold(c.q.Get("$count"), "true") {
		extra["@odata.count"] = total
	}
	c.collection("directoryObjects", values, extra)
}

func (c *graphCall) countMembers() {
	if !c.eventual() {
		c.unsupported("$count is not currently supported without the header ConsistencyLevel: eventual.")
		return
	}
	n, found := 0, false
	now := c.s.now()
	c.tenant.view(func() {
		if g := c.shownGroup(); g != nil {
			found = true
			g.Members.all(func(m *Membership) bool {
				if m.shown(now) {
					n++
				}
				return true
			})
		}
	})
	if !found {
		c.notFound(c.param["group"])
		return
	}
	c.w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprint(c.w, n) // the client is gone if this fails
}

func (c *graphCall) listTransitive()      { c.transitive("") }
func (c *graphCall) listTransitiveUsers() { c.transitive("user") }

// transitive answers a page of members through nested groups, in the order of the user and group lists.
func (c *graphCall) transitive(kind string) {
	size, ok := c.top(defaultPage, maxPage)
	if !ok {
		return
	}
	from, ok := c.mark()
	if !ok {
		return
	}
	now := c.s.now()
	var values []object
	found := false
	var next *pageMark
	c.tenant.view(func() {
		g := c.shownGroup()
		if g == nil {
			return
		}
		found = true
		inside := make(map[string]string)
		for queue := []*Group{g}; len(queue) > 0; queue = queue[1:] {
			queue[0].Members.all(func(m *Membership) bool {
				if _, seen := inside[m.ID]; !seen && m.shown(now) {
					inside[m.ID] = m.Kind
					if sub := c.tenant.Groups.get(m.ID); sub != nil {
						queue = append(queue, sub)
					}
				}
				return true
			})
		}
		// Groups come first; they fit on the first page of any real directory.
		if from.Seq == 0 && kind == "" {
			c.tenant.Groups.all(func(sub *Group) bool {
				if _, ok := inside[sub.ID]; ok {
					values = append(values, c.showMember(sub.ID, "group"))
				}
				return true
			})
		}
		// A page holds a user at least, or it would lead to itself.
		var last uint64
		users := 0
		c.tenant.Users.after(from.Seq, func(seq uint64, u *User) bool {
			if _, ok := inside[u.ID]; !ok {
				return true
			}
			if users > 0 && len(values) >= size {
				next = &pageMark{Seq: last}
				return false
			}
			users++
			values, last = append(values, c.showMember(u.ID, "user")), seq
			return true
		})
	})
	if !found {
		c.notFound(c.param["group"])
		return
	}
	extra := object{}
	if next != nil {
		extra["@odata.nextLink"] = c.nextLink(*next)
	}
	c.collection("directoryObjects", values, extra)
}

func (c *graphCall) listOwners() {
	var values []object
	found := false
	c.tenant.view(func() {
		if g := c.shownGroup(); g != nil {
			found = true
			for _, id := range g.Owners {
				_, kind := c.tenant.reference(id, c.s.now())
				if kind != "" {
					values = append(values, c.showMember(id, kind))
				}
			}
		}
	})
	if !found {
		c.notFound(c.param["group"])
		return
	}
	c.collection("directoryObjects", values, nil)
}

// checkMemberGroups answers which of up to 20 groups a user is in, nested ones included.
func (c *graphCall) checkMemberGroups() {
	var b struct {
		GroupIDs []string `json:"groupIds"`
	}
	if !c.body(&b) {
		return
	}
	if len(b.GroupIDs) == 0 || len(b.GroupIDs) > maxReferences {
		c.badRequest(fmt.Sprintf("The collection groupIds must hold between 1 and %d values.", maxReferences))
		return
	}
	in := c.userGroups(true)
	if in == nil {
		return
	}
	ids := []string{}
	for _, id := range b.GroupIDs {
		if in[strings.ToLower(id)] {
			ids = append(ids, strings.ToLower(id))
		}
	}
	c.json(http.StatusOK, object{"@odata.context": c.context("Collection(Edm.String)"), "value": ids})
}

func (c *graphCall) getMemberGroups() {
	in := c.userGroups(true)
	if in == nil {
		return
	}
	ids := []string{}
	c.tenant.view(func() {
		c.tenant.Groups.all(func(g *Group) bool {
			if in[g.ID] {
				ids = append(ids, g.ID)
			}
			return true
		})
	})
	c.json(http.StatusOK, object{"@odata.context": c.context("Collection(Edm.String)"), "value": ids})
}

// userGroups is the set of groups the user of the path is in; it answers 404 and returns nil if there is no such user.
func (c *graphCall) userGroups(transitive bool) (in map[string]bool) {
	now := c.s.now()
	c.tenant.view(func() {
		u := c.tenant.user(c.param["user"])
		if u == nil || !u.visible(now) {
			return
		}
		if transitive {
			in = c.tenant.groupsOf(u.ID)
			return
		}
		in = make(map[string]bool)
		c.tenant.Groups.all(func(g *Group) bool {
			if m := g.Members.get(u.ID); m != nil && m.shown(now) {
				in[g.ID] = true
			}
			return true
		})
	})
	if in == nil {
		c.notFound(c.param["user"])
	}
	return in
}

func (c *graphCall) memberOf()           { c.groupsOfUser(false) }
func (c *graphCall) transitiveMemberOf() { c.groupsOfUser(true) }

func (c *graphCall) groupsOfUser(transitive bool) {
	in := c.userGroups(transitive)
	if in == nil {
		return
	}
	values := []object{}
	c.tenant.view(func() {
		c.tenant.Groups.all(func(g *Group) bool {
			if in[g.ID] {
				values = append(values, c.showMember(g.ID, "group"))
			}
			return true
		})
		if u := c.tenant.user(c.param["user"]); u != nil && !strings.HasSuffix(strings.ToLower(c.rest), ".group") {
			for _, r := range u.Roles {
				values = append(values, object{"@odata.type": "#microsoft.graph.directoryRole", "id": c.tenant.roleID(r), "displayName": directoryRoles[r], "roleTemplateId": r})
			}
		}
	})
	c.collection("directoryObjects", values, nil)
}

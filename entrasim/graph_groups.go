package entrasim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

func groupRoutes() []graphRoute {
	return []graphRoute{
		{method: "GET", pattern: "groups", need: readGroups, handle: (*graphCall).listGroups},
		{method: "POST", pattern: "groups", need: writeGroups, handle: (*graphCall).createGroup},
		{method: "GET", pattern: "groups/delta", need: readGroups, handle: (*graphCall).groupsDelta},
		{method: "GET", pattern: "groups/{group}", need: readGroups, handle: (*graphCall).getGroup},
		{method: "PATCH", pattern: "groups/{group}", need: writeMembers, handle: (*graphCall).patchGroup},
		{method: "DELETE", pattern: "groups/{group}", need: writeGroups, handle: (*graphCall).deleteGroup},
	}
}

// groupProperties are those of the group resource the emulator keeps.
var groupProperties = []property[Group]{
	{"id", func(g *Group) any { return g.ID }, true, true, false},
	{"deletedDateTime", func(*Group) any { return nil }, true, true, true},
	{"classification", func(*Group) any { return nil }, true, true, true},
	{"createdDateTime", func(g *Group) any { return g.Created }, true, true, false},
	{"description", func(g *Group) any { return text(g.Description) }, true, true, true},
	{"displayName", func(g *Group) any { return g.DisplayName }, true, true, false},
	{"groupTypes", func(g *Group) any { return append([]string{}, g.GroupTypes...) }, true, true, false},
	{"isAssignableToRole", func(g *Group) any { return g.RoleAssignable }, true, true, false},
	{"mail", func(g *Group) any { return text(g.Mail) }, true, true, false},
	{"mailEnabled", func(g *Group) any { return g.MailEnabled }, true, true, false},
	{"mailNickname", func(g *Group) any { return g.MailNickname }, true, true, false},
	{"membershipRule", func(g *Group) any { return text(g.MembershipRule) }, true, true, true},
	{"membershipRuleProcessingState", func(g *Group) any {
		if g.dynamic() {
			return "On"
		}
		return nil
	}, true, true, true},
	{"onPremisesSyncEnabled", func(g *Group) any {
		if g.OnPremisesSynced {
			return true
		}
		return nil
	}, true, true, false},
	{"securityEnabled", func(g *Group) any { return g.SecurityEnabled }, true, true, false},
	{"visibility", func(*Group) any { return nil }, true, true, true},
}

func (g *Group) dynamic() bool { return slices.Contains(g.GroupTypes, "DynamicMembership") }

func (c *graphCall) listGroups() {
	size, ok := c.top(defaultPage, maxPage)
	if !ok {
		return
	}
	from, ok := c.mark()
	if !ok {
		return
	}
	var f *filter
	if q := c.q.Get("$filter"); q != "" {
		var err error
		if f, err = parseFilter(q); err != nil {
			c.fail(http.StatusBadRequest, "BadRequest", err.Error())
			return
		}
		if problem := checkFilter(f, groupProperties, "group", c.advanced()); problem != nil {
			c.fail(http.StatusBadRequest, problem.code, problem.message)
			return
		}
	}
	var search []searchTerm
	if q := c.q.Get("$search"); q != "" {
		if !c.eventual() {
			c.unsupported("Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'")
			return
		}
		if search, ok = parseSearch(q); !ok {
			c.fail(http.StatusBadRequest, "BadRequest", "Syntax error: the $search clause must be of the form \"property:value\".")
			return
		}
	}
	if c.q.Get("$orderby") != "" && f != nil && !c.advanced() {
		c.unsupported("Sorting not supported for current query.")
		return
	}
	now := c.s.now()
	match := func(g *Group) bool {
		get := func(path string) any {
			if p := find(groupProperties, path); p != nil {
				return p.get(g)
			}
			return nil
		}
		if now.Before(g.VisibleAt) || f != nil && !f.match(get) {
			return false
		}
		return search == nil || slices.ContainsFunc(search, func(t searchTerm) bool {
			s, ok := get(t.property).(string)
			return ok && searchMatch(s, t.text)
		})
	}
	var values []object
	var last uint64
	more, total := false, 0
	c.tenant.view(func() {
		c.tenant.Groups.after(from.Seq, func(seq uint64, g *Group) bool {
			if !match(g) {
				return true
			}
			if len(values) == size {
				more = true
				return false
			}
			values, last = append(values, project(groupProperties, g, c.selected())), seq
			return true
		})
		c.tenant.Groups.all(func(g *Group) bool {
			if match(g) {
				total++
			}
			return true
		})
	})
	extra := object{}
	if more {
		extra["@odata.nextLink"] = c.nextLink(pageMark{Seq: last})
	}
	if c.eventual() && strings.EqualFold(c.q.Get("$count"), "true") {
		extra["@odata.count"] = total
	}
	c.collection("groups", values, extra)
}

func (c *graphCall) getGroup() {
	var out object
	c.tenant.view(func() {
		if g := c.shownGroup(); g != nil {
			out = project(groupProperties, g, c.selected())
		}
	})
	if out == nil {
		c.notFound(c.param["group"])
		return
	}
	c.entity(http.StatusOK, "groups/$entity", out)
}

// shownGroup finds the group of the path unless replication hides it. The caller holds the lock.
func (c *graphCall) shownGroup() *Group {
	g := c.tenant.group(c.param["group"])
	if g == nil || c.s.now().Before(g.VisibleAt) {
		return nil
	}
	return g
}

// groupBody is what POST and PATCH of groups take.
type groupBody struct {
	DisplayName     *string  `json:"displayName"`
	Description     *string  `json:"description"`
	MailEnabled     *bool    `json:"mailEnabled"`
	MailNickname    *string  `json:"mailNickname"`
	SecurityEnabled *bool    `json:"securityEnabled"`
	GroupTypes      []string `json:"groupTypes"`
	MembershipRule  *string  `json:"membershipRule"`
	RoleAssignable  bool     `json:"isAssignableToRole"`
	Owners          []string `json:"owners@odata.bind"`
	Members         []string `json:"members@odata.bind"`
}

const (
	maxGroupName        = 256
	maxGroupDescription = 1024
	maxMailNickname     = 64
	maxReferences       = 20 // in one create or update
)

// check refuses values the directory does not take.
func (b *groupBody) check() string {
	switch {
	case b.DisplayName != nil && (*b.DisplayName == "" || utf8.RuneCountInString(*b.DisplayName) > maxGroupName):
		return "Invalid value specified for property 'displayName' of resource 'Group'."
	case b.Description != nil && utf8.RuneCountInString(*b.Description) > maxGroupDescription:
		return "Invalid value specified for property 'description' of resource 'Group'."
	case b.MailNickname != nil && (*b.MailNickname == "" || len(*b.MailNickname) > maxMailNickname || strings.ContainsAny(*b.MailNickname, `@()\[]";:<>, `)):
		return "Invalid value specified for property 'mailNickname' of resource 'Group'."
	case len(b.Owners)+len(b.Members) > maxReferences:
		return fmt.Sprintf("The limit of %d relationships in one request is exceeded.", maxReferences)
	}
	return ""
}

func (c *graphCall) createGroup() {
	var b groupBody
	if !c.body(&b) {
		return
	}
	switch problem := b.check(); {
	case b.DisplayName == nil || b.MailEnabled == nil || b.MailNickname == nil || b.SecurityEnabled == nil:
		c.badRequest("A value is required for each of the properties displayName, mailEnabled, mailNickname and securityEnabled of resource 'Group'.")
		return
	case problem != "":
		c.badRequest(problem)
		return
	case *b.MailEnabled && !slices.Contains(b.GroupTypes, "Unified"):
		c.badRequest("The service does not currently support writes of mail-enabled groups. Please ensure that the mail-enablement property is unset and the security-enablement property is set.")
		return
	}
	g := &Group{
		ID: c.s.newID(), DisplayName: *b.DisplayName, MailNickname: *b.MailNickname, MailEnabled: *b.MailEnabled, SecurityEnabled: *b.SecurityEnabled,
		GroupTypes: b.GroupTypes, RoleAssignable: b.RoleAssignable, Created: c.s.now().UTC().Truncate(time.Second), CreatedByApp: c.who.AppID,
	}
	if b.Description != nil {
		g.Description = *b.Description
	}
	if b.MembershipRule != nil {
		g.MembershipRule = *b.MembershipRule
	}
	if d := time.Duration(c.s.Levers().ReplicationDelay); d > 0 {
		g.VisibleAt = c.s.now().Add(d)
	}
	absent := ""
	var out object
	c.tenant.update(func() {
		var members []memberChange
		for _, ref := range b.Members {
			id, kind := c.tenant.reference(ref, c.s.now())
			if kind == "" {
				absent = ref
				return
			}
			members = append(members, memberChange{ID: id, Kind: kind})
		}
		for _, ref := range b.Owners {
			id, kind := c.tenant.reference(ref, c.s.now())
			if kind == "" {
				absent = ref
				return
			}
			g.Owners = append(g.Owners, id)
		}
		c.tenant.Groups.add(g.ID, g)
		c.tenant.touchGroup(g)
		for _, m := range members {
			if g.Members.get(m.ID) == nil {
				c.tenant.addMember(g, m.ID, m.Kind, 0)
			}
		}
		out = project(groupProperties, g, nil)
	})
	if absent != "" {
		c.notFound(referenceID(absent))
		return
	}
	c.audit(Audit{Service: "Core Directory", Category: "GroupManagement", Activity: "Add group", Operation: "Add", TargetType: "Group", TargetID: g.ID, TargetName: *b.DisplayName})
	c.w.Header().Set("Location", c.base()+"/directoryObjects/"+g.ID+"/Microsoft.DirectoryServices.Group")
	c.entity(http.StatusCreated, "groups/$entity", out)
}

func (c *graphCall) patchGroup() {
	var b groupBody
	if !c.body(&b) {
		return
	}
	if problem := b.check(); problem != "" {
		c.badRequest(problem)
		return
	}
	if !c.mayChangeGroup(b.DisplayName != nil || b.Description != nil || b.MailNickname != nil || b.SecurityEnabled != nil || b.MembershipRule != nil || b.GroupTypes != nil) {
		return
	}
	var problem *memberProblem
	c.tenant.update(func() {
		g := c.shownGroup()
		if g == nil {
			problem = &memberProblem{http.StatusNotFound, "", c.param["group"]}
			return
		}
		if problem = c.addMembers(g, b.Members); problem != nil {
			return
		}
		if b.DisplayName != nil {
			g.DisplayName = *b.DisplayName
		}
		if b.Description != nil {
			g.Description = *b.Description
		}
		if b.MailNickname != nil {
			g.MailNickname = *b.MailNickname
		}
		if b.SecurityEnabled != nil {
			g.SecurityEnabled = *b.SecurityEnabled
		}
		if b.GroupTypes != nil { // so a group becomes dynamic, and assigned again with its members as they are
			g.GroupTypes = b.GroupTypes
		}
		if b.MembershipRule != nil {
			g.MembershipRule = *b.MembershipRule
		}
		c.tenant.touchGroup(g)
	})
	if problem != nil {
		c.memberFailure(problem)
		return
	}
	c.noContent()
}

// mayChangeGroup applies what permissions alone do not say: Group.Create changes only groups the application made and
// owns, GroupMember.ReadWrite.All changes only members. It answers the error itself.
func (c *graphCall) mayChangeGroup(properties bool) bool {
	if c.who.UserID != "" {
		if properties && !holds(c.who.Scopes, writeGroups.delegated) {
			c.denied()
			return false
		}
		return true
	}
	if holds(c.who.Roles, []string{"Group.ReadWrite.All", "Directory.ReadWrite.All"}) || !properties && holds(c.who.Roles, []string{"GroupMember.ReadWrite.All"}) {
		return true
	}
	owned := false
	c.tenant.view(func() {
		g := c.tenant.group(c.param["group"])
		owned = g != nil && g.CreatedByApp == c.who.AppID && slices.Contains(g.Owners, c.who.ServicePrincipalID)
	})
	if !owned || !holds(c.who.Roles, []string{"Group.Create"}) {
		c.denied()
		return false
	}
	return true
}

func (c *graphCall) deleteGroup() {
	if !c.mayChangeGroup(true) {
		return
	}
	name, found := "", false
	c.tenant.update(func() {
		g := c.shownGroup()
		if g == nil {
			return
		}
		found, name = true, g.DisplayName
		c.tenant.Groups.all(func(parent *Group) bool {
			if parent.Members.remove(g.ID) {
				c.tenant.logMember(parent, g.ID, "group", true)
			}
			return true
		})
		c.tenant.Groups.remove(g.ID)
		c.tenant.bury("group", g.ID)
	})
	if !found {
		c.notFound(c.param["group"])
		return
	}
	c.audit(Audit{Service: "Core Directory", Category: "GroupManagement", Activity: "Delete group", Operation: "Delete", TargetType: "Group", TargetID: c.param["group"], TargetName: name})
	c.noContent()
}

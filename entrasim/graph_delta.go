package entrasim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// deltaLife is how long a delta token of a directory object is good.
const deltaLife = 7 * 24 * time.Hour

// deltaRound reads the tokens of a delta call. A call without one begins at nothing; $deltatoken=latest begins now. It
// answers 410 for a token that is too old and 400 for one that is not ours.
func (c *graphCall) deltaRound() (m pageMark, ok bool) {
	now := c.s.now()
	var change, floor uint64
	c.tenant.view(func() {
		change, floor = c.tenant.settled(now), max(c.tenant.deltaFloor, c.tenant.memberFloor)
	})
	token, skip := c.q.Get("$deltatoken"), c.q.Get("$skiptoken")
	switch {
	case skip != "":
		m, err := c.open(skip)
		if err != nil || m.Until == 0 {
			c.badRequest("Skip token is not valid.")
			return m, false
		}
		return m, true
	case token == "":
		return pageMark{Until: max(change, 1), Time: now.Unix()}, true
	case token == "latest":
		return pageMark{Since: max(change, 1), Until: max(change, 1), Time: now.Unix(), Seq: ^uint64(0)}, true
	}
	m, err := c.open(token)
	if err != nil || m.Until == 0 {
		c.fail(http.StatusBadRequest, "BadRequest", "Badly formed token.")
		return m, false
	}
	if now.Sub(time.Unix(m.Time, 0)) > deltaLife || m.Until < floor {
		c.w.Header().Set("Location", c.link(nil))
		c.fail(http.StatusGone, "syncStateNotFound", "The sync state generation is not found; continuation token cannot be used. Begin a full sync at the Location.")
		return m, false
	}
	return pageMark{Since: m.Until, Until: max(change, 1), Time: now.Unix()}, true
}

// settled is the change up to which reads show everything: what replication still hides belongs to a later round, or no
// round would ever show it. The caller holds the lock.
func (t *Tenant) settled(now time.Time) uint64 {
	change := t.change
	t.Users.all(func(u *User) bool {
		if now.Before(u.VisibleAt) {
			change = min(change, u.change-1)
		}
		return true
	})
	t.Groups.all(func(g *Group) bool {
		if now.Before(g.VisibleAt) {
			change = min(change, g.change-1)
		}
		return true
	})
	return change
}

// deltaPage answers one page: items, and the link to the next page or to the next round.
func (c *graphCall) deltaPage(kind string, values []object, more bool, m pageMark) {
	extra := object{}
	if more {
		extra["@odata.nextLink"] = c.link(map[string]string{"$skiptoken": c.seal(m)})
	} else {
		extra["@odata.deltaLink"] = c.link(map[string]string{"$deltatoken": c.seal(pageMark{Until: m.Until, Time: m.Time})})
	}
	c.collection(kind, values, extra)
}

// tombstones are the deletions of a round. The caller holds the lock.
func (t *Tenant) tombstones(kind string, m pageMark) []object {
	if m.Since == 0 {
		return nil
	}
	var out []object
	for _, r := range t.removed {
		if r.Kind == kind && r.Change > m.Since {
			out = append(out, object{"id": r.ID, "@removed": object{"reason": "deleted"}})
		}
	}
	return out
}

// deltaIDs reads the only filter delta knows: id eq '…', joined by or, 50 at most.
func (c *graphCall) deltaIDs() (ids []string, ok bool) {
	text := c.q.Get("$filter")
	if text == "" {
		return nil, true
	}
	f, err := parseFilter(text)
	bad := err != nil
	if !bad {
		f.walk(func(n *filter) {
			switch {
			case n.op == "or":
			case n.op == "eq" && strings.EqualFold(n.path, "id"):
				ids = append(ids, strings.ToLower(n.value[0].text))
			default:
				bad = true
			}
		})
	}
	if bad || len(ids) > 50 {
		c.unsupported("The only filter supported for delta is id eq '{id}', for up to 50 objects.")
		return nil, false
	}
	return ids, true
}

// usersDelta answers users/delta. A round shows every user that changed after its token, in order of creation, then the
// deletions; what changes during the round is shown by the next one.
func (c *graphCall) usersDelta() {
	selected, ok := c.selectUsers()
	if !ok {
		return
	}
	ids, ok := c.deltaIDs()
	if !ok {
		return
	}
	size, ok := c.top(defaultPage, maxPage)
	if !ok {
		return
	}
	m, ok := c.deltaRound()
	if !ok {
		return
	}
	now := c.s.now()
	var values []object
	more := false
	c.tenant.view(func() {
		c.tenant.Users.after(m.Seq, func(seq uint64, u *User) bool {
			if u.change <= m.Since || !u.visible(now) || ids != nil && !slices.Contains(ids, u.ID) {
				return true
			}
			if len(values) == size {
				more = true
				return false
			}
			values = append(values, project(userProperties, u, selected))
			m.Seq = seq
			return true
		})
		if !more {
			for _, r := range c.tenant.tombstones("user", m) {
				if ids == nil || slices.Contains(ids, r["id"].(string)) {
					values = append(values, r)
				}
			}
		}
	})
	c.deltaPage("users", values, more, m)
}

// groupsDelta answers groups/delta, with members@delta when members are selected or nothing is.
func (c *graphCall) groupsDelta() {
	size, ok := c.top(defaultPage, maxPage)
	if !ok {
		return
	}
	ids, ok := c.deltaIDs()
	if !ok {
		return
	}
	m, ok := c.deltaRound()
	if !ok {
		return
	}
	selected := c.selected()
	members := selected == nil || slices.Contains(selected, "members")
	now := c.s.now()
	var values []object
	more := false
	c.tenant.view(func() {
		c.tenant.Groups.after(m.Seq, func(seq uint64, g *Group) bool {
			if g.change <= m.Since || now.Before(g.VisibleAt) || ids != nil && !slices.Contains(ids, g.ID) {
				return true
			}
			if len(values) == size {
				more = true
				return false
			}
			out := project(groupProperties, g, selected)
			if changes := g.memberChanges(m.Since); members && len(changes) > 0 {
				out["members@delta"] = changes
			}
			values = append(values, out)
			m.Seq = seq
			return true
		})
		if !more {
			values = append(values, c.tenant.tombstones("group", m)...)
		}
	})
	c.deltaPage("groups", values, more, m)
}

// memberChanges lists the members of a first round, or what became of members since.
func (g *Group) memberChanges(since uint64) []object {
	var out []object
	if since == 0 {
		g.Members.all(func(m *Membership) bool {
			if m.GoneAt.IsZero() {
				out = append(out, object{"@odata.type": "#microsoft.graph." + m.Kind, "id": m.ID})
			}
			return true
		})
		return out
	}
	last := make(map[string]memberChange)
	var order []string
	for _, ch := range g.memberLog {
		if ch.Change <= since {
			continue
		}
		if _, seen := last[ch.ID]; !seen {
			order = append(order, ch.ID)
		}
		last[ch.ID] = ch
	}
	for _, id := range order {
		o := object{"@odata.type": "#microsoft.graph." + last[id].Kind, "id": id}
		if last[id].Removed {
			o["@removed"] = object{"reason": "deleted"}
		}
		out = append(out, o)
	}
	return out
}

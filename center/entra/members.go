package entra

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

var opMemberChanges = operation{name: "groups.delta", doing: "see who came into and left a group", needs: readGroups, repeatable: true}

// mostDeltaGroups is how many objects the filter of a delta query may name.
const mostDeltaGroups = 50

// MemberChange is somebody who came into a group or left it.
type MemberChange struct {
	GroupID  string
	ObjectID string
	Type     string // user, group, device, servicePrincipal; may be empty for somebody who left
	Left     bool
}

// MemberChanges is one page of what became of the members of groups.
type MemberChanges struct {
	Changes []MemberChange
	// Next leads to what comes after: the rest of this round if More, or else the next round, some time later.
	Next string
	More bool
	// Expired says that Graph no longer knows the link, or that it leads to another Graph, and nothing else is filled in. Begin anew without one.
	Expired bool
}

type memberDelta struct {
	Value []struct {
		ID      string `json:"id"`
		Members []struct {
			Type    string    `json:"@odata.type"`
			ID      string    `json:"id"`
			Removed *struct{} `json:"@removed"`
		} `json:"members@delta"`
	} `json:"value"`
	Next  string `json:"@odata.nextLink"`
	Delta string `json:"@odata.deltaLink"`
}

// MemberChanges reads a page of the delta query over the direct members of groups, named by id. Without a link it begins
// with everybody who is in them; a later round has what changed since the earlier one, each member once and as they
// stand at its end.
func (t *Tenant) MemberChanges(ctx context.Context, link string, groups []string) (MemberChanges, error) {
	c := call{op: opMemberChanges, method: http.MethodGet, path: "/groups/delta", on: object{kind: "group"}}
	var a answer
	var err error
	if link == "" {
		if len(groups) == 0 || len(groups) > mostDeltaGroups {
			return MemberChanges{}, postern.Errorf(postern.CodeInvalid, "Changes of 1 to %d groups can be read at once, not of %d.", mostDeltaGroups, len(groups))
		}
		named := make([]string, len(groups))
		for n, id := range groups {
			named[n] = "id eq " + literal(id)
		}
		c.query = query{{"$filter", strings.Join(named, " or ")}, {"$select", "id,members"}}
		a, err = t.send(ctx, c)
	} else {
		if !t.ownLink(link) {
			return MemberChanges{Expired: true}, nil // of a Graph at another address, as before the cloud was configured anew
		}
		a, err = t.sendTo(ctx, c, link)
	}
	if refused, ok := graphErrorOf(err); ok && refused.Status == http.StatusGone {
		return MemberChanges{Expired: true}, nil
	}
	if err != nil {
		return MemberChanges{}, err
	}
	var page memberDelta
	if err := t.decode(c, a.body, &page); err != nil {
		return MemberChanges{}, err
	}
	out := MemberChanges{Next: page.Next, More: page.Next != ""}
	if !out.More {
		out.Next = page.Delta
	}
	if !t.ownLink(out.Next) {
		return MemberChanges{}, t.unexpected(c, "no link to what comes after")
	}
	for _, g := range page.Value {
		// A service that leaves the filter out answers with all groups.
		if len(groups) > 0 && !slices.ContainsFunc(groups, func(id string) bool { return strings.EqualFold(id, g.ID) }) {
			continue
		}
		for _, m := range g.Members {
			out.Changes = append(out.Changes, MemberChange{
				GroupID: g.ID, ObjectID: m.ID, Type: strings.TrimPrefix(m.Type, "#microsoft.graph."), Left: m.Removed != nil,
			})
		}
	}
	return out, nil
}

// TransitiveMembers lists the object ids of the users in a group, directly or through other groups. After an error it
// ends.
func (t *Tenant) TransitiveMembers(ctx context.Context, groupID string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		group, err := segment("group", groupID)
		if err != nil {
			yield("", err)
			return
		}
		c := call{
			op: opTransitive, method: http.MethodGet, path: "/groups/" + group + "/transitiveMembers/microsoft.graph.user",
			query: query{{"$select", "id"}, {"$top", mostPage}}, on: object{"group", groupID},
		}
		for m, err := range each[memberWire](ctx, t, c) {
			if !yield(lowerID(m.ID), err) || err != nil {
				return
			}
		}
	}
}

// RemoveMembers takes users out of a group, twenty in one request. Who is not in it, or is gone, is done.
func (t *Tenant) RemoveMembers(ctx context.Context, groupID string, objectIDs []string) error {
	group, err := segment("group", groupID)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(objectIDs, batchSize) {
		if len(chunk) == 1 {
			if err := t.RemoveMember(ctx, groupID, chunk[0]); err != nil {
				return err
			}
			continue
		}
		calls := make([]call, len(chunk))
		for n, id := range chunk {
			member, err := segment("user", id)
			if err != nil {
				return err
			}
			// The path always ends in /$ref: without it Graph deletes the user instead of the membership.
			calls[n] = call{
				op: opRemoveMember, method: http.MethodDelete, path: "/groups/" + group + "/members/" + member + "/$ref",
				on: object{"group or member", groupID + " / " + id},
			}
		}
		for _, part := range t.batch(ctx, calls) {
			if part.err != nil && !postern.IsCode(part.err, postern.CodeEntraNotFound) {
				return part.err
			}
		}
	}
	return nil
}

package entra

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postern/postern"
)

var (
	readGroups   = []string{"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}
	createGroups = []string{"Group.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}
	writeMembers = []string{"GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}
)

var (
	opGetGroup     = operation{name: "groups.get", doing: "read a group", needs: readGroups, repeatable: true}
	opListGroups   = operation{name: "groups.list", doing: "find groups", needs: readGroups, repeatable: true}
	opCreateGroup  = operation{name: "groups.create", doing: "make a group", needs: createGroups}
	opAddMembers   = operation{name: "groups.members.add", doing: "add members to a group", needs: writeMembers, repeatable: true}
	opRemoveMember = operation{name: "groups.members.remove", doing: "take a member out of a group", needs: writeMembers, repeatable: true}
	opListMembers  = operation{name: "groups.members.list", doing: "list a group's members", needs: readGroups, repeatable: true}
	opCheckMember  = operation{name: "groups.members.check", doing: "look whether somebody is in a group", needs: readGroups, repeatable: true}
)

// Group is a group of the tenant.
type Group struct {
	ID          string
	DisplayName string
	Description string
	Security    bool
	Dynamic     bool // its members follow a rule; nobody else can change them
	Synced      bool // mastered on premises; Graph cannot change it
}

// groupFields are asked for by name.
const groupFields = "id,displayName,description,securityEnabled,groupTypes,onPremisesSyncEnabled"

type groupWire struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	Description string   `json:"description"`
	Security    bool     `json:"securityEnabled"`
	Types       []string `json:"groupTypes"`
	Synced      bool     `json:"onPremisesSyncEnabled"`
}

func (w groupWire) group() Group {
	return Group{
		ID: w.ID, DisplayName: w.DisplayName, Description: w.Description, Security: w.Security, Synced: w.Synced,
		Dynamic: slices.Contains(w.Types, "DynamicMembership"),
	}
}

// GroupByID reads a group. One that is gone is CodeEntraNotFound; so is, for a while, one made a moment ago.
func (t *Tenant) GroupByID(ctx context.Context, id string) (Group, error) {
	s, err := segment("group", id)
	if err != nil {
		return Group{}, err
	}
	w, err := do[groupWire](ctx, t, call{op: opGetGroup, method: http.MethodGet, path: "/groups/" + s, query: query{{"$select", groupFields}}, on: object{"group", id}})
	return w.group(), err
}

// FindGroups returns the groups with exactly that display name; there can be several.
func (t *Tenant) FindGroups(ctx context.Context, displayName string) ([]Group, error) {
	found, err := collect(each[groupWire](ctx, t, call{
		op: opListGroups, method: http.MethodGet, path: "/groups",
		query: query{{"$filter", "displayName eq " + literal(displayName)}, {"$select", groupFields}},
	}), 0)
	var groups []Group
	for _, w := range found {
		groups = append(groups, w.group())
	}
	return groups, err
}

// NewGroup is a security group to make.
type NewGroup struct {
	DisplayName  string // at most 256 characters
	Description  string // at most 1024 characters
	MailNickname string // at most 64 characters; made from DisplayName if empty
}

// CreateGroup makes a security group with assigned members. It is repeated like [Tenant.RegisterPasskey]: after an error
// with ErrOutcomeUnknown look for the group before making it again, for names are not unique.
func (t *Tenant) CreateGroup(ctx context.Context, g NewGroup) (Group, error) {
	if n := utf8.RuneCountInString(g.DisplayName); n < 1 || n > 256 {
		return Group{}, postern.FieldErrorf("display_name", "A group's name has 1 to 256 characters, not %d.", n)
	}
	if n := utf8.RuneCountInString(g.Description); n > 1024 {
		return Group{}, postern.FieldErrorf("description", "A group's description has at most 1024 characters, not %d.", n)
	}
	if g.MailNickname == "" {
		g.MailNickname = g.DisplayName
	}
	body := map[string]any{
		"displayName": g.DisplayName, "mailEnabled": false, "mailNickname": nickname(g.MailNickname),
		"securityEnabled": true, "groupTypes": []string{},
	}
	if g.Description != "" {
		body["description"] = g.Description
	}
	w, err := do[groupWire](ctx, t, call{op: opCreateGroup, method: http.MethodPost, path: "/groups", body: body, on: object{"group", g.DisplayName}})
	if err == nil && w.ID == "" {
		err = t.unexpected(call{op: opCreateGroup}, "a group without an id")
	}
	return w.group(), err
}

// nickname makes a mailNickname: at most 64 ASCII characters without the ones that Graph refuses.
func nickname(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case b.Len() == 64:
			return b.String()
		case r <= ' ' || r > '~' || strings.ContainsRune(`@()\[]";:.<>,`, r):
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
				b.WriteByte('-')
			}
		default:
			b.WriteRune(r)
		}
	}
	if b.Len() == 0 {
		return "postern"
	}
	return b.String()
}

// addAtOnce is how many members Graph adds in one request.
const addAtOnce = 20

// AddMembers is [Tenant.PutMembers] for callers to whom a user whom the tenant does not know is an error.
func (t *Tenant) AddMembers(ctx context.Context, groupID string, objectIDs []string) error {
	unknown, err := t.PutMembers(ctx, groupID, objectIDs)
	if err == nil && len(unknown) > 0 {
		return postern.Errorf(postern.CodeEntraNotFound, "The tenant does not know %s.", strings.Join(unknown, ", "))
	}
	return err
}

// PutMembers puts users into a group and returns those whom the tenant does not know, who do not hold up the others. Who
// is in it already is done. A group that is not there, or not yet, is CodeEntraNotFound.
//
// Graph adds twenty members in one request, all or none. When it refuses because of one of them, they are added one by
// one.
func (t *Tenant) PutMembers(ctx context.Context, groupID string, objectIDs []string) (unknown []string, err error) {
	group, err := segment("group", groupID)
	if err != nil {
		return nil, err
	}
	for chunk := range slices.Chunk(objectIDs, addAtOnce) {
		references := make([]string, 0, len(chunk))
		for _, id := range chunk {
			s, err := segment("user", id)
			if err != nil {
				return unknown, err
			}
			references = append(references, t.opts.Cloud.Graph+"/v1.0/directoryObjects/"+s)
		}
		if len(chunk) > 1 {
			_, err := t.send(ctx, call{
				op: opAddMembers, method: http.MethodPatch, path: "/groups/" + group,
				body: map[string]any{"members@odata.bind": references}, on: object{"group", groupID},
			})
			if err == nil {
				continue
			}
			if !badRequest(err) && !postern.IsCode(err, postern.CodeEntraNotFound) {
				return unknown, err
			}
		}
		for i, reference := range references {
			known, err := t.addMember(ctx, group, groupID, chunk[i], reference)
			if err != nil {
				return unknown, err
			}
			if !known {
				unknown = append(unknown, chunk[i])
			}
		}
	}
	return unknown, nil
}

func (t *Tenant) addMember(ctx context.Context, group, groupID, objectID, reference string) (known bool, err error) {
	_, err = t.send(ctx, call{
		op: opAddMembers, method: http.MethodPost, path: "/groups/" + group + "/members/$ref",
		body: map[string]string{"@odata.id": reference}, on: object{"group or member", groupID + " / " + objectID},
	})
	switch {
	case badRequest(err):
		// Graph has no code of its own for a member who is there already. Looking is sounder than reading its text.
		in, checkErr := t.IsMember(ctx, groupID, objectID)
		if checkErr == nil && in {
			return true, nil
		}
		if !isNotFound(checkErr) {
			return true, err
		}
	case !isNotFound(err):
		return true, err
	}
	// It is the group or the user that is not there: each is asked for by itself.
	if _, err := t.GroupByID(ctx, groupID); err != nil {
		return true, err
	}
	path, pathErr := userPath(objectID)
	if pathErr != nil {
		return true, pathErr
	}
	_, userErr := t.send(ctx, call{op: opGetUser, method: http.MethodGet, path: path, query: query{{"$select", "id"}}, on: object{"user", objectID}})
	if isNotFound(userErr) {
		return false, nil
	}
	return true, err
}

func isNotFound(err error) bool {
	return postern.IsCode(err, postern.CodeEntraNotFound) || postern.IsCode(err, postern.CodeEntraUserNotFound)
}

func badRequest(err error) bool {
	e, ok := graphErrorOf(err)
	return ok && e.Status == http.StatusBadRequest
}

// RemoveMember takes a user out of a group. Who is not in it, or is gone, is done.
//
// The path always ends in /$ref: without it Graph deletes the user instead of the membership.
func (t *Tenant) RemoveMember(ctx context.Context, groupID, objectID string) error {
	group, err := segment("group", groupID)
	if err != nil {
		return err
	}
	member, err := segment("user", objectID)
	if err != nil {
		return err
	}
	_, err = t.send(ctx, call{
		op: opRemoveMember, method: http.MethodDelete, path: "/groups/" + group + "/members/" + member + "/$ref",
		on: object{"group or member", groupID + " / " + objectID},
	})
	if postern.IsCode(err, postern.CodeEntraNotFound) {
		return nil
	}
	return err
}

// Member is an object in a group. UPN and DisplayName are empty where the application may not read users.
type Member struct {
	ObjectID    string
	Type        string // user, group, device, servicePrincipal
	UPN         string
	DisplayName string
}

type memberWire struct {
	Type        string `json:"@odata.type"`
	ID          string `json:"id"`
	UPN         string `json:"userPrincipalName"`
	DisplayName string `json:"displayName"`
}

// Members lists the direct members of a group.
func (t *Tenant) Members(ctx context.Context, groupID string) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		group, err := segment("group", groupID)
		if err != nil {
			yield(Member{}, err)
			return
		}
		c := call{
			op: opListMembers, method: http.MethodGet, path: "/groups/" + group + "/members", on: object{"group", groupID},
			query: query{{"$select", "id,userPrincipalName,displayName"}, {"$top", mostPage}},
		}
		for w, err := range each[memberWire](ctx, t, c) {
			m := Member{ObjectID: w.ID, UPN: w.UPN, DisplayName: w.DisplayName, Type: strings.TrimPrefix(w.Type, "#microsoft.graph.")}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// CountMembers counts the direct members of a group. The count may be some minutes behind.
func (t *Tenant) CountMembers(ctx context.Context, groupID string) (int, error) {
	group, err := segment("group", groupID)
	if err != nil {
		return 0, err
	}
	c := call{
		op: opListMembers, method: http.MethodGet, path: "/groups/" + group + "/members/$count", on: object{"group", groupID},
		header: http.Header{"Consistencylevel": {"eventual"}},
	}
	a, err := t.send(ctx, c)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.Trim(string(a.body), "\ufeff \r\n"))
	if err != nil || n < 0 {
		return 0, t.unexpected(c, "a count that is not a number")
	}
	return n, nil
}

// IsMember reports whether a user is in a group, directly or through another group.
func (t *Tenant) IsMember(ctx context.Context, groupID, objectID string) (bool, error) {
	path, err := userPath(objectID)
	if err != nil {
		return false, err
	}
	found, err := do[page[string]](ctx, t, call{
		op: opCheckMember, method: http.MethodPost, path: path + "/checkMemberGroups", on: object{"user", objectID},
		body: map[string][]string{"groupIds": {groupID}},
	})
	return slices.ContainsFunc(found.Value, func(id string) bool { return strings.EqualFold(id, groupID) }), err
}

// graphErrorOf finds Graph's own refusal in err's tree.
func graphErrorOf(err error) (*GraphError, bool) {
	var e *GraphError
	ok := errors.As(err, &e)
	return e, ok
}

package entra

import (
	"context"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

var (
	readUsers      = []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}
	revokeSessions = []string{"User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"}
)

var (
	opGetUser   = operation{name: "users.get", doing: "read a user", needs: readUsers, repeatable: true}
	opListUsers = operation{name: "users.list", doing: "list users", needs: readUsers, repeatable: true}
	opRevoke    = operation{name: "users.revokeSignInSessions", doing: "end a user's sessions", needs: revokeSessions, repeatable: true}
)

// userFields are asked for by name: most of them are not among Graph's default properties.
const userFields = "id,userPrincipalName,displayName,mail,accountEnabled,userType,onPremisesSyncEnabled"

// userWire is the part of a user that Postern reads.
type userWire struct {
	ID          string `json:"id"`
	UPN         string `json:"userPrincipalName"`
	DisplayName string `json:"displayName"`
	Mail        string `json:"mail"`
	Enabled     *bool  `json:"accountEnabled"`
	Type        string `json:"userType"`
	Synced      bool   `json:"onPremisesSyncEnabled"`
}

func (w userWire) user() postern.DirectoryUser {
	return postern.DirectoryUser{
		ObjectID: w.ID, UPN: w.UPN, DisplayName: w.DisplayName, Mail: w.Mail, Synced: w.Synced,
		Enabled: w.Enabled == nil || *w.Enabled,
		Guest:   strings.EqualFold(w.Type, "guest") || strings.Contains(strings.ToUpper(w.UPN), "#EXT#"),
	}
}

// User looks a user up by object id or user principal name, with their directory roles where the application may read
// roles.
//
// Where the application may not read the directory at all, as with the permission set "passkeys", the error is
// CodeEntraDirectoryClosed and the user holds the identifier as it was given, in ObjectID or UPN: the passkey calls
// accept either.
func (t *Tenant) User(ctx context.Context, idOrUPN string) (postern.DirectoryUser, error) {
	path, err := userPath(idOrUPN)
	if err != nil {
		return postern.DirectoryUser{}, err
	}
	g, err := t.granted(ctx)
	if err != nil {
		return postern.DirectoryUser{}, err
	}
	if g.known && !g.any(readUsers) {
		return asGiven(idOrUPN), postern.Errorf(postern.CodeEntraDirectoryClosed, "The application may not read the directory, so %s cannot be looked up.", idOrUPN)
	}
	w, err := do[userWire](ctx, t, call{op: opGetUser, method: http.MethodGet, path: path, query: query{{"$select", userFields}}, on: object{"user", idOrUPN}})
	if err != nil {
		return postern.DirectoryUser{}, err
	}
	if w.ID == "" {
		return postern.DirectoryUser{}, t.unexpected(call{op: opGetUser}, "a user without an id")
	}
	u := w.user()
	if g.any(readRoles) {
		if u.Roles, u.Privileged, err = t.rolesOf(ctx, u.ObjectID, g); err != nil {
			return postern.DirectoryUser{}, err
		}
	}
	return u, nil
}

func asGiven(idOrUPN string) postern.DirectoryUser {
	if strings.Contains(idOrUPN, "@") {
		return postern.DirectoryUser{UPN: idOrUPN, DisplayName: idOrUPN}
	}
	return postern.DirectoryUser{ObjectID: idOrUPN, DisplayName: idOrUPN}
}

// mostPage is Graph's largest page of users.
const mostPage = "999"

// Users finds users whose name, user principal name or mail begins with search; all users if it is empty. At most limit
// of them are returned, up to 999. Roles are not read.
func (t *Tenant) Users(ctx context.Context, search string, limit int) ([]postern.DirectoryUser, error) {
	if limit <= 0 || limit > 999 {
		limit = 999
	}
	q := query{{"$select", userFields}, {"$top", strconv.Itoa(limit)}}
	if search = strings.TrimSpace(search); search != "" {
		s := literal(search)
		q = append(q, query{{"$filter", "startsWith(displayName," + s + ") or startsWith(userPrincipalName," + s + ") or startsWith(mail," + s + ")"}}...)
	}
	found, err := collect(each[userWire](ctx, t, call{op: opListUsers, method: http.MethodGet, path: "/users", query: q}), limit)
	users := make([]postern.DirectoryUser, 0, len(found))
	for _, w := range found {
		users = append(users, w.user())
	}
	return users, err
}

// AllUsers lists every user of the tenant, page by page. Roles are not read; see [Tenant.PrivilegedUsers].
func (t *Tenant) AllUsers(ctx context.Context) iter.Seq2[postern.DirectoryUser, error] {
	c := call{op: opListUsers, method: http.MethodGet, path: "/users", query: query{{"$select", userFields}, {"$top", mostPage}}}
	return func(yield func(postern.DirectoryUser, error) bool) {
		for w, err := range each[userWire](ctx, t, c) {
			if err != nil {
				yield(postern.DirectoryUser{}, err)
				return
			}
			if !yield(w.user(), nil) {
				return
			}
		}
	}
}

// RevokeSessions makes Entra forget the user's refresh tokens and browser sessions. Access tokens that were handed out
// live on for up to an hour where the service does not evaluate access continuously.
func (t *Tenant) RevokeSessions(ctx context.Context, user string) error {
	path, err := userPath(user)
	if err != nil {
		return err
	}
	// Documented with 204; the service answers 200 with a body. Either is done.
	_, err = t.send(ctx, call{op: opRevoke, method: http.MethodPost, path: path + "/revokeSignInSessions", on: object{"user", user}})
	return err
}

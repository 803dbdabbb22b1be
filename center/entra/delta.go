package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/postern/postern"
)

var opUsersDelta = operation{name: "users.delta", doing: "follow changes of users", needs: readUsers, repeatable: true}

// UsersPage is one page of what changed among the users of a tenant.
type UsersPage struct {
	// Changes hold each user once, in no particular order. Roles are not read, see [Tenant.PrivilegedUsers]; of a removed
	// user only the object id is known. A change may come again later, in this round or the next.
	Changes []postern.DirectoryChange
	// Next continues: this round, or once Done the next one. It is a link of Graph's and no secret.
	Next string
	Done bool
}

// deltaUser is a user of a delta page, or the trace of one.
type deltaUser struct {
	userWire
	Removed *struct {
		Reason string `json:"reason"`
	} `json:"@removed"`
}

// UsersDelta reads the page at a place that an earlier page named, or the first page of all users if from is empty.
// [ResyncNeeded] tells the errors after which only a new beginning helps.
func (t *Tenant) UsersDelta(ctx context.Context, from string) (UsersPage, error) {
	c := call{op: opUsersDelta, method: http.MethodGet, path: "/users/delta", query: query{{"$select", userFields}, {"$top", mostPage}}, on: object{kind: "delta token"}}
	var a answer
	var err error
	switch {
	case from == "":
		var g grants
		if g, err = t.granted(ctx); err != nil {
			return UsersPage{}, err
		}
		if g.known && !g.any(readUsers) {
			return UsersPage{}, postern.Errorf(postern.CodeEntraDirectoryClosed, "The application may not read the directory.").
				WithNext("Add User.Read.All to the application and choose the permission set standard, if Postern is to follow who joins and leaves.")
		}
		a, err = t.send(ctx, c)
	case !t.ownLink(from):
		return UsersPage{}, fmt.Errorf("%w: %w", t.unexpected(c, "a link to a next page that leads elsewhere"), errForeignPlace)
	default:
		a, err = t.sendTo(ctx, c, from)
	}
	if err != nil {
		return UsersPage{}, err
	}
	var wire struct {
		page[deltaUser]
		Delta string `json:"@odata.deltaLink"`
	}
	if err := t.decode(c, a.body, &wire); err != nil {
		return UsersPage{}, err
	}
	p := UsersPage{Next: wire.Next, Done: wire.Next == ""}
	if p.Done {
		p.Next = wire.Delta
	}
	if !t.ownLink(p.Next) {
		return UsersPage{}, t.unexpected(c, "a link to a next page that cannot be followed")
	}
	p.Changes = lastOfEach(wire.Value)
	return p, nil
}

// lastOfEach keeps of several changes of one user the last.
func lastOfEach(users []deltaUser) []postern.DirectoryChange {
	at := make(map[string]int, len(users))
	out := make([]postern.DirectoryChange, 0, len(users))
	for _, u := range users {
		if u.ID == "" {
			continue
		}
		change := postern.DirectoryChange{User: u.user()}
		if u.Removed != nil {
			change = postern.DirectoryChange{User: postern.DirectoryUser{ObjectID: u.ID}, Removed: true}
		}
		if n, again := at[u.ID]; again {
			out[n] = change
			continue
		}
		at[u.ID] = len(out)
		out = append(out, change)
	}
	return out
}

// errForeignPlace says that a place was named by a Graph at another address, as before the cloud was configured anew.
var errForeignPlace = errors.New("the place to read on from is not at this Graph")

// ResyncNeeded reports whether an error of [Tenant.UsersDelta] says that the place to read on from is no longer known:
// the token is too old, no token of this tenant, or one of a Graph at another address.
func ResyncNeeded(err error) bool {
	if errors.Is(err, errForeignPlace) {
		return true
	}
	e, ok := graphErrorOf(err)
	return ok && (e.Status == http.StatusGone || e.Status == http.StatusBadRequest)
}

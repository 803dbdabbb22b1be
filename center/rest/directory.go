package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/postern/postern"
	"github.com/postern/postern/center/directory"
)

// Directory is what the API needs of package directory.
type Directory interface {
	List(ctx context.Context, q directory.Query) ([]postern.DirectoryEntry, error)
	Status(ctx context.Context, integration postern.IntegrationID) (postern.DirectoryStatus, error)
	Ask(ctx context.Context, integration postern.IntegrationID, in postern.DirectorySyncInput) (postern.DirectoryStatus, error)
	Confirm(ctx context.Context, integration postern.IntegrationID) (postern.DirectoryStatus, error)
}

// DirectoryQuery chooses users of the mirror.
type DirectoryQuery struct {
	IntegrationPath
	Search     string `query:"search" maxLength:"200" doc:"Part of the display name, user principal name or mail address."`
	Account    string `query:"account" enum:"enabled,disabled" doc:"Only accounts in this state."`
	Guest      string `query:"guest" enum:"true,false" doc:"Only guests, or nobody who is one."`
	Privileged string `query:"privileged" enum:"true,false" doc:"Only holders of an Entra role that can take over the tenant, or nobody who is one."`
	Phase      string `query:"phase" enum:"none,eligible,paired,active,suspended,revoked" doc:"Only users in this phase; none for those who were never invited."`
	Group      string `query:"group" maxLength:"64" doc:"Only direct members of the group with this object id, which are read from Entra."`
	Page       int    `query:"page" minimum:"0" maximum:"10000000" doc:"The member next of the page before."`
	Limit      int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

func (a *API) directoryRoutes() {
	s := a.services.Directory
	const path = postern.APIPath + "/integrations/{id}/directory"
	add(a, route{
		method: http.MethodGet, path: path + "/users", id: "list-directory", tag: tagUsers,
		summary: "List the tenant's users as the mirror has them", needs: postern.PermUsersRead, takes: entraTime,
		notes: "Answered from Postern's own copy of the directory, which sync tells the age of; only the members of a group are asked of Entra.",
		codes: with(entraCodes, postern.CodeEntraNotFound),
	}, func(ctx context.Context, in *DirectoryQuery) (*list[postern.DirectoryEntry], error) {
		users, err := s.List(ctx, directory.Query{
			IntegrationID: in.ID, Search: in.Search, Account: postern.AccountState(in.Account), Guest: choice(in.Guest),
			Privileged: choice(in.Privileged), Phase: postern.Phase(in.Phase), Group: in.Group, Offset: in.Page, Limit: in.Limit + 1,
		})
		return answerPage(users, in.Limit, func(postern.DirectoryEntry) string { return strconv.Itoa(in.Page + in.Limit) }, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/sync", id: "directory-status", tag: tagUsers,
		summary: "See how current the mirror of the directory is", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.DirectoryStatus], error) {
		return answer(s.Status(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/sync", id: "sync-directory", tag: tagUsers, status: http.StatusAccepted,
		summary: "Read the directory again", needs: postern.PermUsersInvite,
		notes: "The reading is done in the background; the answer is the status before it. Without being asked, what changed is read every 15 minutes.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.DirectorySyncInput
	},
	) (*object[postern.DirectoryStatus], error) {
		return answer(s.Ask(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/removals", id: "confirm-directory-removals", tag: tagUsers, status: http.StatusAccepted,
		summary: "Confirm that missing users are gone", needs: postern.PermIntegrationsWrite,
		notes: "When a reading of the whole directory misses more than a fifth of all users, nobody is taken for gone until this is called. Do so only after the tenant itself shows that these users were deleted.",
		codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.DirectoryStatus], error) {
		return answer(s.Confirm(ctx, in.ID))
	})
}

// choice reads a filter that is true, false or not set.
func choice(text string) *bool {
	if text == "" {
		return nil
	}
	v := text == "true"
	return &v
}

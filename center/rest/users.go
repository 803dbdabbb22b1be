package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/postern/postern"
	"github.com/postern/postern/center/lifecycle"
)

const tagUsers = "Users"

// UserPath is the path parameter of everything about one user.
type UserPath struct {
	ID postern.UserID `path:"id" doc:"Identifier of the user." example:"usr_01jd…"`
}

// UsersQuery chooses users.
type UsersQuery struct {
	Integration postern.IntegrationID `query:"integration_id" doc:"Only users of this integration."`
	Phase       string                `query:"phase" enum:"none,eligible,paired,active,suspended,revoked" doc:"Only users in this phase; none for those who were never invited."`
	Account     string                `query:"account" enum:"enabled,disabled,deleted" doc:"Only users whose account in the tenant is in that state."`
	Search      string                `query:"search" maxLength:"200" doc:"Part of the display name or user principal name."`
	Page        int                   `query:"page" minimum:"0" maximum:"10000000" doc:"The member next of the page before."`
	Limit       int                   `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

func (a *API) userRoutes() {
	s := a.services.Users
	const integration = postern.APIPath + "/integrations/{id}"
	add(a, route{
		method: http.MethodGet, path: integration + "/directory", id: "search-directory", tag: tagUsers,
		summary: "Search the tenant's directory", needs: postern.PermUsersInvite, takes: entraTime,
		codes: entraCodes,
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Query string `query:"query" required:"true" minLength:"1" maxLength:"200" doc:"Beginning of a name, mail address or user principal name."`
		Limit int    `query:"limit" minimum:"1" maximum:"100" default:"25"`
	},
	) (*list[postern.DirectoryUser], error) {
		return answerList(s.Search(ctx, in.ID, in.Query, in.Limit))
	})
	add(a, route{
		method: http.MethodGet, path: integration + "/users/counts", id: "count-users", tag: tagUsers,
		summary: "Count the users in each phase", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.UserCounts], error) {
		phases, err := s.Counts(ctx, in.ID)
		return answer(postern.UserCounts{Phases: phases}, err)
	})
	add(a, route{
		method: http.MethodPost, path: integration + "/invitations", id: "invite-user", tag: tagUsers, status: http.StatusCreated,
		summary: "Invite a user", needs: postern.PermUsersInvite, takes: entraTime,
		notes: "The answer holds the one-time code, which cannot be shown again. An earlier open invitation of the user is withdrawn.",
		codes: with(entraCodes, postern.CodeEntraUserNotFound, postern.CodeIntegrationDisabled, postern.CodeDomainRefused, postern.CodePrivilegedUser,
			postern.CodeGuestUser, postern.CodeAccountDisabled, postern.CodeFlagOff),
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.InvitationInput
	},
	) (*object[postern.InvitationCreated], error) {
		created, err := s.Invite(ctx, in.ID, in.Body)
		if err == nil {
			created.Link = postern.AppLink(a.publicURL, created.Code)
		}
		return answer(created, err)
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/users", id: "list-users", tag: tagUsers,
		summary: "List the users that Postern knows", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *UsersQuery) (*list[postern.User], error) {
		users, err := s.Users(ctx, lifecycle.UserQuery{
			IntegrationID: in.Integration, Phase: postern.Phase(in.Phase),
			Account: postern.AccountState(in.Account), Search: in.Search, Offset: in.Page, Limit: in.Limit + 1,
		})
		return answerPage(users, in.Limit, func(postern.User) string { return strconv.Itoa(in.Page + in.Limit) }, err)
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/users/{id}", id: "get-user", tag: tagUsers,
		summary: "Look at a user", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *UserPath) (*object[postern.User], error) {
		return answer(s.User(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/users/{id}/invitations", id: "list-invitations", tag: tagUsers,
		summary: "List the invitations of a user", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *UserPath) (*list[postern.Invitation], error) {
		return answerList(s.Invitations(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.APIPath + "/invitations/{id}", id: "withdraw-invitation", tag: tagUsers, status: http.StatusNoContent,
		summary: "Withdraw an invitation", needs: postern.PermUsersInvite,
		codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		ID postern.InvitationID `path:"id" doc:"Identifier of the invitation."`
	},
	) (*none, error) {
		return nil, s.Withdraw(ctx, in.ID)
	})
}

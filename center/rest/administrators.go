package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
)

const tagAdministrators = "Administrators"

// AdministratorPath is the path parameter of everything about one administrator.
type AdministratorPath struct {
	ID postern.AdministratorID `path:"id" doc:"Identifier of the administrator." example:"adm_01jd…"`
}

type versionedAdministrator struct {
	ETag string `header:"ETag"`
	Body postern.Administrator
}

func answerAdministrator(a postern.Administrator, err error) (*versionedAdministrator, error) {
	return &versionedAdministrator{etag(a.Version), a}, err
}

func (a *API) administratorRoutes() {
	s := a.services.Door
	const path = postern.APIPath + "/administrators"
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/me", id: "get-me", tag: tagAdministrators,
		summary: "Who am I, and what may I do", access: signedIn,
	}, func(ctx context.Context, _ *struct{}) (*object[postern.Me], error) {
		i, _ := auth.IdentityFrom(ctx)
		me := postern.Me{Actor: i.Actor, Permissions: i.Permissions}
		if i.Administrator != "" {
			who, err := s.Administrator(ctx, i.Administrator)
			if err != nil {
				return nil, err
			}
			me.Administrator = &who
		}
		return answer(me, nil)
	})
	add(a, route{
		method: http.MethodDelete, path: postern.APIPath + "/me/passkeys/{id}", id: "remove-own-passkey", tag: tagAdministrators, status: http.StatusNoContent,
		summary: "Remove one of the passkeys you sign in with", access: signedIn,
		notes: "Not the last one. A token cannot do this.",
		codes: []postern.Code{postern.CodeConflict, postern.CodeForbidden},
	}, func(ctx context.Context, in *struct {
		ID string `path:"id" maxLength:"1400" doc:"Credential id, base64url."`
	},
	) (*none, error) {
		return nil, s.RemovePasskey(ctx, in.ID)
	})
	add(a, route{
		method: http.MethodGet, path: path, id: "list-administrators", tag: tagAdministrators,
		summary: "List administrators", needs: postern.PermAdministratorsRead,
	}, func(ctx context.Context, _ *struct{}) (*list[postern.Administrator], error) {
		return answerList(s.Administrators(ctx))
	})
	add(a, route{
		method: http.MethodPost, path: path, id: "invite-administrator", tag: tagAdministrators, status: http.StatusCreated,
		summary: "Invite an administrator", needs: postern.PermAdministrators,
		notes: "The answer holds a one-time link, which cannot be shown again. Whoever opens it makes a passkey and becomes the administrator.",
	}, func(ctx context.Context, in *struct {
		Body postern.AdministratorInvitationInput
	},
	) (*object[postern.AdministratorInvitation], error) {
		return answer(s.Invite(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}", id: "get-administrator", tag: tagAdministrators,
		summary: "Look at an administrator", needs: postern.PermAdministratorsRead,
	}, func(ctx context.Context, in *AdministratorPath) (*versionedAdministrator, error) {
		return answerAdministrator(s.Administrator(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: path + "/{id}", id: "update-administrator", tag: tagAdministrators,
		summary: "Change an administrator's name, role or access", needs: postern.PermAdministrators,
		notes: "Holds from their next request on. The last owner cannot be demoted or disabled.",
		codes: []postern.Code{postern.CodeStale, postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		AdministratorPath
		Versioned
		Body postern.AdministratorInput
	},
	) (*versionedAdministrator, error) {
		version, err := in.version(in.Body.Version)
		if err != nil {
			return nil, err
		}
		in.Body.Version = version
		return answerAdministrator(s.UpdateAdministrator(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: path + "/{id}", id: "remove-administrator", tag: tagAdministrators, status: http.StatusNoContent,
		summary: "Remove an administrator", needs: postern.PermAdministrators,
		notes: "Their sessions, links and tokens end with them. The last owner cannot be removed.",
		codes: []postern.Code{postern.CodeStale, postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		AdministratorPath
		Versioned
	},
	) (*none, error) {
		version, err := in.version(0)
		if err != nil {
			return nil, err
		}
		return nil, s.RemoveAdministrator(ctx, in.ID, version)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}/passkeys", id: "list-administrator-passkeys", tag: tagAdministrators,
		summary: "List the passkeys an administrator signs in with", needs: postern.PermAdministratorsRead,
	}, func(ctx context.Context, in *AdministratorPath) (*list[postern.AdministratorPasskey], error) {
		if _, err := s.Administrator(ctx, in.ID); err != nil {
			return nil, err
		}
		return answerList(s.Passkeys(ctx, in.ID))
	})
}

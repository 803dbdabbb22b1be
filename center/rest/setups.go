package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

const tagSetups = "Set-up"

// Setups is what the API needs of package setup.
type Setups interface {
	Begin(ctx context.Context, in postern.SetupInput) (postern.Setup, error)
	Setup(ctx context.Context, id postern.SetupID) (postern.Setup, error)
	Setups(ctx context.Context) ([]postern.Setup, error)
	SignIn(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
	Look(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
	Apply(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
	Undo(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
	Finish(ctx context.Context, id postern.SetupID, in postern.SetupFinish) (postern.Setup, error)
	Script(ctx context.Context, id postern.SetupID, form postern.SetupForm) (postern.SetupScript, error)
	Forget(ctx context.Context, id postern.SetupID, version int64) error
}

// SetupPath is the path parameter of everything about one set-up.
type SetupPath struct {
	ID postern.SetupID `path:"id" doc:"Identifier of the set-up." example:"sup_01jd…"`
}

type versionedSetup struct {
	ETag string `header:"ETag"`
	Body postern.Setup
}

// setupActPath is an act on a set-up.
type setupActPath struct {
	SetupPath
	Versioned
	Body postern.SetupAct
}

func answerSetup(s postern.Setup, err error) (*versionedSetup, error) {
	return &versionedSetup{etag(s.Version), s}, err
}

// discreet leaves the code of a sign-in out for those who only read.
func (a *API) discreet(ctx context.Context, s postern.Setup) postern.Setup {
	if a.services.Door.Require(ctx, postern.PermIntegrationsWrite) != nil {
		s.SignIn = nil
	}
	return s
}

func (a *API) setupRoutes() {
	s := a.services.Setups
	const path = postern.APIPath + "/setups"
	add(a, route{
		method: http.MethodPost, path: path, id: "begin-setup", tag: tagSetups, status: http.StatusCreated, codes: []postern.Code{postern.CodeConflict},
		summary: "Begin to set a tenant up", needs: postern.PermIntegrationsWrite,
		notes: "Nothing is asked of Entra. The steps are those of an empty tenant until an administrator signed in and it was looked at. The certificate, if one is chosen, is made now; its key stays here.",
	}, func(ctx context.Context, in *struct{ Body postern.SetupInput }) (*versionedSetup, error) {
		return answerSetup(s.Begin(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: path, id: "list-setups", tag: tagSetups,
		summary: "List set-ups", needs: postern.PermIntegrationsRead, notes: "Newest first.",
	}, func(ctx context.Context, _ *struct{}) (*list[postern.Setup], error) {
		all, err := s.Setups(ctx)
		for n := range all {
			all[n] = a.discreet(ctx, all[n])
		}
		return answerList(all, err)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}", id: "get-setup", tag: tagSetups,
		summary: "Look at a set-up", needs: postern.PermIntegrationsRead,
		notes: "What is under way goes on by itself: ask again until the state is planned, stopped, ready or undone. The code of a sign-in is told only to those who may change integrations.",
	}, func(ctx context.Context, in *SetupPath) (*versionedSetup, error) {
		found, err := s.Setup(ctx, in.ID)
		return answerSetup(a.discreet(ctx, found), err)
	})
	add(a, route{
		method: http.MethodDelete, path: path + "/{id}", id: "forget-setup", tag: tagSetups, status: http.StatusNoContent, codes: []postern.Code{postern.CodeStale, postern.CodeSetupState},
		summary: "Forget a set-up", needs: postern.PermIntegrationsWrite, notes: "Its sign-in and all that is held for it are removed. What it made in the tenant stays.",
	}, func(ctx context.Context, in *struct {
		SetupPath
		Versioned
	},
	) (*none, error) {
		version, err := in.version(0)
		if err != nil {
			return nil, err
		}
		return nil, s.Forget(ctx, in.ID, version)
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}/script", id: "get-setup-script", tag: tagSetups,
		summary: "Write down how to do a set-up by hand", needs: postern.PermIntegrationsRead,
		notes: "The same steps for those who do them by hand: a script for PowerShell, one for curl, or the way through the admin centers in Markdown. No secret is in it.",
	}, func(ctx context.Context, in *struct {
		SetupPath
		Form postern.SetupForm `query:"form" enum:"powershell,curl,portal" required:"true"`
	},
	) (*object[postern.SetupScript], error) {
		return answer(s.Script(ctx, in.ID, in.Form))
	})
	a.setupActRoutes()
}

// setupActRoutes are those that have a set-up go on.
func (a *API) setupActRoutes() {
	s := a.services.Setups
	const path = postern.APIPath + "/setups/{id}"
	for _, act := range []struct {
		name, id, summary, notes string
		do                       func(ctx context.Context, id postern.SetupID, act postern.SetupAct) (postern.Setup, error)
		codes                    []postern.Code
	}{
		{
			"sign-in", "sign-in-setup", "Ask for a code with which an administrator signs in",
			"The administrator types the code at the page that is named (RFC 8628). When they have, the tenant is looked at. Their token is kept sealed for an hour at most. Without write only rights to read are asked for.",
			s.SignIn, with(entraCodes, postern.CodeSetupState),
		},
		{
			"look", "look-setup", "Look at the tenant again", "Needs an administrator who signed in within the hour.",
			s.Look,
			[]postern.Code{postern.CodeSetupState, postern.CodeSetupSignIn},
		},
		{
			"apply", "apply-setup", "Write what is missing",
			"Step by step, each read back before the next. A set-up that stopped goes on where it was. It ends with the integration, which stands DISABLED.",
			s.Apply,
			[]postern.Code{postern.CodeSetupState, postern.CodeSetupSignIn},
		},
		{
			"undo", "undo-setup", "Take back what a set-up made or changed",
			"Last first. What was there before, and what somebody else uses since, stays, and is said to. An integration that is ENABLED is refused.",
			s.Undo,
			[]postern.Code{postern.CodeSetupState, postern.CodeSetupSignIn, postern.CodeConflict},
		},
	} {
		takes := quickTime
		if act.name == "sign-in" {
			takes = entraTime
		}
		add(a, route{
			method: http.MethodPost, path: path + "/" + act.name, id: act.id, tag: tagSetups, takes: takes,
			codes:   with(act.codes, postern.CodeStale),
			summary: act.summary, notes: act.notes, needs: postern.PermIntegrationsWrite,
		}, func(ctx context.Context, in *setupActPath) (*versionedSetup, error) {
			version, err := in.version(in.Body.Version)
			if err != nil {
				return nil, err
			}
			in.Body.Version = version
			return answerSetup(act.do(ctx, in.ID, in.Body))
		})
	}
	add(a, route{
		method: http.MethodPost, path: path + "/finish", id: "finish-setup", tag: tagSetups,
		codes:   []postern.Code{postern.CodeStale, postern.CodeSetupState, postern.CodeSetupTenant},
		summary: "Tell what was made by hand", needs: postern.PermIntegrationsWrite,
		notes: "The integration is proved with it and stored, DISABLED, as at the end of a set-up that was applied. Secrets are never told again.",
	}, func(ctx context.Context, in *struct {
		SetupPath
		Versioned
		Body postern.SetupFinish
	},
	) (*versionedSetup, error) {
		version, err := in.version(in.Body.Version)
		if err != nil {
			return nil, err
		}
		in.Body.Version = version
		return answerSetup(s.Finish(ctx, in.ID, in.Body))
	})
}

package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// Rotations is what the API needs of package rotate.
type Rotations interface {
	Status(ctx context.Context, id postern.IntegrationID) (postern.CredentialStatus, error)
	Begin(ctx context.Context, id postern.IntegrationID, in postern.RotationInput) (postern.Rotation, error)
	Cancel(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error)
	SignIn(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error)
	Finish(ctx context.Context, id postern.IntegrationID, act postern.RotationAct) (postern.Rotation, error)
	SetSettings(ctx context.Context, id postern.IntegrationID, in postern.RotationSettings) (postern.RotationSettings, error)
}

type versionedRotation struct {
	ETag string `header:"ETag"`
	Body postern.Rotation
}

func answerRotation(r postern.Rotation, err error) (*versionedRotation, error) {
	return &versionedRotation{etag(r.Version), r}, err
}

// rotationAct is a step that a person asks for.
type rotationAct struct {
	IntegrationPath
	Versioned
	Body postern.RotationAct
}

func (a *API) rotationRoutes() {
	s := a.services.Rotations
	const path = postern.APIPath + "/integrations/{id}/rotation"
	add(a, route{
		method: http.MethodGet, path: path, id: "get-rotation", tag: tagIntegrations,
		summary: "See when the credential ends, and how its rotation goes", needs: postern.PermIntegrationsRead,
		notes: "The rotation is the one under way, or the last one. The certificate in it is public; its key never leaves the server.",
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.CredentialStatus], error) {
		return answer(s.Status(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: path, id: "begin-rotation", tag: tagIntegrations, status: http.StatusCreated, takes: entraTime,
		summary: "Replace the credential", needs: postern.PermIntegrationsWrite,
		notes: "The version is that of the integration. A certificate is renewed by the application itself; for a secret, or where the certificate has ended, the answer holds a code for an administrator of the tenant. It goes on in the background: watch it with get-rotation.",
		codes: with(entraCodes, postern.CodeStale, postern.CodeRotationBusy, postern.CodeConflict),
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.RotationInput
	},
	) (*versionedRotation, error) {
		return answerRotation(s.Begin(ctx, in.ID, in.Body))
	})
	step := func(name, id, summary, notes string, codes []postern.Code, do func(context.Context, postern.IntegrationID, postern.RotationAct) (postern.Rotation, error)) {
		add(a, route{
			method: http.MethodPost, path: path + "/" + name, id: id, tag: tagIntegrations, takes: entraTime, summary: summary, notes: notes,
			needs: postern.PermIntegrationsWrite, codes: with(codes, postern.CodeStale, postern.CodeRotationState),
		}, func(ctx context.Context, in *rotationAct) (*versionedRotation, error) {
			var err error
			if in.Body.Version, err = in.version(in.Body.Version); err != nil {
				return nil, err
			}
			return answerRotation(do(ctx, in.ID, in.Body))
		})
	}
	step("cancel", "cancel-rotation", "Take the new credential away", "As long as it is not in use.", nil, s.Cancel)
	step("sign-in", "sign-in-for-rotation", "Ask for a code for an administrator of the tenant",
		"Somebody types it at Microsoft's page; a code that nobody typed yet stops working. Postern keeps the token sealed until the rotation is over, and nothing of the password.", entraCodes, s.SignIn)
	step("finish", "finish-rotation", "Remove the old credential now", "Without waiting for the end of the overlap.", nil, s.Finish)
	add(a, route{
		method: http.MethodPut, path: path + "/settings", id: "set-rotation-settings", tag: tagIntegrations,
		summary: "Say how credentials are rotated", needs: postern.PermIntegrationsWrite, codes: []postern.Code{postern.CodeStale},
		notes: "The version is that of the settings; 0 while they were never changed.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.RotationSettings
	},
	) (*object[postern.RotationSettings], error) {
		return answer(s.SetSettings(ctx, in.ID, in.Body))
	})
}

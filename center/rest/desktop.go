package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern/postern"
	"github.com/postern/postern/center/desktop"
)

// Desktop is what the API needs of package desktop.
type Desktop interface {
	Tokens(ctx context.Context, integration postern.IntegrationID) ([]postern.InstallToken, error)
	CreateToken(ctx context.Context, integration postern.IntegrationID, in postern.InstallTokenInput) (postern.InstallTokenCreated, error)
	RevokeToken(ctx context.Context, integration postern.IntegrationID, id postern.InstallTokenID) (postern.InstallToken, error)
	Settings(ctx context.Context, integration postern.IntegrationID) (postern.DesktopSettings, error)
	SetSettings(ctx context.Context, integration postern.IntegrationID, in postern.DesktopSettings) (postern.DesktopSettings, error)
	Installers() ([]postern.DesktopInstaller, error)
	Client(ctx context.Context, integration postern.IntegrationID, in postern.DesktopClientInput) (*desktop.Client, error)
}

// InstallTokenPath names an install token.
type InstallTokenPath struct {
	IntegrationPath
	Token postern.InstallTokenID `path:"token" doc:"Identifier of the install token, not its value." example:"itk_01jd…"`
}

func (a *API) desktopRoutes() {
	s := a.services.Desktop
	const path = postern.APIPath + "/integrations/{id}"
	add(a, route{
		method: http.MethodGet, path: path + "/install-tokens", id: "list-install-tokens", tag: tagWorkstations,
		summary: "List the install tokens of an integration", needs: postern.PermIntegrationsRead,
		notes: "Newest first, never with their values; revoked and expired ones included. A workstation names the one it was enrolled with.",
	}, func(ctx context.Context, in *IntegrationPath) (*list[postern.InstallToken], error) {
		return answerList(s.Tokens(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/install-tokens", id: "create-install-token", tag: tagWorkstations, status: http.StatusCreated,
		summary: "Make an install token", needs: postern.PermIntegrationsWrite,
		notes: "For a roll-out that brings the installer by itself. Whoever has the value can enrol workstations until it ends; it cannot be shown again.",
		codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.InstallTokenInput
	},
	) (*object[postern.InstallTokenCreated], error) {
		return answer(s.CreateToken(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: path + "/install-tokens/{token}", id: "revoke-install-token", tag: tagWorkstations,
		summary: "Revoke an install token", needs: postern.PermIntegrationsWrite, notes: "Workstations that it enrolled stay.",
	}, func(ctx context.Context, in *InstallTokenPath) (*object[postern.InstallToken], error) {
		return answer(s.RevokeToken(ctx, in.ID, in.Token))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/desktop-installers", id: "list-desktop-installers", tag: tagWorkstations,
		summary: "List the installers of the desktop client", needs: postern.PermIntegrationsRead,
		notes: "What lies in the control center's packages folder. The list is empty where there is none.",
	}, func(context.Context, *struct{}) (*list[postern.DesktopInstaller], error) {
		return answerList(s.Installers())
	})
	add(a, route{
		method: http.MethodPost, path: path + "/desktop-client", id: "download-desktop-client", tag: tagWorkstations, produces: "application/zip", takes: longTime,
		summary: "Download the desktop client", needs: postern.PermIntegrationsWrite,
		notes: "A zip archive with two files: the installer, the same for every download, and postern.json, which holds an install token that is made for this download. Workstations that are installed from it belong to the integration.",
		codes: []postern.Code{postern.CodeDesktopMissing, postern.CodeConflict},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.DesktopClientInput
	},
	) (*huma.StreamResponse, error) {
		client, err := s.Client(ctx, in.ID, in.Body)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			_, w := humago.Unwrap(hc)
			hc.SetHeader("Content-Type", "application/zip")
			hc.SetHeader("Content-Length", strconv.FormatInt(client.Size, 10))
			hc.SetHeader("Content-Disposition", `attachment; filename="`+client.Name+`"`)
			hc.SetHeader("Cache-Control", "no-store")
			hc.SetStatus(http.StatusOK)
			if _, err := client.WriteTo(w); err != nil {
				logger(hc.Context()).ErrorContext(hc.Context(), "a download of the desktop client broke off", "error", err)
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
	add(a, route{
		method: http.MethodGet, path: path + "/desktop-settings", id: "get-desktop-settings", tag: tagWorkstations,
		summary: "How an integration takes desktop clients in", needs: postern.PermIntegrationsRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.DesktopSettings], error) {
		return answer(s.Settings(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: path + "/desktop-settings", id: "set-desktop-settings", tag: tagWorkstations,
		summary: "Change how an integration takes desktop clients in", needs: postern.PermIntegrationsWrite,
		notes: "Clients that were downloaded keep the settings in their file.", codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.DesktopSettings
	},
	) (*object[postern.DesktopSettings], error) {
		return answer(s.SetSettings(ctx, in.ID, in.Body))
	})
}

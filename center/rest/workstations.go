package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

const tagWorkstations = "Workstations"

// WorkstationPath is the path parameter of everything about one workstation.
type WorkstationPath struct {
	ID postern.WorkstationID `path:"id" doc:"Identifier of the workstation." example:"wks_01jd…"`
}

// workstationRoutes are what administrators do with workstations.
func (a *API) workstationRoutes() {
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/integrations/{id}/workstations", id: "list-workstations", tag: tagWorkstations,
		summary: "List the workstations of an integration", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *IntegrationPath) (*list[postern.Workstation], error) {
		if _, err := a.services.Integrations.Get(ctx, in.ID); err != nil {
			return nil, err
		}
		return answerList(a.services.Phones.Workstations(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.APIPath + "/workstations/{id}", id: "revoke-workstation", tag: tagWorkstations,
		summary: "Revoke a workstation", needs: postern.PermPasskeysRevoke,
		notes: "The workstation is cut off at once and its pairings end. Phones and passkeys stay as they are.",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *WorkstationPath) (*object[postern.Workstation], error) {
		return answer(a.services.Phones.RevokeWorkstation(ctx, in.ID))
	})
	a.userPairingRoutes()
	a.ownPasskeyRoutes()
}

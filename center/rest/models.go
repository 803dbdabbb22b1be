package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/postern/postern"
)

const tagModels = "Models"

// Bounds of a list of models that is handed in: as text in JSON, where a quote takes two bytes.
const (
	maxModelsBody = 48 << 20
	modelsTime    = 2 * time.Minute // for the body to arrive
	fetchTime     = 4 * time.Minute // for a list and the note about it to be fetched
)

// Models is what the API needs of package aaguid.
type Models interface {
	Models(ctx context.Context, inUse []string) (postern.ModelList, error)
	Model(ctx context.Context, aaguid string) (postern.Model, error)
	Update(ctx context.Context, in postern.ModelListInput) (postern.ModelListDiff, error)
}

// ModelPath is the path parameter of one model.
type ModelPath struct {
	AAGUID string `path:"aaguid" maxLength:"36" example:"8a208249-8aef-41b3-907f-776d51e6526f"`
}

// bringsModels reports whether a request may carry a list of models, which is large.
func bringsModels(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == postern.APIPath+"/models/update"
}

func (a *API) modelRoutes() {
	s := a.services.Models
	const path = postern.APIPath + "/models"
	add(a, route{
		method: http.MethodGet, path: path, id: "list-models", tag: tagModels,
		summary: "List models of authenticators, and bundles of them", needs: postern.PermPolicyRead,
		notes: "With where the list is from and how old it is. A policy document may name a bundle where Entra wants AAGUIDs. With an integration there is one bundle more, of the models in use in its tenant.",
		codes: []postern.Code{postern.CodeNotFound},
	}, func(ctx context.Context, in *struct {
		Integration postern.IntegrationID `query:"integration" maxLength:"64" doc:"Add the bundle of the models in use there."`
	},
	) (*object[postern.ModelList], error) {
		inUse, err := a.inUse(ctx, in.Integration)
		if err != nil {
			return nil, err
		}
		return answer(s.Models(ctx, inUse))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{aaguid}", id: "get-model", tag: tagModels,
		summary: "Look a model up by its AAGUID", needs: postern.PermPolicyRead,
	}, func(ctx context.Context, in *ModelPath) (*object[postern.Model], error) {
		return answer(s.Model(ctx, in.AAGUID))
	})
	add(a, route{
		method: http.MethodPost, path: path + "/update", id: "update-models", tag: tagModels, takes: fetchTime,
		summary: "Update the list of models, or see what an update would change", needs: postern.PermPolicyWrite,
		notes: "From FIDO's metadata BLOB, whose signature and chain are verified, or from a list in the form of the community's list of passkey providers, " +
			"which must carry a signed note if it is fetched. The answer says what changes, the bundles among it. No policy of a tenant is changed by it.",
		codes: []postern.Code{postern.CodeStale, postern.CodeModelListSignature, postern.CodeModelListOld},
	}, func(ctx context.Context, in *struct{ Body postern.ModelListInput }) (*object[postern.ModelListDiff], error) {
		return answer(s.Update(ctx, in.Body))
	})
}

// inUse are the models in use in a tenant; nil without an integration.
func (a *API) inUse(ctx context.Context, id postern.IntegrationID) ([]string, error) {
	if id == "" {
		return nil, nil
	}
	sum, err := a.services.Inventory.Summary(ctx, id)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(sum.Models))
	for _, m := range sum.Models {
		ids = append(ids, m.AAGUID)
	}
	return ids, nil
}

package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
)

// models is package aaguid for the API's tests.
type models struct{ *domain }

func (d models) Models(_ context.Context, inUse []string) (postern.ModelList, error) {
	return postern.ModelList{Version: 7, Sources: []postern.ModelListSource{}, Models: []postern.Model{}, Bundles: []postern.ModelBundle{}}, d.call("Models", inUse)
}

func (d models) Model(_ context.Context, aaguid string) (postern.Model, error) {
	return postern.Model{AAGUID: aaguid}, d.call("Model", aaguid)
}

func (d models) Update(_ context.Context, in postern.ModelListInput) (postern.ModelListDiff, error) {
	return postern.ModelListDiff{
		Version: in.Version, Added: []postern.Model{}, Removed: []postern.Model{}, Renamed: []postern.ModelRename{},
		Changed: []postern.ModelChange{}, Bundles: []postern.ModelBundleDiff{},
	}, d.call("Update", len(in.Content))
}

// TestLargeListOfModels: a list as large as FIDO's comes through for whoever has a token, and for nobody else.
func TestLargeListOfModels(t *testing.T) {
	h := newHouse(t)
	body := `{"version": 1, "dry_run": true, "content": "` + strings.Repeat("x", 11<<20) + `"}`
	const path = postern.APIPath + "/models/update"
	if got := h.send(http.MethodPost, path, body, bearer(h.token(postern.PermPolicyWrite))); got.StatusCode != http.StatusOK {
		t.Errorf("with a token: %d", got.StatusCode)
	}
	if h.domain.last != 11<<20 {
		t.Errorf("%v bytes arrived", h.domain.last)
	}
	wantProblem(t, h.send(http.MethodPost, path, body, bearer("ptn_wrong")), postern.CodeUnauthenticated, "")
	wantProblem(t, h.send(http.MethodPost, path, body), postern.CodeTooLarge, "")
	wantProblem(t, h.send(http.MethodPost, postern.APIPath+"/tokens", body, bearer(h.token(postern.PermPolicyWrite))), postern.CodeTooLarge, "")
}

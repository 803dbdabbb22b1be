package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

const tagTokens = "Tokens"

func (a *API) tokenRoutes() {
	s := a.services.Door
	const path = postern.APIPath + "/tokens"
	add(a, route{
		method: http.MethodGet, path: path, id: "list-tokens", tag: tagTokens,
		summary: "List API tokens", needs: postern.PermTokens,
		notes: "Never with their values; revoked and expired ones included.",
	}, func(ctx context.Context, _ *struct{}) (*list[postern.APIToken], error) {
		return answerList(s.Tokens(ctx))
	})
	add(a, route{
		method: http.MethodPost, path: path, id: "create-token", tag: tagTokens, status: http.StatusCreated,
		summary: "Make an API token", needs: postern.PermTokens,
		notes: "A token can only have scopes that its maker has, and never allows more than its maker is allowed at the time. The answer holds the value, which cannot be shown again.",
		codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *struct{ Body postern.APITokenInput }) (*object[postern.APITokenCreated], error) {
		return answer(s.CreateToken(ctx, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: path + "/{id}", id: "revoke-token", tag: tagTokens,
		summary: "Revoke an API token", needs: postern.PermTokens,
	}, func(ctx context.Context, in *struct {
		ID postern.TokenID `path:"id" doc:"Identifier of the token, not its value." example:"tok_01jd…"`
	},
	) (*object[postern.APIToken], error) {
		return answer(s.RevokeToken(ctx, in.ID))
	})
}

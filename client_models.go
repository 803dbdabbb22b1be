//go:build !js

package postern

import (
	"context"
	"net/http"
	"net/url"
)

// Models returns the list of models in use with its bundles. With an integration there is one bundle more, of the models
// in use in its tenant.
func (c *Client) Models(ctx context.Context, integration IntegrationID) (ModelList, error) {
	query := url.Values{}
	if integration != "" {
		query.Set("integration", string(integration))
	}
	var out ModelList
	err := c.call(ctx, http.MethodGet, under("models"), query, nil, &out)
	return out, err
}

// Model looks a model up by its AAGUID.
func (c *Client) Model(ctx context.Context, aaguid string) (Model, error) {
	return get[Model](ctx, c, http.MethodGet, under("models", aaguid), nil)
}

// UpdateModels updates the list of models, or with in.DryRun says what that would change. in.Version is the one you saw.
func (c *Client) UpdateModels(ctx context.Context, in ModelListInput) (ModelListDiff, error) {
	return get[ModelListDiff](ctx, c, http.MethodPost, under("models", "update"), in)
}

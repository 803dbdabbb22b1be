//go:build !js

package postern

import (
	"context"
	"net/http"
	"net/url"
)

// BeginSetup begins to set a tenant up. Nothing is asked of Entra.
func (c *Client) BeginSetup(ctx context.Context, in SetupInput) (Setup, error) {
	return get[Setup](ctx, c, http.MethodPost, under("setups"), in)
}

// Setups lists set-ups, newest first.
func (c *Client) Setups(ctx context.Context) ([]Setup, error) {
	p, err := get[Page[Setup]](ctx, c, http.MethodGet, under("setups"), nil)
	return p.Items, err
}

// Setup returns one set-up. What is under way goes on by itself.
func (c *Client) Setup(ctx context.Context, id SetupID) (Setup, error) {
	return get[Setup](ctx, c, http.MethodGet, under("setups", string(id)), nil)
}

// SignInSetup asks for a code with which an administrator of the tenant signs in; when they have, the tenant is looked at.
func (c *Client) SignInSetup(ctx context.Context, id SetupID, act SetupAct) (Setup, error) {
	return c.actOnSetup(ctx, id, "sign-in", act)
}

// LookSetup has the tenant looked at again.
func (c *Client) LookSetup(ctx context.Context, id SetupID, act SetupAct) (Setup, error) {
	return c.actOnSetup(ctx, id, "look", act)
}

// ApplySetup has what is missing written, or goes on after a set-up stopped.
func (c *Client) ApplySetup(ctx context.Context, id SetupID, act SetupAct) (Setup, error) {
	return c.actOnSetup(ctx, id, "apply", act)
}

// UndoSetup has taken back what a set-up made or changed.
func (c *Client) UndoSetup(ctx context.Context, id SetupID, act SetupAct) (Setup, error) {
	return c.actOnSetup(ctx, id, "undo", act)
}

func (c *Client) actOnSetup(ctx context.Context, id SetupID, verb string, act SetupAct) (Setup, error) {
	return get[Setup](ctx, c, http.MethodPost, under("setups", string(id), verb), act)
}

// FinishSetup tells what was made by hand, and has the integration proved and added.
func (c *Client) FinishSetup(ctx context.Context, id SetupID, in SetupFinish) (Setup, error) {
	return get[Setup](ctx, c, http.MethodPost, under("setups", string(id), "finish"), in)
}

// SetupScript writes down how to do a set-up by hand.
func (c *Client) SetupScript(ctx context.Context, id SetupID, form SetupForm) (SetupScript, error) {
	return get[SetupScript](ctx, c, http.MethodGet, under("setups", string(id), "script")+"?form="+url.QueryEscape(string(form)), nil)
}

// ForgetSetup removes a set-up with all that is held for it. What it made stays.
func (c *Client) ForgetSetup(ctx context.Context, id SetupID, version int64) error {
	return c.remove(ctx, under("setups", string(id)), version)
}

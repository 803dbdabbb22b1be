//go:build !js

package postern

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// SearchDirectory looks users up in the tenant's directory. A limit of 0 means 25.
func (c *Client) SearchDirectory(ctx context.Context, id IntegrationID, query string, limit int) ([]DirectoryUser, error) {
	q := url.Values{"query": {query}}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return list[DirectoryUser](ctx, c, under("integrations", string(id), "directory"), q)
}

// CountUsers says how many users stand in each phase.
func (c *Client) CountUsers(ctx context.Context, id IntegrationID) (UserCounts, error) {
	return get[UserCounts](ctx, c, http.MethodGet, under("integrations", string(id), "users", "counts"), nil)
}

// InviteUser invites a user. The answer holds the one-time code, which cannot be had again.
func (c *Client) InviteUser(ctx context.Context, id IntegrationID, in InvitationInput) (InvitationCreated, error) {
	return get[InvitationCreated](ctx, c, http.MethodPost, under("integrations", string(id), "invitations"), in)
}

// UserFilter chooses users. Zero members do not restrict.
type UserFilter struct {
	IntegrationID IntegrationID
	Phase         Phase
	Account       AccountState
	Search        string // part of the display name or user principal name
}

// Users walks the users that Postern knows, page by page.
func (c *Client) Users(ctx context.Context, f UserFilter) iter.Seq2[User, error] {
	q := url.Values{}
	set(q, "integration_id", string(f.IntegrationID))
	set(q, "phase", string(f.Phase))
	set(q, "account", string(f.Account))
	set(q, "search", f.Search)
	return pages[User](ctx, c, under("users"), q)
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// User returns one user.
func (c *Client) User(ctx context.Context, id UserID) (User, error) {
	return get[User](ctx, c, http.MethodGet, under("users", string(id)), nil)
}

// Invitations lists the invitations of a user.
func (c *Client) Invitations(ctx context.Context, id UserID) ([]Invitation, error) {
	return list[Invitation](ctx, c, under("users", string(id), "invitations"), nil)
}

// WithdrawInvitation withdraws an invitation.
func (c *Client) WithdrawInvitation(ctx context.Context, id InvitationID) error {
	return c.call(ctx, http.MethodDelete, under("invitations", string(id)), nil, nil, nil)
}

// Phones lists the phones of a user.
func (c *Client) Phones(ctx context.Context, id UserID) ([]Phone, error) {
	return list[Phone](ctx, c, under("users", string(id), "phones"), nil)
}

// Phone returns one phone.
func (c *Client) Phone(ctx context.Context, id PhoneID) (Phone, error) {
	return get[Phone](ctx, c, http.MethodGet, under("phones", string(id)), nil)
}

// RevokePhone revokes a phone and its passkeys.
func (c *Client) RevokePhone(ctx context.Context, id PhoneID) (Phone, error) {
	return get[Phone](ctx, c, http.MethodDelete, under("phones", string(id)), nil)
}

//go:build !js

package postern

import (
	"context"
	"net/http"
	"strconv"
)

// AuditEvent returns one entry of the audit trail with its place in the chain.
func (c *Client) AuditEvent(ctx context.Context, sequence int64) (AuditEventDetails, error) {
	return get[AuditEventDetails](ctx, c, http.MethodGet, under("audit", "events", strconv.FormatInt(sequence, 10)), nil)
}

// AuditFilters lists the filters that whoever asks keeps, and those that are shared.
func (c *Client) AuditFilters(ctx context.Context) ([]SavedAuditFilter, error) {
	return list[SavedAuditFilter](ctx, c, under("audit", "filters"), nil)
}

// SaveAuditFilter keeps a filter under a name.
func (c *Client) SaveAuditFilter(ctx context.Context, in SavedAuditFilterInput) (SavedAuditFilter, error) {
	return get[SavedAuditFilter](ctx, c, http.MethodPost, under("audit", "filters"), in)
}

// UpdateAuditFilter changes a filter; in.Version is the one you saw.
func (c *Client) UpdateAuditFilter(ctx context.Context, id SavedFilterID, in SavedAuditFilterInput) (SavedAuditFilter, error) {
	return get[SavedAuditFilter](ctx, c, http.MethodPut, under("audit", "filters", string(id)), in)
}

// RemoveAuditFilter removes a filter of that version.
func (c *Client) RemoveAuditFilter(ctx context.Context, id SavedFilterID, version int64) error {
	return c.remove(ctx, under("audit", "filters", string(id)), version)
}

// AuditRetention says how long entries are kept.
func (c *Client) AuditRetention(ctx context.Context) (AuditRetention, error) {
	return get[AuditRetention](ctx, c, http.MethodGet, under("audit", "retention"), nil)
}

// SetAuditRetention changes how long entries are kept; in.Version is the one you saw.
func (c *Client) SetAuditRetention(ctx context.Context, in AuditRetentionInput) (AuditRetention, error) {
	return get[AuditRetention](ctx, c, http.MethodPut, under("audit", "retention"), in)
}

// AuditStreams lists where the trail is sent.
func (c *Client) AuditStreams(ctx context.Context) ([]AuditStream, error) {
	return list[AuditStream](ctx, c, under("audit", "streams"), nil)
}

// AuditStream returns one stream.
func (c *Client) AuditStream(ctx context.Context, id AuditStreamID) (AuditStream, error) {
	return get[AuditStream](ctx, c, http.MethodGet, under("audit", "streams", string(id)), nil)
}

// CreateAuditStream sets a stream up. The secret is only in this answer.
func (c *Client) CreateAuditStream(ctx context.Context, in AuditStreamInput) (AuditStreamSecret, error) {
	return get[AuditStreamSecret](ctx, c, http.MethodPost, under("audit", "streams"), in)
}

// UpdateAuditStream changes a stream; in.Version is the one you saw.
func (c *Client) UpdateAuditStream(ctx context.Context, id AuditStreamID, in AuditStreamInput) (AuditStream, error) {
	return get[AuditStream](ctx, c, http.MethodPut, under("audit", "streams", string(id)), in)
}

// PauseAuditStream pauses a stream of that version.
func (c *Client) PauseAuditStream(ctx context.Context, id AuditStreamID, version int64) (AuditStream, error) {
	return get[AuditStream](seen(ctx, version), c, http.MethodPost, under("audit", "streams", string(id), "pause"), nil)
}

// ResumeAuditStream lets a stream of that version go on.
func (c *Client) ResumeAuditStream(ctx context.Context, id AuditStreamID, version int64) (AuditStream, error) {
	return get[AuditStream](seen(ctx, version), c, http.MethodPost, under("audit", "streams", string(id), "resume"), nil)
}

// RotateAuditStreamSecret gives a webhook of that version a new secret, which is only in this answer.
func (c *Client) RotateAuditStreamSecret(ctx context.Context, id AuditStreamID, version int64) (AuditStreamSecret, error) {
	return get[AuditStreamSecret](seen(ctx, version), c, http.MethodPost, under("audit", "streams", string(id), "secret"), nil)
}

// RemoveAuditStream removes a stream of that version.
func (c *Client) RemoveAuditStream(ctx context.Context, id AuditStreamID, version int64) error {
	return c.remove(ctx, under("audit", "streams", string(id)), version)
}

// TestAuditStream sends a test message to a sink.
func (c *Client) TestAuditStream(ctx context.Context, id AuditStreamID) (AuditStreamTest, error) {
	return get[AuditStreamTest](ctx, c, http.MethodPost, under("audit", "streams", string(id), "test"), nil)
}

// seen says which version a change is made to.
func seen(ctx context.Context, version int64) context.Context {
	return context.WithValue(ctx, ifMatchKey{}, version)
}

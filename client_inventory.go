//go:build !js

package postern

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// ReadInventory has the passkeys of a tenant read in the background, and returns the status until then.
func (c *Client) ReadInventory(ctx context.Context, id IntegrationID, in InventoryInput) (InventoryStatus, error) {
	return get[InventoryStatus](ctx, c, http.MethodPost, under("integrations", string(id), "inventory"), in)
}

// InventoryStatus says how current and how complete an inventory is.
func (c *Client) InventoryStatus(ctx context.Context, id IntegrationID) (InventoryStatus, error) {
	return get[InventoryStatus](ctx, c, http.MethodGet, under("integrations", string(id), "inventory"), nil)
}

// InventorySummary counts what an inventory holds.
func (c *Client) InventorySummary(ctx context.Context, id IntegrationID) (InventorySummary, error) {
	return get[InventorySummary](ctx, c, http.MethodGet, under("integrations", string(id), "inventory", "summary"), nil)
}

// InventoryPasskeys lists one page of passkeys, at most 500, with the number of all that q chooses.
func (c *Client) InventoryPasskeys(ctx context.Context, q InventoryQuery) (InventoryPage[InventoryPasskey], error) {
	var page InventoryPage[InventoryPasskey]
	err := c.call(ctx, http.MethodGet, under("integrations", string(q.IntegrationID), "inventory", "passkeys"), q.values(), nil, &page)
	return page, err
}

// InventoryUsers lists one page of users, at most 500, with the number of all that q chooses.
func (c *Client) InventoryUsers(ctx context.Context, q InventoryQuery) (InventoryPage[InventoryUser], error) {
	var page InventoryPage[InventoryUser]
	err := c.call(ctx, http.MethodGet, under("integrations", string(q.IntegrationID), "inventory", "users"), q.values(), nil, &page)
	return page, err
}

// WriteInventory streams everybody with their passkeys to w in a format.
func (c *Client) WriteInventory(ctx context.Context, id IntegrationID, format InventoryFormat, w io.Writer) error {
	answer, err := c.send(ctx, http.MethodGet, under("integrations", string(id), "inventory", "export"), url.Values{"format": {format}}, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return Errorf(CodeUnavailable, "The export broke off before its end.").WithNext("Export again.").Because(err)
	}
	return nil
}

func (q InventoryQuery) values() url.Values {
	v := url.Values{}
	for name, text := range map[string]string{"view": string(q.View), "aaguid": q.AAGUID, "text": q.Text} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.Offset > 0 {
		v.Set("page", strconv.Itoa(q.Offset))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

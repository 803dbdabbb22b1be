//go:build !js

package postern

import (
	"context"
	"net/http"
	"net/url"
)

// Doctor examines the control center. With names only these checks are in the report.
func (c *Client) Doctor(ctx context.Context, checks ...string) (DoctorReport, error) {
	var r DoctorReport
	err := c.call(ctx, http.MethodGet, under("doctor"), url.Values{"check": checks}, nil, &r)
	return r, err
}

// IntegrationDoctor examines an integration and its tenant. With names only these checks are in the report.
func (c *Client) IntegrationDoctor(ctx context.Context, id IntegrationID, checks ...string) (DoctorReport, error) {
	var r DoctorReport
	err := c.call(ctx, http.MethodGet, under("integrations", string(id), "doctor"), url.Values{"check": checks}, nil, &r)
	return r, err
}

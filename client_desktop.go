//go:build !js

package postern

import (
	"context"
	"io"
	"net/http"
)

// InstallTokens lists the install tokens of an integration, newest first, never with their values.
func (c *Client) InstallTokens(ctx context.Context, id IntegrationID) ([]InstallToken, error) {
	return list[InstallToken](ctx, c, under("integrations", string(id), "install-tokens"), nil)
}

// CreateInstallToken makes an install token. The answer holds its value, which cannot be had again.
func (c *Client) CreateInstallToken(ctx context.Context, id IntegrationID, in InstallTokenInput) (InstallTokenCreated, error) {
	return get[InstallTokenCreated](ctx, c, http.MethodPost, under("integrations", string(id), "install-tokens"), in)
}

// RevokeInstallToken ends an install token. Workstations that it enrolled stay.
func (c *Client) RevokeInstallToken(ctx context.Context, id IntegrationID, token InstallTokenID) (InstallToken, error) {
	return get[InstallToken](ctx, c, http.MethodDelete, under("integrations", string(id), "install-tokens", string(token)), nil)
}

// DesktopInstallers lists the installers that the control center can give out.
func (c *Client) DesktopInstallers(ctx context.Context) ([]DesktopInstaller, error) {
	return list[DesktopInstaller](ctx, c, under("desktop-installers"), nil)
}

// WriteDesktopClient writes the desktop client to w: a zip archive with the installer and the file that goes with it,
// which holds an install token.
func (c *Client) WriteDesktopClient(ctx context.Context, id IntegrationID, in DesktopClientInput, w io.Writer) error {
	answer, err := c.send(ctx, http.MethodPost, under("integrations", string(id), "desktop-client"), nil, in)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return Errorf(CodeUnavailable, "The download broke off before its end.").WithNext("Download again, and revoke the install token of this one.").Because(err)
	}
	return nil
}

// DesktopSettings is how an integration takes desktop clients in.
func (c *Client) DesktopSettings(ctx context.Context, id IntegrationID) (DesktopSettings, error) {
	return get[DesktopSettings](ctx, c, http.MethodGet, under("integrations", string(id), "desktop-settings"), nil)
}

// SetDesktopSettings changes it. in.Version is the version seen.
func (c *Client) SetDesktopSettings(ctx context.Context, id IntegrationID, in DesktopSettings) (DesktopSettings, error) {
	return get[DesktopSettings](ctx, c, http.MethodPut, under("integrations", string(id), "desktop-settings"), in)
}

package desktop

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const settingsDocument = "desktop"

// Settings is how an integration takes desktop clients in.
func (s *Service) Settings(ctx context.Context, integration postern.IntegrationID) (postern.DesktopSettings, error) {
	if _, err := s.Integrations.Get(ctx, integration); err != nil {
		return postern.DesktopSettings{}, err
	}
	return s.settings(ctx, integration)
}

func (s *Service) settings(ctx context.Context, integration postern.IntegrationID) (postern.DesktopSettings, error) {
	out := postern.DesktopSettings{Client: postern.DefaultDesktopClientSettings()}
	version, body, err := s.Store.Document(ctx, integration, settingsDocument)
	if err != nil || version == 0 {
		return out, err
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("settings of desktop clients: %w", err)
	}
	out.Version = version
	return out, nil
}

// SetSettings changes it. Clients that were downloaded keep the settings in their file.
func (s *Service) SetSettings(ctx context.Context, integration postern.IntegrationID, in postern.DesktopSettings) (postern.DesktopSettings, error) {
	i, err := s.Integrations.Get(ctx, integration)
	if err != nil {
		return postern.DesktopSettings{}, err
	}
	if err := in.Client.Check(); err != nil {
		return postern.DesktopSettings{}, err
	}
	version := in.Version
	in.Version = 0
	body, err := json.Marshal(in)
	if err != nil {
		return postern.DesktopSettings{}, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		if in.Version, err = s.Store.SetDocument(ctx, i.ID, settingsDocument, version, body); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.DesktopSettings, i, string(i.ID), i.ApplicationName, audit.DesktopSettings.Text, map[string]string{
			"require_install_token": fmt.Sprint(in.RequireInstallToken), "local_page": string(in.Client.LocalPage), "log_level": in.Client.LogLevel,
		}))
	})
	return in, err
}

// Needed reports whether agents of an integration enrol with an install token alone.
func (s *Service) Needed(ctx context.Context, integration postern.IntegrationID) (bool, error) {
	settings, err := s.settings(ctx, integration)
	return settings.RequireInstallToken, err
}

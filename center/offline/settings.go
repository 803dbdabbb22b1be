package offline

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	wire "github.com/postern/postern/link/offline"
)

const settingsDocument = "workstation"

// Settings is what an integration allows its workstations.
func (s *Service) Settings(ctx context.Context, integration postern.IntegrationID) (postern.WorkstationSettings, error) {
	if _, err := s.Integrations.Get(ctx, integration); err != nil {
		return postern.WorkstationSettings{}, err
	}
	return s.settings(ctx, integration)
}

func (s *Service) settings(ctx context.Context, integration postern.IntegrationID) (postern.WorkstationSettings, error) {
	out := postern.DefaultWorkstationSettings()
	version, body, err := s.Store.Document(ctx, integration, settingsDocument)
	if err != nil || version == 0 {
		return out, err
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("workstation settings: %w", err)
	}
	out.Version = version
	return out, nil
}

// SetSettings changes it. Switching offline sign-in off takes every offline passkey of the integration away, one by one, by
// a job; asking for a TPM takes those that no TPM seals. What a batch was issued with stays until its codes are renewed.
func (s *Service) SetSettings(ctx context.Context, integration postern.IntegrationID, in postern.WorkstationSettings) (postern.WorkstationSettings, error) {
	i, err := s.Integrations.Get(ctx, integration)
	if err != nil {
		return postern.WorkstationSettings{}, err
	}
	if err := checkSettings(in); err != nil {
		return postern.WorkstationSettings{}, err
	}
	version := in.Version
	in.Version = 0
	body, err := json.Marshal(in)
	if err != nil {
		return postern.WorkstationSettings{}, err
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		was, err := s.settings(ctx, i.ID)
		if err != nil {
			return err
		}
		if in.Version, err = s.Store.SetDocument(ctx, i.ID, settingsDocument, version, body); err != nil {
			return err
		}
		if args, any := changes(was, in); any {
			args.Integration, args.Before, args.By = i.ID, s.Now().UTC(), postern.ActorFrom(ctx)
			if err := s.Queue.Enqueue(ctx, args); err != nil {
				return err
			}
		}
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.OfflineSettings.Code, Name: audit.OfflineSettings.Name, IntegrationID: i.ID, Target: string(i.ID), TargetName: i.ApplicationName,
			Success: true, Message: audit.OfflineSettings.Text, Fields: map[string]string{
				"offline": strconv.FormatBool(in.Offline.Enabled), "length": strconv.Itoa(in.Offline.Length), "codes": strconv.Itoa(in.Offline.Codes),
				"days": strconv.Itoa(in.Offline.Days), "require_tpm": strconv.FormatBool(in.Offline.RequireTPM),
				"recovery": strconv.FormatBool(in.Recovery.Enabled), "recovery_length": strconv.Itoa(in.Recovery.Length),
			},
		})
	})
	return in, err
}

// changes says what a change of settings does to the workstations: nothing but being told where nothing is to go.
func changes(was, is postern.WorkstationSettings) (SettingsJob, bool) {
	was.Version, is.Version = 0, 0
	return SettingsJob{
		Off:         was.Offline.Enabled && !is.Offline.Enabled,
		NeedTPM:     is.Offline.Enabled && is.Offline.RequireTPM && !(was.Offline.Enabled && was.Offline.RequireTPM),
		RecoveryOff: was.Recovery.Enabled && !is.Recovery.Enabled,
	}, was != is
}

// checkSettings names the field that is out of bounds, and the bounds.
func checkSettings(in postern.WorkstationSettings) error {
	for _, f := range []struct {
		field, what string
		value       int
		least, most int
		unit        string
	}{
		{"offline.length", "A code of the phone", in.Offline.Length, wire.MinLength, wire.MaxLength, "digits"},
		{"offline.codes", "A workstation", in.Offline.Codes, 1, wire.MaxCount, "codes at once"},
		{"offline.display_seconds", "The phone's display of a code", in.Offline.DisplaySeconds, int(wire.MinDisplay.Seconds()), int(wire.MaxDisplay.Seconds()), "seconds"},
		{"offline.days", "A batch of codes", in.Offline.Days, 1, 365, "days"},
		{"offline.warn_at", "The warning", in.Offline.WarnAt, 0, wire.MaxCount, "codes left"},
		{"recovery.length", "A recovery code", in.Recovery.Length, 8, wire.MaxLength, "digits"},
	} {
		if f.value < f.least || f.value > f.most {
			return postern.FieldErrorf(f.field, "%s has %d to %d %s, not %d.", f.what, f.least, f.most, f.unit, f.value)
		}
	}
	if in.Offline.WarnAt >= in.Offline.Codes {
		return postern.FieldErrorf("offline.warn_at", "A warning at %d codes left would stand from the beginning: a workstation takes %d.", in.Offline.WarnAt, in.Offline.Codes).
			WithNext("Warn at fewer codes, or let a workstation take more.")
	}
	return nil
}

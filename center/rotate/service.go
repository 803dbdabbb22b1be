package rotate

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/seal"
)

// Integrations is what rotating needs of package integration.
type Integrations interface {
	List(ctx context.Context) ([]postern.Integration, error)
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	// Tenant opens the connector with the credential in use.
	Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error)
	// Options are those of a connector of the integration, without a credential.
	Options(i postern.Integration) entra.Options
	// SecretHint is the beginning of the client secret in use, by which Entra shows it; empty if there is none.
	SecretHint(ctx context.Context, id postern.IntegrationID) (string, error)
	// SwitchCredential has the integration use another credential from the end of the transaction on. CodeStale says that
	// the one it uses is not the one that was set at that time.
	SwitchCredential(ctx context.Context, id postern.IntegrationID, setAt time.Time, c entra.Credential, info postern.Credential) error
	// NoteEnd keeps when the credential that was set at that time ends.
	NoteEnd(ctx context.Context, id postern.IntegrationID, setAt, ends time.Time) error
}

// Service rotates credentials. All members are needed but Tell.
type Service struct {
	Store        Store
	Integrations Integrations
	Sealer       seal.Sealer
	Audit        audit.Recorder
	Queue        job.Queue
	Notices      backbone.Backbone
	Logger       *slog.Logger
	Now          func() time.Time

	// Tell writes to administrators in the transaction of ctx; nil: nobody is written to.
	Tell func(ctx context.Context, alarm postern.Alarm) error
}

const (
	// DefaultOverlap is for how long an old credential stays good.
	DefaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour

	certificateLife, secretLife = 365 * 24 * time.Hour, 182 * 24 * time.Hour
	maxLife                     = 730 * 24 * time.Hour

	settingsDocument = "rotation"
)

type settings struct {
	Automatic    bool `json:"automatic"`
	OverlapHours int  `json:"overlap_hours"`
}

// Settings say how an integration's credentials are rotated.
func (s *Service) Settings(ctx context.Context, id postern.IntegrationID) (postern.RotationSettings, error) {
	version, body, err := s.Store.Document(ctx, id, settingsDocument)
	set := settings{OverlapHours: int(DefaultOverlap / time.Hour)}
	if err == nil && version > 0 {
		if err = json.Unmarshal(body, &set); err != nil {
			err = fmt.Errorf("rotate: settings: %w", err)
		}
	}
	return postern.RotationSettings{Version: version, Automatic: set.Automatic, OverlapHours: set.OverlapHours}, err
}

// SetSettings changes them.
func (s *Service) SetSettings(ctx context.Context, id postern.IntegrationID, in postern.RotationSettings) (postern.RotationSettings, error) {
	if in.OverlapHours < 0 || time.Duration(in.OverlapHours)*time.Hour > maxOverlap {
		return in, postern.FieldErrorf("overlap_hours", "The old credential can stay good for 720 hours at most.")
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Integrations.Get(ctx, id)
		if err != nil {
			return err
		}
		was, err := s.Settings(ctx, id)
		if err != nil {
			return err
		}
		if was.Version != in.Version {
			return postern.Errorf(postern.CodeStale, "")
		}
		body, err := json.Marshal(settings{in.Automatic, in.OverlapHours})
		if err != nil {
			return err
		}
		if in.Version, err = s.Store.SetDocument(ctx, id, settingsDocument, was.Version, body); err != nil {
			return err
		}
		s.tell(ctx, id)
		return s.Audit.Record(ctx, event(audit.RotationSettings, i, "", audit.Changes(
			settings{was.Automatic, was.OverlapHours}, settings{in.Automatic, in.OverlapHours})))
	})
	return in, err
}

// Status says how the credential of an integration stands.
func (s *Service) Status(ctx context.Context, id postern.IntegrationID) (postern.CredentialStatus, error) {
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return postern.CredentialStatus{}, err
	}
	out := postern.CredentialStatus{IntegrationID: id, Credential: i.Credential, EndsAt: i.Credential.EndOf()}
	var days int
	if out.Level, days = postern.LevelOf(out.EndsAt, s.Now()); out.EndsAt != nil {
		out.DaysLeft = &days
	}
	if out.Settings, err = s.Settings(ctx, id); err != nil {
		return out, err
	}
	switch last, err := s.Store.LastRotation(ctx, id); {
	case err == nil:
		out.Rotation = &last.Rotation
	case !postern.IsCode(err, postern.CodeNotFound):
		return out, err
	}
	return out, nil
}

// Busy refuses while a rotation of the integration is not over. It joins the transaction of ctx.
func (s *Service) Busy(ctx context.Context, id postern.IntegrationID) error {
	last, err := s.Store.LastRotation(ctx, id)
	switch {
	case postern.IsCode(err, postern.CodeNotFound) || err == nil && last.State.Over():
		return nil
	case err != nil:
		return err
	}
	return postern.Errorf(postern.CodeRotationBusy, "")
}

func (s *Service) tell(ctx context.Context, id postern.IntegrationID) {
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(integration.Topic(id)) })
}

// event is an entry about the credential of an integration.
func event(code audit.Code, i postern.Integration, more string, fields map[string]string) postern.AuditEvent {
	message := code.Text
	if more != "" {
		message += " " + more
	}
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: i.ID, Target: string(i.ID), TargetName: i.ApplicationName, Success: true,
		Message: message, Fields: fields,
	}
}

package mail

import (
	"context"
	"crypto/x509"
	"log/slog"
	"strings"
	"time"
	_ "time/tzdata" // campaigns name time zones, and not every machine knows them

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/seal"
)

// Integrations says what users know an integration as.
type Integrations interface {
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	List(ctx context.Context) ([]postern.Integration, error)
}

// Service is everything that can be done with messages. All fields are needed but those that say otherwise.
type Service struct {
	Store        Store
	Integrations Integrations
	Sealer       seal.Sealer
	Audit        audit.Recorder
	Queue        job.Queue
	Notices      backbone.Backbone
	PublicURL    string // where users reach the control center
	Logger       *slog.Logger
	Now          func() time.Time

	Roots *x509.CertPool // whom to trust with mail servers; nil: those of the system
}

// Topic is what is published on the backbone when a message to a user changed.
func Topic(id postern.UserID) string { return "messages/" + string(id) }

// Handle registers the handlers of this package's jobs and their schedules.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{Timeout: drainTime}, s.Drain, nil)
	job.Handle(r, job.Rules{Timeout: campaignTime}, s.Remember, nil)
	job.Handle(r, job.Rules{MaxAttempts: alarmAttempts}, s.SendAlarm, s.AlarmGivenUp)
	job.Every(r, DrainJob{}, drainEvery)
	job.Every(r, CampaignJob{}, campaignEvery)
}

// scene gathers what a letter of an integration is written with.
func (s *Service) scene(ctx context.Context, i postern.Integration, m postern.Messages, kind postern.MessageKind, lang postern.Language) (scene, error) {
	settings, err := s.Settings(ctx)
	if err != nil {
		return scene{}, err
	}
	base := strings.TrimSuffix(s.PublicURL, "/")
	zone, err := time.LoadLocation(m.Campaign.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return scene{
		application: i.ApplicationName, settings: settings, appURL: base + postern.AppPath,
		helpURL: base + HelpPath + "/" + string(i.ID), zone: zone, text: textOf(m, kind, lang), words: words[lang],
	}, nil
}

// HelpPath is where the control center explains to users how to pair; an integration's id may follow.
const HelpPath = "/help/pairing"

func event(code audit.Code, u postern.User, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: u.IntegrationID, Target: string(u.ID), TargetName: u.UPN,
		Success: true, Message: message, Fields: fields,
	}
}

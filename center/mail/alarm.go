package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// alarmAttempts is how often a message to an administrator is tried: with pauses of up to ten minutes, about two days.
const alarmAttempts = 300

// AlarmEntry is a message to an administrator with what it says. Nothing in it is secret.
type AlarmEntry struct {
	postern.AlarmMessage
	Alarm    postern.Alarm    `json:"alarm"`
	Language postern.Language `json:"language"`
}

// AlarmJob sends a message to an administrator.
type AlarmJob struct {
	Message postern.MessageID `json:"message"`
}

// Kind implements [job.Args].
func (AlarmJob) Kind() string { return "mail.alarm" }

// Tell writes to every owner and administrator who has a mail address and may sign in, in the transaction of ctx, where
// mail can be sent and nobody silenced that kind. What stands in the way of the message does not stand in the way of what
// it tells.
func (s *Service) Tell(ctx context.Context, alarm postern.Alarm) error {
	settings, err := s.Settings(ctx)
	if err != nil || !settings.Configured() || slices.Contains(settings.Silent, alarm.Kind) {
		return err
	}
	all, err := s.Store.Administrators(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Mail == "" || a.DisabledAt != nil || a.Role != postern.RoleOwner && a.Role != postern.RoleAdministrator {
			continue
		}
		m := AlarmEntry{Alarm: alarm, Language: languageOf(settings), AlarmMessage: postern.AlarmMessage{
			ID: postern.NewID[postern.MessageID](postern.PrefixMessage), AdministratorID: a.ID, Address: a.Mail, Name: firstLine(a.Name),
			State: postern.MessageQueued, CreatedAt: s.Now().UTC(),
		}}
		if err := s.Store.CreateAlarm(ctx, m); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, AlarmJob{m.ID}); err != nil {
			return err
		}
	}
	return nil
}

func languageOf(set postern.MailSettings) postern.Language {
	if set.Language == "" {
		return postern.English
	}
	return set.Language
}

// SendAlarm handles [AlarmJob]. A crash after the server took the message has it sent again under the same Message-ID.
func (s *Service) SendAlarm(ctx context.Context, args AlarmJob) error {
	m, err := s.Store.Alarm(ctx, args.Message)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && m.State != postern.MessageQueued {
		return nil
	}
	if err != nil {
		return err
	}
	i, err := s.Integrations.Get(ctx, m.Alarm.IntegrationID)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	settings, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	line, err := s.dial(ctx, settings)
	if err != nil {
		return err
	}
	defer line.close()
	letter, err := s.alarmPage(m, i, settings).write()
	if err != nil {
		return job.Cancel(err)
	}
	err = line.send(ctx, Entry{Message: postern.Message{ID: m.ID, Language: m.Language, Address: m.Address, Name: m.Name, CreatedAt: m.CreatedAt}}, letter, "")
	var refused *refusal
	switch {
	case errors.As(err, &refused) && refused.final:
		return job.Cancel(refused.problem)
	case err != nil:
		return err
	}
	at, now := s.Now().UTC(), m
	now.State, now.SentAt, now.Problem = postern.MessageSent, &at, ""
	now.Attempts++
	return s.settleAlarm(ctx, m, now, i, audit.AlarmSent, nil)
}

// AlarmGivenUp handles an [AlarmJob] that is not tried again.
func (s *Service) AlarmGivenUp(ctx context.Context, args AlarmJob, cause error) error {
	m, err := s.Store.Alarm(ctx, args.Message)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && m.State != postern.MessageQueued {
		return nil
	}
	if err != nil {
		return err
	}
	i, err := s.Integrations.Get(ctx, m.Alarm.IntegrationID)
	if err != nil {
		return err
	}
	e := postern.AsError(cause)
	now := m
	now.State, now.Problem = postern.MessageFailed, sentence(e)
	return s.settleAlarm(ctx, m, now, i, audit.AlarmFailed, e)
}

func (s *Service) settleAlarm(ctx context.Context, was, now AlarmEntry, i postern.Integration, code audit.Code, why *postern.Error) error {
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.UpdateAlarm(ctx, was, now); err != nil {
			return err
		}
		e := postern.AuditEvent{
			Code: code.Code, Name: code.Name, IntegrationID: i.ID, Target: string(was.AdministratorID), TargetName: was.Name, Success: why == nil,
			Message: code.Text, Fields: map[string]string{"message": string(was.ID), "kind": string(was.Alarm.Kind), "address": was.Address},
		}
		if why != nil {
			e.ErrorCode, e.Message = why.Code, code.Text+" "+why.Message
		}
		return s.Audit.Record(ctx, e)
	})
	if postern.IsCode(err, postern.CodeStale) {
		return nil // somebody else sent it
	}
	return err
}

// alarmWords is what messages to administrators say in one language.
type alarmWords struct {
	ending, ended, failed, drift              string // subjects; %s: the application's name
	endsIn                                    string // application, credential, moment, days
	endedOn                                   string // application, credential, moment
	cannot                                    string // why it was not renewed
	byItself, steps, open, secret, certificat string
	drifted, who, driftNext, more             string
	footer                                    string
}

var alarmTexts = map[postern.Language]alarmWords{
	postern.English: {
		ending: "The credential of %s ends soon", ended: "The credential of %s has ended", failed: "The credential of %s could not be renewed",
		drift:   "Somebody changed the passkey policy: %s",
		endsIn:  "The %[2]s with which %[1]s proves itself to Entra ends on %[3]s, in %[4]s. From then on Postern can neither register nor remove passkeys, nor see what the tenant has; passkeys that are registered go on working.",
		endedOn: "The %[2]s with which %[1]s proves itself to Entra ended on %[3]s. Postern can neither register nor remove passkeys until it has a new one; passkeys that are registered go on working.",
		cannot:  "Postern tried to renew it, and could not: %s", byItself: "Postern renews it by itself 30 days before the end. You need to do something only if another message says that it failed.",
		steps: "Open the integration's settings, and choose Rotate under Credential. Both credentials are good for a while, so nothing is interrupted.",
		open:  "Integration settings", secret: "client secret", certificat: "certificate",
		drifted: "The passkey policy of %s is not what was applied with Postern:", who: "Entra's log names %s.",
		driftNext: "Look at what changed. You can accept it, or make a plan that takes it back.", more: "and %d more",
		footer: "This message was sent automatically, because you are an administrator of Postern. It can be switched off in the mail settings.",
	},
	postern.German: {
		ending: "Die Anmeldeinformation von %s läuft bald ab", ended: "Die Anmeldeinformation von %s ist abgelaufen", failed: "Die Anmeldeinformation von %s konnte nicht erneuert werden",
		drift:   "Jemand hat die Passkey-Richtlinie geändert: %s",
		endsIn:  "%[2]s, mit dem sich %[1]s bei Entra ausweist, läuft am %[3]s ab, in %[4]s. Danach kann Postern keine Passkeys mehr registrieren oder entfernen und nicht mehr sehen, was im Mandanten steht; registrierte Passkeys funktionieren weiter.",
		endedOn: "%[2]s, mit dem sich %[1]s bei Entra ausweist, ist am %[3]s abgelaufen. Bis Postern eine neue Anmeldeinformation hat, kann es keine Passkeys registrieren oder entfernen; registrierte Passkeys funktionieren weiter.",
		cannot:  "Postern hat versucht, sie zu erneuern, und konnte es nicht: %s", byItself: "Postern erneuert es 30 Tage vor dem Ende von selbst. Zu tun ist nur etwas, wenn eine weitere Nachricht sagt, dass das nicht gelang.",
		steps: "Öffnen Sie die Einstellungen der Integration und wählen Sie unter „Credential“ die Schaltfläche „Rotate“. Eine Weile gelten beide Anmeldeinformationen, es wird also nichts unterbrochen.",
		open:  "Einstellungen der Integration", secret: "Der geheime Clientschlüssel", certificat: "Das Zertifikat",
		drifted: "Die Passkey-Richtlinie von %s ist nicht mehr die, die mit Postern angewendet wurde:", who: "Entras Protokoll nennt %s.",
		driftNext: "Sehen Sie nach, was sich geändert hat. Sie können es annehmen oder einen Plan machen, der es zurücknimmt.", more: "und %d weitere",
		footer: "Diese Nachricht wurde automatisch verschickt, weil Sie Administrator von Postern sind. In den E-Mail-Einstellungen kann sie abgeschaltet werden.",
	},
}

// mostChanges is how many changes of a policy one message names.
const mostChanges = 12

// alarmPage writes a message to an administrator.
func (s *Service) alarmPage(m AlarmEntry, i postern.Integration, settings postern.MailSettings) page {
	w, lang, a := alarmTexts[m.Language], words[m.Language], m.Alarm
	base := strings.TrimSuffix(s.PublicURL, "/") + "/integrations/" + string(i.ID)
	p := page{
		Language: m.Language, Application: i.ApplicationName, Greeting: fmt.Sprintf(lang.greeting, firstLine(m.Name)),
		Footer: []string{w.footer}, Organisation: settings.Organisation,
	}
	if a.Kind == postern.AlarmDrift {
		p.Subject = headerText(fmt.Sprintf(w.drift, i.ApplicationName))
		p.Intro = []string{fmt.Sprintf(w.drifted, i.ApplicationName)}
		changes := slices.Clone(a.Changes)
		if over := len(changes) - mostChanges; over > 0 {
			changes = append(changes[:mostChanges], fmt.Sprintf(w.more, over))
		}
		for n := range changes {
			changes[n] = visible(changes[n], 0)
		}
		p.Body = []block{{Steps: changes}}
		if a.Who != "" {
			p.Body = append(p.Body, block{Paragraph: fmt.Sprintf(w.who, firstLine(a.Who))})
		}
		p.Body = append(p.Body, block{Paragraph: w.driftNext}, block{Link: &link{i.ApplicationName, base + "/policy/drift"}})
		return p
	}
	credential := w.certificat
	if a.Credential == postern.CredentialSecret {
		credential = w.secret
	}
	p.Subject = headerText(fmt.Sprintf(w.failed, i.ApplicationName))
	if a.EndsAt != nil {
		sc := scene{zone: time.UTC, words: lang}
		ends := sc.moment(*a.EndsAt)
		left := a.EndsAt.Sub(s.Now())
		switch {
		case left <= 0:
			p.Intro = []string{fmt.Sprintf(w.endedOn, i.ApplicationName, credential, ends)}
		default:
			p.Intro = []string{fmt.Sprintf(w.endsIn, i.ApplicationName, credential, ends, days(m.Language, left))}
		}
		switch {
		case a.Problem != "":
		case left <= 0:
			p.Subject = headerText(fmt.Sprintf(w.ended, i.ApplicationName))
		default:
			p.Subject = headerText(fmt.Sprintf(w.ending, i.ApplicationName))
		}
	}
	switch {
	case a.Problem != "":
		p.Body = append(p.Body, block{Notice: fmt.Sprintf(w.cannot, visible(a.Problem, 0))}, block{Paragraph: w.steps})
	case a.Automatic && a.EndsAt != nil && a.EndsAt.After(s.Now()):
		p.Body = append(p.Body, block{Paragraph: w.byItself})
	default:
		p.Body = append(p.Body, block{Paragraph: w.steps})
	}
	p.Body = append(p.Body, block{Link: &link{w.open, base + "/settings#credential"}})
	return p
}

// days says how long something lasts still, in whole days.
func days(lang postern.Language, left time.Duration) string {
	n := int(left / (24 * time.Hour))
	switch {
	case lang == postern.German && n < 1:
		return "weniger als einem Tag"
	case lang == postern.German && n == 1:
		return "einem Tag"
	case lang == postern.German:
		return fmt.Sprintf("%d Tagen", n)
	case n < 1:
		return "less than a day"
	case n == 1:
		return "one day"
	}
	return fmt.Sprintf("%d days", n)
}

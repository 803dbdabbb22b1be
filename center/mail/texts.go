package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const messagesDocument = "messages"

// Messages returns the texts and the campaign of an integration: all texts, those of Postern where there are no others.
func (s *Service) Messages(ctx context.Context, id postern.IntegrationID) (postern.Messages, error) {
	if _, err := s.Integrations.Get(ctx, id); err != nil {
		return postern.Messages{}, err
	}
	m, err := s.stored(ctx, id)
	m.Texts = allTexts(m)
	return m, err
}

// stored returns what is kept: only texts that differ from Postern's own.
func (s *Service) stored(ctx context.Context, id postern.IntegrationID) (postern.Messages, error) {
	m := postern.Messages{
		Language: postern.English,
		Campaign: postern.Campaign{
			FirstDays: 2, EveryDays: 3, AtMost: 5, Weekdays: []string{"mon", "tue", "wed", "thu", "fri"}, FromHour: 8, UntilHour: 17, TimeZone: "UTC",
		},
	}
	version, body, err := s.Store.Document(ctx, id, messagesDocument)
	if err != nil || version == 0 {
		return m, err
	}
	m.Campaign.Weekdays = nil // JSON would write into the slice above
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("mail: the stored texts of %s cannot be read: %w", id, err)
	}
	m.Version = version
	return m, nil
}

func allTexts(m postern.Messages) []postern.MessageText {
	var all []postern.MessageText
	for _, kind := range postern.MessageKinds {
		for _, lang := range postern.Languages {
			all = append(all, textOf(m, kind, lang))
		}
	}
	return all
}

// textOf is the text an integration has for a kind and language. What is empty is Postern's own.
func textOf(m postern.Messages, kind postern.MessageKind, lang postern.Language) postern.MessageText {
	text := words[lang].texts[kind]
	text.Kind, text.Language = kind, lang
	for _, t := range m.Texts {
		if t.Kind != kind || t.Language != lang {
			continue
		}
		if t.Subject != "" {
			text.Subject = t.Subject
		}
		if t.Intro != "" {
			text.Intro = t.Intro
		}
		if t.Signature != "" {
			text.Signature = t.Signature
		}
	}
	return text
}

// SetMessages changes texts and campaign of an integration. Texts that are not named keep to what is stored; an empty
// subject, introduction or signature goes back to Postern's own.
func (s *Service) SetMessages(ctx context.Context, id postern.IntegrationID, in postern.Messages) (postern.Messages, error) {
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return in, err
	}
	var wrong []error
	if !slices.Contains(postern.Languages, in.Language) {
		wrong = append(wrong, postern.FieldErrorf("language", "There are no texts in that language.").WithNext("Choose en or de."))
	}
	for n := range in.Texts {
		wrong = append(wrong, checkText(&in.Texts[n]))
	}
	wrong = append(wrong, checkCampaign(in.Campaign))
	if err := errors.Join(wrong...); err != nil {
		return in, err
	}
	var out postern.Messages
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		was, err := s.stored(ctx, id)
		if err != nil {
			return err
		}
		if was.Version != in.Version {
			return postern.Errorf(postern.CodeStale, "")
		}
		now := in
		now.Version, now.Texts = 0, merge(was.Texts, in.Texts)
		if now.Campaign.On {
			settings, err := s.Settings(ctx)
			if err != nil {
				return err
			}
			if !settings.Configured() {
				return postern.Errorf(postern.CodeMailOff, "").OnField("on")
			}
		}
		body, err := json.Marshal(now)
		if err != nil {
			return fmt.Errorf("mail: %w", err)
		}
		if now.Version, err = s.Store.SetDocument(ctx, id, messagesDocument, was.Version, body); err != nil {
			return err
		}
		fields := audit.Changes(was, now)
		now.Texts, out = allTexts(now), now
		code, message := audit.MessagesChanged, "The messages of the integration were changed."
		if was.Campaign.On != now.Campaign.On {
			code, message = audit.CampaignSwitched, "The reminder campaign was switched "+onOff(now.Campaign.On)+"."
		}
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: code.Code, Name: code.Name, IntegrationID: id, Target: string(id), TargetName: i.ApplicationName,
			Success: true, Message: message, Fields: fields,
		})
	})
	return out, err
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// merge puts newer texts over older ones and leaves out what says no more than Postern itself.
func merge(was, now []postern.MessageText) []postern.MessageText {
	all := slices.Clone(was)
	for _, t := range now {
		all = slices.DeleteFunc(all, func(o postern.MessageText) bool { return o.Kind == t.Kind && o.Language == t.Language })
		own := words[t.Language].texts[t.Kind]
		if t.Subject == own.Subject {
			t.Subject = ""
		}
		if t.Intro == own.Intro {
			t.Intro = ""
		}
		if t.Signature == own.Signature {
			t.Signature = ""
		}
		if t.Subject+t.Intro+t.Signature != "" {
			all = append(all, t)
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}?`)

// checkText returns everything that is wrong with a text, and brings line ends into one form.
func checkText(t *postern.MessageText) error {
	if !slices.Contains(postern.MessageKinds, t.Kind) || !slices.Contains(postern.Languages, t.Language) {
		return postern.FieldErrorf("texts", "There is no text for %.40q in %.10q.", t.Kind, t.Language)
	}
	var wrong []error
	for _, part := range []struct {
		field string
		text  *string
		most  int
		lines bool
	}{{"subject", &t.Subject, 150, false}, {"intro", &t.Intro, 2000, true}, {"signature", &t.Signature, 500, true}} {
		*part.text = strings.TrimSpace(strings.ReplaceAll(*part.text, "\r\n", "\n"))
		if len([]rune(*part.text)) > part.most {
			wrong = append(wrong, postern.FieldErrorf(part.field, "That is longer than %d characters.", part.most))
		}
		if strings.ContainsFunc(*part.text, func(r rune) bool { return unicode.IsControl(r) && (r != '\n' || !part.lines) }) {
			wrong = append(wrong, postern.FieldErrorf(part.field, "That holds a line break or another control character."))
		}
		for _, found := range placeholder.FindAllString(*part.text, -1) {
			if !slices.Contains(postern.MessagePlaceholders, strings.Trim(found, "{}")) || !strings.HasSuffix(found, "}") {
				wrong = append(wrong, postern.FieldErrorf(part.field, "There is no placeholder %.40s.", found).
					WithNext("Known are {"+strings.Join(postern.MessagePlaceholders, "}, {")+"}."))
				break
			}
		}
	}
	return errors.Join(wrong...)
}

// Preview writes a message as it would go out, to an invented user, with a code that is none. A text that is given
// stands in the place of the stored one.
func (s *Service) Preview(ctx context.Context, id postern.IntegrationID, in postern.MessageText) (postern.MessagePreview, error) {
	var none postern.MessagePreview
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return none, err
	}
	if err := checkText(&in); err != nil {
		return none, err
	}
	m, err := s.stored(ctx, id)
	if err != nil {
		return none, err
	}
	m.Texts = merge(m.Texts, nil)
	if in.Subject+in.Intro+in.Signature != "" {
		m.Texts = merge(m.Texts, []postern.MessageText{in})
	}
	sc, err := s.scene(ctx, i, m, in.Kind, in.Language)
	if err != nil {
		return none, err
	}
	return sc.compose(sampleFacts(sc, facts{Ends: s.Now().Add(3 * 24 * time.Hour)})).write()
}

package mail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strings"
	"unicode"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const (
	settingsDocument = "mail"
	passwordSetting  = "mail_password"
	passwordPurpose  = "mail/password"

	defaultPerMinute = 60
)

// Settings returns the mail settings. Version 0 says that nothing is set.
func (s *Service) Settings(ctx context.Context) (postern.MailSettings, error) {
	set := postern.MailSettings{Port: 587, Security: postern.MailSTARTTLS, PerMinute: defaultPerMinute}
	version, body, err := s.Store.Document(ctx, "", settingsDocument)
	if err != nil || version == 0 {
		return set, err
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return set, fmt.Errorf("mail: the stored settings cannot be read: %w", err)
	}
	set.Version = version
	return set, nil
}

// SetSettings changes the mail settings. What waits in the outbox is tried with them at once.
func (s *Service) SetSettings(ctx context.Context, in postern.MailSettingsInput) (postern.MailSettings, error) {
	next := trimmed(in.MailSettings)
	if err := checkSettings(next); err != nil {
		return next, err
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		was, err := s.Settings(ctx)
		if err != nil {
			return err
		}
		if was.Version != next.Version {
			return postern.Errorf(postern.CodeStale, "")
		}
		now := next
		if err := s.setPassword(ctx, was, &now, in); err != nil {
			return err
		}
		now.Version = 0 // the document counts itself
		body, err := json.Marshal(now)
		if err != nil {
			return fmt.Errorf("mail: %w", err)
		}
		if now.Version, err = s.Store.SetDocument(ctx, "", settingsDocument, was.Version, body); err != nil {
			return err
		}
		if now.Configured() {
			if err := s.Store.HastenMessages(ctx, s.Now().UTC(), s.Now().Add(-lease)); err != nil {
				return err
			}
			if err := s.Queue.Enqueue(ctx, DrainJob{}); err != nil {
				return err
			}
		}
		next = now
		fields := audit.Changes(was, now)
		if in.Password != "" || in.RemovePassword {
			fields = audit.With(fields, map[string]string{"password": "changed"})
		}
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.MailSettings.Code, Name: audit.MailSettings.Name, Success: true, Message: "The mail settings were changed.", Fields: fields,
		})
	})
	return next, err
}

// setPassword keeps, changes or removes the password. A password goes to the server it was entered for and to no other:
// whoever may change the server must not learn it that way.
func (s *Service) setPassword(ctx context.Context, was postern.MailSettings, now *postern.MailSettings, in postern.MailSettingsInput) error {
	now.PasswordSet = was.PasswordSet
	moved := was.Host != now.Host || was.Port != now.Port || was.Username != now.Username || was.Security != now.Security
	switch {
	case in.Password != "":
		if now.Username == "" {
			return postern.FieldErrorf("username", "A password without a user name is of no use.")
		}
		sealed, err := s.Sealer.Seal(ctx, passwordPurpose, []byte(in.Password))
		if err != nil {
			return fmt.Errorf("mail: password: %w", err)
		}
		now.PasswordSet = true
		return s.Store.SetSetting(ctx, passwordSetting, sealed)
	case in.RemovePassword || now.Username == "":
		now.PasswordSet = false
		return s.Store.SetSetting(ctx, passwordSetting, nil)
	case was.PasswordSet && moved:
		return postern.FieldErrorf("password", "Server, protection or user name changed, so the stored password is not used any more.").
			WithNext("Enter the password that belongs to the new settings.")
	}
	return nil
}

// password opens the stored password; empty when there is none.
func (s *Service) password(ctx context.Context) (string, error) {
	sealed, err := s.Store.Setting(ctx, passwordSetting)
	if err != nil || len(sealed) == 0 {
		return "", err
	}
	plain, err := s.Sealer.Open(ctx, passwordPurpose, sealed)
	if err != nil {
		return "", fmt.Errorf("mail: the stored password: %w", err)
	}
	return string(plain), nil
}

func trimmed(set postern.MailSettings) postern.MailSettings {
	for _, text := range []*string{&set.Host, &set.Username, &set.From, &set.ReplyTo, &set.Organisation, &set.Help} {
		*text = strings.TrimSpace(*text)
	}
	if set.PerMinute == 0 {
		set.PerMinute = defaultPerMinute
	}
	if set.Security == "" {
		set.Security = postern.MailSTARTTLS
	}
	if set.Port == 0 {
		set.Port = map[postern.MailSecurity]int{postern.MailTLS: 465, postern.MailPlain: 25}[set.Security]
		if set.Port == 0 {
			set.Port = 587
		}
	}
	return set
}

// checkSettings returns everything that is wrong.
func checkSettings(set postern.MailSettings) error {
	var wrong []error
	add := func(field, format string, args ...any) {
		wrong = append(wrong, postern.FieldErrorf(field, format, args...))
	}
	for field, text := range map[string]string{
		"host": set.Host, "username": set.Username, "from": set.From, "reply_to": set.ReplyTo, "organisation": set.Organisation, "help": set.Help,
	} {
		if len(text) > 255 || strings.ContainsFunc(text, unicode.IsControl) {
			add(field, "That is longer than 255 bytes, or holds a line break or another control character.")
		}
	}
	if set.Port < 1 || set.Port > 65535 {
		add("port", "A port lies between 1 and 65535.")
	}
	if set.PerMinute < 1 || set.PerMinute > 6000 {
		add("per_minute", "Between 1 and 6000 messages can be sent in a minute.")
	}
	if set.Host != "" {
		if strings.ContainsAny(set.Host, " /@[]") || strings.Contains(set.Host, "://") {
			add("host", "That is not the name of a server.")
		}
		if err := checkAddress(set.From); err != nil {
			add("from", "%s", err)
		}
	}
	if set.ReplyTo != "" {
		if err := checkAddress(set.ReplyTo); err != nil {
			add("reply_to", "%s", err)
		}
	}
	if set.Language != "" && !slices.Contains(postern.Languages, set.Language) {
		add("language", "There are no texts in that language.")
	}
	for _, kind := range set.Silent {
		if !slices.Contains(postern.AlarmKinds, kind) {
			add("silent", "Administrators are not written to about %.40q.", kind)
		}
	}
	switch set.Security {
	case postern.MailSTARTTLS, postern.MailTLS:
	case postern.MailPlain:
		if !loopback(set.Host) {
			add("security", "Without protection only a mail server on this machine is taken.")
		}
		if set.Username != "" {
			add("username", "Without protection no user name and password are sent.")
		}
	default:
		add("security", "There is no protection named %q.", set.Security)
	}
	return errors.Join(wrong...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkAddress takes an address and nothing else: no display name, no comment, no second address.
func checkAddress(address string) error {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" || len(address) > 254 ||
		strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f || bytes.ContainsRune([]byte("<>,;:\"()[]\\"), r) }) {
		return errors.New("That is not a mail address such as passkeys@contoso.com.")
	}
	return nil
}

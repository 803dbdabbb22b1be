package mail_test

import (
	"bytes"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const secretCode = "7K2M-QQ4X-9TBN-ZZ31"

func TestInvitationAndCodeAreTwoMessages(t *testing.T) {
	for _, security := range []postern.MailSecurity{postern.MailSTARTTLS, postern.MailTLS, postern.MailPlain} {
		t.Run(string(security), func(t *testing.T) {
			w := newWorld(t)
			s := w.withServer(t, security)
			u := w.user(t, "Zoë Müller-Ωkoro", "zoe@contoso.example", postern.PhaseEligible)
			inv := w.invitation(t, u, 72*time.Hour)
			if err := w.Invited(t.Context(), u, inv, secretCode, true); err != nil {
				t.Fatal(err)
			}
			w.holdsNoCode(t)
			w.run(t)
			byKind := map[bool]received{}
			for range 2 {
				m := s.next(t)
				byKind[strings.Contains(m.Subject(), "code")] = m
			}
			invitation, code := byKind[false], byKind[true]
			for _, m := range []received{invitation, code} {
				if len(m.Defects) > 0 {
					t.Errorf("defects: %v", m.Defects)
				}
				if m.To[0] != [2]string{"Zoë Müller-Ωkoro", "zoe@contoso.example"} || m.Sender[0] != [2]string{"Contoso", "passkeys@contoso.example"} {
					t.Errorf("to %v, from %v", m.To, m.Sender)
				}
				if got := m.header("Auto-Submitted"); len(got) != 1 || got[0] != "auto-generated" {
					t.Errorf("Auto-Submitted: %v", got)
				}
				parsed, err := netmail.ReadMessage(strings.NewReader(m.Raw))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := parsed.Header.Date(); err != nil {
					t.Error(err)
				}
				if strings.Contains(m.HTML, "<img") || strings.Contains(m.HTML, "src=") || strings.Contains(m.HTML, "@import") {
					t.Error("the message loads something from outside")
				}
				if want := security != postern.MailPlain; m.TLS != want || (m.User == "postern") != want {
					t.Errorf("protected %v, signed in as %q", m.TLS, m.User)
				}
			}
			if strings.Contains(invitation.Raw+invitation.Text+invitation.HTML, secretCode) || strings.Contains(invitation.HTML+invitation.Text, postern.AppPath) {
				t.Error("the invitation holds the code or leads to the app")
			}
			help := "https://postern.contoso.example/help/pairing/" + string(w.integration.ID)
			if !strings.Contains(invitation.HTML, help) || !strings.Contains(invitation.Text, help) || !strings.Contains(invitation.HTML, "Pairing with Contoso Passkeys") {
				t.Errorf("the invitation does not lead to the help page:\n%s", invitation.Text)
			}
			if !strings.Contains(code.Text, secretCode) || !strings.Contains(code.HTML, secretCode) || strings.Contains(code.HTML, "#i=") {
				t.Errorf("the code's message:\n%s", code.Text)
			}
			for _, m := range w.outbox(t, u) {
				if m.State != postern.MessageSent || m.SentAt == nil || m.Attempts != 1 {
					t.Errorf("%+v", m)
				}
				entry, err := w.store.Message(t.Context(), m.ID)
				if err != nil || len(entry.Sealed) != 0 {
					t.Errorf("what the message was made of is kept: %d bytes, %v", len(entry.Sealed), err)
				}
			}
			w.holdsNoCode(t)
		})
	}
}

// Subject is the header, decoded.
func (r received) Subject() string { return strings.Join(r.header("Subject"), "|") }

// holdsNoCode looks for the code in all files of the database.
func (w *world) holdsNoCode(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "postern.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(secretCode)) || bytes.Contains(data, []byte("right secret")) {
			t.Errorf("%s holds a secret in the clear", filepath.Base(f))
		}
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	s := w.withServer(t, postern.MailSTARTTLS)
	for name, c := range map[string]struct {
		address  string
		state    postern.MessageState
		problem  string
		attempts int
	}{
		"no such mailbox":       {"gone@contoso.example", postern.MessageFailed, "No such mailbox", 1},
		"mailbox full":          {"full@contoso.example", postern.MessageQueued, "Mailbox full", 1},
		"breaks off after that": {"die-after-taking@contoso.example", postern.MessageQueued, "broke off", 1},
	} {
		t.Run(name, func(t *testing.T) {
			u := w.user(t, name, c.address, postern.PhasePaired)
			if err := w.Remind(t.Context(), u.ID); err != nil {
				t.Fatal(err)
			}
			w.run(t)
			m := w.outbox(t, u)[0]
			if m.State != c.state || !strings.Contains(m.Problem, c.problem) || m.Attempts != c.attempts {
				t.Errorf("%+v", m)
			}
		})
	}
	u := w.user(t, "Busy", "busy@contoso.example", postern.PhasePaired)
	if err := w.Remind(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Remind(t.Context(), u.ID); !postern.IsCode(err, postern.CodeConflict) {
		t.Errorf("a second reminder was queued: %v", err)
	}
	w.run(t)
	if m := w.outbox(t, u)[0]; m.State != postern.MessageQueued || m.NextAt == nil || !m.NextAt.Equal(w.clock().Add(time.Minute)) {
		t.Fatalf("after a temporary refusal: %+v", m)
	}
	w.pass(time.Minute)
	w.run(t)
	if m := w.outbox(t, u)[0]; m.State != postern.MessageSent || m.Attempts != 2 {
		t.Errorf("after the second try: %+v", m)
	}
	full := w.user(t, "Full", "full@contoso.example", postern.PhasePaired)
	if err := w.Remind(t.Context(), full.ID); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		w.run(t)
		w.pass(time.Hour)
	}
	if m := w.outbox(t, full)[0]; m.State != postern.MessageFailed || !strings.Contains(m.Problem, "two days") {
		t.Errorf("after two and a half days: %+v", m)
	}
	_ = s
}

func TestServerEchoesSecrets(t *testing.T) {
	w := newWorld(t)
	w.withServer(t, postern.MailSTARTTLS)
	if _, err := w.SetMessages(t.Context(), w.integration.ID, postern.Messages{
		Language: postern.English, Campaign: usualCampaign(), Texts: []postern.MessageText{{Kind: postern.MessageCode, Language: postern.English, Intro: "echo this"}},
	}); err != nil {
		t.Fatal(err)
	}
	u := w.user(t, "Zoë", "zoe@contoso.example", postern.PhaseEligible)
	inv := w.invitation(t, u, 72*time.Hour)
	if err := w.Invited(t.Context(), u, inv, secretCode, true); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	var failed postern.Message
	for _, m := range w.outbox(t, u) {
		if m.Kind == postern.MessageCode {
			failed = m
		}
	}
	if failed.State != postern.MessageFailed || !strings.Contains(failed.Problem, "[withheld]") {
		t.Errorf("%+v", failed)
	}
	w.holdsNoCode(t)
	set, err := w.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.SetSettings(t.Context(), postern.MailSettingsInput{MailSettings: set, Password: "mistyped password"}); err != nil {
		t.Fatal(err)
	}
	out, err := w.Test(t.Context(), postern.MailTestInput{To: "me@contoso.example"})
	if err != nil || out.OK || out.Code != postern.CodeMailLogin || strings.Contains(out.Message, "mistyped password") {
		t.Errorf("%+v, %v", out, err)
	}
	events, err := w.store.AuditEvents(t.Context(), audit.Query{Limit: 100})
	if err != nil || len(events) == 0 {
		t.Fatal(len(events), err)
	}
	for _, e := range events {
		for k, v := range e.Fields {
			if strings.Contains(v, secretCode) || strings.Contains(v, "mistyped") || strings.Contains(v, "right secret") {
				t.Errorf("%s: %s=%s", e.Code, k, v)
			}
		}
		if strings.Contains(e.Message, secretCode) || strings.Contains(e.Message, "mistyped") {
			t.Errorf("%s: %s", e.Code, e.Message)
		}
	}
}

func TestCrashAfterTheServerTookIt(t *testing.T) {
	w := newWorld(t)
	s := w.withServer(t, postern.MailPlain)
	u := w.user(t, "Ada", "ada@contoso.example", postern.PhasePaired)
	if err := w.Remind(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	w.Audit = dies{}
	if _, err := w.queue.RunAll(t.Context()); err == nil {
		t.Fatal("the process did not die")
	}
	first := s.next(t)
	w.Audit = &audit.Log{Store: w.store, Sealer: w.Sealer, Now: w.clock, Origin: "test"}
	w.run(t)
	s.none(t) // it is left to who began it
	w.pass(4 * time.Minute)
	w.run(t)
	second := s.next(t)
	if a, b := first.header("Message-ID"), second.header("Message-ID"); len(a) != 1 || a[0] != b[0] {
		t.Errorf("Message-ID %v, then %v", a, b)
	}
	if m := w.outbox(t, u)[0]; m.State != postern.MessageSent || m.Attempts != 2 {
		t.Errorf("%+v", m)
	}
}

func TestTakenBack(t *testing.T) {
	w := newWorld(t)
	s := w.withServer(t, postern.MailPlain)
	u := w.user(t, "Ada", "ada@contoso.example", postern.PhaseEligible)
	inv := w.invitation(t, u, 72*time.Hour)
	if err := w.Invited(t.Context(), u, inv, secretCode, true); err != nil {
		t.Fatal(err)
	}
	if err := w.InvitationOver(t.Context(), inv.ID); err != nil {
		t.Fatal(err)
	}
	later := w.invitation(t, u, time.Hour)
	if err := w.Invited(t.Context(), u, later, secretCode, true); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Hour) // it runs out before it is sent
	w.run(t)
	s.none(t)
	all := w.outbox(t, u)
	if len(all) != 4 {
		t.Fatalf("%d messages", len(all))
	}
	for _, m := range all {
		entry, err := w.store.Message(t.Context(), m.ID)
		if m.State != postern.MessageWithdrawn || err != nil || len(entry.Sealed) != 0 {
			t.Errorf("%+v, %d bytes, %v", m, len(entry.Sealed), err)
		}
	}
}

func TestRateAndOutage(t *testing.T) {
	w := newWorld(t)
	s := w.withServer(t, postern.MailPlain)
	set, err := w.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set.PerMinute = 3
	if set, err = w.SetSettings(t.Context(), postern.MailSettingsInput{MailSettings: set}); err != nil {
		t.Fatal(err)
	}
	var users []postern.User
	for range 7 {
		u := w.user(t, "Ada", "ada@contoso.example", postern.PhasePaired)
		if err := w.Remind(t.Context(), u.ID); err != nil {
			t.Fatal(err)
		}
		users = append(users, u)
	}
	sent := func() (n int) {
		for _, u := range users {
			if w.outbox(t, u)[0].State == postern.MessageSent {
				n++
			}
		}
		return n
	}
	w.run(t)
	if n := sent(); n != 3 {
		t.Errorf("%d messages in the first minute", n)
	}
	w.pass(61 * time.Second)
	w.run(t)
	if n := sent(); n != 6 {
		t.Errorf("%d messages in two minutes", n)
	}
	broken := set
	broken.Port = 1
	if _, err := w.SetSettings(t.Context(), postern.MailSettingsInput{MailSettings: broken}); err != nil {
		t.Fatal(err)
	}
	w.pass(61 * time.Second)
	w.run(t)
	var waiting postern.Message
	for _, u := range users {
		if m := w.outbox(t, u)[0]; m.State == postern.MessageQueued {
			waiting = m
		}
	}
	if !strings.Contains(waiting.Problem, "Nobody answers") || waiting.Attempts != 0 {
		t.Errorf("while the server is away: %+v", waiting)
	}
	now, err := w.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now.Port = s.port
	if _, err := w.SetSettings(t.Context(), postern.MailSettingsInput{MailSettings: now}); err != nil {
		t.Fatal(err)
	}
	w.run(t) // at once, because the settings changed
	if n := sent(); n != 7 {
		t.Errorf("%d messages at the end", n)
	}
}

package mail

import (
	netmail "net/mail"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/postern/postern"
)

// TestNothingGetsIntoHeaders writes messages for names, texts and organisations of every kind, and reads them with
// another parser: what is meant for one header stays in it, and there are no others.
func TestNothingGetsIntoHeaders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nasty := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"Eve\r\nBcc: all@contoso.example", "Eve\nSubject: x", "=?utf-8?q?x?=", "\"Eve\" <eve@contoso.example>", "a,b;c", "\u202eevE", "Eve\u2028Bcc: x",
		}))
		set := postern.MailSettings{From: "passkeys@contoso.example", Organisation: nasty.Draw(t, "organisation"), Help: nasty.Draw(t, "help")}
		s := scene{
			application: "Contoso Passkeys", settings: set, zone: time.UTC, words: words[postern.English],
			text: postern.MessageText{Kind: postern.MessageCode, Language: postern.English, Subject: nasty.Draw(t, "subject") + "{name}", Intro: nasty.Draw(t, "intro"), Signature: "{organisation}"},
		}
		name := nasty.Draw(t, "name")
		letter, err := s.compose(facts{Name: name, Code: "ABCD-EFGH-JKMN-PQRS"}).write()
		if err != nil {
			t.Fatal(err)
		}
		line := &conversation{settings: set}
		msg, err := line.message(Entry{Message: postern.Message{ID: "msg_1", Address: "ada@contoso.example", Name: firstLine(name), Language: postern.English}}, letter)
		if err != nil {
			t.Fatal(err)
		}
		var raw strings.Builder
		if _, err := msg.WriteTo(&raw); err != nil {
			t.Fatal(err)
		}
		read, err := netmail.ReadMessage(strings.NewReader(raw.String()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, raw.String())
		}
		known := map[string]bool{
			"Date": true, "Mime-Version": true, "Message-Id": true, "Subject": true, "From": true, "To": true, "Content-Type": true,
			"Auto-Submitted": true, "X-Auto-Response-Suppress": true, "Content-Language": true,
		}
		for header, values := range read.Header {
			if !known[header] || len(values) != 1 {
				t.Errorf("header %s: %q", header, values)
			}
		}
		to, err := read.Header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != "ada@contoso.example" {
			t.Errorf("to %v, %v", to, err)
		}
		if strings.ContainsFunc(letter.Subject, func(r rune) bool { return unicode.IsControl(r) || r == '\u202e' }) {
			t.Errorf("subject %q", letter.Subject)
		}
		for _, tag := range []string{"<script", "<img", "<iframe", "<form"} {
			if strings.Contains(letter.HTML, tag) {
				t.Errorf("%s in\n%s", tag, letter.HTML)
			}
		}
	})
}

func TestWhatHTMLMeansStaysText(t *testing.T) {
	s := scene{
		application: "Contoso", zone: time.UTC, words: words[postern.German],
		text: postern.MessageText{Kind: postern.MessageReminder, Language: postern.German, Subject: "s", Intro: `<img src=x onerror=alert(1)>{name}`},
	}
	letter, err := s.compose(facts{Name: `<script>alert(1)</script>`}).write()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(letter.HTML, "<img") || strings.Contains(letter.HTML, "<script") {
		t.Error(letter.HTML)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"ada@contoso.example": true, "ada+x@contoso.example": true, "ada": false, "": false, "Ada <ada@contoso.example>": false,
		"ada@contoso.example, eve@contoso.example": false, "ada@contoso.example\r\nBcc: eve@contoso.example": false, "a b@contoso.example": false,
		`"a b"@contoso.example`: false,
	} {
		if got := checkAddress(address) == nil; got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
	for _, c := range []struct {
		user postern.User
		want string
	}{
		{postern.User{Mail: "a@x.example", UPN: "b@x.example"}, "a@x.example"},
		{postern.User{UPN: "b@x.example"}, "b@x.example"},
		{postern.User{Mail: "no address", UPN: "b@x.example"}, "b@x.example"},
		{postern.User{UPN: "eve_y.example#EXT#@x.example"}, ""},
	} {
		if got, _ := addressOf(c.user); got != c.want {
			t.Errorf("%+v: %q", c.user, got)
		}
	}
}

func TestTextsNameOnlyKnownPlaceholders(t *testing.T) {
	for lang, w := range words {
		for _, kind := range postern.MessageKinds {
			text, ok := w.texts[kind]
			if !ok || w.body[kind] == nil {
				t.Errorf("%s has no %s", lang, kind)
			}
			text.Kind, text.Language = kind, lang
			if err := checkText(&text); err != nil {
				t.Errorf("%s, %s: %v", lang, kind, err)
			}
		}
	}
	for _, bad := range []string{"Hello {nome}", "Hello {name", "{}"} {
		if err := checkText(&postern.MessageText{Kind: postern.MessageCode, Language: postern.English, Intro: bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

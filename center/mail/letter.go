package mail

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"

	"github.com/postern/postern"
)

// facts are what a letter is made of besides the texts. They lie sealed in the outbox as JSON until the letter is sent.
type facts struct {
	Name  string    `json:"name"`
	UPN   string    `json:"upn"`
	Code  string    `json:"code,omitempty"`
	Ends  time.Time `json:"ends,omitzero"`
	Phone string    `json:"phone,omitempty"`
}

// page is a letter before it is written: everything that text and HTML both say.
type page struct {
	Language                    postern.Language
	Application                 string
	Subject, Greeting           string
	Intro, Signature            []string // paragraphs
	Body                        []block
	Footer                      []string
	Organisation, Help, HelpURL string
}

// block is a part of a letter; one member is set.
type block struct {
	Paragraph string
	Steps     []string
	Code      string
	Notice    string // what must not be missed
	Link      *link
}

type link struct{ Text, URL string }

//go:embed letter.html letter.txt
var layouts embed.FS

var (
	htmlLayout = htmltemplate.Must(htmltemplate.ParseFS(layouts, "letter.html"))
	textLayout = texttemplate.Must(texttemplate.New("letter.txt").Funcs(texttemplate.FuncMap{
		"wrap": wrap, "next": func(n int) int { return n + 1 },
	}).ParseFS(layouts, "letter.txt"))
)

// write renders a page in both forms.
func (p page) write() (postern.MessagePreview, error) {
	var plain, rich bytes.Buffer
	if err := textLayout.Execute(&plain, p); err != nil {
		return postern.MessagePreview{}, fmt.Errorf("mail: text: %w", err)
	}
	if err := htmlLayout.Execute(&rich, p); err != nil {
		return postern.MessagePreview{}, fmt.Errorf("mail: html: %w", err)
	}
	return postern.MessagePreview{Subject: p.Subject, Text: plain.String(), HTML: rich.String()}, nil
}

// scene is where a letter is written: for which application, from whom, with which texts.
type scene struct {
	application string
	settings    postern.MailSettings
	appURL      string
	helpURL     string
	zone        *time.Location
	text        postern.MessageText
	words       language
}

// compose makes the page of a letter.
func (s scene) compose(f facts) page {
	w := s.words
	fill := s.fill(f)
	p := page{
		Language: s.text.Language, Application: s.application,
		Subject:      headerText(fill(s.text.Subject)),
		Greeting:     fmt.Sprintf(w.greeting, firstLine(f.Name)),
		Intro:        paragraphs(fill(s.text.Intro)),
		Signature:    paragraphs(fill(s.text.Signature)),
		Body:         w.body[s.text.Kind](s, f),
		Organisation: s.settings.Organisation, Help: s.settings.Help, HelpURL: s.helpURL,
	}
	p.Footer = append(p.Footer, fmt.Sprintf(w.footer, f.UPN))
	if s.settings.Help != "" {
		p.Footer = append(p.Footer, fmt.Sprintf(w.help, s.settings.Help))
	}
	return p
}

// fill puts what is known in the place of the placeholders.
func (s scene) fill(f facts) func(string) string {
	organisation := s.settings.Organisation
	if organisation == "" {
		organisation = s.application
	}
	help := s.settings.Help
	if help == "" {
		help = s.words.noHelp
	}
	return strings.NewReplacer(
		"{name}", firstLine(f.Name), "{application}", s.application, "{organisation}", organisation, "{help}", help,
	).Replace
}

// moment writes a time as people read it.
func (s scene) moment(t time.Time) string {
	w := s.words
	t = t.In(s.zone)
	return fmt.Sprintf(w.moment, w.weekdays[t.Weekday()], t.Day(), w.months[t.Month()-1], t.Year(), t.Hour(), t.Minute(), s.zone)
}

// paragraphs splits at empty lines and drops what is invisible.
func paragraphs(text string) []string {
	var all []string
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if part = visible(part, '\n'); strings.TrimSpace(part) != "" {
			all = append(all, strings.TrimSpace(part))
		}
	}
	return all
}

// firstLine keeps a name from growing beyond its place.
func firstLine(name string) string {
	const most = 100
	runes := []rune(strings.TrimSpace(visible(name, 0)))
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return string(runes)
}

// headerText makes a text fit for a header: one line, bounded, without control characters. Line breaks in a header would
// begin another one.
func headerText(text string) string {
	const most = 200
	runes := []rune(strings.Join(strings.Fields(visible(text, 0)), " "))
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return string(runes)
}

// displayName makes a name fit to stand before an address: without the characters that mean something there (RFC 5322
// §3.2.3), which programs quote and read in different ways.
func displayName(name string) string {
	return headerText(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`"\()<>@,;:[]`, r) {
			return ' '
		}
		return r
	}, name))
}

// visible drops control and formatting characters other than keep: the latter can turn the order of letters around.
func visible(text string, keep rune) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == keep && keep != 0:
			return r
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r) && r != '\u200d', r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
}

// wrap breaks a paragraph of plain text into lines of at most 72 characters, and indents all but the first.
func wrap(indent int, text string) string {
	const width = 72
	var out strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > width:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += n
	}
	return out.String()
}

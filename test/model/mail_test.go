package model_test

import (
	"bufio"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	mailing "github.com/postern/postern/center/mail"
)

// letter is a message that the mail server took.
type letter struct {
	message postern.MessageID
	text    string
	at      time.Time
}

// sink is a mail server (RFC 5321) with moods: it takes messages, or refuses them in one of the ways in which servers do.
type sink struct {
	listener net.Listener
	now      func() time.Time

	mu      sync.Mutex
	mood    string // "": take; "later": 451; "never": 550; "hang up": at the connection; "lose the answer": after the message
	letters []letter
	refused int
}

var moods = []string{"", "", "later", "never", "hang up", "lose the answer"}

func newSink(t testing.TB, now func() time.Time) *sink {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{listener: l, now: now}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return s
}

func (s *sink) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *sink) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood, s.letters, s.refused = "", nil, 0
}

func (s *sink) feel(mood string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood = mood
}

// meets counts an exchange that the mood falls on.
func (s *sink) meets(mood string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mood != mood {
		return false
	}
	s.refused++
	return true
}

func (s *sink) taken() ([]letter, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.letters, s.refused
}

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	if s.meets("hang up") {
		return
	}
	say("220 sink")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); {
		case verb == "EHLO" || verb == "HELO":
			say("250 sink")
		case verb == "RCPT" && s.meets("never"):
			say("550 5.1.1 nobody of that name")
		case verb == "RCPT" && s.meets("later"):
			say("451 4.3.0 come back later")
		case verb == "DATA":
			say("354 go on")
			text, err := readData(in)
			if err != nil {
				return
			}
			if err := s.take(text); err != nil {
				say("554 5.6.0 that is no message")
				continue
			}
			if s.meets("lose the answer") {
				return
			}
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 well")
		}
	}
}

func readData(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return b.String(), err
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

func (s *sink) take(text string) error {
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body)) // of every part: what is no such line passes unchanged
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(strings.Trim(m.Header.Get("Message-Id"), "<>"), "@")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, letter{postern.MessageID(id), m.Header.Get("Subject") + "\n" + string(body), s.now()})
	return nil
}

// Acts.

func (w *world) mailMood(a, _ int) error {
	w.lab.sink.feel(moods[a%len(moods)])
	return nil
}

var codeInText = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}\b`)

// readMail has users read what came, so that they can type the codes.
func (w *world) readMail(_, _ int) error {
	letters, _ := w.lab.sink.taken()
	for _, l := range letters[w.mailRead:] {
		m, err := w.store.Message(w.ctx, l.message)
		if err != nil || m.Kind != postern.MessageCode {
			continue
		}
		for _, p := range w.people[:peopleKnown] {
			if u, err := w.store.UserByObjectID(w.ctx, w.integration, p.objectID); err != nil || u.ID != m.UserID {
				continue
			}
			p.id, p.known = m.UserID, true
			if code := codeInText.FindString(l.text); code != "" && !slices.Contains(p.codes, code) {
				p.codes = append(p.codes, code)
				w.secrets = append(w.secrets, code)
			}
		}
	}
	w.mailRead = len(letters)
	return nil
}

func (w *world) remind(a, _ int) error {
	p := w.holder(a)
	if p == nil {
		return nil
	}
	return w.refusal(w.mail.Remind(w.ctx, p.id))
}

// agreeMail compares the outbox with what the mail server took.
func (w *world) agreeMail(b books) error {
	letters, _ := w.lab.sink.taken()
	got := make(map[postern.MessageID][]letter)
	for _, l := range letters {
		got[l.message] = append(got[l.message], l)
	}
	type about struct {
		invitation postern.InvitationID
		kind       postern.MessageKind
	}
	written := make(map[about]int)
	for offset := 0; ; {
		page, err := w.store.Messages(w.ctx, mailing.Query{IntegrationID: w.integration, Offset: offset, Limit: 1000})
		if err != nil {
			return err
		}
		for _, m := range page {
			sent := got[m.ID]
			delete(got, m.ID)
			switch {
			case m.State == postern.MessageQueued:
				w.disagree("a message of the kind %s waits although the mail server answers: %s", m.Kind, m.Problem)
			case m.State == postern.MessageSent && len(sent) == 0:
				w.disagree("a message of the kind %s is sent, and the mail server never had it", m.Kind)
			case m.State == postern.MessageWithdrawn && m.Attempts == 0 && len(sent) > 0:
				w.disagree("a message of the kind %s was withdrawn before it was sent, and the mail server had it", m.Kind)
			}
			if len(sent) > m.Attempts {
				w.disagree("a message of the kind %s went out %d times in %d attempts", m.Kind, len(sent), m.Attempts)
			}
			if m.Kind == postern.MessageCode || m.Kind == postern.MessageInvitation {
				if written[about{m.InvitationID, m.Kind}]++; written[about{m.InvitationID, m.Kind}] > 1 {
					w.disagree("two messages of the kind %s were written for one invitation", m.Kind)
				}
			}
			for _, l := range sent {
				w.agreeLetter(b, m, l, w.codeOf[m.InvitationID])
			}
		}
		if len(page) == 0 {
			break
		}
		offset += len(page)
	}
	for id := range got {
		w.disagree("the mail server has a message %s that nobody knows of", id)
	}
	return nil
}

// settling is for how long a sending that was begun may go on: a minute of the clock jumping back included.
const settling = 15 * time.Minute

// agreeLetter holds that a code stands in the message that is for it, and in no other, and goes to nobody whose
// invitation was over when sending it was begun.
func (w *world) agreeLetter(b books, m postern.Message, l letter, code string) {
	if m.Kind == postern.MessageCode {
		if code != "" && !strings.Contains(l.text, code) {
			w.disagree("a one-time code was sent that is not the invitation's")
		}
		for _, i := range b.invitations[m.UserID] {
			if i.ID == m.InvitationID && l.at.After(i.ExpiresAt) {
				w.disagree("a one-time code was sent after it had run out")
			}
			if i.ID == m.InvitationID && m.State == postern.MessageSent && i.UsedAt != nil && l.at.After(i.UsedAt.Add(settling)) {
				w.disagree("a one-time code was sent long after it was used")
			}
		}
		if at, known := w.withdrawnAt[m.InvitationID]; known && l.at.After(at.Add(settling)) {
			w.disagree("a one-time code was sent long after its invitation was withdrawn")
		}
		return
	}
	for _, p := range w.people {
		for _, c := range p.codes {
			if strings.Contains(l.text, c) {
				w.disagree("a one-time code stands in a message of the kind %s", m.Kind)
			}
		}
	}
}

// outboxText is every column of the outbox that people can read.
func (w *world) outboxText() (string, error) {
	page, err := w.store.Messages(w.ctx, mailing.Query{IntegrationID: w.integration, Limit: 1000})
	return fmt.Sprintf("%+v", page), err
}

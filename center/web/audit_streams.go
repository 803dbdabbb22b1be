package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/postern/postern"
)

const streamsPath = "/audit/streams"

// streamsPage lists where the trail is sent.
type streamsPage struct {
	frame
	List []postern.AuditStream
	// Tested is the stream to which a test message was sent, and Test what became of it.
	Tested postern.AuditStreamID
	Test   *postern.AuditStreamTest
}

// streamPage sets a stream up or changes it.
type streamPage struct {
	frame
	ID       postern.AuditStreamID // empty for a new one
	Input    postern.AuditStreamInput
	KeySet   bool // a client key is stored
	Problems problems
	Secret   string // shown once
}

func streamPath(id postern.AuditStreamID) string {
	if id == "" {
		return streamsPath
	}
	return streamsPath + "/" + string(id)
}

func (c *console) streams(w http.ResponseWriter, r *http.Request) error {
	return c.showStreams(w, r, streamsPage{})
}

func (c *console) showStreams(w http.ResponseWriter, r *http.Request, p streamsPage) error {
	p.frame = c.frame(r, sectionAudit, "Streams of the audit trail")
	var err error
	if p.List, err = c.Streams.List(r.Context()); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, streams(p))
}

func (c *console) streamFrame(r *http.Request, title string) frame {
	f := c.frame(r, sectionAudit, title)
	f.Trail = []crumb{{"Audit trail", "/audit"}, {"Streams", streamsPath}}
	return f
}

func (c *console) streamOf(r *http.Request) (postern.AuditStream, error) {
	id := r.PathValue("stream")
	if !postern.ValidID(id, postern.PrefixAuditStream) {
		return postern.AuditStream{}, postern.Errorf(postern.CodeNotFound, "There is no stream with that identifier.")
	}
	return c.Streams.Get(r.Context(), postern.AuditStreamID(id))
}

func (c *console) newStream(w http.ResponseWriter, r *http.Request) error {
	p := streamPage{frame: c.streamFrame(r, "Add a stream"), Input: postern.AuditStreamInput{Kind: postern.StreamSyslog, Format: postern.AuditJSON}}
	return c.show(w, r, http.StatusOK, streamForm(p))
}

func readStream(r *http.Request) postern.AuditStreamInput {
	value := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return postern.AuditStreamInput{
		Version: readVersion(r), Name: value("name"), Kind: value("kind"), Format: value("format"), Address: value("address"), CA: value("ca"),
		ClientCertificate: value("client_certificate"), ClientKey: value("client_key"), Beginning: r.PostFormValue("beginning") != "",
	}
}

func (c *console) addStream(w http.ResponseWriter, r *http.Request) error {
	p := streamPage{frame: c.streamFrame(r, "Add a stream"), Input: readStream(r)}
	made, err := c.Streams.Create(r.Context(), p.Input)
	p.Input.ClientKey = ""
	if err != nil {
		p.Problems = problemsOf(err)
		return c.show(w, r, statusOf(p.Problems), streamForm(p))
	}
	if made.Secret == "" {
		return c.away(w, r, streamsPath+"?done=stream-added")
	}
	return c.showSecret(w, r, made)
}

// showSecret shows the signing secret of a webhook, once.
func (c *console) showSecret(w http.ResponseWriter, r *http.Request, made postern.AuditStreamSecret) error {
	p := streamPage{frame: c.streamFrame(r, "Signing secret of "+made.Stream.Name), ID: made.Stream.ID, Secret: made.Secret}
	return c.show(w, r, http.StatusOK, streamSecret(p, made.Stream))
}

func (c *console) editStream(w http.ResponseWriter, r *http.Request) error {
	s, err := c.streamOf(r)
	if err != nil {
		return err
	}
	p := streamPage{frame: c.streamFrame(r, "Change "+s.Name), ID: s.ID, KeySet: s.ClientCertificate != ""}
	p.Input = postern.AuditStreamInput{
		Version: s.Version, Name: s.Name, Kind: s.Kind, Format: s.Format, Address: s.Address, CA: s.CA, ClientCertificate: s.ClientCertificate,
	}
	if r.Method == http.MethodPost {
		p.Input = readStream(r)
		p.Input.Kind = s.Kind
		_, err := c.Streams.Update(r.Context(), s.ID, p.Input)
		if err == nil {
			return c.away(w, r, streamsPath+"?done=stream-changed")
		}
		p.Input.ClientKey, p.Problems = "", problemsOf(err)
		if p.Problems[0].Code == postern.CodeStale {
			p.Input.Version = s.Version // sent once more, it is meant
			p.Problems = problems{staleForm("stream", fmt.Sprintf("It is called %s now and sends %s to %s.", s.Name, formatName(s.Format), s.Address))}
		}
	}
	return c.show(w, r, statusOf(p.Problems), streamForm(p))
}

// pauseStream pauses a stream or lets it go on.
func (c *console) pauseStream(paused bool) func(http.ResponseWriter, *http.Request) error {
	done := "stream-resumed"
	if paused {
		done = "stream-paused"
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := c.streamOf(r)
		if err != nil {
			return err
		}
		if _, err := c.Streams.Pause(r.Context(), s.ID, readVersion(r), paused); err != nil {
			return err
		}
		return c.away(w, r, streamsPath+"?done="+done)
	}
}

func (c *console) testStream(w http.ResponseWriter, r *http.Request) error {
	s, err := c.streamOf(r)
	if err != nil {
		return err
	}
	test, err := c.Streams.Test(r.Context(), s.ID)
	if err != nil {
		return err
	}
	return c.showStreams(w, r, streamsPage{Tested: s.ID, Test: &test})
}

func (c *console) rotateSecret(w http.ResponseWriter, r *http.Request) error {
	s, err := c.streamOf(r)
	if err != nil {
		return err
	}
	p := actPage{
		frame: c.streamFrame(r, "Make a new signing secret for "+s.Name+"?"), Path: seenPath(r, s.Version), Back: streamsPath, Button: "Make a new secret",
		Text: "It is shown once. For a day messages are signed with the old one as well, so that the receiver can change over without losing any.",
	}
	if r.Method == http.MethodPost {
		made, err := c.Streams.Rotate(r.Context(), s.ID, sequenceOf(r.FormValue("version")))
		if err == nil {
			return c.showSecret(w, r, made)
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), confirmAct(p))
}

func (c *console) removeStream(w http.ResponseWriter, r *http.Request) error {
	s, err := c.streamOf(r)
	if err != nil {
		return err
	}
	text := "Nothing is sent there any more."
	if s.Lag > 0 {
		text = fmt.Sprintf("Nothing is sent there any more, and %s that it has not had never come. They stay in the audit trail here.", entriesText(s.Lag))
	}
	p := actPage{frame: c.streamFrame(r, "Remove the stream "+s.Name+"?"), Path: seenPath(r, s.Version), Back: streamsPath, Text: text, Button: "Remove stream"}
	return c.actOn(w, r, p, "stream-removed", func(ctx context.Context) error {
		return c.Streams.Remove(ctx, s.ID, sequenceOf(r.FormValue("version")))
	})
}

func entriesText(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return thousands(int(n)) + " entries"
}

func formatName(format string) string {
	switch format {
	case postern.AuditCSV:
		return "CSV"
	case postern.AuditOCSF:
		return "OCSF"
	case postern.AuditCEF:
		return "CEF"
	}
	return "JSON"
}

func streamKind(kind string) string {
	if kind == postern.StreamWebhook {
		return "Webhook"
	}
	return "Syslog"
}

func streamState(s postern.AuditStream) (kind, text string) {
	switch s.State {
	case postern.StreamPaused:
		return "warn", "paused"
	case postern.StreamFailing:
		return "bad", "failing"
	case postern.StreamBehind:
		return "info", "sending"
	}
	return "ok", "up to date"
}

// lagText says how far behind a stream is.
func lagText(s postern.AuditStream) string {
	switch {
	case s.Lag == 0:
		return "The sink has every entry."
	case s.State == postern.StreamPaused:
		return "It has the entries up to " + fmt.Sprint(s.Cursor) + "; " + entriesText(s.Lag) + " to send when it goes on. Retention keeps what it has not."
	}
	return "It has the entries up to " + fmt.Sprint(s.Cursor) + "; " + entriesText(s.Lag) + " still to send."
}

// streamNext says what helps a stream that fails.
func streamNext(s postern.AuditStream) string {
	if s.Kind == postern.StreamWebhook {
		return "Nothing is lost: Postern tries again by itself. See that the receiver runs, can be reached from here over https with a certificate that is trusted, and answers 200 to 299. Then send a test."
	}
	return "Nothing is lost: Postern tries again by itself. See that the receiver runs, can be reached from here, and that its certificate is trusted (or give its authority). Then send a test."
}

//go:build !js

package postern

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// AuditFilter chooses entries of the audit trail. Zero members do not restrict.
type AuditFilter struct {
	IntegrationID IntegrationID
	Target        string // identifier of what was acted on
	Name          string // passkey.revoked, or a family: passkey.
	Actor         string // identifier of who acted
	FailuresOnly  bool
	Text          string   // words in the message, in names, identifiers, codes or fields
	Events        []string // any of these codes, names or families
	User          UserID   // everything about this user
	Outcome       string   // success or failure
	From, To      time.Time
	After         int64 // only entries with a higher sequence
	OldestFirst   bool  // otherwise newest first
}

func (f AuditFilter) query() url.Values {
	q := url.Values{}
	set(q, "integration_id", string(f.IntegrationID))
	set(q, "target", f.Target)
	set(q, "name", f.Name)
	set(q, "actor", f.Actor)
	if f.FailuresOnly {
		q.Set("failures", "true")
	}
	set(q, "text", f.Text)
	set(q, "event", strings.Join(f.Events, ","))
	set(q, "user_id", string(f.User))
	set(q, "outcome", f.Outcome)
	if !f.From.IsZero() {
		q.Set("from", f.From.UTC().Format(time.RFC3339Nano))
	}
	if !f.To.IsZero() {
		q.Set("to", f.To.UTC().Format(time.RFC3339Nano))
	}
	if f.After > 0 {
		q.Set("after", strconv.FormatInt(f.After, 10))
	}
	return q
}

// AuditEvents walks the audit trail, page by page.
func (c *Client) AuditEvents(ctx context.Context, f AuditFilter) iter.Seq2[AuditEvent, error] {
	q := f.query()
	if f.OldestFirst {
		q.Set("order", "oldest")
	}
	return pages[AuditEvent](ctx, c, under("audit", "events"), q)
}

// maxAuditLine bounds one line of an export.
const maxAuditLine = 1 << 20

// ExportAudit streams the audit trail, oldest first, in one request.
func (c *Client) ExportAudit(ctx context.Context, f AuditFilter) iter.Seq2[AuditEvent, error] {
	return func(yield func(AuditEvent, error) bool) {
		answer, err := c.send(ctx, http.MethodGet, under("audit", "export"), f.query(), nil)
		if err != nil {
			yield(AuditEvent{}, err)
			return
		}
		defer answer.Body.Close()
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, maxAuditLine)
		for lines.Scan() {
			var e AuditEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				yield(AuditEvent{}, c.unreadable(answer, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(AuditEvent{}, Errorf(CodeUnavailable, "The export broke off before its end.").
				WithNext("Export again from the last sequence you have.").Because(err))
		}
	}
}

// WriteAudit streams the audit trail, oldest first, to w in a format: AuditJSON, AuditCSV, AuditOCSF or AuditCEF.
func (c *Client) WriteAudit(ctx context.Context, f AuditFilter, format string, w io.Writer) error {
	q := f.query()
	q.Set("format", format)
	answer, err := c.send(ctx, http.MethodGet, under("audit", "export"), q, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return Errorf(CodeUnavailable, "The export broke off before its end.").
			WithNext("Export again from the last sequence you have.").Because(err)
	}
	return nil
}

// VerifyAudit has the whole audit trail verified. A trail that does not verify is a result, not an error.
func (c *Client) VerifyAudit(ctx context.Context) (AuditVerification, error) {
	return get[AuditVerification](ctx, c, http.MethodGet, under("audit", "verification"), nil)
}

// AuditCheckpoint returns a signed note over the head of the audit trail.
func (c *Client) AuditCheckpoint(ctx context.Context) (string, error) {
	out, err := get[AuditCheckpoint](ctx, c, http.MethodGet, under("audit", "checkpoint"), nil)
	return out.Checkpoint, err
}

// AuditCodes lists every event there is.
func (c *Client) AuditCodes(ctx context.Context) ([]AuditCode, error) {
	return list[AuditCode](ctx, c, under("audit", "codes"), nil)
}

// ErrorCodes lists every error code there is.
func (c *Client) ErrorCodes(ctx context.Context) ([]ErrorInfo, error) {
	return list[ErrorInfo](ctx, c, under("errors"), nil)
}

package export

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// pageSize is how many entries are in memory at once.
const pageSize = 500

// Trail is where entries come from.
type Trail interface {
	Events(ctx context.Context, q audit.Query) ([]postern.AuditEvent, error)
}

// Source says which installation entries come from.
type Source struct {
	Version string // of Postern
	Host    string // name of the host, as users reach it
}

// Form is one format.
type Form struct {
	Name      string // as in AuditSelection and addresses
	MediaType string
	Extension string
	header    []byte
	encode    func(s Source, e postern.AuditEvent) []byte // one line without its end, or several for CSV
	lineEnd   string
}

var forms = []Form{
	{Name: postern.AuditJSON, MediaType: "application/x-ndjson", Extension: "jsonl", encode: encodeJSON, lineEnd: "\n"},
	{Name: postern.AuditCSV, MediaType: "text/csv; charset=utf-8", Extension: "csv", header: csvHeader(), encode: encodeCSV, lineEnd: "\r\n"},
	{Name: postern.AuditOCSF, MediaType: "application/x-ndjson", Extension: "ocsf.jsonl", encode: encodeOCSF, lineEnd: "\n"},
	{Name: postern.AuditCEF, MediaType: "text/plain; charset=utf-8", Extension: "cef", encode: encodeCEF, lineEnd: "\n"},
}

// Forms lists every format.
func Forms() []Form { return slices.Clone(forms) }

// FormOf finds a format by its name; CodeInvalid when there is none.
func FormOf(name string) (Form, error) {
	for _, f := range forms {
		if f.Name == name {
			return f, nil
		}
	}
	return Form{}, postern.FieldErrorf("format", "There is no format %q.", name).WithNext("Use jsonl, csv, ocsf or cef.")
}

// Encode returns one entry without the end of its line.
func (f Form) Encode(s Source, e postern.AuditEvent) []byte { return f.encode(s, e) }

// Export is one export that is about to be written.
type Export struct {
	form  Form
	from  Source
	trail Trail
	query audit.Query
	first []postern.AuditEvent
}

// Begin reads the first page, so that what fails at once can be told before anything is written. Entries that are
// appended while it is written may come too.
func Begin(ctx context.Context, t Trail, f Form, s Source, q audit.Query) (*Export, error) {
	q.Limit, q.Descending = pageSize, false
	first, err := t.Events(ctx, q)
	return &Export{form: f, from: s, trail: t, query: q, first: first}, err
}

// Write writes all entries, oldest first, and returns the sequence of the last one.
func (x *Export) Write(ctx context.Context, w io.Writer) (last int64, err error) {
	last = x.query.AfterSequence
	var out bytes.Buffer
	if x.form.header != nil {
		out.Write(x.form.header)
		out.WriteString(x.form.lineEnd)
	}
	page := x.first
	for {
		for _, e := range page {
			out.Write(x.form.encode(x.from, e))
			out.WriteString(x.form.lineEnd)
			last = e.Sequence
		}
		if _, err := w.Write(out.Bytes()); err != nil {
			return last, err
		}
		out.Reset()
		if len(page) < pageSize {
			return last, nil
		}
		x.query.AfterSequence = last
		if page, err = x.trail.Events(ctx, x.query); err != nil {
			return last, err
		}
	}
}

func encodeJSON(_ Source, e postern.AuditEvent) []byte { return marshal(e) }

// marshal writes JSON of plain values, which cannot fail.
func marshal(v any) []byte {
	var out bytes.Buffer
	j := json.NewEncoder(&out)
	j.SetEscapeHTML(false)
	if err := j.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

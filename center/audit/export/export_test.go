package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

var from = Source{Version: "1.2.3", Host: "postern.example.com"}

type trail []postern.AuditEvent

// Events implements Trail over a slice.
func (t trail) Events(_ context.Context, q audit.Query) ([]postern.AuditEvent, error) {
	var out []postern.AuditEvent
	for _, e := range t {
		if e.Sequence > q.AfterSequence && len(out) < q.Limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func anyEvent(rt *rapid.T) postern.AuditEvent {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~|\\='\r\n]{0,40}`), rapid.Just("=HYPERLINK(\"http://x\")"), rapid.Just("a|b\\c=d\r\ne"), rapid.Just("\xff\xfe"))
	code := rapid.SampledFrom(audit.Codes()).Draw(rt, "code")
	return postern.AuditEvent{
		Sequence: rapid.Int64Range(1, 1<<40).Draw(rt, "sequence"), ID: "evt_1", At: time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(rt, "at")).UTC(),
		Code: code.Code, Name: code.Name, Actor: postern.Actor{
			Kind: rapid.SampledFrom([]string{"administrator", "token", "phone", "system", "anonymous"}).Draw(rt, "kind"),
			ID:   text.Draw(rt, "actor"), Name: text.Draw(rt, "actor name"), Addr: rapid.SampledFrom([]string{"", "192.0.2.1", "2001:db8::1", "nonsense"}).Draw(rt, "addr"),
		},
		IntegrationID: "int_1", Target: text.Draw(rt, "target"), TargetName: text.Draw(rt, "target name"), Success: rapid.Bool().Draw(rt, "success"),
		ErrorCode: "conflict", Message: text.Draw(rt, "message"), Fields: rapid.MapOf(text, text).Draw(rt, "fields"), Previous: "aa", Hash: "bb",
	}
}

func TestFormsAreLines(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := anyEvent(rt)
		for _, f := range Forms() {
			line := f.Encode(from, e)
			if !utf8.Valid(line) && f.Name != postern.AuditCSV {
				rt.Fatalf("%s: not UTF-8: %q", f.Name, line)
			}
			if f.Name != postern.AuditCSV && bytes.ContainsAny(line, "\r\n") {
				rt.Fatalf("%s: more than one line: %q", f.Name, line)
			}
		}
	})
}

// TestCEFIsReadBack reads what was written with a parser of its own that knows only the standard.
func TestCEFIsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := anyEvent(rt)
		header, extension, err := parseCEF(string(encodeCEF(from, e)))
		if err != nil {
			rt.Fatal(err)
		}
		if header[4] != e.Code || header[3] != from.Version || header[6] != cefSeverity(e) {
			rt.Fatalf("%q", header)
		}
		for key, want := range map[string]string{"msg": e.Message, "suser": e.Actor.Name, "duser": e.TargetName, "duid": e.Target} {
			want = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(plain(want))
			if extension[key] != want {
				rt.Fatalf("%s is %q, want %q", key, extension[key], want)
			}
		}
	})
}

// parseCEF reads one event: bars that are not escaped end a header field, and an extension begins at a word with an
// equals sign behind it that is not escaped.
func parseCEF(line string) (header []string, extension map[string]string, err error) {
	rest := line
	for len(header) < 7 {
		var field strings.Builder
		n := 0
		for ; n < len(rest) && rest[n] != '|'; n++ {
			if rest[n] == '\\' {
				n++
			}
			field.WriteByte(rest[n])
		}
		if n == len(rest) {
			return nil, nil, errors.New("too few header fields")
		}
		header, rest = append(header, field.String()), rest[n+1:]
	}
	extension = map[string]string{}
	key, value := "", strings.Builder{}
	for n := 0; n < len(rest); n++ {
		switch {
		case rest[n] == '\\' && n+1 < len(rest):
			n++
			if rest[n] == 'n' {
				value.WriteByte('\n')
			} else {
				value.WriteByte(rest[n])
			}
		case rest[n] == '=':
			text := value.String()
			at := strings.LastIndexByte(text, ' ')
			if key != "" {
				extension[key] = text[:max(at, 0)]
			}
			key = text[at+1:]
			value.Reset()
		default:
			value.WriteByte(rest[n])
		}
	}
	if key != "" {
		extension[key] = value.String()
	}
	return header, extension, nil
}

func TestCEF(t *testing.T) {
	e := postern.AuditEvent{
		Sequence: 7, ID: "evt_1", At: time.UnixMilli(1700000000000), Code: "KEY002I", Name: "passkey.revoked", Success: true, Target: "pky_1",
		TargetName: `Ada|Lovelace = "x" \ y`, Actor: postern.Actor{Kind: "administrator", ID: "adm_1", Name: "Grace", Addr: "192.0.2.1"},
		Message: "line one\nline two", Fields: map[string]string{"graph_requests": "r1 r2", "before.x": "a=b", "é": "dropped"}, Hash: "bb",
	}
	want := `CEF:0|Postern|Postern|1.2.3|KEY002I|Entra no longer lists the passkey.|3|rt=1700000000000 externalId=evt_1 cat=passkey.revoked outcome=success ` +
		`dvchost=postern.example.com src=192.0.2.1 suid=adm_1 suser=Grace duid=pky_1 duser=Ada|Lovelace \= "x" \\ y msg=line one\nline two cn1=7 cn1Label=sequence ` +
		`cs2=administrator cs2Label=actorKind cs3=bb cs3Label=hash PosternBeforeX=a\=b PosternGraphRequests=r1 r2`
	if got := string(encodeCEF(from, e)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for range 64 {
		e.Fields[strings.Repeat("k", len(e.Fields)+1)] = strings.Repeat("=", 512)
	}
	if got := len(encodeCEF(from, e)); got > maxCEF {
		t.Errorf("%d bytes", got)
	}
}

// demands are what the schema asks of each class (OCSF 1.3.0): required attributes, and of some at least one.
var demands = map[Class]struct {
	activities []int
	required   []string
	one        []string
}{
	AccountChange:    {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99}, []string{"user"}, nil},
	Authentication:   {[]int{0, 1, 2, 3, 4, 5, 99}, []string{"user"}, []string{"service", "dst_endpoint"}},
	EntityManagement: {[]int{0, 1, 2, 3, 4, 99}, []string{"entity"}, nil},
	APIActivity:      {[]int{0, 1, 2, 3, 4, 99}, []string{"actor", "api", "src_endpoint"}, nil},
}

// base is what the schema asks of every event.
var base = []string{"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}

// needOne are the objects of which at least one of some members must be there.
var needOne = map[string][]string{
	"user": {"account", "name", "uid"}, "entity": {"name", "uid"}, "service": {"name", "uid"}, "src_endpoint": {"ip", "uid", "name", "hostname"},
	"actor": {"process", "user", "app_name"},
}

func TestOCSFHoldsToTheSchema(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := anyEvent(rt)
		var got map[string]any
		if err := json.Unmarshal(encodeOCSF(from, e), &got); err != nil {
			rt.Fatal(err)
		}
		class, activity := Class(got["class_uid"].(float64)), int(got["activity_id"].(float64))
		demand, ok := demands[class]
		if !ok || !slices.Contains(demand.activities, activity) || activityNames[class][activity] == "" {
			rt.Fatalf("%s is class %d, activity %d", e.Name, class, activity)
		}
		if int(got["type_uid"].(float64)) != int(class)*100+activity || int(got["category_uid"].(float64)) != int(class)/1000 {
			rt.Fatalf("type %v, category %v of class %d", got["type_uid"], got["category_uid"], class)
		}
		for _, name := range append(slices.Clone(base), demand.required...) {
			if got[name] == nil {
				rt.Fatalf("%s has no %s", e.Name, name)
			}
		}
		if len(demand.one) > 0 && !slices.ContainsFunc(demand.one, func(name string) bool { return got[name] != nil }) {
			rt.Fatalf("%s has none of %v", e.Name, demand.one)
		}
		for name, members := range needOne {
			object, ok := got[name].(map[string]any)
			if ok && !slices.ContainsFunc(members, func(m string) bool { return object[m] != nil && object[m] != "" }) {
				rt.Fatalf("%s of %s has none of %v: %v", name, e.Name, members, object)
			}
		}
		metadata := got["metadata"].(map[string]any)
		if metadata["version"] != ocsfVersion || metadata["product"].(map[string]any)["vendor_name"] == nil {
			rt.Fatalf("%v", metadata)
		}
		if s := got["severity_id"].(float64); s < 0 || s > 6 {
			rt.Fatalf("severity %v", s)
		}
		if got["status_id"].(float64) == 1 != e.Success {
			rt.Fatalf("status %v of success %v", got["status_id"], e.Success)
		}
	})
}

func TestOCSFClasses(t *testing.T) {
	for name, want := range map[string]meaning{
		"passkey.revoked": {AccountChange, 11}, "provisioning.active": {AccountChange, 10}, "administrator.signed_in": {Authentication, 1},
		"administrator.signed_out": {Authentication, 2}, "token.created": {EntityManagement, 1}, "token.revoked": {EntityManagement, 4},
		"integration.updated": {EntityManagement, 3}, "audit.exported": {APIActivity, 2}, "system.started": {APIActivity, 99},
		"phone.revoked": {EntityManagement, 4}, "administrator.denied": {APIActivity, 99}, "user.suspended": {AccountChange, 5},
		"something.new": {APIActivity, 99},
	} {
		if got := meaningOf(postern.AuditEvent{Name: name}); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for name := range meanings {
		if !slices.ContainsFunc(audit.Codes(), func(c audit.Code) bool { return c.Name == name }) {
			t.Errorf("there is no event %s", name)
		}
	}
}

func TestCSVIsReadBackAndHarmless(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := anyEvent(rt)
		rows, err := csv.NewReader(bytes.NewReader(slices.Concat(csvHeader(), []byte("\r\n"), encodeCSV(from, e), []byte("\r\n")))).ReadAll()
		if err != nil || len(rows) != 2 {
			rt.Fatal(rows, err)
		}
		at := slices.Index(rows[0], "message")
		cell := rows[1][at]
		if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t|%\n") {
			rt.Fatalf("a formula: %q", cell)
		}
		if want := strings.ReplaceAll(e.Message, "\r", "\n"); strings.TrimPrefix(cell, "'") != want && cell != want {
			rt.Fatalf("%q, want %q", cell, want)
		}
	})
}

// TestPythonReadsIt gives CSV and JSON Lines to Python's own readers.
func TestPythonReadsIt(t *testing.T) {
	events := trail{}
	for n := range 3 {
		events = append(events, postern.AuditEvent{
			Sequence: int64(n + 1), ID: postern.EventID(fmt.Sprint("evt_", n)), Code: "USR001I", Name: "user.invited", TargetName: "=1+1",
			Message: "He said \"no\",\nthen left; ü", Success: n%2 == 0, Fields: map[string]string{"a": "b,c"}, At: time.UnixMilli(0).UTC(),
		})
	}
	const script = `
import csv, io, json, sys
text = sys.stdin.buffer.read().decode("utf-8")
if sys.argv[1] == "csv":
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    print(len(rows), rows[0]["message"] == "He said \"no\",\nthen left; ü", rows[0]["target_name"], rows[1]["outcome"], json.loads(rows[0]["fields"])["a"])
else:
    rows = [json.loads(line) for line in text.split("\n") if line]
    print(len(rows), rows[0].get("message") == "He said \"no\",\nthen left; ü")
`
	for format, want := range map[string]string{"csv": "3 True '=1+1 failure b,c\n", "jsonl": "3 True\n", "ocsf": "3 True\n"} {
		form, err := FormOf(format)
		if err != nil {
			t.Fatal(err)
		}
		x, err := Begin(t.Context(), events, form, from, audit.Query{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if last, err := x.Write(t.Context(), &out); err != nil || last != 3 {
			t.Fatal(last, err)
		}
		cmd := exec.CommandContext(t.Context(), "python3", "-c", script, format)
		cmd.Stdin = &out
		got, err := cmd.CombinedOutput()
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, want %q (%v)", format, got, want, err)
		}
	}
}

func TestExportGoesOnPageByPage(t *testing.T) {
	var events trail
	for n := range 2*pageSize + 3 {
		events = append(events, postern.AuditEvent{Sequence: int64(n + 1)})
	}
	form, _ := FormOf(postern.AuditJSON)
	x, err := Begin(t.Context(), events, form, from, audit.Query{AfterSequence: 2})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	last, err := x.Write(t.Context(), &out)
	if err != nil || last != int64(len(events)) || bytes.Count(out.Bytes(), []byte("\n")) != len(events)-2 {
		t.Fatal(last, err, bytes.Count(out.Bytes(), []byte("\n")))
	}
	if _, err := FormOf("xml"); !postern.IsCode(err, postern.CodeInvalid) {
		t.Fatal(err)
	}
}

func FuzzForms(f *testing.F) {
	f.Add("a|b", `c\=d`, "k", "=x", "2001:db8::1")
	f.Fuzz(func(t *testing.T, message, name, key, value, addr string) {
		e := postern.AuditEvent{
			Code: "X", Name: name, Message: message, TargetName: name, Fields: maps.Collect(maps.All(map[string]string{key: value})), Actor: postern.Actor{Addr: addr, Name: value},
		}
		if _, _, err := parseCEF(string(encodeCEF(from, e))); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(encodeOCSF(from, e)) || !json.Valid(encodeJSON(from, e)) {
			t.Fatal("not JSON")
		}
		if _, err := csv.NewReader(bytes.NewReader(encodeCSV(from, e))).ReadAll(); err != nil {
			t.Fatal(err)
		}
	})
}

package domain

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/postern/postern"
)

var now = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parsed(t *testing.T, file []byte) Report {
	t.Helper()
	r, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestParse: the file is the same in each encoding that PowerShell has.
func TestParse(t *testing.T) {
	file := fixture(t, "report.json")
	want, err := json.Marshal(parsed(t, file))
	if err != nil {
		t.Fatal(err)
	}
	wide := []byte("\xff\xfe")
	for _, u := range utf16.Encode([]rune(string(file))) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	for name, other := range map[string][]byte{"UTF-8 with a mark": append([]byte("\xef\xbb\xbf"), file...), "UTF-16": wide} {
		if got, _ := json.Marshal(parsed(t, other)); string(got) != string(want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	s := parsed(t, fixture(t, "server.txt")).Server
	if s.ID != "17530" || s.KeyVersion != "27591" || s.CloudKeyVersion != "27591" || s.KeyUpdatedOn == nil || s.KeyUpdatedOn.Day() != 13 || s.CloudDomainDNSName != "contoso.com" {
		t.Errorf("the server as printed: %+v", s)
	}
	for _, text := range []string{"", "{", "[]", "{}", `{"Format":"postern-domain-report/2"}`, "Id : 1", strings.Repeat(" ", maxReport+1)} {
		if _, err := Parse([]byte(text)); !postern.IsCode(err, postern.CodeInvalid) || postern.AsError(err).Next == "" {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// TestHealthy: a domain with nothing wrong has notes at most.
func TestHealthy(t *testing.T) {
	for _, name := range []string{"report.json"} {
		r := Judge(parsed(t, fixture(t, name)), now)
		if r.Worst != postern.FindingNote || r.Subject != "corp.contoso.com" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := Judge(parsed(t, fixture(t, "server.txt")), now); r.Worst != postern.FindingOK {
		t.Errorf("the server alone: %+v", r)
	}
}

// TestPatchedByName: an update that is listed counts where the revision is not told.
func TestPatchedByName(t *testing.T) {
	r := parsed(t, fixture(t, "report.json"))
	r.Controllers[0].Revision, r.Controllers[0].Hotfixes = 0, []string{"KB4534321"}
	if got := Judge(r, now); got.Worst != postern.FindingNote {
		t.Errorf("%+v", got)
	}
}

// TestScript: the script writes the format that is read here, and the fields of it.
func TestScript(t *testing.T) {
	var file map[string]any
	if err := json.Unmarshal(fixture(t, "report.json"), &file); err != nil {
		t.Fatal(err)
	}
	var fields func(any)
	fields = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, value := range v {
				if !strings.Contains(Script, name+" =") {
					t.Errorf("the script writes no %s", name)
				}
				fields(value)
			}
		case []any:
			for _, value := range v {
				fields(value)
			}
		}
	}
	fields(file)
	if !strings.Contains(Script, Format) {
		t.Error("the script writes another format")
	}
	for _, verb := range []string{"Set-AD", "New-AD", "Remove-", "Set-Azure", "Set-Item", "Invoke-Expression", "Invoke-WebRequest"} {
		if strings.Contains(Script, verb) {
			t.Errorf("the script has %s, and should change nothing", verb)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(fixture(f, "report.json"))
	f.Add(fixture(f, "server.txt"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := Parse(file)
		if err != nil {
			if !postern.IsCode(err, postern.CodeInvalid) {
				t.Fatal(err)
			}
			return
		}
		for _, finding := range Judge(r, now).Findings {
			if finding.Message == "" || finding.State.Rank() > 1 && finding.Next == "" {
				t.Fatalf("%+v", finding)
			}
		}
	})
}

package bulk

import (
	"strings"
	"testing"

	"github.com/postern/postern"
)

func TestParseCSV(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string // names and minutes, or the beginning of the refusal
	}{
		"plain":            {"ada@x.example\nbo@x.example\n", "ada@x.example/0 bo@x.example/0"},
		"header":           {"name,user,valid_minutes\r\nAda,ada@x.example,60\r\n", "ada@x.example/60"},
		"Excel":            {"\xef\xbb\xbfUser Principal Name;valid_minutes\r\n\"ada@x.example\";90\r\n", "ada@x.example/90"},
		"declared":         {"sep=;\r\nuser;valid_minutes\r\nada@x.example;5\r\n", "ada@x.example/5"},
		"tabs in UTF-16":   {"\xff\xfeu\x00s\x00e\x00r\x00\n\x00a\x00@\x00x\x00\n\x00", "a@x/0"},
		"quotes":           {"user\n\"o'neil@x.example\"\n", "o'neil@x.example/0"},
		"blank lines":      {"user\n\n,\nada@x.example\n", "ada@x.example/0"},
		"second column":    {"ada@x.example,30\n", "ada@x.example/30"},
		"missing user":     {"user,valid_minutes\n,60\n", "Row 2, column 1: "},
		"wrong minutes":    {"user,valid_minutes\nada@x.example,soon\n", "Row 2, column 2: "},
		"too many minutes": {"user;valid_minutes\nada@x.example;43201\n", "Row 2, column 2: "},
		"open quote":       {"user\n\"ada\n", "Row "},
		"empty":            {"user\n", "The file names nobody."},
		"binary":           {"PK\x03\x04\x00\x00", "The file is not text."},
		"Latin-1":          {"user\nm\xfcller@x.example\n", "The file is not UTF-8 text."},
		"long name":        {"user\n" + strings.Repeat("a", 400) + "\n", "Row 2, column 1: "},
		"too many":         {strings.Repeat("a\n", postern.MaxBulkRows+1), "The file has more than 50000 rows."},
	} {
		entries, err := parseCSV(c.text)
		if err != nil {
			e := postern.AsError(err)
			if !strings.HasPrefix(e.Message, c.want) || e.Field != "csv" || e.Next == "" {
				t.Errorf("%s: %+v", name, e)
			}
			continue
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.given+"/"+string(rune('0'+e.validMinutes%10)))
		}
		want := strings.Fields(c.want)
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
			continue
		}
		for n, e := range entries {
			given, minutes, _ := strings.Cut(want[n], "/")
			if e.given != given || minutes != itoa(e.validMinutes) {
				t.Errorf("%s: %+v, want %s", name, e, want[n])
			}
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func FuzzParseCSV(f *testing.F) {
	for _, seed := range []string{"user\na@x\n", "sep=;\nuser;valid_minutes\na;1\n", "\xff\xfeu\x00", "\"", "=1+1\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := parseCSV(text)
		if err == nil && len(entries) == 0 {
			t.Fatal("nobody, and no error")
		}
		for _, e := range entries {
			if e.given == "" || len(e.given) > maxGiven || e.validMinutes < 0 || e.validMinutes > maxValidMinutes {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func TestWrittenCellsAreNoFormulas(t *testing.T) {
	var out strings.Builder
	if err := writeCSV(&out, func(write func(cells ...string) error) error {
		return write("=1+1", "+1", "-1", "@x", "\tx", "a=b", `q"q`)
	}); err != nil {
		t.Fatal(err)
	}
	if want := "'=1+1,'+1,'-1,'@x,'\tx,a=b,\"q\"\"q\"\r\n"; out.String() != want {
		t.Fatalf("%q", out.String())
	}
}

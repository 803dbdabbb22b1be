package web_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// texts is a file of lang.
type texts struct {
	Text  map[string]string    `json:"text"`
	Codes map[string][2]string `json:"codes"`
}

func language(t *testing.T, name string) texts {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("skin", "lang", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var l texts
	if err := json.Unmarshal(content, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

func TestLanguagesSayTheSame(t *testing.T) {
	english, german := language(t, "en"), language(t, "de")
	for key, text := range english.Text {
		other, ok := german.Text[key]
		if !ok || other == "" {
			t.Errorf("German has no %q", key)
		}
		want, got := placeholder.FindAllString(text, -1), placeholder.FindAllString(other, -1)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%q has %v in English and %v in German", key, want, got)
		}
	}
	for key := range german.Text {
		if _, ok := english.Text[key]; !ok {
			t.Errorf("only German has %q", key)
		}
	}
	for code := range english.Codes {
		if _, ok := german.Codes[code]; !ok {
			t.Errorf("German has no sentence for %q", code)
		}
	}
	for _, l := range []texts{english, german} {
		for code, sentences := range l.Codes {
			if sentences[0] == "" || sentences[1] == "" {
				t.Errorf("%q lacks what happened or what to do", code)
			}
		}
	}
}

// TestEveryTextIsUsed holds scripts and texts together in both directions, as far as keys are written out.
func TestEveryTextIsUsed(t *testing.T) {
	english := language(t, "en")
	var script strings.Builder
	err := filepath.WalkDir("skin", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".js" || strings.Contains(path, "vendor") {
			return err
		}
		content, err := os.ReadFile(path)
		script.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := script.String()
	for _, found := range regexp.MustCompile(`\bt\("([a-z_.]+)"`).FindAllStringSubmatch(all, -1) {
		if _, ok := english.Text[found[1]]; !ok {
			t.Errorf("the scripts say %q, which no language has", found[1])
		}
	}
	for _, found := range regexp.MustCompile(`(?:Trouble\(|block\(|code: )"([a-z_]+)"`).FindAllStringSubmatch(all, -1) {
		if _, ok := language(t, "de").Codes[found[1]]; !ok && found[1] != "elsewhere" {
			t.Errorf("the scripts find %q, for which no language has a sentence", found[1])
		}
	}
	for key := range english.Text {
		stem, _, _ := strings.Cut(key, ".")
		if !strings.Contains(all, strconv.Quote(key)) && !strings.Contains(all, "`"+stem+".") && !strings.Contains(all, "(`${kind}.") {
			t.Errorf("nothing says %q", key)
		}
	}
}

// elsewhere are the codes that a phone cannot meet: they belong to administrators, to security keys at a machine, and to
// the connection between Postern and its tenant.
var elsewhere = regexp.MustCompile(`^(security_key_|certificate_|audit_|replica_|backup_|` +
	`entra_(secret|tenant|client|certificate|mfa|password|challenge|authority|directory)_)`)

// TestEveryCodeOfAPhoneIsGerman reads the catalogue.
func TestEveryCodeOfAPhoneIsGerman(t *testing.T) {
	german := language(t, "de")
	codes := catalogue(t)
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		if _, ok := german.Codes[code]; !ok && !elsewhere.MatchString(code) {
			t.Errorf("a phone may meet %q, and German has no sentence for it", code)
		}
	}
	if len(codes) < 80 {
		t.Errorf("only %d codes were found in the catalogue", len(codes))
	}
}

func catalogue(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "catalogue.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") || len(spec.Values) == 0 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			code, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes[code] = true
		}
		return true
	})
	return codes
}

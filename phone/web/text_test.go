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
	Text  map[string]string   `json:"text"`
	Codes map[string][]string `json:"codes"`
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
			if len(sentences) < 2 || sentences[0] == "" || sentences[1] == "" || len(sentences) > 2 && sentences[2] != "original" || len(sentences) > 3 {
				t.Errorf("%q is %q: what happened, what to do, and perhaps \"original\"", code, sentences)
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
var elsewhere = regexp.MustCompile(`^(security_key_|certificate_|audit_|replica_|backup_|bulk_|mail_|policy_|inventory_|model_|setup_|rotation_|doctor_|install_token_|desktop_|recovery_|` +
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
	for code := range constants(t, filepath.Join("..", "app", "problem.go")) {
		if _, ok := german.Codes[code]; !ok {
			t.Errorf("the app finds %q, and German has no sentence for it", code)
		}
	}
}

// plain are codes whose sentences name what nobody needs to know at a phone: a step of the protocol, a size, a kind of record or of
// device that is not the phone.
var plain = []string{"provisioning_wrong_state", "too_large", "not_found", "stale_version", "entra_throttled", "challenge_expired"}

// TestTranslationsKeepWhatMatters: where the product puts a name or a reason into its sentence, the translation names it
// too, or has the sentence shown below.
func TestTranslationsKeepWhatMatters(t *testing.T) {
	names, german, checked := constants(t, filepath.Join("..", "..", "catalogue.go")), language(t, "de"), 0
	codes := map[string]string{}
	for code, name := range names {
		codes[name] = code
	}
	for _, folder := range []string{"phone", "link", "center/device", "center/provision", "center/entra", "."} {
		folder = filepath.Join("..", "..", folder)
		err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() && path != folder && filepath.Base(folder) == ".." {
				return filepath.SkipDir
			}
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			for _, found := range regexp.MustCompile(`Errorf\(\s*(?:postern\.)?(Code\w+),\s*"(?:[^"\\]|\\.)*%`).FindAllStringSubmatch(string(content), -1) {
				code := codes[found[1]]
				sentences := german.Codes[code]
				if sentences == nil || slices.Contains(plain, code) {
					continue
				}
				checked++
				if len(sentences) < 3 && !strings.Contains(sentences[0], "{") {
					t.Errorf("%s: the sentence of %q names something that the German one does not", path, code)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if checked < 10 {
		t.Errorf("only %d sentences were found", checked)
	}
}

func catalogue(t *testing.T) map[string]string {
	t.Helper()
	return constants(t, filepath.Join("..", "..", "catalogue.go"))
}

// constants lists the codes that a file declares, and what they are called there.
func constants(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
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
			codes[code] = spec.Names[0].Name
		}
		return true
	})
	return codes
}

package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
	"golang.org/x/net/html"
)

// pages are what people open in the repository: the guides, and what stands at its root.
func pages(t *testing.T) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for _, pattern := range []string{"*.md", "../*.md", "../entrasim/*.md", "../extension/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(name)] = source
		}
	}
	return all
}

// TestLinks follows every link, anchor and picture of every page, in the repository and behind a door.
func TestLinks(t *testing.T) {
	all := pages(t)
	if all["../README.md"] == nil || len(all) < 20 {
		t.Fatalf("only %d pages", len(all))
	}
	anchors := make(map[string][]string)
	for name, source := range all {
		for n := parse(source).FirstChild(); n != nil; n = n.NextSibling() {
			if h, ok := n.(*ast.Heading); ok {
				anchors[name] = append(anchors[name], anchorOf(h))
			}
		}
	}
	links := 0
	for name, source := range all {
		err := ast.Walk(parse(source), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			switch n := n.(type) {
			case *ast.Link:
				links++
				checkLink(t, all, anchors, name, string(n.Destination))
			case *ast.Image:
				links++
				checkLink(t, all, anchors, name, string(n.Destination))
				if plain(n, source) == "" {
					t.Errorf("%s: the picture %s says nothing to those who do not see it", name, n.Destination)
				}
			}
			return ast.WalkContinue, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if links < 50 {
		t.Errorf("only %d links were followed", links)
	}
}

func checkLink(t *testing.T, all map[string][]byte, anchors map[string][]string, from, to string) {
	t.Helper()
	if strings.Contains(to, "://") {
		if !strings.HasPrefix(to, "https://") {
			t.Errorf("%s: the link to %s is not https", from, to)
		}
		return
	}
	file, anchor, _ := strings.Cut(to, "#")
	target := from
	if file != "" {
		target = path.Join(path.Dir(from), file)
	}
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s: the link to %s leads nowhere", from, to)
	}
	if anchor == "" {
		return
	}
	if all[target] == nil {
		t.Errorf("%s: the link to %s has an anchor in what is no page", from, to)
	} else if !slices.Contains(anchors[target], anchor) {
		t.Errorf("%s: %s has no heading #%s", from, target, anchor)
	}
}

// TestEveryPictureIsTaken: every picture is shown on some page, and some test takes it, so that none goes stale unseen.
func TestEveryPictureIsTaken(t *testing.T) {
	script, err := os.ReadFile("../scripts/pictures")
	if err != nil {
		t.Fatal(err)
	}
	artifacts := make(map[string]string) // of a picture
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*) ([a-z0-9/-]+)$`).FindAllStringSubmatch(string(script), -1) {
		artifacts[m[1]] = m[2]
	}
	if m := regexp.MustCompile(`for picture in ([a-z ]+); do cp "[^"]*/policy/\$picture\.png"`).FindStringSubmatch(string(script)); m != nil {
		for _, name := range strings.Fields(m[1]) {
			artifacts["policy-"+name] = name
		}
	}
	var shown bytes.Buffer
	for _, source := range pages(t) {
		shown.Write(source)
	}
	tests := literals(t)
	pictures, err := fs.Glob(os.DirFS("images"), "*")
	if err != nil || len(pictures) == 0 {
		t.Fatal(pictures, err)
	}
	for _, file := range pictures {
		name := strings.TrimSuffix(file, ".png")
		if !strings.Contains(shown.String(), "images/"+file) {
			t.Errorf("no page shows images/%s", file)
		}
		artifact := path.Base(artifacts[name])
		if artifacts[name] == "" {
			artifact = name
		}
		// A test may put the name of its tab before the name of the picture.
		taken := slices.ContainsFunc(tests, func(literal string) bool {
			literal = path.Base(literal)
			return literal == artifact || len(literal) > 2 && strings.HasSuffix(artifact, "-"+literal)
		})
		if !taken {
			t.Errorf("no test takes images/%s (as %s): name it in scripts/pictures and in a test", file, artifact)
		}
	}
}

// literals are all strings in tests.
func literals(t *testing.T) []string {
	t.Helper()
	var all []string
	quoted := regexp.MustCompile(`"([a-z0-9/-]{3,60})"`)
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 || d.Name() == "bin" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "docs/docs_test.go") {
			return nil
		}
		source, err := os.ReadFile(name)
		for _, m := range quoted.FindAllSubmatch(source, -1) {
			all = append(all, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestGuides holds every guide to what a page of the console may be.
func TestGuides(t *testing.T) {
	door := Door{Guides: "/g/", Pictures: "/p/"}
	for _, w := range written {
		if _, ok := Find(w.name); !ok {
			t.Errorf("there is no guide %s.md", w.name)
		}
	}
	for _, g := range Guides() {
		if g.Title == "" || g.Lead == "" {
			t.Errorf("%s.md has no title (#) or no first paragraph", g.Name)
		}
		page, err := g.HTML(door)
		if err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(strings.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		level := 1
		ids := make(map[string]bool)
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			checkElement(t, g, n, ids)
			if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
				at := int(n.Data[1] - '0')
				if at == 1 || at > level+1 {
					t.Errorf("%s.md: a heading of level %d follows one of level %d", g.Name, at, level)
				}
				level = at
			}
		}
		for _, h := range g.Headings {
			if !ids[h.Anchor] {
				t.Errorf("%s.md: the heading %q has no element #%s", g.Name, h.Text, h.Anchor)
			}
		}
	}
}

func checkElement(t *testing.T, g Guide, n *html.Node, ids map[string]bool) {
	t.Helper()
	if slices.Contains([]string{"script", "style", "iframe", "object", "form"}, n.Data) {
		t.Errorf("%s.md: <%s>", g.Name, n.Data)
	}
	if n.Data == "th" && n.FirstChild == nil {
		t.Errorf("%s.md: an empty heading of a table", g.Name)
	}
	for _, a := range n.Attr {
		switch {
		case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
			t.Errorf("%s.md: <%s> has %s", g.Name, n.Data, a.Key)
		case a.Key == "id" && (ids[a.Val] || slices.Contains([]string{"main", "side", "dialog", "said", "contents"}, a.Val)):
			t.Errorf("%s.md: the anchor #%s is taken", g.Name, a.Val)
		case a.Key == "id":
			ids[a.Val] = true
		case n.Data == "img" && a.Key == "src":
			if _, ok := Picture(path.Base(a.Val)); !ok || !strings.HasPrefix(a.Val, "/p/") {
				t.Errorf("%s.md: there is no picture %s", g.Name, a.Val)
			}
		}
	}
}

func TestLinksBehindADoor(t *testing.T) {
	employees := Door{Guides: "/help/", Pictures: "/help/images/", Serves: func(name string) bool { return name == "employee" }}
	g := read("a", []byte("# A\n\nText, <b>bold</b> and [one](employee.md#a-lost-phone), [two](administrator.md), [three](../README.md), [four](https://example.com/), [five](#b).\n\n"+
		"![A picture](images/app-home.png)\n\n## B\n\n<script>alert(1)</script>\n\n[six](javascript://x%0aalert(1))\n"))
	page, err := g.HTML(employees)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<a href="/help/employee#a-lost-phone">one</a>, two, three, <a href="https://example.com/" rel="noopener noreferrer">four</a>, <a href="#b">five</a>`,
		`src="/help/images/app-home.png" alt="A picture" width="`, `<h2 id="b">B</h2>`, "six",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	for _, bad := range []string{"<b>", "<script", "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q:\n%s", bad, page)
		}
	}
	if _, ok := Picture("../docs.go"); ok {
		t.Error("a picture from outside its folder")
	}
}

// TestTell: a diagram says in words what its arrows say.
func TestTell(t *testing.T) {
	for _, c := range []struct {
		diagram string
		want    []string
	}{
		{"stateDiagram-v2\n    [*] --> a: made\n    a --> b", []string{"(outside) → a: made", "a → b"}},
		{
			"sequenceDiagram\n    participant w as workstation (agent)\n    w->>p: sealed: x\n    loop each page\n        p->>p: opens it\n    end",
			[]string{"workstation (agent) → p: sealed: x", "again and again, each page:", "p: opens it"},
		},
		{"flowchart LR\n    w -- sealed --> link[phone/link] --> app\n    app -- view --> link", []string{"w → phone/link: sealed", "phone/link → app", "app → phone/link: view"}},
	} {
		if got := tell(c.diagram); !slices.Equal(got, c.want) {
			t.Errorf("%q is told as %q, not %q", c.diagram, got, c.want)
		}
	}
	for _, g := range Guides() {
		page, err := g.HTML(Door{})
		if err != nil {
			t.Fatal(err)
		}
		if blocks, told := strings.Count(string(g.source), "```mermaid"), strings.Count(page, `<ul class="diagram"><li>`); blocks != told {
			t.Errorf("%s.md has %d diagrams, %d are told in words", g.Name, blocks, told)
		}
	}
}

func TestSearch(t *testing.T) {
	names := func(r Result) []string {
		var all []string
		for _, f := range r.Found {
			all = append(all, f.Guide.Name+"#"+f.Heading.Anchor)
		}
		return all
	}
	// By an older name, what is called by the name of today is found.
	r := Search("hybrid  azure ad JOINED", nil)
	if len(r.Terms) != 1 || r.Terms[0].Word != "Entra hybrid joined" {
		t.Errorf("the terms are %+v", r.Terms)
	}
	if !slices.Contains(names(r), "administrator#before-you-start") {
		t.Errorf("found %q", names(r))
	}
	if got := names(Search("help desk guide", nil)); len(got) == 0 || got[0] != "help-desk#" {
		t.Errorf("found %q", got)
	}
	if got := names(Search("login settings", func(g Guide) bool { return g.Reader == ForEmployees })); len(got) != 0 {
		t.Errorf("found %q for employees", got)
	}
	if r := Search("xyzzy", nil); len(r.Found) != 0 || len(r.Terms) != 0 {
		t.Errorf("found %+v", r)
	}
	if r := Search("  ", nil); len(r.Found) != 0 {
		t.Error("nothing asked, something found")
	}
	for _, f := range Search("the", nil).Found {
		if len(f.Text) > 400 {
			t.Errorf("%s: a long excerpt: %q", f.Guide.Name, f.Text)
		}
	}
}

// TestGlossary: no word and no other name stands for two things.
func TestGlossary(t *testing.T) {
	seen := make(map[string]string)
	if len(Terms()) < 60 {
		t.Errorf("only %d words", len(Terms()))
	}
	for _, term := range Terms() {
		if term.Word == "" || term.Means == "" {
			t.Errorf("an empty cell: %+v", term)
		}
		for _, name := range append([]string{term.Word}, term.Also...) {
			if other, twice := seen[fold(name)]; twice {
				t.Errorf("%q is both %s and %s", name, other, term.Word)
			}
			seen[fold(name)] = term.Word
		}
	}
	for _, alias := range []string{"Azure AD", "Azure Active Directory", "FIDO2 security key", "Endpoint Manager", "Azure AD joined", "Application ID", "Reply URL", "Service principal"} {
		if seen[fold(alias)] == "" {
			t.Errorf("the glossary does not know %q", alias)
		}
	}
}

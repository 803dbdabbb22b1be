package web

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// TestStoriesAreDocuments holds every state of every page to what a document has to be: one title, one h1, one main,
// a language, no id twice, every label at its field, nothing inline, no link to nowhere.
func TestStoriesAreDocuments(t *testing.T) {
	names := make(map[string]bool)
	for _, s := range stories() {
		t.Run(s.Name, func(t *testing.T) {
			if names[s.Name] {
				t.Fatal("two stories have this name")
			}
			names[s.Name] = true
			component := s.Page
			if s.Part {
				component = storyPart(s)
			}
			var page bytes.Buffer
			if err := component.Render(t.Context(), &page); err != nil {
				t.Fatal(err)
			}
			checkDocument(t, page.Bytes())
		})
	}
}

// checkDocument parses a page and reports what is wrong with it.
func checkDocument(t *testing.T, page []byte) {
	t.Helper()
	if !bytes.HasPrefix(page, []byte("<!doctype html>")) {
		t.Errorf("the page begins with %.40q", page)
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[string]int)
	ids := make(map[string]bool)
	var wanted []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		a := make(map[string]string)
		for _, attribute := range n.Attr {
			if _, twice := a[attribute.Key]; twice {
				t.Errorf("<%s> has %s twice", n.Data, attribute.Key)
			}
			a[attribute.Key] = attribute.Val
			if attribute.Key == "style" || strings.HasPrefix(attribute.Key, "on") {
				t.Errorf("<%s> has %s inline", n.Data, attribute.Key)
			}
		}
		if id := a["id"]; id != "" {
			if ids[id] {
				t.Errorf("the id %q stands twice", id)
			}
			ids[id] = true
		}
		wanted = append(wanted, strings.Fields(a["aria-describedby"])...)
		wanted = append(wanted, strings.Fields(a["aria-labelledby"])...)
		if target := a["for"]; target != "" {
			wanted = append(wanted, target)
		}
		checkElement(t, n, a)
	}
	for _, tag := range []string{"title", "h1", "main", "html"} {
		if count[tag] != 1 {
			t.Errorf("the page has %d <%s>, not one", count[tag], tag)
		}
	}
	if count["style"] > 0 {
		t.Error("the page has a <style>")
	}
	for _, id := range wanted {
		if !ids[id] && id != "dialog-title" {
			t.Errorf("something points to the id %q, which is not there", id)
		}
	}
}

func checkElement(t *testing.T, n *html.Node, a map[string]string) {
	t.Helper()
	switch n.Data {
	case "script":
		if n.FirstChild != nil || !strings.HasPrefix(a["src"], "/static/") {
			t.Error("a script is inline or from elsewhere")
		}
	case "a":
		if _, ok := a["href"]; !ok || strings.Contains(a["href"], "unsafe") {
			t.Errorf("a link leads to %q", a["href"])
		}
		if a["target"] == "_blank" && !strings.Contains(a["rel"], "noopener") {
			t.Errorf("the link to %q opens a tab that can reach back", a["href"])
		}
	case "form":
		if a["method"] == "post" && a["action"] == "" {
			t.Error("a form would be sent nowhere")
		}
	case "input":
		if a["type"] == "password" && a["value"] != "" {
			t.Errorf("the secret field %q carries a value", a["name"])
		}
	case "button":
		if n.FirstChild == nil && a["aria-label"] == "" {
			t.Error("a button has no name")
		}
	}
}

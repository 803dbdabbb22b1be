package docs

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdown reads GitHub's Markdown. Raw HTML stays out: a comment in the source is for its authors.
func markdown(more ...renderer.Option) goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), extension.Strikethrough, extension.Linkify),
		goldmark.WithRendererOptions(more...),
	)
}

// Door is where guides are served, and what their links become there.
type Door struct {
	Guides   string // address under which guides lie, with its slash
	Pictures string // address under which pictures lie, with its slash
	// Serves reports whether a guide can be read here; a link to another one becomes plain text. nil: all can.
	Serves func(name string) bool
}

// section is the text below one heading, for the search.
type section struct {
	heading Heading // level 1 and no anchor above the first one
	text    string
}

// parse reads a page and gives its headings the anchors that GitHub gives them.
func parse(source []byte) ast.Node {
	root := markdown().Parser().Parse(text.NewReader(source))
	used := make(map[string]int)
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		h, ok := n.(*ast.Heading)
		if !ok {
			continue
		}
		anchor := slug(plain(h, source))
		used[anchor]++
		if again := used[anchor] - 1; again > 0 {
			anchor = fmt.Sprintf("%s-%d", anchor, again)
		}
		h.SetAttributeString("id", []byte(anchor))
	}
	return root
}

// slug is the anchor of a heading as GitHub makes it: small letters, digits, hyphens and underscores.
func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		case r == '-' || r == '_':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}, title)
}

// plain is what a node says, without its marks.
func plain(n ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			if n.Type() == ast.TypeBlock {
				out.WriteByte(' ')
			}
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			out.Write(n.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				out.WriteByte(' ')
			}
		case *ast.String:
			out.Write(n.Value)
		case *ast.AutoLink:
			out.Write(n.Label(source))
		case *ast.FencedCodeBlock:
			out.WriteString(strings.Join(code(n, source), " "))
		case *ast.CodeBlock:
			out.Write(n.Lines().Value(source))
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(out.String()), " ")
}

// read makes a guide of a page.
func read(name string, source []byte) Guide {
	g := Guide{Name: name, Reader: readerOf(name), source: source}
	var body strings.Builder
	at := Heading{Level: 1}
	flush := func() {
		g.sections = append(g.sections, section{at, strings.TrimSpace(body.String())})
		body.Reset()
	}
	for n := parse(source).FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Heading:
			if n.Level == 1 && g.Title == "" {
				g.Title = plain(n, source)
				at.Text = g.Title
				continue
			}
			flush()
			at = Heading{Level: n.Level, Text: plain(n, source), Anchor: anchorOf(n)}
			g.Headings = append(g.Headings, at)
		case *ast.Paragraph:
			if g.Lead == "" && at.Level == 1 {
				g.Lead = plain(n, source)
			}
			body.WriteString(plain(n, source) + " ")
		default:
			body.WriteString(plain(n, source) + " ")
		}
	}
	flush()
	return g
}

func anchorOf(h *ast.Heading) string {
	id, _ := h.AttributeString("id")
	anchor, _ := id.([]byte)
	return string(anchor)
}

// HTML is the guide below its title, as it is served behind that door: no styles, no scripts, nothing from elsewhere.
func (g Guide) HTML(at Door) (string, error) {
	root := markdown().Parser().Parse(text.NewReader(g.source))
	if !g.foreign {
		root = parse(g.source)
	}
	if h, ok := root.FirstChild().(*ast.Heading); ok && h.Level == 1 {
		root.RemoveChild(root, h)
	}
	var links []*ast.Link
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.Link); ok && entering {
			links = append(links, link)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", err
	}
	for _, link := range links {
		to, ok := at.address(string(link.Destination))
		if ok {
			link.Destination = []byte(to)
			continue
		}
		// What cannot be followed from here stays as its words.
		for child := link.FirstChild(); child != nil; child = link.FirstChild() {
			link.Parent().InsertBefore(link.Parent(), link, child)
		}
		link.Parent().RemoveChild(link.Parent(), link)
	}
	var out bytes.Buffer
	m := markdown(renderer.WithNodeRenderers(util.Prioritized(&skin{at}, 10)))
	if err := m.Renderer().Render(&out, g.source, root); err != nil {
		return "", err
	}
	// A column without a name has no heading; an empty one would say "heading" to those who hear the page.
	return strings.ReplaceAll(out.String(), "<th></th>", "<td></td>"), nil
}

// address is where a link of a guide leads behind the door.
func (d Door) address(destination string) (string, bool) {
	if strings.HasPrefix(destination, "#") || strings.HasPrefix(destination, "https://") {
		return destination, true
	}
	file, fragment, _ := strings.Cut(destination, "#")
	name, isGuide := strings.CutSuffix(file, ".md")
	if _, ours := Find(name); !isGuide || !ours || path.Base(file) != file || d.Serves != nil && !d.Serves(name) {
		return "", false
	}
	if fragment != "" {
		fragment = "#" + fragment
	}
	return d.Guides + name + fragment, true
}

// Steps renders Markdown that was made elsewhere, below its title, as guides are rendered; its headings have no anchors
// and its links lead to the web alone.
func Steps(source string) (string, error) {
	g := Guide{source: []byte(source), foreign: true}
	return g.HTML(Door{Serves: func(string) bool { return false }})
}

package docs

import (
	"bytes"
	"fmt"
	"html"
	"image/png"
	"path"
	"strings"

	"github.com/yuin/goldmark/ast"
	extensionast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// skin writes what a page of the console needs otherwise than plain Markdown has it: what is wider than a phone scrolls in
// a frame of its own that the keyboard reaches, pictures have their size, and diagrams are told in words.
type skin struct{ at Door }

// RegisterFuncs implements renderer.NodeRenderer.
func (s *skin) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, s.fenced)
	r.Register(ast.KindCodeBlock, s.indented)
	r.Register(ast.KindImage, s.image)
	r.Register(ast.KindLink, s.link)
	r.Register(ast.KindRawHTML, nothing)
	r.Register(ast.KindHTMLBlock, nothing)
	r.Register(extensionast.KindTable, s.table)
}

func nothing(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
	return ast.WalkSkipChildren, nil
}

func (s *skin) fenced(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := n.(*ast.FencedCodeBlock)
	if string(block.Language(source)) != "mermaid" {
		return preformatted(w, string(block.Lines().Value(source)))
	}
	told := code(block, source)
	write(w, `<ul class="diagram">`)
	for _, line := range told {
		write(w, "<li>"+html.EscapeString(line)+"</li>")
	}
	write(w, "</ul>\n")
	return ast.WalkSkipChildren, nil
}

func (s *skin) indented(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	return preformatted(w, string(n.Lines().Value(source)))
}

func preformatted(w util.BufWriter, text string) (ast.WalkStatus, error) {
	write(w, `<pre class="yaml" tabindex="0"><code>`+html.EscapeString(text)+"</code></pre>\n")
	return ast.WalkSkipChildren, nil
}

func (s *skin) table(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		write(w, "</table></div>\n")
		return ast.WalkContinue, nil
	}
	var columns []string
	for cell := n.FirstChild().FirstChild(); cell != nil; cell = cell.NextSibling() {
		if name := plain(cell, source); name != "" {
			columns = append(columns, name)
		}
	}
	label := "Table"
	if len(columns) > 0 {
		label += ": " + strings.Join(columns, ", ")
	}
	write(w, `<div class="wide-table" role="group" tabindex="0" aria-label="`+html.EscapeString(label)+`"><table>`)
	return ast.WalkContinue, nil
}

func (s *skin) image(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	name := path.Base(string(n.(*ast.Image).Destination))
	size := ""
	if picture, ok := Picture(name); ok {
		if c, err := png.DecodeConfig(bytes.NewReader(picture)); err == nil {
			size = fmt.Sprintf(` width="%d" height="%d"`, c.Width, c.Height)
		}
	}
	alt := html.EscapeString(plain(n, source))
	address := html.EscapeString(s.at.Pictures + name)
	write(w, `<a class="picture" href="`+address+`"><img src="`+address+`" alt="`+alt+`"`+size+` loading="lazy"></a>`)
	return ast.WalkSkipChildren, nil
}

func (s *skin) link(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		write(w, "</a>")
		return ast.WalkContinue, nil
	}
	to := string(n.(*ast.Link).Destination)
	rel := ""
	if strings.Contains(to, "://") {
		rel = ` rel="noopener noreferrer"`
	}
	write(w, `<a href="`+html.EscapeString(to)+`"`+rel+`>`)
	return ast.WalkContinue, nil
}

// write writes to a buffer that keeps its first error until it is flushed.
func write(w util.BufWriter, text string) { _, _ = w.WriteString(text) }

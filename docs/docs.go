// Package docs carries the guides: every page of this folder and every picture, and what makes pages of a website of
// them.
//
// It owns which guides there are and for whom, how Markdown becomes HTML that needs no styles or scripts of its own, and
// the search through them, which knows the older names of things from the glossary. It does not own the pages around them
// (center/web), nor what they say of the product: tests beside the product hold that.
package docs

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed *.md images/*.png
var files embed.FS

// Reader is for whom a guide is.
type Reader string

// The readers, in the order in which lists have them.
const (
	ForAdministrators Reader = "Administrators"
	ForHelpDesk       Reader = "Help desk"
	ForEmployees      Reader = "Employees"
	ForReference      Reader = "Reference"
)

// Readers lists them in their order.
var Readers = []Reader{ForAdministrators, ForHelpDesk, ForEmployees, ForReference}

// written is the order of the guides that are written for one kind of reader. All other pages are for reference, in the
// order of their titles.
var written = []struct {
	name   string
	reader Reader
}{
	{"quickstart", ForAdministrators},
	{"administrator", ForAdministrators},
	{"setup", ForAdministrators},
	{"policy", ForAdministrators},
	{"policy-example", ForAdministrators},
	{"lifecycle", ForAdministrators},
	{"audit", ForAdministrators},
	{"doctor", ForAdministrators},
	{"credentials", ForAdministrators},
	{"desktop-client", ForAdministrators},
	{"agent", ForAdministrators},
	{"extension", ForAdministrators},
	{"security-keys", ForAdministrators},
	{"configuration", ForAdministrators},
	{"replicas", ForAdministrators},
	{"help-desk", ForHelpDesk},
	{"employee", ForEmployees},
	{"authenticator-passkeys", ForEmployees},
	{"hardware-keys", ForEmployees},
	{"glossary", ForReference},
}

// Guide is one page of this folder.
type Guide struct {
	Name   string // of the file, without .md
	Reader Reader
	Title  string
	Lead   string // the first paragraph, as plain text
	// Headings lists the sections below the title, in their order.
	Headings []Heading

	source   []byte
	sections []section
	foreign  bool // it is no page of this folder
}

// Heading is a section of a guide.
type Heading struct {
	Level  int // 2 and deeper
	Text   string
	Anchor string
}

var guides = sync.OnceValue(func() []Guide {
	names, err := fs.Glob(files, "*.md")
	if err != nil {
		panic(err) // the pattern is ours
	}
	all := make([]Guide, 0, len(names))
	for _, name := range names {
		source, err := files.ReadFile(name)
		if err != nil {
			panic(err) // the file is part of the program
		}
		all = append(all, read(strings.TrimSuffix(name, ".md"), source))
	}
	slices.SortStableFunc(all, func(a, b Guide) int {
		ra, rb := rank(a.Name), rank(b.Name)
		if ra != rb {
			return ra - rb
		}
		return strings.Compare(a.Title, b.Title)
	})
	return all
})

func rank(name string) int {
	for i, w := range written {
		if w.name == name {
			return i
		}
	}
	return len(written)
}

func readerOf(name string) Reader {
	if i := rank(name); i < len(written) {
		return written[i].reader
	}
	return ForReference
}

// Guides lists every guide, those written for somebody first.
func Guides() []Guide { return slices.Clone(guides()) }

// Find returns the guide of that name.
func Find(name string) (Guide, bool) {
	for _, g := range guides() {
		if g.Name == name {
			return g, true
		}
	}
	return Guide{}, false
}

// Picture returns the picture of that file name.
func Picture(name string) ([]byte, bool) {
	if path.Base(name) != name {
		return nil, false
	}
	picture, err := files.ReadFile("images/" + name)
	return picture, err == nil
}

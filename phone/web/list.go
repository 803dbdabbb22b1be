package web

import "strings"

// ListName is the name of the file that holds the [List] of an app.
const ListName = "app.json"

// List is everything that makes up one version of the app.
type List struct {
	Version string `json:"version"`
	Files   []File `json:"files"`
}

// File is one file of the app, kept under the hash of its content.
type File struct {
	Path       string `json:"path"` // below /app/; empty is the start page
	Hash       string `json:"hash"` // SHA-256, in hexadecimal
	Size       int    `json:"size"` // in bytes, as the browser sees it
	Least      int    `json:"least"`
	Compressed bool   `json:"compressed,omitempty"` // kept as br and gzip, else as it is
	Immutable  bool   `json:"immutable,omitempty"`  // the path changes with the content
	Story      bool   `json:"story,omitempty"`      // served with stories only
	Lazy       bool   `json:"lazy,omitempty"`       // not needed for the first screen
}

// Name is the name under which a form of the file is kept. The encodings are those of HTTP: br, gzip, or none.
func (f File) Name(encoding string) string {
	name := f.Hash[:32]
	if encoding != "" {
		name += "." + encoding
	}
	return name
}

// FirstLoad is how many bytes a phone fetches until the first screen, where it takes the smallest form of each file. The
// texts of every language count, though a phone fetches two at most.
func (l List) FirstLoad() int {
	total := 0
	for _, f := range l.Files {
		if f.Story || f.Lazy || strings.Contains(f.Path, "/LICENSE") {
			continue
		}
		total += f.Least
	}
	return total
}

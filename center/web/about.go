package web

import (
	"io/fs"
	"net/http"
	"runtime"

	"github.com/postern/postern"
)

// aboutPage says what runs here and whether it is well.
type aboutPage struct {
	frame
	Version  string
	Go       string
	Checks   []Check
	Licences []licence
}

// licence is the notice of something that the console brings along.
type licence struct{ Name, Text string }

var licences = []struct{ name, file string }{
	{"htmx 4.0.1 (0BSD)", "htmx-LICENSE.txt"},
	{"Pico CSS 2.1.1 (MIT)", "pico-LICENSE.txt"},
}

func readLicences() []licence {
	var all []licence
	for _, l := range licences {
		text, err := fs.ReadFile(files, "static/"+l.file)
		if err != nil {
			panic(err) // the files are part of the program
		}
		all = append(all, licence{l.name, string(text)})
	}
	return all
}

func (c *console) about(w http.ResponseWriter, r *http.Request) error {
	p := aboutPage{frame: c.frame(r, sectionAbout, "About Postern"), Version: c.Version, Go: runtime.Version(), Licences: readLicences()}
	if c.Health != nil && p.May(postern.PermAuditRead) {
		p.Checks = c.Health(r)
	}
	return c.show(w, r, http.StatusOK, about(p))
}

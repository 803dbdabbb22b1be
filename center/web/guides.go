package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/docs"
)

// Where guides are read: all of them in the console, and those for employees by anybody, because whoever cannot sign in
// needs them most.
const (
	guidesPath = "/guides"
	openPath   = "/help"
)

var (
	guidesDoor = docs.Door{Guides: guidesPath + "/", Pictures: guidesPath + "/images/"}
	helpDoor   = docs.Door{Guides: openPath + "/", Pictures: openPath + "/images/", Serves: func(name string) bool {
		g, ok := docs.Find(name)
		return ok && isPublic(g)
	}}
)

func isPublic(g docs.Guide) bool { return g.Reader == docs.ForEmployees }

// guidesPage lists the guides, or what a search found in them.
type guidesPage struct {
	frame
	Query  string
	Result docs.Result
	Open   bool // it is the list that anybody may see
}

// guideGroup is the guides for one kind of reader.
type guideGroup struct {
	Reader docs.Reader
	Guides []docs.Guide
}

func (p guidesPage) groups() []guideGroup {
	var all []guideGroup
	for _, r := range docs.Readers {
		g := guideGroup{Reader: r}
		for _, guide := range docs.Guides() {
			if guide.Reader == r && (!p.Open || isPublic(guide)) {
				g.Guides = append(g.Guides, guide)
			}
		}
		if len(g.Guides) > 0 {
			all = append(all, g)
		}
	}
	return all
}

// base is the address under which the guides of the page lie.
func (p guidesPage) base() string {
	if p.Open {
		return openPath
	}
	return guidesPath
}

// foundPath is the address of what a search found.
func (p guidesPage) foundPath(f docs.Found) string {
	path := p.base() + "/" + f.Guide.Name
	if f.Heading.Anchor != "" {
		path += "#" + f.Heading.Anchor
	}
	return path
}

// guidePage is one guide.
type guidePage struct {
	frame
	Guide docs.Guide
	HTML  string
	Open  bool
}

// contents are the headings that the list at the top of a long guide has.
func (p guidePage) contents() []docs.Heading {
	top := slices.DeleteFunc(slices.Clone(p.Guide.Headings), func(h docs.Heading) bool { return h.Level > 3 })
	if len(top) < 3 {
		return nil
	}
	return top
}

// maxGuideQuery bounds what is searched for.
const maxGuideQuery = 100

func (c *console) guides(w http.ResponseWriter, r *http.Request) error {
	return c.showGuides(w, r, guidesPage{frame: c.frame(r, sectionGuides, "Guides")}, nil)
}

func (c *console) openGuides(w http.ResponseWriter, r *http.Request) error {
	return c.showGuides(w, r, guidesPage{frame: frame{Title: "Help", Now: c.Now().UTC()}, Open: true}, isPublic)
}

func (c *console) showGuides(w http.ResponseWriter, r *http.Request, p guidesPage, may func(docs.Guide) bool) error {
	p.Query = strings.TrimSpace(r.URL.Query().Get("q"))
	if len(p.Query) > maxGuideQuery {
		p.Query = strings.ToValidUTF8(p.Query[:maxGuideQuery], "")
	}
	p.Result = docs.Search(p.Query, may)
	page := guides(p)
	if p.Open {
		page = helpFrame(p.frame, guideList(p))
	}
	return c.show(w, r, http.StatusOK, page)
}

func (c *console) guide(w http.ResponseWriter, r *http.Request) error {
	g, ok := docs.Find(r.PathValue("guide"))
	if !ok {
		return noGuide()
	}
	p := guidePage{frame: c.frame(r, sectionGuides, g.Title), Guide: g}
	p.Trail = []crumb{{"Guides", guidesPath}}
	return c.showGuide(w, r, p, guidesDoor, func(p guidePage) templ.Component { return guide(p) })
}

func (c *console) openGuide(w http.ResponseWriter, r *http.Request) error {
	g, ok := docs.Find(r.PathValue("guide"))
	if !ok || !isPublic(g) {
		return noGuide()
	}
	p := guidePage{frame: frame{Title: g.Title, Now: c.Now().UTC(), Trail: []crumb{{"Help", openPath}}}, Guide: g, Open: true}
	return c.showGuide(w, r, p, helpDoor, func(p guidePage) templ.Component { return helpFrame(p.frame, guideBody(p)) })
}

func noGuide() error {
	return postern.Errorf(postern.CodeNotFound, "There is no guide of that name.").WithNext("The list of guides has them all.")
}

func (c *console) showGuide(w http.ResponseWriter, r *http.Request, p guidePage, door docs.Door, page func(guidePage) templ.Component) error {
	var err error
	if p.HTML, err = p.Guide.HTML(door); err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, page(p))
}

// guidePicture answers a picture of the guides.
func (c *console) guidePicture(w http.ResponseWriter, r *http.Request) error {
	picture, ok := docs.Picture(r.PathValue("picture"))
	if !ok {
		return postern.Errorf(postern.CodeNotFound, "There is no picture of that name.")
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	if _, err := w.Write(picture); err != nil {
		c.Log.DebugContext(r.Context(), "the picture could not be sent", "error", err)
	}
	return nil
}

package web

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// story is one state of one page, with everything it shows.
type story struct {
	Name string // "settings/enabled", unique; it is the address too
	Page templ.Component
	// Part marks a fragment or the inside of a dialog, which is shown inside a page.
	Part bool
}

// Storybook shows every state of every page from fixtures, without a database and without acting on anything: it
// answers reads only. Mount it under /storybook/.
func Storybook() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /static/", static())
	pictures := &console{Deps: Deps{Log: slog.Default(), Now: time.Now}}
	m.Handle("GET "+guidesPath+"/images/{picture}", pictures.open(pictures.guidePicture))
	m.Handle("GET "+openPath+"/images/{picture}", pictures.open(pictures.guidePicture))
	all := stories()
	m.HandleFunc("GET /storybook/{$}", func(w http.ResponseWriter, r *http.Request) {
		serveStory(w, r, storybookIndex(all))
	})
	for _, s := range all {
		m.HandleFunc("GET /storybook/"+s.Name, func(w http.ResponseWriter, r *http.Request) {
			if s.Part {
				serveStory(w, r, storyPart(s))
				return
			}
			serveStory(w, r, s.Page)
		})
	}
	return secured(m)
}

func serveStory(w http.ResponseWriter, r *http.Request, page templ.Component) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := page.Render(r.Context(), w); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// chapters groups stories by the first part of their name.
func chapters(all []story) [][]story {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b story) int { return cmp.Compare(chapter(a), chapter(b)) })
	var out [][]story
	for i, s := range sorted {
		if i == 0 || chapter(sorted[i-1]) != chapter(s) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s)
	}
	return out
}

func chapter(s story) string {
	name, _, _ := strings.Cut(s.Name, "/")
	return name
}

package web

import (
	"github.com/a-h/templ"

	"github.com/postern/postern/docs"
)

func addGuideStories(add func(string, templ.Component)) {
	f := fixtureFrame(sectionGuides, "Guides")
	list := guidesPage{frame: f}
	search := func(query string) guidesPage {
		p := list
		p.Query, p.Result = query, docs.Search(query, nil)
		return p
	}
	add("guides/list", guides(list))
	add("guides/found", guides(search("Azure AD")))
	add("guides/nothing", guides(search("xyzzy")))
	public := guidesPage{frame: frame{Title: "Help", Now: fixtureNow}, Open: true}
	add("guides/public", helpFrame(public.frame, guideList(public)))
	page := func(name string, door docs.Door) guidePage {
		g, _ := docs.Find(name)
		html, err := g.HTML(door)
		if err != nil {
			panic(err) // the guide is part of the program
		}
		p := guidePage{frame: fixtureFrame(sectionGuides, g.Title), Guide: g, HTML: html}
		p.Trail = []crumb{{"Guides", guidesPath}}
		return p
	}
	for _, name := range []string{"administrator", "help-desk", "policy-example", "lifecycle", "glossary"} {
		add("guide/"+name, guide(page(name, guidesDoor)))
	}
	employee := page("employee", helpDoor)
	employee.frame, employee.Open = frame{Title: employee.Title, Now: fixtureNow, Trail: []crumb{{"Help", openPath}}}, true
	add("guides/public-employee", helpFrame(employee.frame, guideBody(employee)))
}

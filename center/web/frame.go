package web

import (
	"errors"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
)

// section is an entry of the main navigation.
type section string

const (
	sectionIntegrations   section = "Integrations"
	sectionJobs           section = "Jobs"
	sectionMail           section = "Mail"
	sectionModels         section = "Models"
	sectionAudit          section = "Audit trail"
	sectionAdministrators section = "Administrators"
	sectionTokens         section = "API tokens"
	sectionDoctor         section = "Doctor"
	sectionGuides         section = "Guides"
	sectionAbout          section = "About"
)

// frame is what every page carries.
type frame struct {
	Title    string
	Section  section
	Who      auth.Identity
	Now      time.Time
	Trail    []crumb
	Note     string // what was just done, in one sentence
	Guide    string // address of the part of a guide that belongs to the page; none if empty
	InDialog bool   // render only the inside of a dialog
}

// crumb is a step of the way back.
type crumb struct{ Name, Path string }

// May reports whether the person may do what needs p. It decides what is shown; the services decide what is done.
func (f frame) May(p postern.Permission) bool { return f.Who.Allows(p) }

type navItem struct {
	Name, Path, Icon string
	Here             bool
}

func (n navItem) current() templ.Attributes {
	if n.Here {
		return templ.Attributes{"aria-current": "page"}
	}
	return nil
}

func (f frame) nav() []navItem {
	all := []struct {
		section section
		path    string
		icon    string
		needs   postern.Permission
	}{
		{sectionIntegrations, "/integrations", "tenant", postern.PermIntegrationsRead},
		{sectionJobs, "/jobs", "steps", postern.PermUsersRead},
		{sectionModels, modelsPath, "models", postern.PermPolicyRead},
		{sectionMail, "/mail", "mail", postern.PermMessagesWrite},
		{sectionAudit, "/audit", "trail", postern.PermAuditRead},
		{sectionAdministrators, "/administrators", "people", postern.PermAdministratorsRead},
		{sectionTokens, "/tokens", "key", postern.PermTokens},
		{sectionDoctor, doctorPath, "pulse", postern.PermAdministratorsRead},
		{sectionGuides, guidesPath, "guide", ""},
		{sectionAbout, "/about", "about", ""},
	}
	var items []navItem
	for _, s := range all {
		if s.needs == "" || f.May(s.needs) {
			items = append(items, navItem{Name: string(s.section), Path: s.path, Icon: s.icon, Here: s.section == f.Section})
		}
	}
	return items
}

// problems are what was wrong with a form, in the order in which they were found.
type problems []*postern.Error

// problemsOf takes every Error out of a joined error. What an Error was caused by is none of it, even if that is joined.
func problemsOf(err error) problems {
	if err == nil {
		return nil
	}
	for at := err; at != nil; at = errors.Unwrap(at) {
		switch e := at.(type) { //nolint:errorlint // each link of the chain is looked at, in its order
		case *postern.Error:
			return problems{e}
		case interface{ Unwrap() []error }:
			var all problems
			for _, one := range e.Unwrap() {
				all = append(all, problemsOf(one)...)
			}
			return all
		}
	}
	return problems{postern.AsError(err)}
}

// on returns what is wrong with the field, nil when nothing is.
func (p problems) on(field string) *postern.Error {
	for _, e := range p {
		if e.Field == field {
			return e
		}
	}
	return nil
}

// first reports whether field is the one the cursor belongs into.
func (p problems) first(field string) bool {
	for _, e := range p {
		if e.Field != "" {
			return e.Field == field
		}
	}
	return false
}

func itoa(n int) string { return strconv.Itoa(n) }

func noticeIcon(kind string) string {
	if kind == "info" {
		return "about"
	}
	return kind
}

// noticeRole makes screen readers read what just happened. Warnings that simply belong to the page stay silent.
func noticeRole(kind string) templ.Attributes {
	switch kind {
	case "ok":
		return templ.Attributes{"role": "status"}
	case "bad":
		return templ.Attributes{"role": "alert"}
	}
	return nil
}

func roleName(r postern.Role) string {
	switch r {
	case postern.RoleOwner:
		return "Owner"
	case postern.RoleAdministrator:
		return "Administrator"
	case postern.RoleHelpDesk:
		return "Help desk"
	case postern.RoleAuditor:
		return "Auditor"
	}
	return "API token"
}

// dialogPost makes a form that stands in a dialog answer into the dialog; as a page it stays a plain form.
func (f frame) dialogPost(action string) templ.Attributes {
	if !f.InDialog {
		return nil
	}
	return templ.Attributes{"hx-post": action, "hx-target": "#dialog"}
}

package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/doctor"
)

// Doctor is what the console needs of package doctor.
type Doctor interface {
	Follow(ctx context.Context, id postern.IntegrationID, anew bool) (doctor.Progress, error)
}

const doctorPath = "/doctor"

// doctorView is what a doctor found, or how far the examination is.
type doctorView struct {
	Path     string
	Progress doctor.Progress
	Problem  *postern.Error // why there is no report
	Still    bool           // do not ask again: the storybook has nobody to ask
}

// doctorPage is the Doctor of the server.
type doctorPage struct {
	frame
	doctorView
	Integrations []postern.Integration
}

// doctorTab is the Doctor tab of an integration.
type doctorTab struct {
	integrationFrame
	doctorView
}

func doctorTabPath(id postern.IntegrationID) string { return integrationPath(id) + doctorPath }

// examined follows an examination. What goes wrong with it is a part of the page.
func (c *console) examined(r *http.Request, id postern.IntegrationID, path string) doctorView {
	v := doctorView{Path: path}
	var err error
	if v.Progress, err = c.Doctor.Follow(r.Context(), id, false); err != nil {
		v.Problem = postern.AsError(err)
	}
	return v
}

func (c *console) serverDoctor(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		if _, err := c.Doctor.Follow(r.Context(), "", true); err != nil {
			return err
		}
		return c.away(w, r, doctorPath)
	}
	p := doctorPage{frame: c.frame(r, sectionDoctor, "Doctor"), doctorView: c.examined(r, "", doctorPath)}
	if asksForPart(r) {
		return c.show(w, r, http.StatusOK, doctorBody(p.doctorView))
	}
	if p.May(postern.PermIntegrationsRead) {
		all, err := c.Integrations.List(r.Context())
		if err != nil {
			return err
		}
		p.Integrations = all
	}
	return c.show(w, r, http.StatusOK, serverDoctor(p))
}

func (c *console) integrationDoctor(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		if _, err := c.Doctor.Follow(r.Context(), i.ID, true); err != nil {
			return err
		}
		return c.away(w, r, doctorTabPath(i.ID))
	}
	p := doctorTab{c.integrationFrame(r, i, tabDoctor), c.examined(r, i.ID, doctorTabPath(i.ID))}
	if asksForPart(r) {
		return c.show(w, r, http.StatusOK, doctorBody(p.doctorView))
	}
	return c.show(w, r, http.StatusOK, integrationDoctor(p))
}

func asksForPart(r *http.Request) bool { return r.Header.Get("HX-Target") == "div#doctor" }

func (v doctorView) looking() bool { return v.Progress.Report == nil && v.Problem == nil }

// poll makes the body ask for itself while an examination is under way.
func (v doctorView) poll() templ.Attributes {
	if v.Still || !v.looking() {
		return nil
	}
	return templ.Attributes{"hx-get": v.Path, "hx-trigger": "every 1s", "hx-swap": "outerMorph", "hx-target": "this"}
}

// next is what is being looked at.
func (v doctorView) next() string {
	var open []string
	for _, look := range v.Progress.Looks {
		if !slices.Contains(v.Progress.Done, look) {
			open = append(open, checkName(look))
		}
	}
	if len(open) == 0 {
		return "Putting the findings together."
	}
	return "Still looking at: " + strings.Join(open, ", ") + "."
}

func (v doctorView) share() int {
	return 100 * len(v.Progress.Done) / max(len(v.Progress.Looks), 1)
}

// findingGroup is findings of one state.
type findingGroup struct {
	State    postern.FindingState
	Findings []postern.Finding
}

// groups are the findings, the worst first.
func (v doctorView) groups() []findingGroup {
	var all []findingGroup
	for _, state := range postern.FindingStates {
		g := findingGroup{State: state}
		for _, f := range v.Progress.Report.Findings {
			if f.State == state {
				g.Findings = append(g.Findings, f)
			}
		}
		if len(g.Findings) > 0 {
			all = append(all, g)
		}
	}
	return all
}

func (g findingGroup) title() string {
	switch g.State {
	case postern.FindingFailure:
		return "Does not work"
	case postern.FindingWarning:
		return "Needs attention"
	case postern.FindingUnknown:
		return "Could not be looked at"
	case postern.FindingNote:
		return "Good to know"
	case postern.FindingOK:
	}
	return fmt.Sprintf("Well (%d)", len(g.Findings))
}

func stateKind(s postern.FindingState) string {
	switch s {
	case postern.FindingFailure:
		return "bad"
	case postern.FindingWarning:
		return "warn"
	case postern.FindingNote:
		return "info"
	case postern.FindingOK:
		return "ok"
	case postern.FindingUnknown:
	}
	return ""
}

// verdict is the report in one sentence.
func (v doctorView) verdict() string {
	count := map[postern.FindingState]int{}
	for _, f := range v.Progress.Report.Findings {
		count[f.State]++
	}
	switch bad, warn := count[postern.FindingFailure], count[postern.FindingWarning]; {
	case bad == 1 && warn == 0:
		return "One thing does not work"
	case bad > 0 && warn == 0:
		return fmt.Sprintf("%d things do not work", bad)
	case bad > 0:
		return fmt.Sprintf("%d %s, %d more %s attention", bad, oneOrMany(bad, "thing does not work", "things do not work"), warn, oneOrMany(warn, "needs", "need"))
	case warn > 0:
		return fmt.Sprintf("%d %s attention", warn, oneOrMany(warn, "thing needs", "things need"))
	case count[postern.FindingUnknown] > 0:
		return "Nothing is known to be wrong"
	}
	return "All is well"
}

func oneOrMany(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// checkName is a check as people read it.
func checkName(check string) string {
	switch check {
	case "public_url":
		return "public address"
	case "http_debug":
		return "HTTP Debug"
	case "conditional_access":
		return "Conditional Access"
	case "graph":
		return "Microsoft Graph"
	case "windows":
		return "Windows sign-in"
	}
	return strings.ReplaceAll(check, "_", " ")
}

// linkText says where a link leads.
func linkText(link string) string {
	switch {
	case strings.HasPrefix(link, "/"):
		return "Go there"
	case strings.Contains(link, "://entra.microsoft"):
		return "Open the Microsoft Entra admin center"
	case strings.Contains(link, "://intune.microsoft"):
		return "Open the Microsoft Intune admin center"
	case strings.Contains(link, "://learn.microsoft.com"):
		return "Read Microsoft's page"
	}
	return "Open the page"
}

package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/lifecycle"
)

// usersPerPage is how many users a page lists.
const usersPerPage = 50

// usersPage is the User Management tab.
type usersPage struct {
	integrationFrame
	Phase   postern.Phase
	Counts  map[postern.Phase]int
	Search  string
	Account postern.AccountState // "" for all
	List    []postern.User
	Offset  int
	More    bool
}

// phaseTab is one phase with how many users stand in it.
type phaseTab struct {
	navItem
	Count int
}

// phases lists the three phases of the way, and those beside it when somebody is there.
func (p usersPage) phases() []phaseTab {
	var tabs []phaseTab
	for _, phase := range []postern.Phase{postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive, postern.PhaseSuspended, postern.PhaseRevoked, postern.PhaseNone} {
		beside := phase == postern.PhaseSuspended || phase == postern.PhaseRevoked || phase == postern.PhaseNone
		if beside && p.Counts[phase] == 0 && p.Phase != phase {
			continue
		}
		tabs = append(tabs, phaseTab{navItem{Name: phaseName(phase), Path: p.path(phase, 0), Here: phase == p.Phase}, p.Counts[phase]})
	}
	return tabs
}

// path is the address of a page of this list.
func (p usersPage) path(phase postern.Phase, offset int) string {
	q := url.Values{"phase": {string(phase)}}
	if p.Search != "" {
		q.Set("q", p.Search)
	}
	if p.Account != "" {
		q.Set("account", string(p.Account))
	}
	if offset > 0 {
		q.Set("from", strconv.Itoa(offset))
	}
	return integrationPath(p.Integration.ID) + "?" + q.Encode()
}

// unfiltered is the address of everybody in the phase.
func (p usersPage) unfiltered() string {
	p.Search, p.Account = "", ""
	return p.path(p.Phase, 0)
}

// accountChoices are the states of an account to choose from.
var accountChoices = []struct {
	State postern.AccountState
	Name  string
}{
	{"", "Any"},
	{postern.AccountEnabled, "Enabled"},
	{postern.AccountDisabled, "Disabled"},
	{postern.AccountDeleted, "Deleted"},
}

func (p usersPage) total() int {
	n := 0
	for _, count := range p.Counts {
		n += count
	}
	return n
}

// phaseName is what pages call a phase.
func phaseName(p postern.Phase) string {
	switch p {
	case postern.PhaseEligible:
		return "Eligible for Pairing"
	case postern.PhasePaired:
		return "Paired with Postern"
	case postern.PhaseActive:
		return "Paired with Entra"
	case postern.PhaseSuspended:
		return "Suspended"
	case postern.PhaseRevoked:
		return "Revoked"
	}
	return "Not invited"
}

func phaseKind(p postern.Phase) string {
	switch p {
	case postern.PhaseActive:
		return "ok"
	case postern.PhasePaired:
		return "info"
	case postern.PhaseSuspended:
		return "warn"
	case postern.PhaseRevoked:
		return "bad"
	}
	return ""
}

func phaseMeaning(p postern.Phase) string {
	switch p {
	case postern.PhaseEligible:
		return "Invited. No phone is paired yet."
	case postern.PhasePaired:
		return "Pairing incomplete: a phone is paired with Postern; Entra knows no passkey of it yet."
	case postern.PhaseActive:
		return "Entra lists the passkey. They sign in with the phone."
	case postern.PhaseSuspended:
		return "Held back by an administrator."
	case postern.PhaseRevoked:
		return "Everything was taken away."
	}
	return "Never invited. Known here because an administrator registered a security key for them."
}

func (c *console) users(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	p := usersPage{integrationFrame: c.integrationFrame(r, i, tabUsers), Phase: postern.PhaseEligible, Search: strings.TrimSpace(q.Get("q"))}
	if p.Counts, err = c.Users.Counts(r.Context(), i.ID); err != nil {
		return err
	}
	switch phase := postern.Phase(q.Get("phase")); phase {
	case postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive, postern.PhaseSuspended, postern.PhaseRevoked, postern.PhaseNone:
		p.Phase = phase
	default:
		// Begin where somebody is.
		for _, t := range p.phases() {
			if t.Count > 0 {
				p.Phase = postern.Phase(phaseOf(t.Path))
				break
			}
		}
	}
	if from, err := strconv.Atoi(q.Get("from")); err == nil && from > 0 {
		p.Offset = from
	}
	for _, a := range accountChoices {
		if q.Get("account") == string(a.State) {
			p.Account = a.State
		}
	}
	list, err := c.Users.Users(r.Context(), lifecycle.UserQuery{
		IntegrationID: i.ID, Phase: p.Phase, Account: p.Account, Search: p.Search, Offset: p.Offset, Limit: usersPerPage + 1,
	})
	if err != nil {
		return err
	}
	if p.More = len(list) > usersPerPage; p.More {
		list = list[:usersPerPage]
	}
	p.List = list
	if r.Header.Get("HX-Target") == "div#users" {
		return c.show(w, r, http.StatusOK, userList(p))
	}
	return c.show(w, r, http.StatusOK, users(p))
}

func phaseOf(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return ""
	}
	return u.Query().Get("phase")
}

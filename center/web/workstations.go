package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

// workstationsShown is how many workstations the page lists; a search finds the others.
const workstationsShown = 200

// workstationsPage is the Workstations tab.
type workstationsPage struct {
	integrationFrame
	List   []postern.Workstation // those last seen first
	Phones map[postern.WorkstationID]int
	Open   map[postern.WorkstationID][]postern.OfflineSignIn // what each has for signing in offline
	Search string
	Total  int // of the integration, revoked ones included
	More   int // found and not shown
	Server string
	Still  bool // do not ask again: the storybook has nobody to ask
}

func (c *console) workstationsPage(r *http.Request) (workstationsPage, error) {
	i, err := c.integration(r)
	if err != nil {
		return workstationsPage{}, err
	}
	p := workstationsPage{
		integrationFrame: c.integrationFrame(r, i, tabWorkstations), Search: strings.TrimSpace(r.URL.Query().Get("q")),
		Server: strings.TrimSuffix(c.PublicURL, "/"),
	}
	all, err := c.Phones.Workstations(r.Context(), i.ID)
	if err != nil {
		return p, err
	}
	if p.Phones, err = c.Phones.PhonesAt(r.Context(), i.ID); err != nil {
		return p, err
	}
	open, err := c.Offline.Open(r.Context(), i.ID)
	if err != nil {
		return p, err
	}
	p.Open = byWorkstation(open)
	p.Total = len(all)
	p.List = slices.DeleteFunc(all, func(w postern.Workstation) bool { return !matches(w, p.Search) })
	slices.SortStableFunc(p.List, byUse)
	if p.More = len(p.List) - workstationsShown; p.More > 0 {
		p.List = p.List[:workstationsShown]
	}
	return p, nil
}

// byUse puts active workstations before revoked ones, and those last seen first.
func byUse(a, b postern.Workstation) int {
	if aOff, bOff := a.State == postern.WorkstationRevoked, b.State == postern.WorkstationRevoked; aOff != bOff {
		if aOff {
			return 1
		}
		return -1
	}
	return seen(b).Compare(seen(a))
}

func seen(w postern.Workstation) time.Time {
	if w.LastSeenAt == nil {
		return w.CreatedAt
	}
	return *w.LastSeenAt
}

func matches(w postern.Workstation, search string) bool {
	search = strings.ToLower(search)
	return slices.ContainsFunc([]string{w.Name, w.OS, w.Software, w.JoinState.Name(), kindName(w.Kind), clientText(w)}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), search)
	})
}

func (c *console) workstations(w http.ResponseWriter, r *http.Request) error {
	p, err := c.workstationsPage(r)
	if err != nil {
		return err
	}
	if r.Header.Get("HX-Target") == "div#workstations" {
		if r.URL.Query().Get("seen") == p.stamp() {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return c.show(w, r, http.StatusOK, workstationList(p))
	}
	return c.show(w, r, http.StatusOK, workstations(p))
}

// stamp changes whenever the list would.
func (p workstationsPage) stamp() string {
	h := sha256.New()
	for _, w := range p.List {
		kind, text := offlineAt(p.Open[w.ID], p.Now)
		fmt.Fprint(h, "|", w.ID, w.Version, w.State, p.Phones[w.ID], seen(w).Truncate(time.Minute).Unix(), kind, text)
	}
	fmt.Fprint(h, "|", p.More)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// poll makes the list ask for itself. It costs three reads of the database.
func (p workstationsPage) poll() templ.Attributes {
	if p.Still {
		return nil
	}
	return templ.Attributes{
		"hx-get": workstationsPath(p.Integration.ID) + "?seen=" + p.stamp(), "hx-trigger": "every 5s", "hx-include": "#q",
		"hx-swap": "outerMorph", "hx-target": "this",
	}
}

func workstationsPath(id postern.IntegrationID) string { return integrationPath(id) + "/workstations" }

func (c *console) revokeWorkstation(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	one, err := c.workstationOf(r, i)
	if err != nil {
		return err
	}
	p := actPage{
		frame: c.sheetFrame(r, i, "Revoke "+one.Name+"?"), Path: r.URL.Path, Back: workstationsPath(i.ID), Button: "Revoke workstation",
		Text: "The workstation is cut off at once and its pairings end. Its offline passkeys are deleted from Entra; phones and their passkeys stay as they are. It cannot be undone: to be used again, the workstation is set up anew.",
	}
	return c.actOn(w, r, p, "workstation-revoked", func(ctx context.Context) error {
		_, err := c.Phones.RevokeWorkstation(ctx, one.ID)
		return err
	})
}

func kindName(k postern.WorkstationKind) string {
	if k == postern.WorkstationExtension {
		return "Browser extension"
	}
	return "Agent"
}

// clientText says what speaks for a workstation, and how it came.
func clientText(w postern.Workstation) string {
	if w.InstallTokenID != "" {
		return "Desktop client"
	}
	return kindName(w.Kind)
}

func phonesText(n int) string {
	switch n {
	case 0:
		return "none"
	case 1:
		return "1 phone"
	}
	return fmt.Sprintf("%d phones", n)
}

// useText says where a phone can be used at a workstation. An extension never meets the sign-in screen.
func useText(w postern.Workstation) string {
	if supported(w.JoinState) && w.Kind == postern.WorkstationAgent {
		return "sign-in screen and browser"
	}
	return "browser only"
}

func supported(s postern.JoinState) bool {
	yes, _ := s.Support()
	return yes
}

func supportText(s postern.JoinState) string {
	_, why := s.Support()
	return s.SignIn() + " " + why
}

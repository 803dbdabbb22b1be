package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/reconcile"
)

// Reconciler is what the console needs of package reconcile.
type Reconciler interface {
	Run(ctx context.Context, id postern.IntegrationID, mode postern.ReconcileMode) (postern.ReconcileRun, bool, error)
	Approve(ctx context.Context, id postern.ReconcileRunID) (postern.ReconcileRun, error)
	Status(ctx context.Context, id postern.IntegrationID) (postern.ReconcileStatus, error)
	Differences(ctx context.Context, q reconcile.DifferenceQuery) ([]postern.Difference, error)
}

const (
	// differencesShown is how many differences the page lists of the open ones, and of those that are gone.
	differencesShown = 100
	runsShown        = 10
)

// driftPage is the Drift tab.
type driftPage struct {
	integrationFrame
	Status postern.ReconcileStatus
	Open   []postern.Difference
	Gone   []postern.Difference
	Still  bool // do not ask again: the storybook has nobody to ask
}

func driftPath(id postern.IntegrationID) string { return integrationPath(id) + "/drift" }

func (c *console) driftPage(r *http.Request) (driftPage, error) {
	i, err := c.integration(r)
	if err != nil {
		return driftPage{}, err
	}
	p := driftPage{integrationFrame: c.integrationFrame(r, i, tabDrift)}
	if p.Status, err = c.Reconciler.Status(r.Context(), i.ID); err != nil {
		return p, err
	}
	p.Status.Runs = p.Status.Runs[:min(len(p.Status.Runs), runsShown)]
	if p.Open, err = c.Reconciler.Differences(r.Context(), reconcile.DifferenceQuery{IntegrationID: i.ID, Open: true, Limit: differencesShown}); err != nil {
		return p, err
	}
	all, err := c.Reconciler.Differences(r.Context(), reconcile.DifferenceQuery{IntegrationID: i.ID, Limit: differencesShown})
	p.Gone = slices.DeleteFunc(all, func(d postern.Difference) bool { return d.ClosedAt == nil })
	return p, err
}

func (c *console) drift(w http.ResponseWriter, r *http.Request) error {
	p, err := c.driftPage(r)
	if err != nil {
		return err
	}
	if r.Header.Get("HX-Target") == "div#drift" {
		if r.URL.Query().Get("seen") == p.stamp() {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		return c.show(w, r, http.StatusOK, driftBody(p))
	}
	return c.show(w, r, http.StatusOK, drift(p))
}

// beginDrift asks for a run.
func (c *console) beginDrift(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	mode := postern.ReconcileIncremental
	if r.PostFormValue("mode") == string(postern.ReconcileFull) {
		mode = postern.ReconcileFull
	}
	if _, _, err := c.Reconciler.Run(r.Context(), i.ID, mode); err != nil {
		return err
	}
	return c.away(w, r, driftPath(i.ID))
}

// approveDrift confirms that a stopped run goes on, or has it go on.
func (c *console) approveDrift(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	s, err := c.Reconciler.Status(r.Context(), i.ID)
	if err != nil {
		return err
	}
	if s.Last == nil || string(s.Last.ID) != r.PathValue("run") {
		return postern.Errorf(postern.CodeNotFound, "That is not the newest comparison.").WithNext("Go back, and decide on the newest one.")
	}
	p := actPage{
		frame: c.sheetFrame(r, i, "Go on?"), Path: r.URL.Path, Back: driftPath(i.ID), Button: "Go on",
		Text: goOnText(*s.Last),
	}
	return c.actOn(w, r, p, "drift-approved", func(ctx context.Context) error {
		_, err := c.Reconciler.Approve(ctx, s.Last.ID)
		return err
	})
}

func goOnText(r postern.ReconcileRun) string {
	return fmt.Sprintf("A second look is taken at the %d passkeys that Entra did not list. Those that are missing still are revoked here, and their phones delete them. It cannot be undone; the users register new ones.", r.Missing)
}

// stamp changes whenever the page would.
func (p driftPage) stamp() string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode([]any{p.Status, p.Open, len(p.Gone)})
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// poll makes the body ask for itself, more often while a run is under way.
func (p driftPage) poll() templ.Attributes {
	if p.Still {
		return nil
	}
	every := "every 10s"
	if p.running() {
		every = "every 1s"
	}
	return templ.Attributes{
		"hx-get": driftPath(p.Integration.ID) + "?seen=" + p.stamp(), "hx-trigger": every, "hx-swap": "outerMorph", "hx-target": "this",
	}
}

func (p driftPage) running() bool {
	return p.Status.Last != nil && p.Status.Last.State == postern.ReconcileRunning
}

// stopped is the newest run if it waits for a person.
func (p driftPage) stopped() *postern.ReconcileRun {
	if p.Status.Last != nil && p.Status.Last.State == postern.ReconcileStopped {
		return p.Status.Last
	}
	return nil
}

// failed is the newest run if it came to nothing.
func (p driftPage) failed() *postern.ReconcileRun {
	if p.Status.Last != nil && p.Status.Last.State == postern.ReconcileFailed {
		return p.Status.Last
	}
	return nil
}

func driftStep(r postern.ReconcileRun) string {
	switch r.Step {
	case postern.ReconcileDirectory:
		return "Reading the users of the tenant."
	case postern.ReconcileGroups:
		return "Looking at the three groups."
	case postern.ReconcileMembers:
		return "Comparing who is in the groups."
	case postern.ReconcilePasskeys:
		return fmt.Sprintf("Comparing passkeys: %d of %d users.", r.Users, max(r.Users, r.UsersPlanned))
	case postern.ReconcileConfirm:
		return fmt.Sprintf("Taking a second look at %d passkeys that were not listed.", r.Missing)
	}
	return ""
}

// driftShare is how far a run has come, in percent. The steps before the passkeys take a moment each.
func driftShare(r postern.ReconcileRun) int {
	switch r.Step {
	case postern.ReconcileGroups:
		return 5
	case postern.ReconcileMembers:
		return 10
	case postern.ReconcilePasskeys:
		return 15 + 75*r.Users/max(r.Users, r.UsersPlanned, 1)
	case postern.ReconcileConfirm:
		return 95
	}
	return 2
}

func differenceName(k postern.DifferenceKind) string {
	switch k {
	case postern.DifferencePasskeyRemoved:
		return "Passkey gone at Entra"
	case postern.DifferencePasskeyNotYet:
		return "Passkey not listed yet"
	case postern.DifferencePasskeyListedAgain:
		return "Revoked passkey listed again"
	case postern.DifferencePasskeyAdopted:
		return "Passkey nobody told of"
	case postern.DifferencePasskeyUnclaimed:
		return "Passkey of an unknown phone"
	case postern.DifferenceRevocationStuck:
		return "Revocation that failed"
	case postern.DifferenceProvisioningStuck:
		return "Provisioning that stands still"
	case postern.DifferenceUserGone:
		return "User gone at Entra"
	case postern.DifferenceMemberMissing:
		return "Missing in a group"
	case postern.DifferenceMemberExtra:
		return "In the wrong group"
	case postern.DifferenceMemberStranger:
		return "Stranger in a group"
	case postern.DifferenceGroup:
		return "A group itself"
	}
	return string(k)
}

func outcomeBadge(o postern.DifferenceOutcome) (kind string) {
	switch o {
	case postern.OutcomeMended:
		return "ok"
	case postern.OutcomeReported:
		return "warn"
	}
	return ""
}

func runBadge(s postern.ReconcileState) (kind, text string) {
	switch s {
	case postern.ReconcileDone:
		return "ok", "done"
	case postern.ReconcileStopped:
		return "warn", "stopped"
	case postern.ReconcileFailed:
		return "bad", "failed"
	}
	return "", "running"
}

func runFound(r postern.ReconcileRun) string {
	if r.Mended+r.Reported+r.Waiting == 0 {
		return "nothing differed"
	}
	return fmt.Sprintf("%d mended, %d reported, %d waiting", r.Mended, r.Reported, r.Waiting)
}

func runMode(r postern.ReconcileRun) string {
	if r.Mode == postern.ReconcileFull {
		return "everybody"
	}
	return "what changed"
}

// who is whom or what a difference is about.
func who(d postern.Difference) string {
	if d.UserName != "" {
		return d.UserName
	}
	return d.ObjectName
}

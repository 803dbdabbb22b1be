package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/offline"
)

// recoveriesShown is how many recoveries of a user, or waiting in an integration, are looked at.
const recoveriesShown = 50

// offlineRows are the user's offline passkeys: those that ended, or the others.
func (p userPage) offlineRows(ended bool) []offlineRow {
	var rows []offlineRow
	for _, o := range p.Offline {
		if (o.State == postern.OfflineEnded) != ended {
			continue
		}
		rows = append(rows, offlineRow{frame: p.frame, One: o, Title: o.Workstation, Path: workstationPath(o.IntegrationID, o.WorkstationID), Off: p.RecoveryOff})
	}
	return rows
}

// signingInOffline adds what is known of signing in offline to the page of a user.
func (c *console) signingInOffline(ctx context.Context, p *userPage) error {
	var err error
	if p.Offline, err = c.Offline.OfUser(ctx, p.User.ID); err != nil {
		return err
	}
	if p.Recoveries, err = c.Offline.Recoveries(ctx, offline.RecoveryQuery{User: p.User.ID, Limit: recoveriesShown}); err != nil {
		return err
	}
	s, err := c.Offline.Settings(ctx, p.User.IntegrationID)
	p.RecoveryOff = !s.Recovery.Enabled
	return err
}

// mine reports whether the person asked for a recovery: only they see its code, and only others agree to it.
func (f frame) mine(q postern.Recovery) bool {
	return f.Who.Administrator != "" && f.Who.Administrator == q.RequestedByID
}

func pending(q postern.Recovery) bool {
	return q.State == postern.RecoveryWaiting || q.State == postern.RecoveryReady
}

// recoveries are those that can still be acted on or typed, and the others.
func (p userPage) recoveries() (now, before []postern.Recovery) {
	for _, q := range p.Recoveries {
		if pending(q) || q.State == postern.RecoveryShown && q.ShownAt != nil && p.Now.Sub(*q.ShownAt) < 24*time.Hour {
			now = append(now, q)
			continue
		}
		before = append(before, q)
	}
	return now, before
}

// recoveryBadge says in two words how a recovery stands.
func recoveryBadge(s postern.RecoveryState) (kind, text string) {
	switch s {
	case postern.RecoveryWaiting:
		return "warn", "waiting for a second person"
	case postern.RecoveryReady:
		return "info", "not shown yet"
	case postern.RecoveryShown:
		return "info", "given out"
	case postern.RecoveryUsed:
		return "ok", "used"
	case postern.RecoveryRejected:
		return "bad", "refused"
	}
	return "", "withdrawn"
}

func userRecoveryPath(q postern.Recovery, verb string) string {
	return userPath(q.UserID) + "/recoveries/" + string(q.ID) + "/" + verb
}

func recoveryDecisionPath(q postern.Recovery, verb string) string {
	return integrationPath(q.IntegrationID) + "/recoveries/" + string(q.ID) + "/" + verb
}

// pinGroups splits a code into groups that can be said in one breath, the longer ones first.
func pinGroups(code string) []string {
	const most = 4
	groups := make([]string, 0, len(code)/most+1)
	for left := (len(code) + most - 1) / most; left > 0; left-- {
		n := (len(code) + left - 1) / left
		groups, code = append(groups, code[:n]), code[n:]
	}
	return groups
}

// spelled is a code for a screen reader, digit by digit with a pause between groups.
func spelled(code string) string {
	groups := pinGroups(code)
	for n, g := range groups {
		groups[n] = strings.Join(strings.Split(g, ""), " ")
	}
	return strings.Join(groups, ", ")
}

// recoveryPage asks for a recovery PIN, or shows one.
type recoveryPage struct {
	frame
	User     postern.User
	One      postern.OfflineSignIn
	Path     string
	Note     string
	Problems problems

	Shown *postern.RecoveryCode // the PIN, once
}

func (c *console) recoveryPage(r *http.Request, title string) (recoveryPage, error) {
	u, err := c.loadUser(r)
	if err != nil {
		return recoveryPage{}, err
	}
	i, err := c.Integrations.Get(r.Context(), u.IntegrationID)
	if err != nil {
		return recoveryPage{}, err
	}
	p := recoveryPage{frame: c.userFrame(r, u, i, title), User: u, Path: r.URL.Path}
	p.frame.Trail = append(p.frame.Trail, crumb{u.DisplayName, userPath(u.ID)})
	return p, nil
}

// recover asks for a recovery PIN, and shows it where nobody else has to agree.
func (c *console) recover(w http.ResponseWriter, r *http.Request) error {
	p, err := c.recoveryPage(r, "Give a recovery PIN")
	if err != nil {
		return err
	}
	if p.One, err = c.offlineOf(r, p.User); err != nil {
		return err
	}
	p.frame.Title = "Give a recovery PIN for " + p.One.Workstation
	if r.Method != http.MethodPost {
		return c.show(w, r, http.StatusOK, askRecovery(p))
	}
	p.Note = r.PostFormValue("note")
	q, err := c.Offline.Recover(r.Context(), p.One.Pairing, postern.RecoveryInput{Note: p.Note})
	if err != nil {
		p.Problems = problemsOf(err)
		return c.show(w, r, statusOf(p.Problems), askRecovery(p))
	}
	if q.State != postern.RecoveryReady {
		return c.away(w, r, userPath(p.User.ID)+"?done=recovery-asked#offline")
	}
	return c.showPIN(w, r, p, q)
}

// showPIN shows a recovery PIN, once.
func (c *console) showPIN(w http.ResponseWriter, r *http.Request, p recoveryPage, q postern.Recovery) error {
	code, err := c.Offline.Code(r.Context(), q.ID)
	if err != nil {
		return err
	}
	p.Shown, p.frame.Title = &code, "Recovery PIN for "+q.Workstation
	return c.show(w, r, http.StatusOK, shownPIN(p))
}

// recoveryOf finds the recovery of the address, and what holds it is the user's.
func (c *console) recoveryOf(r *http.Request, belongs func(q postern.Recovery) bool) (postern.Recovery, error) {
	none := postern.Errorf(postern.CodeNotFound, "There is no such recovery PIN.")
	if !postern.ValidID(r.PathValue("recovery"), postern.PrefixRecovery) {
		return postern.Recovery{}, none
	}
	q, err := c.Offline.Recovery(r.Context(), postern.RecoveryID(r.PathValue("recovery")))
	if err == nil && !belongs(q) {
		return postern.Recovery{}, none
	}
	return q, err
}

// readyPIN shows a recovery PIN that somebody agreed to, after asking whether the user is on the telephone.
func (c *console) readyPIN(w http.ResponseWriter, r *http.Request) error {
	p, err := c.recoveryPage(r, "Show the recovery PIN?")
	if err != nil {
		return err
	}
	q, err := c.recoveryOf(r, func(q postern.Recovery) bool { return q.UserID == p.User.ID })
	if err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		return c.showPIN(w, r, p, q)
	}
	return c.show(w, r, http.StatusOK, confirmAct(actPage{
		frame: p.frame, Path: p.Path, Back: userPath(p.User.ID), Text: readyText(q), Button: "Show it", Plain: true,
	}))
}

func readyText(q postern.Recovery) string {
	return "It is shown once, to you. Have " + q.User + " on the telephone first, before " + q.Workstation + "."
}

func (c *console) withdrawRecovery(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	q, err := c.recoveryOf(r, func(q postern.Recovery) bool { return q.UserID == u.ID })
	if err != nil {
		return err
	}
	return c.actWithReason(w, r, u, "Withdraw the recovery PIN?", "Nobody has seen it, and nobody will. Another one can be asked for.", "Withdraw", "recovery-withdrawn",
		func(ctx context.Context, note string) error {
			_, err := c.Offline.Withdraw(ctx, q.ID, postern.RecoveryInput{Note: note})
			return err
		})
}

// recoveryDecision is the word of a second person on a recovery PIN.
type recoveryDecision struct {
	frame
	Request  postern.Recovery
	Path     string
	Reject   bool
	Note     string
	Problems problems
}

func (p recoveryDecision) button() string {
	if p.Reject {
		return "Refuse it"
	}
	return "Agree"
}

func (c *console) approveRecovery(w http.ResponseWriter, r *http.Request) error {
	return c.decideRecovery(w, r, false)
}

func (c *console) rejectRecovery(w http.ResponseWriter, r *http.Request) error {
	return c.decideRecovery(w, r, true)
}

func (c *console) decideRecovery(w http.ResponseWriter, r *http.Request, reject bool) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	q, err := c.recoveryOf(r, func(q postern.Recovery) bool { return q.IntegrationID == i.ID })
	if err != nil {
		return err
	}
	title, done, decide := "Agree to a recovery PIN for "+q.User+"?", "recovery-approved", c.Offline.Approve
	if reject {
		title, done, decide = "Refuse the recovery PIN for "+q.User+"?", "recovery-rejected", c.Offline.Reject
	}
	p := recoveryDecision{frame: c.sheetFrame(r, i, title), Request: q, Path: r.URL.Path, Reject: reject, Note: r.PostFormValue("note")}
	if r.Method == http.MethodPost {
		if _, err = decide(r.Context(), q.ID, postern.RecoveryInput{Note: p.Note}); err == nil {
			return c.away(w, r, enrolmentPath(i.ID)+"?done="+done)
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), recoveryDecisionView(p))
}

// recoveriesWaiting lists the recoveries of an integration that wait for a second person.
func (c *console) recoveriesWaiting(ctx context.Context, id postern.IntegrationID) ([]postern.Recovery, error) {
	all, err := c.Offline.Recoveries(ctx, offline.RecoveryQuery{Integration: id, State: postern.RecoveryWaiting, Limit: recoveriesShown})
	return slices.DeleteFunc(all, func(q postern.Recovery) bool { return q.State != postern.RecoveryWaiting }), err
}

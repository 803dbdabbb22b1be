package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

// lifecyclePage is the Lifecycle tab: the three groups, what becomes of leavers, and the end of everything.
type lifecyclePage struct {
	integrationFrame
	Policy   postern.LeaverPolicy
	Problems problems
	Theirs   *postern.LeaverPolicy  // what somebody else stored meanwhile
	Looked   bool                   // somebody asked for a look just now
	Found    []postern.GroupFinding // what it found
}

func lifecyclePath(id postern.IntegrationID) string { return integrationPath(id) + "/lifecycle" }

func (c *console) lifecyclePage(r *http.Request) (lifecyclePage, error) {
	i, err := c.integration(r)
	if err != nil {
		return lifecyclePage{}, err
	}
	policy, err := c.Users.LeaverPolicy(r.Context(), i.ID)
	return lifecyclePage{integrationFrame: c.integrationFrame(r, i, tabLifecycle), Policy: policy}, err
}

func (c *console) lifecycle(w http.ResponseWriter, r *http.Request) error {
	p, err := c.lifecyclePage(r)
	if err != nil {
		return err
	}
	return c.show(w, r, http.StatusOK, lifecycleTab(p))
}

func (c *console) checkGroups(w http.ResponseWriter, r *http.Request) error {
	p, err := c.lifecyclePage(r)
	if err != nil {
		return err
	}
	found, err := c.Integrations.MendGroups(r.Context(), p.Integration.ID)
	p.Problems = problemsOf(err)
	p.Looked, p.Found = err == nil, found
	p.Integration = c.fresh(r.Context(), p.Integration)
	return c.show(w, r, statusOf(p.Problems), lifecycleTab(p))
}

func (c *console) setLeavers(w http.ResponseWriter, r *http.Request) error {
	p, err := c.lifecyclePage(r)
	if err != nil {
		return err
	}
	stored := p.Policy
	p.Policy = postern.LeaverPolicy{
		Version: readVersion(r), Disabled: postern.LeaverAct(r.PostFormValue("disabled")), Deleted: postern.LeaverAct(r.PostFormValue("deleted")),
	}
	if p.Policy.GraceMinutes, err = strconv.Atoi(strings.TrimSpace(r.PostFormValue("grace_minutes"))); err != nil {
		err = postern.FieldErrorf("grace_minutes", "The time to wait is a number of minutes.")
	} else {
		_, err = c.Users.SetLeaverPolicy(r.Context(), p.Integration.ID, p.Policy)
	}
	switch {
	case err == nil:
		return c.away(w, r, lifecyclePath(p.Integration.ID)+"?done=leavers")
	case postern.IsCode(err, postern.CodeStale):
		p.Theirs, p.Policy.Version = &stored, stored.Version
		return c.show(w, r, http.StatusConflict, lifecycleTab(p))
	}
	p.Problems = problemsOf(err)
	return c.show(w, r, statusOf(p.Problems), lifecycleTab(p))
}

func (c *console) revokeEverything(w http.ResponseWriter, r *http.Request) error {
	i, err := c.integration(r)
	if err != nil {
		return err
	}
	p := statePage{frame: c.sheetFrame(r, i, "Revoke everything of "+i.ApplicationName+"?"), Integration: i}
	if r.Method == http.MethodPost {
		p.Typed = r.PostFormValue("application_name")
		_, err := c.Passkeys.RevokeIntegration(r.Context(), i.ID, postern.IntegrationRevocation{ApplicationName: p.Typed, Note: r.PostFormValue("note")})
		if err == nil {
			return c.away(w, r, lifecyclePath(i.ID)+"?done=everything-revoked")
		}
		p.Problems = problemsOf(err)
	}
	return c.show(w, r, statusOf(p.Problems), confirmRevokeEverything(p))
}

func (c *console) suspendUser(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	return c.actWithReason(w, r, u, "Suspend "+u.DisplayName+"?",
		"None of the phones is let talk to a workstation, open invitations and registrations end, and the user is taken out of the groups. Passkeys stay at Entra, and the sessions there are ended. You can end the suspension at any time.",
		"Suspend", "suspended", func(ctx context.Context, note string) error {
			_, err := c.Users.Suspend(ctx, u.ID, note)
			return err
		})
}

func (c *console) resumeUser(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	return c.actWithReason(w, r, u, "End the suspension of "+u.DisplayName+"?",
		"The user's phones work again. Invitations of before stay withdrawn.", "End suspension", "resumed",
		func(ctx context.Context, note string) error {
			_, err := c.Users.Resume(ctx, u.ID, note)
			return err
		})
}

func (c *console) revokeUser(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	phones, err := c.Phones.Phones(r.Context(), u.ID)
	if err != nil {
		return err
	}
	keys, err := c.Passkeys.Passkeys(r.Context(), u.ID)
	if err != nil {
		keys = nil // Entra does not answer: what it lists besides is left alone all the same
	}
	return c.actWithReason(w, r, u, "Revoke everything of "+u.DisplayName+"?", revocationText(phones, keys), "Revoke everything", "user-revoked",
		func(ctx context.Context, note string) error {
			_, err := c.Passkeys.RevokeUser(ctx, u.ID, postern.RevocationUser, note)
			return err
		})
}

// revocationText names what goes and what stays.
func revocationText(phones []postern.Phone, keys []postern.Passkey) string {
	active, managed, others := 0, 0, 0
	for _, p := range phones {
		if p.State == postern.PhoneActive {
			active++
		}
	}
	for _, k := range keys {
		switch {
		case !k.Managed:
			others++
		case k.State == postern.PasskeyActive:
			managed++
		}
	}
	text := fmt.Sprintf("This cuts off %s at once and deletes %s from Entra. It cannot be undone; a new invitation begins anew.",
		count(active, "phone"), count(managed, "managed passkey"))
	if others > 0 {
		verb := "stay"
		if others == 1 {
			verb = "stays"
		}
		text += " " + count(others, "other passkey") + ", which Postern did not make, " + verb + "."
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprint(n, " ", what, "s")
}

func (c *console) replacePasskey(w http.ResponseWriter, r *http.Request) error {
	u, err := c.loadUser(r)
	if err != nil {
		return err
	}
	keys, err := c.Passkeys.Passkeys(r.Context(), u.ID)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(keys, func(k postern.Passkey) bool { return k.Managed && string(k.ID) == r.PathValue("passkey") })
	if n < 0 {
		return postern.Errorf(postern.CodeNotFound, "%s has no such passkey.", u.DisplayName)
	}
	return c.act(w, r, u, "Provision again?",
		"The old passkey is deleted from Entra. Once Entra no longer lists it, the phone asks for a new one under the present name.",
		"Provision again", "replaced", func(ctx context.Context) error {
			_, err := c.Passkeys.ReplacePasskey(ctx, keys[n].ID)
			return err
		})
}

// actWithReason is act for what a person gives a reason for.
func (c *console) actWithReason(w http.ResponseWriter, r *http.Request, u postern.User, title, text, button, done string, do func(ctx context.Context, note string) error) error {
	i, err := c.Integrations.Get(r.Context(), u.IntegrationID)
	if err != nil {
		return err
	}
	p := actPage{frame: c.userFrame(r, u, i, title), Back: userPath(u.ID), Path: r.URL.Path, Text: text, Button: button, Asks: true}
	p.frame.Trail = append(p.frame.Trail, crumb{u.DisplayName, userPath(u.ID)})
	if r.Method == http.MethodPost {
		p.Note = r.PostFormValue("note")
	}
	return c.actOn(w, r, p, done, func(ctx context.Context) error { return do(ctx, p.Note) })
}

// causeText says what a suspension followed from.
func causeText(s postern.Suspension) string {
	switch s.Cause {
	case postern.SuspendedAccountDisabled:
		return "because the account was disabled"
	case postern.SuspendedAccountDeleted:
		return "because the account was deleted"
	}
	return "by " + s.By
}

// reasonText says why a passkey is taken away.
func reasonText(r postern.RevocationReason) string {
	switch r {
	case postern.RevocationRequested:
		return "by itself"
	case postern.RevocationPhone:
		return "with its phone"
	case postern.RevocationUser:
		return "with everything of the user"
	case postern.RevocationIntegration:
		return "with everything of the integration"
	case postern.RevocationLeaver:
		return "because the account was disabled or deleted"
	case postern.RevocationAtEntra:
		return "removed at Entra"
	case postern.RevocationReplaced:
		return "replaced by another"
	case postern.RevocationPairing:
		return "with the pairing of its workstation"
	case postern.RevocationWorkstation:
		return "with its workstation"
	case postern.RevocationOffline:
		return "because signing in offline was switched off"
	}
	return ""
}

var leaverActs = []struct {
	Act  postern.LeaverAct
	Name string
}{
	{postern.LeaverReport, "Only note it in the audit trail"},
	{postern.LeaverSuspend, "Suspend the user"},
	{postern.LeaverRevoke, "Revoke every phone and passkey"},
}

// policyText says a policy in one sentence.
func policyText(p postern.LeaverPolicy) string {
	name := func(act postern.LeaverAct) string {
		for _, a := range leaverActs {
			if a.Act == act {
				return strings.ToLower(a.Name[:1]) + a.Name[1:]
			}
		}
		return string(act)
	}
	return fmt.Sprintf("Account disabled: %s. Account deleted: %s. After %s.", name(p.Disabled), name(p.Deleted), count(p.GraceMinutes, "minute"))
}

func accountKind(a postern.AccountState) string {
	switch a {
	case postern.AccountEnabled:
		return "ok"
	case postern.AccountDisabled:
		return "warn"
	}
	return "bad"
}

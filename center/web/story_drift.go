package web

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func fixtureRun(n byte, state postern.ReconcileState) postern.ReconcileRun {
	at := ago(time.Duration(n) * 15 * time.Minute)
	r := postern.ReconcileRun{
		ID: fixtureID[postern.ReconcileRunID](postern.PrefixReconcileRun, n), IntegrationID: fixtureIntegration().ID, Mode: postern.ReconcileIncremental,
		State: state, Step: postern.ReconcileConfirm, Users: 40, UsersPlanned: 40, CreatedAt: at, UpdatedAt: at, FinishedAt: &at,
	}
	if n%5 == 3 {
		r.Mode, r.Users, r.RequestedBy, r.Mended, r.Reported = postern.ReconcileFull, 3120, "Ada Lovelace", 2, 1
	}
	return r
}

func fixtureDifferences(open bool) []postern.Difference {
	kinds := []postern.Difference{
		{
			Kind: postern.DifferencePasskeyRemoved, ObjectName: "Postern Passkeys 4F2A", Entra: "Does not list the passkey.", Postern: "It is active.",
			Why:     "Somebody deleted it at Entra: an administrator there, the user at Security info, or another application.",
			Outcome: postern.OutcomeMended, Done: "It is revoked here too, and the phone is told.",
		},
		{
			Kind: postern.DifferenceMemberMissing, ObjectName: "Postern Group (Client Paired with Azure)", Entra: "The user is not in the group.", Postern: "It is the group of the user's phase.",
			Why: "Somebody took the user out at Entra.", Outcome: postern.OutcomeMended, Done: "The user was put back.",
		},
	}
	if open {
		kinds = []postern.Difference{
			{
				Kind: postern.DifferenceMemberStranger, ObjectName: "user 6b0f2a4e-6c39-4bb0-9a3e-58a4f9e9a1c2", Entra: "The user is in the group of the phase active.", Postern: "Does not know them.",
				Why: "Somebody added them at Entra.", Outcome: postern.OutcomeReported, Done: "They were left alone: who is not known here is not Postern's to move.",
				Next: "Invite them, or take them out of the group at Entra. The groups are Postern's own; policies may rely on them.",
			},
			{
				Kind: postern.DifferenceRevocationStuck, ObjectName: "Postern Passkeys 77C0", Entra: "Lists the passkey.", Postern: "It is to be revoked.",
				Why: "Deleting it failed: Microsoft Graph cannot be reached.", Outcome: postern.OutcomeWaiting, Done: "It is being tried again.",
				Next: "If it stays like this, delete it at Entra, in the user's authentication methods.",
			},
		}
	}
	for n := range kinds {
		d := &kinds[n]
		d.ID, d.FoundAt, d.SeenAt = fixtureID[postern.DifferenceID](postern.PrefixDifference, byte(n)), ago(2*time.Hour), ago(time.Hour)
		if d.Kind != postern.DifferenceMemberStranger {
			d.UserID, d.UserName = fixtureID[postern.UserID](postern.PrefixUser, byte(n)), fmt.Sprintf("elena.%d@contoso.example", n)
		}
		if !open {
			d.ClosedAt = pointer(ago(time.Hour))
		}
	}
	return kinds
}

func addDriftStories(add, part func(string, templ.Component)) {
	on := fixtureIntegration()
	page := func() driftPage {
		return driftPage{integrationFrame: shell(on, tabDrift), Still: true, Status: postern.ReconcileStatus{
			NextAt: pointer(fixtureNow.Add(9 * time.Minute)), NextFullAt: pointer(fixtureNow.Add(11 * time.Hour)),
		}}
	}
	add("drift/never", drift(page()))
	agreed := page()
	for n := byte(1); n < 6; n++ {
		agreed.Status.Runs = append(agreed.Status.Runs, fixtureRun(n, postern.ReconcileDone))
	}
	agreed.Status.Last, agreed.Status.AgreedAt, agreed.Status.FullAt = &agreed.Status.Runs[0], pointer(ago(6*time.Minute)), pointer(ago(13*time.Hour))
	add("drift/agreed", drift(agreed))
	open := agreed
	open.Open, open.Gone, open.Status.Open = fixtureDifferences(true), fixtureDifferences(false), 2
	add("drift/open", drift(open))
	auditor := open
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("drift/auditor", drift(auditor))
	state := func(s postern.ReconcileState, change func(r *postern.ReconcileRun)) driftPage {
		p := open
		p.Status.Runs = append([]postern.ReconcileRun{fixtureRun(0, s)}, open.Status.Runs...)
		p.Status.Last = &p.Status.Runs[0]
		change(p.Status.Last)
		return p
	}
	add("drift/running", drift(state(postern.ReconcileRunning, func(r *postern.ReconcileRun) {
		r.Mode, r.Step, r.Users, r.UsersPlanned, r.FinishedAt = postern.ReconcileFull, postern.ReconcilePasskeys, 1260, 3120, nil
	})))
	stopped := state(postern.ReconcileStopped, func(r *postern.ReconcileRun) {
		r.Missing = 412
		r.Message = "Entra does not list 412 of 3120 managed passkeys. That is more than one comparison takes away by itself."
		r.Next = "Look at one or two of the users at Entra. If their passkeys are really gone, choose Go on; if not, do nothing: the next comparison looks again."
	})
	add("drift/stopped", drift(stopped))
	add("drift/failed", drift(state(postern.ReconcileFailed, func(r *postern.ReconcileRun) {
		e := postern.Errorf(postern.CodeEntraUnreachable, "")
		r.Code, r.Message, r.Next = e.Code, e.Message, e.Next
	})))
	part("drift/go-on", confirmAct(actPage{
		frame: inDialog(fixtureFrame(sectionIntegrations, "Go on?")), Back: "/integrations/x/drift", Path: "/integrations/x/drift/y/approve", Button: "Go on",
		Text: goOnText(*stopped.Status.Last),
	}))
}

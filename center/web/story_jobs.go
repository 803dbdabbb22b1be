package web

import (
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
)

func addJobStories(add, part func(string, templ.Component)) {
	on := fixtureIntegration()
	f := fixtureFrame(sectionJobs, "Jobs")
	running := postern.BulkJob{
		ID: fixtureID[postern.BulkJobID](postern.PrefixBulkJob, 1), IntegrationID: on.ID, Version: 2, Kind: postern.BulkProvision,
		State: postern.BulkRunning, Source: "everybody in phase paired", StartedBy: "Ada Lindqvist", CreatedAt: ago(25 * time.Minute),
		Counts:    postern.BulkCounts{Total: 5000, Pending: 2713, Running: 8, Waiting: 412, Done: 1840, Skipped: 20, Failed: 7},
		PerMinute: 118, SecondsLeft: 1383,
	}
	paused := running
	paused.State, paused.Note, paused.PerMinute, paused.SecondsLeft = postern.BulkPaused, "New phones for the field service", 0, 0
	held := running
	throttled := postern.Errorf(postern.CodeEntraThrottled, "")
	held.Code, held.Message, held.Next = throttled.Code, throttled.Message, throttled.Next
	invited := running
	invited.Kind, invited.State, invited.EndedAt = postern.BulkInvite, postern.BulkDone, pointer(ago(time.Minute))
	invited.Counts = postern.BulkCounts{Total: 240, Done: 236, Skipped: 3, Failed: 1}
	invited.CodesUntil = pointer(fixtureNow.Add(23 * time.Hour))
	cancelled := running
	cancelled.Kind, cancelled.State, cancelled.EndedAt = postern.BulkRevokeUser, postern.BulkCancelled, pointer(ago(time.Hour))
	cancelled.Counts = postern.BulkCounts{Total: 90, Done: 41, Skipped: 49}
	names := map[postern.IntegrationID]string{on.ID: on.ApplicationName}
	add("jobs/none", jobs(jobsPage{frame: f}))
	add("jobs/several", jobs(jobsPage{frame: f, Names: names, List: []postern.BulkJob{running, paused, invited, cancelled}, More: true}))

	rows := []postern.BulkRow{
		{Number: 1, Given: "ada@contoso.example", UPN: "ada@contoso.example", UserID: fixtureUser(0, postern.PhaseActive).ID, State: postern.BulkRowDone},
		{Number: 2, Given: "bo@contoso.example", UPN: "bo@contoso.example", UserID: fixtureUser(1, postern.PhasePaired).ID, State: postern.BulkRowWaiting, Times: 3, Message: "Waiting for the phone: its owner opens the app and accepts."},
		{Number: 3, Given: "nobody@contoso.example", State: postern.BulkRowSkipped, Code: postern.CodeUserUnknown, Message: "Postern knows nobody by that name.", Next: "Check the spelling."},
		{Number: 4, Given: "chidi@contoso.example", UPN: "chidi@contoso.example", State: postern.BulkRowFailed, Code: postern.CodeEntraRefused, Message: "Entra refused the registration.", Next: "Look at the user's page."},
		{Number: 5, Given: "dana@contoso.example", State: postern.BulkRowPending},
		{Number: 6, Given: "eli@contoso.example", State: postern.BulkRowRunning},
	}
	page := func(j postern.BulkJob) jobPage {
		p := jobPage{frame: fixtureFrame(sectionJobs, jobTitle(j)), Job: j, Integration: on, Rows: rows, More: true, Still: true}
		p.Trail = []crumb{{"Jobs", "/jobs"}}
		return p
	}
	add("job/running", jobWhole(page(running)))
	add("job/paused", jobWhole(page(paused)))
	add("job/held", jobWhole(page(held)))
	add("job/codes", jobWhole(page(invited)))
	add("job/cancelled", jobWhole(page(cancelled)))
	failed := page(running)
	failed.State, failed.Rows, failed.More = postern.BulkRowFailed, rows[3:4], false
	add("job/failed-rows", jobWhole(failed))
	empty := page(invited)
	empty.State, empty.Rows, empty.After = postern.BulkRowWaiting, nil, 50
	add("job/no-rows", jobWhole(empty))
	auditor := page(running)
	auditor.frame = as(fixtureAuditor, auditor.frame)
	add("job/auditor", jobWhole(auditor))

	form := newJobPage{
		frame: fixtureFrame(sectionIntegrations, "Start a job for many users"), Integration: on, Kinds: postern.BulkKinds, By: "phase",
		Input:  postern.BulkInput{Kind: postern.BulkInvite, Phase: postern.PhaseEligible, ValidMinutes: 3 * 24 * 60},
		Counts: map[postern.Phase]int{postern.PhaseEligible: 12, postern.PhasePaired: 1203, postern.PhaseActive: 481},
	}
	form.Trail = []crumb{{"Integrations", "/integrations"}, {on.ApplicationName, integrationPath(on.ID)}}
	add("new-job/form", newJobForm(form))
	wrongFile := form
	wrongFile.By, wrongFile.Input.CSV = "csv", "user;valid_minutes\nada@contoso.example;soon\n"
	wrongFile.Problems = problems{postern.FieldErrorf("csv", "Row 2, column 2: valid_minutes must be a number from 1 to 43200.").WithNext("Correct the file and send it again.")}
	add("new-job/wrong-file", newJobForm(wrongFile))
	byGroup := form
	byGroup.By = "group"
	byGroup.Groups = groupResults{Query: "sal", Chosen: "g1", Found: []postern.GroupChoice{{ID: "g1", Name: "Sales"}, {ID: "g2", Name: "Sales Berlin"}}}
	add("new-job/group", newJobForm(byGroup))
	part("new-job/no-group", jobGroupList(groupResults{Query: "zebra"}))

	sure := form
	sure.Title = "Invite: 236 users?"
	sure.Plan = &postern.BulkPlan{
		Kind: postern.BulkInvite, Source: "a CSV file", Sentence: "An invitation is made for 236 users; earlier open ones of theirs are withdrawn. The one-time codes can be fetched as a file, once, within 24 hours.",
		Total: 240, Acts: 236, Duplicates: 2, Skips: []postern.BulkSkip{{Code: postern.CodeGuestUser, Message: "Guests cannot be given a passkey.", Rows: 4, Users: []string{"a@fabrikam.example", "b@fabrikam.example"}}},
	}
	add("new-job/confirm", confirmJob(sure))
	taking := sure
	taking.Title, taking.Input.Kind, taking.Typed = "Revoke users: 1,236 users?", postern.BulkRevokeUser, "12"
	taking.Plan = &postern.BulkPlan{
		Kind: postern.BulkRevokeUser, Source: "everybody in phase active", Total: 1236, Acts: 1236, Destructive: true, Skips: []postern.BulkSkip{},
		Sentence: "All phones, passkeys and invitations of 1236 users are taken away at once. They can no longer sign in with them, and it cannot be undone.",
	}
	taking.Problems = problems{postern.FieldErrorf("count", "That is not the number of users.").WithNext("Type 1236 to confirm.")}
	add("new-job/confirm-wrong-number", confirmJob(taking))
	nothing := sure
	nothing.Plan = &postern.BulkPlan{Source: "a list", Sentence: "A reminder is sent to 0 users.", Total: 1, Skips: []postern.BulkSkip{{Message: "There is nothing to remind the user of.", Rows: 1, Users: []string{"a@contoso.example"}}}}
	add("new-job/nothing-to-do", confirmJob(nothing))
	part("job/cancel", confirmAct(actPage{frame: inDialog(fixtureFrame(sectionJobs, "Cancel the job?")), Back: "/jobs", Path: "/jobs/x/cancel", Button: "Cancel the job", Text: "What was done stays done. The 2,713 users that had no turn yet are left alone, and the list says so."}))
}

package web

import (
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

func fixtureSaved() []postern.SavedAuditFilter {
	return []postern.SavedAuditFilter{
		{
			ID: fixtureID[postern.SavedFilterID](postern.PrefixSavedFilter, 1), Version: 2, Name: "Failures this month", Owner: string(fixtureOwner.Administrator), Shared: true,
			Filter: postern.AuditSelection{Outcome: postern.OutcomeFailure, From: pointer(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))},
		},
		{
			ID: fixtureID[postern.SavedFilterID](postern.PrefixSavedFilter, 2), Version: 1, Name: "Elena's phone", Owner: string(fixtureAuditor.Administrator), Shared: true,
			Filter: postern.AuditSelection{User: fixtureUser(0, postern.PhaseActive).ID, Events: []string{"passkey.", "phone.revoked"}},
		},
		{
			ID: fixtureID[postern.SavedFilterID](postern.PrefixSavedFilter, 3), Version: 1, Name: "Consent", Owner: string(fixtureOwner.Administrator),
			Filter: postern.AuditSelection{Integration: fixtureIntegration().ID, Text: "consent"},
		},
	}
}

func addAuditStories(add, part func(string, templ.Component)) {
	f := fixtureFrame(sectionAudit, "Audit trail")
	i := fixtureIntegration()
	of := auditPage{integrationFrame: shell(i, tabAudit), Events: fixtureEvents(), Older: true}
	of.Filter.Given = url.Values{"integration": {string(i.ID)}}
	add("audit/of-integration", trailPage(of))
	everything := auditPage{
		integrationFrame: integrationFrame{frame: f}, Events: fixtureEvents(), Newer: true, Older: true, Saved: fixtureSaved(), Integrations: []postern.Integration{i},
		Administrators: []postern.Administrator{{Name: "Ada Lindqvist"}, {Name: "Chidi Okafor"}},
	}
	everything.Verification = &postern.AuditVerification{
		OK: true, Entries: 42, Floor: 12, Head: fixtureEvents()[0].Hash, Message: "Entries 13 to 42 fit. Those up to 12 were removed by retention, as a signed note says; the chain goes on from there.",
		Checkpoint: "postern.contoso.example/audit\n42\nXyt8nZ4KGyw9Pk9gcYKTpLXG2+jzkxLMTlk=\n\n— postern.contoso.example 1a2b3c",
	}
	add("audit/verified", trailPage(everything))
	broken := everything
	broken.Verification = &postern.AuditVerification{Entries: 16, BrokenAt: 17, BrokenID: fixtureID[postern.EventID](postern.PrefixEvent, 17), Message: "Entry 17 was changed after it was written."}
	add("audit/broken", trailPage(broken))
	none := everything
	none.Events, none.Verification = nil, nil
	none.Filter = auditFilter{Given: url.Values{"event": {"token."}, "outcome": {"failure"}}}
	add("audit/none", trailPage(none))
	chosen := everything
	chosen.Verification = nil
	chosen.Filter = auditFilter{
		Given:    url.Values{"event": {"passkey.", "phone.revoked"}, "user": {string(fixtureUser(0, postern.PhaseActive).ID)}, "actor": {"Ada Lindqvist"}, "from": {"2026-11-01"}, "to": {"2026-11-20"}},
		UserName: "Elena Petrova", ActorName: "Ada Lindqvist",
	}
	add("audit/filtered", trailPage(chosen))
	unclear := chosen
	unclear.Events = nil
	unclear.Filter = auditFilter{Given: url.Values{"user": {"smith"}, "from": {"yesterday"}}, Problems: problems{
		postern.FieldErrorf("from", "%q is no day.", "yesterday").WithNext("Write it as 2026-11-20."),
		postern.FieldErrorf("user", "Several users are called %q.", "smith").WithNext("Give the whole sign-in name."),
	}}
	add("audit/filter-wrong", trailPage(unclear))
	add("audit/events", auditCodes(codesPage{frame: f, Families: eventFamilies()}))

	addEntryStories(add)
	addSavedStories(add, part)
	addStreamStories(add, part)
	addRetentionStories(add)
}

func addEntryStories(add func(string, templ.Component)) {
	on := fixtureIntegration()
	page := func(d postern.AuditEventDetails) entryPage {
		p := entryPage{frame: fixtureFrame(sectionAudit, "Entry 41"), Details: d, Where: link{integrationPath(on.ID), on.ApplicationName}}
		p.Trail = []crumb{{"Audit trail", "/audit"}}
		return p
	}
	e := fixtureEvents()[1]
	e.ID, e.Previous, e.IntegrationID = fixtureID[postern.EventID](postern.PrefixEvent, 1), e.Hash, on.ID
	changed := e
	changed.Code, changed.Name, changed.Success, changed.ErrorCode, changed.Message = audit.IntegrationUpdated.Code, audit.IntegrationUpdated.Name, true, "", "The integration was changed."
	changed.Target, changed.Fields = string(on.ID), map[string]string{"permission_set": "standard"}
	whole := page(postern.AuditEventDetails{
		Event: changed, Text: audit.IntegrationUpdated.Text, Verifies: true, Checkpoint: 42, Older: pointer(int64(40)), Newer: pointer(int64(42)),
		Changes: []postern.AuditDelta{
			{Name: "application_name", Before: "Postern Pilot", After: "Postern Passkeys"},
			{Name: "challenge_timeout", Before: "5", After: "10"},
			{Name: "credential.client_secret", Before: "[withheld]", After: "[withheld]"},
			{Name: "domains", After: "contoso.example, sales.contoso.example"},
		},
		GraphRequests: []string{"6a1e0d4c-5b2f-4c93-8f0e-2d7b1a9c3e54", "0f9d2c7b-81a4-4e6d-9b35-c0a7e1f2d463"},
	})
	whole.Target, whole.Retention.RemovedThrough = whole.Where, 12
	add("audit-entry/changed", entry(whole))
	add("audit-entry/failed", entry(page(postern.AuditEventDetails{Event: e, Text: audit.IntegrationTestFailed.Text, Verifies: true, Older: pointer(int64(40))})))
	about := fixtureEvents()[0]
	about.IntegrationID, about.Target = on.ID, string(fixtureProvisioning(postern.ProvisioningActive).ID)
	linked := page(postern.AuditEventDetails{Event: about, Text: audit.ProvisioningActive.Text, Verifies: true})
	user := fixtureUser(5, postern.PhaseActive)
	linked.Target, linked.User = link{userPath(user.ID), "Postern Passkeys k7m2xq"}, link{userPath(user.ID), user.DisplayName}
	add("audit-entry/of-user", entry(linked))
	add("audit-entry/tampered", entry(page(postern.AuditEventDetails{Event: e, Text: audit.IntegrationTestFailed.Text, Older: pointer(int64(40)), Newer: pointer(int64(42))})))
}

func addSavedStories(add, part func(string, templ.Component)) {
	list := savedPage{
		frame: fixtureFrame(sectionAudit, "Saved filters"), List: fixtureSaved(),
		Users:        map[string]string{string(fixtureAuditor.Administrator): "Chidi Okafor", string(fixtureUser(0, postern.PhaseActive).ID): "Elena Petrova"},
		Integrations: map[string]string{string(fixtureIntegration().ID): "Postern Passkeys"},
	}
	list.Trail = []crumb{{"Audit trail", "/audit"}}
	add("audit-filters/several", savedFilters(list))
	none := list
	none.List = nil
	add("audit-filters/none", savedFilters(none))
	one := list.List[0]
	p := savePage{frame: fixtureFrame(sectionAudit, "Save this filter"), Values: valuesOf(one.Filter), Text: filterText(one.Filter, nil, nil)}
	dialog := p
	dialog.frame = inDialog(p.frame)
	part("audit-filters/save", saveFilter(dialog))
	late := p
	late.Title, late.ID, late.Input.Name, late.Input.Version = "Change Failures this month", one.ID, "Failures since November", 3
	late.Problems = problems{staleForm("filter", "It is called Failures"+sharedText(true)+" now.")}
	add("audit-filters/stale", saveFilter(late))
}

func addStreamStories(add, part func(string, templ.Component)) {
	f := fixtureFrame(sectionAudit, "Streams of the audit trail")
	stream := func(n byte, name, kind, state string) postern.AuditStream {
		s := postern.AuditStream{
			ID: fixtureID[postern.AuditStreamID](postern.PrefixAuditStream, n), Version: 1, Name: name, Kind: kind, Format: postern.AuditOCSF, State: state,
			Address: "tls://siem.contoso.example:6514", Cursor: 42, DeliveredAt: pointer(ago(time.Minute)),
		}
		if kind == postern.StreamWebhook {
			s.Address, s.Format = "https://hooks.contoso.example/services/postern/audit-trail", postern.AuditJSON
		}
		return s
	}
	good, behind := stream(1, "SIEM", postern.StreamSyslog, postern.StreamCurrent), stream(2, "Data lake", postern.StreamWebhook, postern.StreamBehind)
	failing, paused := stream(3, "Ticket system", postern.StreamWebhook, postern.StreamFailing), stream(4, "Old log server", postern.StreamSyslog, postern.StreamPaused)
	behind.Cursor, behind.Lag, behind.OldSecretUntil = 12, 30, pointer(fixtureNow.Add(20*time.Hour))
	failing.Cursor, failing.Lag, failing.Failures, failing.Problem = 40, 2, 7, "The sink answered 503."
	failing.ProblemAt, failing.NextAttempt = pointer(ago(3*time.Minute)), pointer(fixtureNow.Add(2*time.Minute))
	paused.Lag, paused.Cursor, paused.DeliveredAt = 1, 41, nil
	add("audit-streams/none", streams(streamsPage{frame: f}))
	all := streamsPage{frame: f, List: []postern.AuditStream{good, behind, failing, paused}}
	add("audit-streams/several", streams(all))
	auditor := all
	auditor.frame = as(fixtureAuditor, f)
	add("audit-streams/auditor", streams(auditor))
	tested := all
	tested.List, tested.Tested, tested.Test = all.List[:1], good.ID, &postern.AuditStreamTest{OK: true, Message: "The sink took the test message."}
	add("audit-streams/tested", streams(tested))
	refused := all
	refused.List, refused.Tested, refused.Test = all.List[2:3], failing.ID, &postern.AuditStreamTest{Message: "The sink answered 503."}
	add("audit-streams/test-failed", streams(refused))

	form := streamPage{frame: fixtureFrame(sectionAudit, "Add a stream"), Input: postern.AuditStreamInput{Kind: postern.StreamSyslog, Format: postern.AuditJSON}}
	form.Trail = []crumb{{"Audit trail", "/audit"}, {"Streams", streamsPath}}
	add("audit-streams/new", streamForm(form))
	wrongAddress := form
	wrongAddress.Input.Name, wrongAddress.Input.Address = "SIEM", "udp://siem.contoso.example:514"
	wrongAddress.Problems = problems{postern.FieldErrorf("address", "Without TLS, syslog goes to this machine only.").WithNext("Use tls://HOST:PORT.")}
	add("audit-streams/wrong", streamForm(wrongAddress))
	late := form
	late.Title, late.ID, late.KeySet = "Change SIEM", good.ID, true
	late.Input = postern.AuditStreamInput{Version: 2, Name: "SIEM", Kind: good.Kind, Format: good.Format, Address: good.Address, CA: "-----BEGIN CERTIFICATE-----\n…"}
	late.Problems = problems{staleForm("stream", "It is called SIEM now and sends CEF to "+good.Address+".")}
	add("audit-streams/stale", streamForm(late))
	secret := streamPage{frame: inDialog(fixtureFrame(sectionAudit, "Signing secret of Data lake")), Secret: "whsec_bm90IGEgc2VjcmV0LCBidXQgYSBwaWN0dXJlIQ=="}
	part("audit-streams/secret", streamSecret(secret, behind))
	part("audit-streams/remove", confirmAct(actPage{
		frame: inDialog(fixtureFrame(sectionAudit, "Remove the stream Data lake?")), Path: streamsPath, Back: streamsPath, Button: "Remove stream",
		Text: "Nothing is sent there any more, and 30 entries that it has not had never come. They stay in the audit trail here.",
	}))
}

func addRetentionStories(add func(string, templ.Component)) {
	p := retentionPage{frame: fixtureFrame(sectionAudit, "Retention of the audit trail"), Keep: true, Days: "365"}
	add("audit-retention/for-ever", retention(p))
	set := p
	set.Keep, set.Now = false, postern.AuditRetention{
		Version: 3, Days: 365, NeedExport: true, RemovedThrough: 1200, RemovedAt: pointer(ago(time.Hour)), ExportedThrough: 1200, HeldBy: "Only the entries up to 1200 were exported.",
	}
	set.Input = postern.AuditRetentionInput{Version: 3, Days: 365, NeedExport: true}
	add("audit-retention/set", retention(set))
	counted := set
	counted.Days, counted.Would = "90", &audit.Removal{Entries: 4810, Through: 6010, HeldBy: "The stream SIEM has only the entries up to 6010."}
	add("audit-retention/counted", retention(counted))
	short := set
	short.Days, short.Problems = "7", problems{postern.FieldErrorf("days", "Entries are kept for at least 30 days.").WithNext("Give a longer time, or 0 to keep everything.")}
	add("audit-retention/too-short", retention(short))
	late := set
	late.Problems = problems{staleForm("retention", keptText(set.Now))}
	add("audit-retention/stale", retention(late))
	auditor := set
	auditor.frame = as(fixtureAuditor, set.frame)
	add("audit-retention/auditor", retention(auditor))
}

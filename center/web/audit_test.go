package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// TestTrailPages reads the trail as people do: filtered, entry by entry, exported, and under names.
func TestTrailPages(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	v := w.as(postern.RoleOwner)
	ctx := postern.WithActor(postern.WithGraphRequests(w.Context()), postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_other", Name: "Somebody Else"})

	v.get("/audit").is(200, "An integration was added.", "Postern Passkeys", "Verify now", "!Save this filter")
	v.get("/audit?event=integration.&outcome=success").is(200, "mono soft\">INT001I<", "!mono soft\">SYS001I<", "Save this filter", "Clear")
	v.get("/audit?text=nothing-has-this-word").is(200, "No entry matches.")
	v.get(fmt.Sprintf("/integrations/%s/audit?outcome=failure", i.ID)).is(200, "No entry matches.")
	v.get("/audit?from=yesterday").is(422, "is no day", "2026-11-20", "!mono soft\">INT001I<")
	v.get("/audit?from=2026-02-02&to=2026-01-01").is(422, "The time ends before it begins.")
	v.get("/audit?user=nobody@contoso.example").is(422, "Postern knows no user")
	v.get("/audit?actor=Zebra").is(422, "There is no administrator")

	for range 60 {
		if err := w.Trail.Record(ctx, postern.AuditEvent{Code: audit.SystemStarted.Code, Name: "test.filler", Success: true, Message: "filler"}); err != nil {
			t.Fatal(err)
		}
	}
	newest := v.get("/audit").is(200, "Older", "!Newer").body
	older := regexp.MustCompile(`rel="next" href="([^"]*)"`).FindStringSubmatch(newest)
	second := v.get(strings.ReplaceAll(older[1], "&amp;", "&")).is(200, "mono soft\">INT001I<", "Newest").body
	newer := regexp.MustCompile(`rel="prev" href="([^"]*)"`).FindStringSubmatch(second)
	if again := v.get(strings.ReplaceAll(newer[1], "&amp;", "&")).is(200, "Older").body; !strings.Contains(again, "filler") || strings.Contains(again, "mono soft\">INT001I<") {
		t.Error("paging back does not lead back")
	}

	renamed := postern.IntegrationInput{Version: i.Version, ApplicationName: "Contoso Passkeys", TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, ClientSecret: w.tenant.ClientSecret}
	if _, err := w.Integrations.Update(ctx, i.ID, renamed); err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(`href="(/audit/\d+)">`).FindStringSubmatch(v.get("/audit?event=integration.updated").is(200, "Somebody Else").body)
	v.get(changed[1]).is(200, "Before and after", "<del>Postern Passkeys</del>", "<ins>Contoso Passkeys</ins>", "Hash of the entry before", "Requests to Microsoft Graph", "request-id",
		"!"+w.tenant.ClientSecret, `href="/integrations/`+string(i.ID)+`"`, "Entry before")
	v.get("/audit/999999").is(404, "There is no entry 999999.")
	v.get("/audit/0").is(404)
	v.get("/audit/codes").is(200, "An administrator signed in.", "ADM004I", "Comparing with Entra")
	v.post("/audit/verify", nil).is(200, "The audit trail is intact.", "Checkpoint")

	csv := v.post("/audit/export", url.Values{"format": {"csv"}, "event": {"integration.created"}}).is(200, "INT001I", "!SYS001I,")
	if kind := csv.Header().Get("Content-Type"); kind != "text/csv; charset=utf-8" {
		t.Errorf("the export is %s", kind)
	}
	v.post("/audit/export", url.Values{"format": {"pdf"}}).is(422, "There is no format")
	v.get("/audit?event=audit.exported").is(200, "A part of the audit trail was exported.", "!The whole audit trail was exported.")

	chosen := url.Values{"event": {"integration."}, "outcome": {"success"}}
	v.get("/audit/filters/new?"+chosen.Encode()).is(200, "everything about integrations, only what worked")
	chosen.Set("name", "Changes")
	v.post("/audit/filters", chosen).leads("/audit?")
	id := regexp.MustCompile(`/audit/filters/(afl_\w+)/remove`).FindStringSubmatch(v.get("/audit/filters").is(200, "Changes").body)[1]
	v.post("/audit/filters/"+id, url.Values{"version": {"1"}, "name": {"All changes"}, "shared": {"1"}}).leads("/audit/filters?done=filter-changed")
	v.post("/audit/filters/"+id, url.Values{"version": {"1"}, "name": {"Mine"}}).is(409, "It is called All changes, and is shared, now.", `value="Mine"`)
	v.get("/audit").is(200, "All changes")
	v.post("/audit/filters/"+id+"/remove?version=1", nil).is(409)
	v.post("/audit/filters/"+id+"/remove?version=2", nil).leads("/audit/filters?done=filter-removed")
	v.get("/audit").is(200, "!Manage filters")
}

// TestStreamAndRetentionPages sets up where the trail goes and how long it stays.
func TestStreamAndRetentionPages(t *testing.T) {
	w := newWorld(t)
	v, auditor := w.as(postern.RoleOwner), w.as(postern.RoleAuditor)
	v.get("/audit/streams").is(200, "There is no stream")
	form := url.Values{"name": {"Hook"}, "kind": {"webhook"}, "format": {"jsonl"}, "address": {"http://hooks.contoso.example"}}
	v.post("/audit/streams", form).is(422, `value="http://hooks.contoso.example"`)
	form.Set("address", "https://hooks.contoso.invalid/audit")
	auditor.post("/audit/streams", form).is(http.StatusForbidden)
	secret := regexp.MustCompile(`whsec_[\w+/=]+`).FindString(v.post("/audit/streams", form).is(200, "whsec_", "cannot be shown again").body)
	list := v.get("/audit/streams").is(200, "Hook", "!"+secret).body
	path := regexp.MustCompile(`/audit/streams/aus_\w+`).FindString(list)
	auditor.get("/audit/streams").is(200, "Hook", "!New secret", "!Send a test")
	auditor.post(path+"/pause", url.Values{"version": {"1"}}).is(http.StatusForbidden)
	v.post(path+"/pause", url.Values{"version": {"7"}}).is(409)
	v.post(path+"/pause", url.Values{"version": {"1"}}).leads("/audit/streams?done=stream-paused")
	v.get("/audit/streams").is(200, "paused", "Go on")
	v.post(path+"/secret?version=1", nil).is(409)
	if body := v.post(path+"/secret?version=2", nil).is(200, "whsec_", "The secret before signs as well").body; strings.Contains(body, secret) {
		t.Error("the new secret is the old one")
	}
	form.Set("name", "Hook of ours")
	form.Set("version", "2")
	v.post(path, form).is(409, "It is called Hook now")
	form.Set("version", "3")
	v.post(path, form).leads("/audit/streams?done=stream-changed")
	v.get(path+"/remove").is(200, "that it has not had never come")
	v.post(path+"/remove?version=4", nil).leads("/audit/streams?done=stream-removed")

	v.get("/audit/retention").is(200, "Entries are kept for ever.")
	keep := url.Values{"keep": {"days"}, "days": {"7"}, "version": {"0"}}
	v.post("/audit/retention", keep).is(422, "at least 30 days")
	keep.Set("days", "soon")
	v.post("/audit/retention", keep).is(422, "not a whole number")
	keep.Set("days", "30")
	auditor.post("/audit/retention", keep).is(http.StatusForbidden)
	keep.Set("count", "1")
	v.post("/audit/retention", keep).is(200, "nothing would be removed now", "Entries are kept for ever.")
	keep.Del("count")
	v.post("/audit/retention", keep).leads("/audit/retention?done=retention")
	v.post("/audit/retention", keep).is(409, "Entries are kept for 30 days.")
	auditor.get("/audit/retention").is(200, "Entries are kept for 30 days.", "!What would it remove now?")
}

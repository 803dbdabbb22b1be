package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/browser"
)

// TestPagesInTheBrowser opens the pages of a real control center as a person would: nothing is wrong in the console of
// the browser, and what the pages ask for by themselves answers.
func TestPagesInTheBrowser(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	u, _, _ := w.paired(i)
	server := httptest.NewServer(w.as(postern.RoleOwner).console)
	defer server.Close()
	b := browser.Open(t)
	b.Watch()
	b.Look("light", 1280)
	base := server.URL + "/integrations/" + string(i.ID)
	look := func(name string) {
		t.Helper()
		b.WholePage("life/" + name)
		for _, wrong := range b.Wrong() {
			t.Errorf("%s: %s", name, wrong)
		}
	}
	for _, page := range []struct{ name, path, says string }{
		{"users", base + "?phase=paired", u.DisplayName},
		{"lifecycle", base + "/lifecycle", "Groups in Entra"},
		{"messages", base + "/messages", "What users read"},
		{"text", base + "/messages/invitation/en", "Preview"},
		{"audit", server.URL + "/audit?text=" + "group", "Tamper evidence"},
		{"entry", server.URL + "/audit/1", "chain"},
		{"streams", server.URL + "/audit/streams", "There is no stream"},
		{"stream-new", server.URL + "/audit/streams/new", "Add the stream"},
		{"retention", server.URL + "/audit/retention", "Save"},
		{"jobs", server.URL + "/jobs", "Jobs"},
		{"mail", server.URL + "/mail", "Mail server"},
		{"help", server.URL + "/help/pairing/" + string(i.ID), "Pair your phone"},
	} {
		b.Open(page.path)
		b.See(page.says)
		look(page.name)
	}

	// A directory is read, shown without reloading, and searched.
	b.Open(base + "/directory/users")
	b.See("Everybody")
	look("directory")
	// Rules show what they would mean as soon as they are changed.
	b.Open(base + "/enrolment")
	b.Fill("group_search", "T")
	b.Shown(`#groups [name="pick"]`)
	b.Press("Add the rule")
	b.Shown(`ol.rules select`)
	look("enrolment")
	// A comparison is asked for and comes to its end on the page.
	b.Open(base + "/drift")
	b.Press("Look now")
	b.See("Last looks")
	look("drift")
	// Only what belongs to the choice is asked for.
	b.Open(base + "/jobs/new")
	b.Shown(`[name="phase"]`)
	b.Until("the list to be away", `!document.querySelector('[name="list"]').checkVisibility()`)
	b.Follow(`[name="by"][value="list"]`)
	b.Shown(`[name="list"]`)
	b.Follow(`[name="kind"][value="suspend"]`)
	b.Until("the mail to be away", `!document.querySelector('[name="mail"]').checkVisibility()`)
	look("new-job")
	// What takes something away asks first, in a dialog.
	b.Open(server.URL + "/users/" + string(u.ID))
	b.Press("Suspend")
	b.Shown("dialog[open] [name=note]")
	look("suspend")
	b.Fill("note", "Lost laptop")
	b.Follow("dialog[open] button:not([data-close])")
	b.See("The user is suspended.")
	look("suspended")
	b.Look("light", 390)
	if wide := browser.Evaluate[int](b, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the page is %d pixels wide on a phone of 390", wide)
	}
	if !strings.Contains(b.Text("main"), "Lost laptop") {
		t.Error("the page does not give the reason")
	}
}

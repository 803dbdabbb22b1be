package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

func TestChanges(t *testing.T) {
	type mail struct {
		Host     string   `json:"host"`
		Port     int      `json:"port"`
		Password string   `json:"password,omitempty"`
		TLS      bool     `json:"tls"`
		To       []string `json:"to"`
		Version  int64    `json:"version"`
		More     *mail    `json:"more,omitempty"`
	}
	was := mail{Host: "mail.example.com", Port: 25, Password: "hunter2", Version: 3, To: []string{"a@example.com"}}
	now := was
	now.Port, now.Password, now.TLS, now.Version, now.To = 587, "correct horse", true, 4, []string{"a@example.com", "b@example.com"}
	now.More = &mail{Host: "other"}
	got := audit.Changes(was, now)
	want := map[string]string{
		"before.port": "25", "after.port": "587", "before.password": audit.Withheld, "after.password": audit.Withheld,
		"before.tls": "false", "after.tls": "true", "before.to": "a@example.com", "after.to": "a@example.com, b@example.com",
		"before.more.host": "", "after.more.host": "other", "before.more.port": "", "after.more.port": "0",
		"before.more.tls": "", "after.more.tls": "false", "before.more.version": "", "after.more.version": "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if got := audit.Changes(was, was); got != nil {
		t.Fatal(got)
	}
	if got := audit.Changes(nil, mail{Host: "x"})["after.host"]; got != "x" {
		t.Fatal(got)
	}
	if got := audit.Changes(make(chan int), nil); got != nil {
		t.Fatal(got)
	}
}

func TestRecordNamesTheRequestsOfGraph(t *testing.T) {
	s := open(t, urls["sqlite"](t))
	l := newLog(t, s)
	ctx := postern.WithGraphRequests(t.Context())
	postern.NoteGraphRequest(ctx, "8f0d1a2b-0000-4000-8000-000000000001")
	postern.NoteGraphRequest(ctx, "8f0d1a2b-0000-4000-8000-000000000002")
	e := sample(1)
	for range 2 {
		if err := l.Record(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	if _, ours := e.Fields[audit.FieldGraphRequests]; ours {
		t.Fatal("the caller's fields were changed")
	}
	events, err := l.Events(t.Context(), audit.Query{})
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	for _, e := range events {
		if got := e.Fields[audit.FieldGraphRequests]; got != "8f0d1a2b-0000-4000-8000-000000000001 8f0d1a2b-0000-4000-8000-000000000002" {
			t.Fatal(got)
		}
	}
}

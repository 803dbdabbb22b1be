package bulk_test

import (
	"testing"
	"time"

	"github.com/postern/postern"
)

func TestPlan(t *testing.T) {
	w := newWorld(t)
	w.know(postern.PhaseActive, "ada@contoso.example", "bo@contoso.example")
	w.know(postern.PhaseRevoked, "gone@contoso.example")
	in := postern.BulkInput{Kind: postern.BulkRevokeUser, Users: []string{
		"ada@contoso.example", "ADA@contoso.example", "object-ada@contoso.example", "bo@contoso.example", "gone@contoso.example", "who@contoso.example",
	}}
	plan, err := w.bulk.Plan(w.ctx(), w.integration.ID, in)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Total != 4 || plan.Acts != 2 || plan.Duplicates != 2 || !plan.Destructive || len(plan.Skips) != 2 || plan.Sentence == "" {
		t.Fatalf("%+v", plan)
	}
	if _, err := w.bulk.Start(w.ctx(), w.integration.ID, in); !postern.IsCode(err, postern.CodeBulkCount) {
		t.Fatalf("started without the number: %v", err)
	}
	in.Expect = 2
	j := w.start(in)
	if _, err := w.bulk.Start(w.ctx(), w.integration.ID, in); !postern.IsCode(err, postern.CodeBulkRunning) {
		t.Fatalf("started twice: %v", err)
	}
	w.run(time.Hour)
	j, rows := w.agree(j.ID)
	if j.Counts.Done != 2 || j.Counts.Skipped != 2 || rows[0].Times != 3 || rows[3].Code != postern.CodeUserUnknown || rows[2].Code != postern.CodeNothingToDo {
		t.Fatalf("%+v %+v", j, rows)
	}
}

func TestWaysToNameUsers(t *testing.T) {
	w := newWorld(t)
	w.know(postern.PhasePaired, "ada@contoso.example")
	w.know(postern.PhaseActive, "bo@contoso.example")
	w.members = []postern.DirectoryUser{{ObjectID: "object-ada@contoso.example", UPN: "ada@contoso.example"}, {ObjectID: "stranger"}}
	for name, c := range map[string]struct {
		in          postern.BulkInput
		total, acts int
		field       string
	}{
		"phase":       {postern.BulkInput{Phase: postern.PhasePaired}, 1, 1, ""},
		"empty phase": {postern.BulkInput{Phase: postern.PhaseSuspended}, 0, 0, "phase"},
		"group":       {postern.BulkInput{GroupID: "g"}, 2, 1, ""},
		"two ways":    {postern.BulkInput{GroupID: "g", Phase: postern.PhasePaired}, 0, 0, "users"},
		"none":        {postern.BulkInput{}, 0, 0, "users"},
		"blank user":  {postern.BulkInput{Users: []string{" "}}, 0, 0, "users"},
		"CSV":         {postern.BulkInput{CSV: "user\nada@contoso.example\nbo@contoso.example\n"}, 2, 2, ""},
		"mail":        {postern.BulkInput{Phase: postern.PhasePaired, Mail: postern.MailCode}, 0, 0, "kind"},
	} {
		c.in.Kind = postern.BulkProvision
		plan, err := w.bulk.Plan(w.ctx(), w.integration.ID, c.in)
		if c.field != "" {
			if e := postern.AsError(err); err == nil || e.Field != c.field {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || plan.Total != c.total || plan.Acts != c.acts {
			t.Errorf("%s: %+v %v", name, plan, err)
		}
	}
	w.denied = postern.PermPasskeysRevoke
	if _, err := w.bulk.Plan(w.ctx(), w.integration.ID, postern.BulkInput{Kind: postern.BulkProvision, Phase: postern.PhasePaired}); !postern.IsCode(err, postern.CodeForbidden) {
		t.Errorf("planned without the permission: %v", err)
	}
}

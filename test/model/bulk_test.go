package model_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
)

// bulkRun is a bulk job that was started.
type bulkRun struct {
	id   postern.BulkJobID
	kind postern.BulkKind
	by   string // the name of whoever started it, of nothing else
}

var bulkKinds = []postern.BulkKind{
	postern.BulkInvite, postern.BulkProvision, postern.BulkRevokeUser, postern.BulkSuspend, postern.BulkResume, postern.BulkInvite,
	postern.BulkSuspend, postern.BulkRemind,
}

// startBulk starts a job over some of the people, one of whom it may name twice, and one whom nobody knows.
func (w *world) startBulk(a, b int) error {
	in := postern.BulkInput{Kind: bulkKinds[a%len(bulkKinds)], Note: "by many"}
	for n := range peopleKnown {
		if (b>>n)&1 == 1 {
			in.Users = append(in.Users, w.person(n).upn)
		}
	}
	switch b / 16 % 4 {
	case 1:
		in.Users = append(in.Users, w.person(b).objectID)
	case 2:
		in.Users = append(in.Users, "nobody@"+w.domain)
	}
	if len(in.Users) == 0 {
		in.Users = []string{w.person(a).upn}
	}
	if in.Kind == postern.BulkInvite {
		in.Mail = []postern.InvitationMail{postern.MailNone, postern.MailCode, postern.MailCode, postern.MailInvitation}[b/64%4]
	}
	by := fmt.Sprintf("Bulk %d", len(w.bulks)+1)
	ctx := postern.WithActor(w.ctx, postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_bulk", Name: by})
	plan, err := w.bulk.Plan(ctx, w.integration, in)
	if err != nil {
		return w.refusal(err)
	}
	in.Expect = plan.Acts
	w.bulks = append(w.bulks, bulkRun{kind: in.Kind, by: by})
	j, err := w.bulk.Start(ctx, w.integration, in)
	if err != nil {
		return w.refusal(err)
	}
	w.bulks[len(w.bulks)-1].id = j.ID
	return nil
}

func (w *world) bulkJobs() ([]postern.BulkJob, error) {
	return w.bulk.Jobs(w.ctx, bulk.Query{IntegrationID: w.integration, Limit: 1000})
}

// steerBulk pauses, resumes, cancels or retries one of the newest jobs.
func (w *world) steerBulk(a, b int) error {
	jobs, err := w.bulkJobs()
	if err != nil || len(jobs) == 0 {
		return w.refusal(err)
	}
	j := jobs[b%min(2, len(jobs))]
	switch a % 7 {
	case 0, 1, 2:
		_, err = w.bulk.Pause(w.ctx, j.ID, j.Version)
	case 3, 4:
		_, err = w.bulk.Resume(w.ctx, j.ID, j.Version)
	case 5:
		_, err = w.bulk.Cancel(w.ctx, j.ID, j.Version)
	default:
		w.retried = true
		_, err = w.bulk.RetryFailed(w.ctx, j.ID, j.Version)
	}
	return w.refusal(err)
}

// fetchCodes reads the codes of a job, which can be done once.
func (w *world) fetchCodes(_, b int) error {
	jobs, err := w.bulkJobs()
	if err != nil || len(jobs) == 0 {
		return w.refusal(err)
	}
	return w.refusal(w.readCodes(jobs[b%len(jobs)].ID))
}

func (w *world) readCodes(id postern.BulkJobID) error {
	var text bytes.Buffer
	if err := w.bulk.Codes(w.ctx, id, &text); err != nil {
		return err
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text.Bytes(), []byte("\ufeff")))).ReadAll()
	if err != nil {
		return err
	}
	for _, row := range rows[1:] {
		w.secrets = append(w.secrets, row[1])
		for _, p := range w.people[:peopleKnown] {
			if strings.EqualFold(p.upn, row[0]) {
				p.known = true
				p.codes = append(p.codes, row[1])
			}
		}
	}
	return nil
}

// resumeBulk has everything go on that was paused.
func (w *world) resumeBulk() error {
	jobs, err := w.bulkJobs()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.State != postern.BulkPaused {
			continue
		}
		if _, err := w.bulk.Resume(w.ctx, j.ID, j.Version); err != nil {
			return err
		}
	}
	return nil
}

// agreeBulk holds that every job came to its end, that its rows are what it counts, and that each row was done once.
func (w *world) agreeBulk(b books) error {
	jobs, err := w.bulkJobs()
	if err != nil {
		return err
	}
	did := make(map[string]int) // actor, event and target
	for _, e := range b.events {
		did[e.Actor.Name+"/"+e.Name+"/"+e.Target]++
	}
	by := make(map[postern.BulkJobID]bulkRun)
	for _, r := range w.bulks {
		by[r.id] = r
	}
	for _, j := range jobs {
		rows, err := w.bulk.Rows(w.ctx, j.ID, bulk.RowQuery{Limit: 1000})
		if err != nil {
			return err
		}
		counts, naming := postern.BulkCounts{Total: len(rows)}, make(map[postern.UserID]int)
		for _, row := range rows {
			naming[row.UserID]++ // whom nobody knew may be named in two ways
		}
		for _, row := range rows {
			*counts.Field(row.State)++
			w.agreeRow(b, j, row)
			if run := by[j.ID]; run.id != "" {
				w.agreeOnce(run, row, naming[row.UserID], did)
			}
		}
		if counts != j.Counts {
			w.disagree("a job to %s counts %+v, and its rows are %+v", j.Kind, j.Counts, counts)
		}
		if !j.State.Final() && counts.Waiting == 0 {
			w.disagree("a job to %s is %s, and none of its rows waits for a phone", j.Kind, j.State)
		}
	}
	return nil
}

// agreeRow compares a row with the books.
func (w *world) agreeRow(b books, j postern.BulkJob, row postern.BulkRow) {
	switch row.State {
	case postern.BulkRowPending, postern.BulkRowRunning:
		w.disagree("a row of a job to %s stays %s: %s %s", j.Kind, row.State, row.Code, row.Message)
	case postern.BulkRowWaiting:
		for _, p := range b.provisionings[row.UserID] {
			if strings.Contains(row.Made, string(p.ID)) && !p.State.Final() {
				return
			}
		}
		w.disagree("a row of a job to %s waits for a phone that was asked for nothing: %s", j.Kind, row.Made)
	case postern.BulkRowDone:
		if j.Kind != postern.BulkInvite {
			return
		}
		for _, i := range b.invitations[row.UserID] {
			if string(i.ID) == row.Made {
				return
			}
		}
		w.disagree("a row of a job says that it made the invitation %q, which there is not", row.Made)
	}
}

// agreeOnce holds that a row acted once, also where a process died over it.
func (w *world) agreeOnce(run bulkRun, row postern.BulkRow, rows int, did map[string]int) {
	event := map[postern.BulkKind]string{
		postern.BulkInvite: "user.invited", postern.BulkRevokeUser: "user.revoked", postern.BulkSuspend: "user.suspended",
		postern.BulkResume: "user.resumed", postern.BulkRemind: "user.reminded",
	}[run.kind]
	n := did[run.by+"/"+event+"/"+string(row.UserID)]
	// Suspending somebody whom somebody else resumed meanwhile is not doing it twice.
	exact := run.kind == postern.BulkInvite || run.kind == postern.BulkRemind
	if n > rows && (exact || w.deaths == 0) && !w.retried && event != "" {
		w.disagree("a row of a job to %s was done %d times", run.kind, n)
	}
	if row.State == postern.BulkRowDone && n == 0 && exact {
		w.disagree("a row of a job to %s is done, and nothing was", run.kind)
	}
}

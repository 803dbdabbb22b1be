package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

const (
	// codesKept is for how long one-time codes wait to be fetched.
	codesKept = 24 * time.Hour
	// jobsKept is for how long jobs are remembered after their end.
	jobsKept = 180 * 24 * time.Hour
)

// Codes writes the one-time codes that the job's rows have made since they were last fetched, as CSV, and wipes them:
// they cannot be had again, whatever becomes of what was written.
func (s *Service) Codes(ctx context.Context, id postern.BulkJobID, w io.Writer) error {
	r, err := s.Store.BulkJob(ctx, id)
	if err != nil {
		return err
	}
	if err := s.require(ctx, r.Kind); err != nil {
		return err
	}
	var rows []SealedRow
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.Store.LockBulkJob(ctx, id)
		if err != nil {
			return err
		}
		if r.CodesUntil == nil || !s.Now().Before(*r.CodesUntil) {
			return postern.Errorf(postern.CodeNotFound, "The job holds no one-time codes: they were fetched, wiped after 24 hours, or sent by mail.").
				WithNext("Invite again those who have none; that makes new codes.")
		}
		if rows, err = s.Store.BulkSecrets(ctx, id); err != nil {
			return err
		}
		if err := s.wipe(ctx, &r); err != nil {
			return err
		}
		e := event(audit.BulkCodesRead, r, fmt.Sprintf("%d one-time codes were read.", len(rows)))
		return s.Audit.Record(ctx, e)
	})
	if err != nil {
		return err
	}
	return writeCSV(w, func(write func(cells ...string) error) error {
		if err := write("user", "code", "link"); err != nil {
			return err
		}
		for _, row := range rows {
			plain, err := s.Sealer.Open(ctx, secretPurpose(id), row.Sealed)
			if err != nil {
				return err
			}
			var secret Secret
			if err := json.Unmarshal(plain, &secret); err != nil {
				return err
			}
			name := row.UPN
			if name == "" {
				name = row.Given
			}
			if err := write(name, secret.Code, secret.Link); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) wipe(ctx context.Context, r *Record) error {
	if err := s.Store.ForgetBulkSecrets(ctx, r.ID); err != nil {
		return err
	}
	r.CodesUntil = nil
	return s.save(ctx, r)
}

// Results writes all rows of a job as CSV.
func (s *Service) Results(ctx context.Context, id postern.BulkJobID, w io.Writer) error {
	if _, err := s.Store.BulkJob(ctx, id); err != nil {
		return err
	}
	return writeCSV(w, func(write func(cells ...string) error) error {
		if err := write("number", "user", "user_principal_name", "state", "code", "message", "next", "made", "updated_at"); err != nil {
			return err
		}
		for after := 0; ; {
			rows, err := s.Store.BulkRows(ctx, id, RowQuery{After: after, Limit: 1000})
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, r := range rows {
				after = r.Number
				if err := write(strconv.Itoa(r.Number), r.Given, r.UPN, string(r.State), string(r.Code), r.Message, r.Next, r.Made,
					r.UpdatedAt.UTC().Format(time.RFC3339)); err != nil {
					return err
				}
			}
		}
	})
}

// Tidy handles [TidyJob].
func (s *Service) Tidy(ctx context.Context, _ TidyJob) error {
	now := s.Now().UTC()
	late, err := s.Store.BulkJobsWithSecrets(ctx, now)
	if err != nil {
		return err
	}
	for _, id := range late {
		err := s.Store.Atomically(ctx, func(ctx context.Context) error {
			r, err := s.Store.LockBulkJob(ctx, id)
			if err != nil || r.CodesUntil == nil || now.Before(*r.CodesUntil) {
				return err
			}
			if err := s.wipe(ctx, &r); err != nil {
				return err
			}
			return s.Audit.Record(ctx, event(audit.BulkCodesWiped, r, "One-time codes were wiped because nobody fetched them in time."))
		})
		if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
			return err
		}
	}
	return s.Store.DeleteOldBulkJobs(ctx, now.Add(-jobsKept))
}

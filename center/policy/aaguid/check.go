package aaguid

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

const (
	tickEvery  = 24 * time.Hour
	checkEvery = 30 * 24 * time.Hour
)

// CheckJob looks for a newer list, if that is configured and the time has come. It changes no list.
type CheckJob struct{}

// Kind implements [job.Args].
func (CheckJob) Kind() string { return "models.check" }

// Handle registers the handler of this package's job and its schedule.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{MaxAttempts: 3, Timeout: 2 * fetchWithin}, s.Check, nil)
	job.Every(r, CheckJob{}, tickEvery)
}

func (s *Service) lastCheck(ctx context.Context) (int64, *postern.ModelListCheck, error) {
	version, body, err := s.Store.Document(ctx, "", checkDocument)
	if err != nil || version == 0 {
		return version, nil, err
	}
	var last postern.ModelListCheck
	if err := json.Unmarshal(body, &last); err != nil {
		return version, nil, fmt.Errorf("aaguid: the last check cannot be read: %w", err)
	}
	return version, &last, nil
}

// Check handles [CheckJob]. Each month it looks at the configured address, after a failure each day, and tells the trail
// once of a list that says something new, and once that looking fails.
func (s *Service) Check(ctx context.Context, _ CheckJob) error {
	if s.Address == "" {
		return nil
	}
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
	_, last, err := s.lastCheck(ctx)
	if err != nil {
		return err
	}
	if last != nil && last.Code == "" && last.Address == s.Address && s.Now().Sub(last.At) < checkEvery {
		return nil
	}
	found := postern.ModelListCheck{At: s.Now().UTC(), Address: s.Address}
	from, err := s.read(ctx, postern.ModelListInput{Address: s.Address})
	if err == nil {
		err = s.look(ctx, from, &found)
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e := postern.AsError(err)
		found.Code, found.Message, found.Next = e.Code, e.Message, e.Next
	}
	return s.noteCheck(ctx, found)
}

// look compares a list with the one in use.
func (s *Service) look(ctx context.Context, from *source, found *postern.ModelListCheck) error {
	_, stored, err := s.stored(ctx)
	if err != nil {
		return err
	}
	next, err := stored.with(from)
	if err != nil {
		return err
	}
	found.Number = from.Number
	found.Changes = compare(stored, next, from).Size()
	found.Newer = found.Changes > 0
	return nil
}

func (s *Service) noteCheck(ctx context.Context, found postern.ModelListCheck) error {
	body, err := json.Marshal(found)
	if err != nil {
		return fmt.Errorf("aaguid: %w", err)
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		version, last, err := s.lastCheck(ctx)
		if err != nil {
			return err
		}
		if last == nil {
			last = new(postern.ModelListCheck)
		}
		if _, err := s.Store.SetDocument(ctx, "", checkDocument, version, body); err != nil {
			return err
		}
		fields := map[string]string{"address": found.Address}
		switch {
		case found.Code != "" && last.Code != found.Code:
			return s.Audit.Record(ctx, postern.AuditEvent{
				Code: audit.ModelsCheckFailed.Code, Name: audit.ModelsCheckFailed.Name, ErrorCode: found.Code, Message: found.Message, Fields: fields,
			})
		case found.Newer && (!last.Newer || last.Number != found.Number || last.Changes != found.Changes):
			fields["changes"] = strconv.Itoa(found.Changes)
			if found.Number > 0 {
				fields["number"] = strconv.FormatInt(found.Number, 10)
			}
			return s.Audit.Record(ctx, postern.AuditEvent{
				Code: audit.ModelsNewer.Code, Name: audit.ModelsNewer.Name, Success: true, Message: audit.ModelsNewer.Text, Fields: fields,
			})
		}
		return nil
	})
}

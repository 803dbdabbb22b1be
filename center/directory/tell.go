package directory

import (
	"context"
	"strconv"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// follow tells the followers.
func (s *Service) follow(ctx context.Context, id postern.IntegrationID, changes []postern.DirectoryChange) error {
	if s.Followers == nil || len(changes) == 0 {
		return nil
	}
	return s.Followers.DirectoryChanged(ctx, id, changes)
}

// tell has pages that show the mirror look again after the commit.
func (s *Service) tell(ctx context.Context, id postern.IntegrationID) {
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(id)) })
}

func (s *Service) record(ctx context.Context, id postern.IntegrationID, code audit.Code, success bool, message string, fields map[string]string) error {
	i, err := s.Tenants.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.Audit.Record(ctx, postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: id, Target: string(id), TargetName: i.ApplicationName,
		Success: success, Message: message, Fields: fields,
	})
}

func counts(of map[string]int) map[string]string {
	fields := make(map[string]string, len(of))
	for name, n := range of {
		fields[name] = strconv.Itoa(n)
	}
	return fields
}

// noteFailure has the status say why the reading ended. The first of a row of failures is audited.
func (s *Service) noteFailure(ctx context.Context, id postern.IntegrationID, cause error) {
	if ctx.Err() != nil {
		return // the process is going down, and the reading goes on after it
	}
	e := postern.AsError(cause)
	err := s.change(ctx, id, func(ctx context.Context, p *Progress) error {
		first := p.Failure == nil || p.Failure.Code != e.Code
		p.Failure = &Failure{Code: e.Code, Message: e.Message, Next: e.Next, At: s.Now().UTC()}
		if !first {
			return nil
		}
		i, err := s.Tenants.Get(ctx, id)
		if err != nil {
			return err
		}
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.DirectoryFailed.Code, Name: audit.DirectoryFailed.Name, IntegrationID: id, Target: string(id),
			TargetName: i.ApplicationName, ErrorCode: e.Code, Message: e.Message,
		})
	})
	if err != nil {
		s.Logger.ErrorContext(ctx, "failure of a directory reading not noted", "integration", id, "cause", err)
	}
}

// change edits the progress in a transaction of its own or that of ctx, and begins again when somebody else was quicker.
// What edit does besides must belong to that transaction.
func (s *Service) change(ctx context.Context, id postern.IntegrationID, edit func(ctx context.Context, p *Progress) error) error {
	const tries = 10
	for try := 1; ; try++ {
		err := s.Store.Atomically(ctx, func(ctx context.Context) error {
			p, err := s.Store.DirectoryProgress(ctx, id)
			if err != nil {
				return err
			}
			p.Integration = id
			// Claimed first, so that what edit does is never done for nothing.
			if err := s.Store.SetDirectoryProgress(ctx, &p); err != nil {
				return err
			}
			if err := edit(ctx, &p); err != nil {
				return err
			}
			s.tell(ctx, id)
			return s.Store.SetDirectoryProgress(ctx, &p)
		})
		if !postern.IsCode(err, postern.CodeStale) || try == tries {
			return err
		}
	}
}

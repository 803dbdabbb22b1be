package audit

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postern/postern"
)

// FilterStore is what saved filters need of a database.
type FilterStore interface {
	// AuditFilters lists those of an owner and those that are shared, by name.
	AuditFilters(ctx context.Context, owner string) ([]postern.SavedAuditFilter, error)
	AuditFilter(ctx context.Context, id postern.SavedFilterID) (postern.SavedAuditFilter, error)
	CreateAuditFilter(ctx context.Context, f postern.SavedAuditFilter) error
	// UpdateAuditFilter stores f if f.Version is still the stored one, and increments it; CodeStale otherwise.
	UpdateAuditFilter(ctx context.Context, f *postern.SavedAuditFilter) error
	DeleteAuditFilter(ctx context.Context, id postern.SavedFilterID, version int64) error
}

// maxFilters bounds the filters of one owner.
const maxFilters = 100

const maxFilterName = 60

// QueryOf turns a selection into a query.
func QueryOf(s postern.AuditSelection) Query {
	q := Query{
		IntegrationID: s.Integration, Target: s.Target, ActorID: s.Actor, User: s.User, Text: s.Text, Names: s.Events,
		FailuresOnly: s.Outcome == postern.OutcomeFailure, SuccessOnly: s.Outcome == postern.OutcomeSuccess,
	}
	if s.From != nil {
		q.From = *s.From
	}
	if s.To != nil {
		q.To = *s.To
	}
	return q
}

// CheckSelection refuses what no query can mean.
func CheckSelection(s postern.AuditSelection) error {
	if !slices.Contains([]string{"", postern.OutcomeSuccess, postern.OutcomeFailure}, s.Outcome) {
		return postern.FieldErrorf("outcome", "There is no outcome %q.", s.Outcome).WithNext("Use success or failure, or leave it out.")
	}
	if s.From != nil && s.To != nil && !s.From.Before(*s.To) {
		return postern.FieldErrorf("to", "The time ends before it begins.")
	}
	if len(strings.Fields(s.Text)) > maxWords {
		return postern.FieldErrorf("text", "The text has more than %d words.", maxWords)
	}
	for _, name := range s.Events {
		if !known(name) {
			return postern.FieldErrorf("events", "There is no event %q.", name).
				WithNext("Give a code, a name, or a family with a dot at its end; postern audit codes lists them.")
		}
	}
	return nil
}

const maxWords = 8

func known(name string) bool {
	return slices.ContainsFunc(Codes(), func(c Code) bool {
		return c.Code == name || c.Name == name || strings.HasSuffix(name, ".") && len(name) > 1 && strings.HasPrefix(c.Name, name)
	})
}

// Filters lists the saved filters that the actor of ctx may use: the actor's own and the shared ones.
func (l *Log) Filters(ctx context.Context) ([]postern.SavedAuditFilter, error) {
	return l.Kept.AuditFilters(ctx, postern.ActorFrom(ctx).ID)
}

// Filter returns one of them.
func (l *Log) Filter(ctx context.Context, id postern.SavedFilterID) (postern.SavedAuditFilter, error) {
	f, err := l.Kept.AuditFilter(ctx, id)
	if err == nil && !f.Shared && f.Owner != postern.ActorFrom(ctx).ID {
		err = postern.Errorf(postern.CodeNotFound, "There is no such filter.")
	}
	return f, err
}

// SaveFilter keeps a filter for the actor of ctx.
func (l *Log) SaveFilter(ctx context.Context, in postern.SavedAuditFilterInput) (postern.SavedAuditFilter, error) {
	now := l.now()
	f := postern.SavedAuditFilter{
		ID: postern.NewID[postern.SavedFilterID](postern.PrefixSavedFilter), Version: 1, Owner: postern.ActorFrom(ctx).ID,
		CreatedAt: now, UpdatedAt: now,
	}
	if err := fillIn(&f, in); err != nil {
		return f, err
	}
	err := l.Store.Atomically(ctx, func(ctx context.Context) error {
		kept, err := l.Kept.AuditFilters(ctx, f.Owner)
		if err != nil {
			return err
		}
		own := 0
		for _, other := range kept {
			if other.Owner == f.Owner {
				own++
			}
		}
		if own >= maxFilters {
			return postern.Errorf(postern.CodeConflict, "You keep %d filters; that is the most.", maxFilters).WithNext("Remove one that you do not use.")
		}
		if err := l.Kept.CreateAuditFilter(ctx, f); err != nil || !f.Shared {
			return err
		}
		return l.Record(ctx, filterEvent(f, "A filter was shared.", Changes(nil, visible(f))))
	})
	return f, err
}

// UpdateFilter changes a filter of the actor of ctx.
func (l *Log) UpdateFilter(ctx context.Context, id postern.SavedFilterID, in postern.SavedAuditFilterInput) (postern.SavedAuditFilter, error) {
	var f postern.SavedAuditFilter
	err := l.Store.Atomically(ctx, func(ctx context.Context) error {
		var err error
		if f, err = l.own(ctx, id, in.Version); err != nil {
			return err
		}
		was := f
		if err := fillIn(&f, in); err != nil {
			return err
		}
		f.UpdatedAt = l.now()
		if err := l.Kept.UpdateAuditFilter(ctx, &f); err != nil || !was.Shared && !f.Shared {
			return err
		}
		return l.Record(ctx, filterEvent(f, "A shared filter was changed.", Changes(visible(was), visible(f))))
	})
	return f, err
}

// RemoveFilter removes a filter of the actor of ctx.
func (l *Log) RemoveFilter(ctx context.Context, id postern.SavedFilterID, version int64) error {
	return l.Store.Atomically(ctx, func(ctx context.Context) error {
		f, err := l.own(ctx, id, version)
		if err != nil {
			return err
		}
		if err := l.Kept.DeleteAuditFilter(ctx, id, version); err != nil || !f.Shared {
			return err
		}
		return l.Record(ctx, filterEvent(f, "A shared filter was removed.", nil))
	})
}

// own returns a filter that the actor of ctx may change.
func (l *Log) own(ctx context.Context, id postern.SavedFilterID, version int64) (postern.SavedAuditFilter, error) {
	f, err := l.Filter(ctx, id)
	switch {
	case err != nil:
		return f, err
	case f.Owner != postern.ActorFrom(ctx).ID:
		return f, postern.Errorf(postern.CodeForbidden, "The filter %s belongs to somebody else.", f.Name).WithNext("Keep a filter of your own.")
	case f.Version != version:
		return f, postern.Errorf(postern.CodeStale, "")
	}
	return f, nil
}

func fillIn(f *postern.SavedAuditFilter, in postern.SavedAuditFilterInput) error {
	name := strings.TrimSpace(in.Name)
	if name == "" || utf8.RuneCountInString(name) > maxFilterName || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return postern.FieldErrorf("name", "A name has 1 to %d characters that can be shown.", maxFilterName)
	}
	if err := CheckSelection(in.Filter); err != nil {
		return err
	}
	f.Name, f.Shared, f.Filter = name, in.Shared, in.Filter
	return nil
}

// visible is what the trail tells of a filter.
func visible(f postern.SavedAuditFilter) any {
	return struct {
		Name   string                 `json:"name"`
		Shared bool                   `json:"shared"`
		Filter postern.AuditSelection `json:"filter"`
	}{f.Name, f.Shared, f.Filter}
}

func filterEvent(f postern.SavedAuditFilter, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: FilterShared.Code, Name: FilterShared.Name, Success: true, Target: string(f.ID), TargetName: f.Name,
		Message: message, Fields: fields,
	}
}

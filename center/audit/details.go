package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Details returns one entry, by its sequence, with its place in the chain; CodeNotFound when there is none.
func (l *Log) Details(ctx context.Context, sequence int64) (postern.AuditEventDetails, error) {
	var d postern.AuditEventDetails
	near, err := l.Store.AuditEvents(ctx, Query{AfterSequence: sequence - 2, Before: sequence + 2, Limit: 3})
	if err != nil {
		return d, err
	}
	at := slices.IndexFunc(near, func(e postern.AuditEvent) bool { return e.Sequence == sequence })
	if at < 0 {
		floor, err := l.Store.AuditFloor(ctx)
		if err != nil {
			return d, err
		}
		missing := postern.Errorf(postern.CodeNotFound, "There is no entry %d.", sequence)
		if sequence > 0 && sequence <= floor.Sequence {
			missing = postern.Errorf(postern.CodeNotFound, "Entry %d was removed by retention.", sequence).WithNext("Look in an export or in the system that the trail is streamed to.")
		}
		return d, missing
	}
	e := near[at]
	d = postern.AuditEventDetails{
		Event: e, Changes: deltas(e.Fields), GraphRequests: strings.Fields(e.Fields[FieldGraphRequests]), Verifies: e.Hash == Hash(e),
	}
	for _, c := range Codes() {
		if c.Code == e.Code {
			d.Text = c.Text
		}
	}
	if at > 0 {
		d.Older = &near[at-1].Sequence
	}
	if at+1 < len(near) {
		d.Newer = &near[at+1].Sequence
	}
	text, err := l.Store.Setting(ctx, settingCheckpoint)
	if err != nil || text == nil {
		return d, err
	}
	last, err := l.openCheckpoint(ctx, string(text))
	if err == nil && last.Size >= e.Sequence {
		d.Checkpoint = last.Size
	}
	if postern.IsCode(err, postern.CodeInvalid) {
		err = nil // verification is what says so
	}
	return d, err
}

// deltas pairs the fields that [Changes] made.
func deltas(fields map[string]string) []postern.AuditDelta {
	var all []postern.AuditDelta
	for key := range fields {
		name, ok := strings.CutPrefix(key, AfterPrefix)
		if !ok {
			if name, ok = strings.CutPrefix(key, BeforePrefix); !ok {
				continue
			}
			if _, both := fields[AfterPrefix+name]; both {
				continue
			}
		}
		all = append(all, postern.AuditDelta{Name: name, Before: fields[BeforePrefix+name], After: fields[AfterPrefix+name]})
	}
	slices.SortFunc(all, func(a, b postern.AuditDelta) int { return strings.Compare(a.Name, b.Name) })
	return all
}

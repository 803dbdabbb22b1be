package audit

import (
	"context"
	"strconv"

	"github.com/postern/postern"
)

// NoteExport tells the trail that somebody is given an export, before anything of it leaves.
func (l *Log) NoteExport(ctx context.Context, format string, s postern.AuditSelection, after int64) error {
	fields := map[string]string{"format": format}
	if after > 0 {
		fields["after"] = strconv.FormatInt(after, 10)
	}
	leaves := flat(s)
	for name, value := range leaves {
		fields["filter."+name] = value
	}
	message := "The whole audit trail was exported."
	if len(leaves) > 0 || after > 0 {
		message = "A part of the audit trail was exported."
	}
	return l.Store.Atomically(ctx, func(ctx context.Context) error {
		return l.Record(ctx, postern.AuditEvent{
			Code: TrailExported.Code, Name: TrailExported.Name, IntegrationID: s.Integration, Success: true, Message: message, Fields: fields,
		})
	})
}

package aaguid

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// applied is the entry about an update.
func applied(d postern.ModelListDiff) postern.AuditEvent {
	fields := map[string]string{
		"source": string(d.To.Source), "origin": d.To.Origin, "date": d.To.Date,
		"models": strconv.Itoa(d.To.Models), "added": strconv.Itoa(len(d.Added)), "removed": strconv.Itoa(len(d.Removed)),
		"renamed": strconv.Itoa(len(d.Renamed)), "changed": strconv.Itoa(len(d.Changed)),
	}
	if d.To.Number > 0 {
		fields["number"] = strconv.FormatInt(d.To.Number, 10)
	}
	if d.To.Signer != "" {
		fields["signer"] = d.To.Signer
	}
	var bundles []string
	for _, b := range d.Bundles {
		bundles = append(bundles, b.Name+" +"+strconv.Itoa(len(b.Added))+" -"+strconv.Itoa(len(b.Removed)))
	}
	if bundles != nil {
		fields["bundles"] = strings.Join(bundles, "; ")
	}
	return postern.AuditEvent{
		Code: audit.ModelsUpdated.Code, Name: audit.ModelsUpdated.Name, Success: true, TargetName: string(d.To.Source),
		Message: audit.ModelsUpdated.Text, Fields: fields,
	}
}

// refused tells the trail of a list that is not from whom it says, or older than the one in use, and returns err.
func (s *Service) refused(ctx context.Context, in postern.ModelListInput, err error) error {
	if !postern.IsCode(err, postern.CodeModelListSignature) && !postern.IsCode(err, postern.CodeModelListOld) {
		return err
	}
	e := postern.AsError(err)
	origin := in.Address
	if origin == "" {
		origin = strings.TrimSpace("file " + cleanName(in.File))
	}
	failed := s.Store.Atomically(ctx, func(ctx context.Context) error {
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.ModelsRefused.Code, Name: audit.ModelsRefused.Name, ErrorCode: e.Code, Message: e.Message,
			Fields: map[string]string{"origin": origin},
		})
	})
	if failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

package offline

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// maxEvents is how many events one report holds.
const maxEvents = 200

// happened are the entries that events become.
var happened = map[postern.OfflineEventKind]struct {
	code audit.Code
	good bool
}{
	postern.OfflineSignedIn:     {audit.OfflineSignedIn, true},
	postern.OfflineRecovered:    {audit.OfflineRecovered, true},
	postern.OfflineWrongCode:    {audit.OfflineWrongCode, false},
	postern.OfflineLocked:       {audit.OfflineLocked, false},
	postern.OfflineClockSetBack: {audit.OfflineClockSetBack, false},
	postern.OfflineUnlocked:     {audit.OfflineUnlocked, true},
}

// Report takes how a workstation stands and what happened there. It is taken whatever the state, also of a pairing that has
// ended: what happened belongs in the trail. The same report again changes nothing.
func (s *Service) Report(ctx context.Context, w postern.Workstation, id postern.PairingID, in postern.OfflineReport) (postern.OfflineAnswer, error) {
	var none postern.OfflineAnswer
	events, err := checkReport(in)
	if err != nil {
		return none, err
	}
	p, err := s.mine(ctx, postern.DeviceID(w.ID), id)
	if err != nil {
		return none, err
	}
	before, found, err := s.of(ctx, id)
	if err != nil {
		return none, err
	}
	if !found {
		return none, postern.Errorf(postern.CodeNotFound, "Nobody asked for an offline passkey of this pairing.")
	}
	before.Sheets.has(in.RecoveryID, in.RecoveryNext)
	sheet, words := (*Sheet)(nil), []byte(nil)
	if before.State == postern.OfflineActive {
		if sheet, words, err = s.sheetFor(ctx, p, before); err != nil {
			return none, err
		}
	}
	r, err := s.change(ctx, id, func(ctx context.Context, r *Record) error {
		fresh := slices.DeleteFunc(slices.Clone(events), func(e postern.OfflineEvent) bool { return e.Number <= r.EventsThrough })
		now := s.Now().UTC()
		r.ReportedAt = &now
		renewed := r.stand(in, now)
		r.Sheets.has(in.RecoveryID, in.RecoveryNext)
		if sheet != nil && r.State == postern.OfflineActive {
			r.Sheets.Fresh = sheet
		}
		if len(fresh) > 0 {
			r.EventsThrough = fresh[len(fresh)-1].Number
		}
		if err := s.keep(ctx, r); err != nil {
			return err
		}
		if renewed {
			if err := s.record(ctx, audit.OfflineRenewed, *r, "Phone and workstation share new codes.", map[string]string{"codes": strconv.Itoa(r.Batch.Codes)}); err != nil {
				return err
			}
		}
		for _, e := range fresh {
			if err := s.happened(ctx, *r, e); err != nil {
				return err
			}
		}
		return s.used(ctx, *r, in, fresh)
	})
	if err != nil {
		return none, err
	}
	out := p.answer(r)
	out.Recovery = words
	return out, nil
}

// checkReport bounds a report, and gives its events in their order.
func checkReport(in postern.OfflineReport) ([]postern.OfflineEvent, error) {
	if len(in.Events) > maxEvents {
		return nil, postern.FieldErrorf("events", "A report holds up to %d events, not %d.", maxEvents, len(in.Events)).
			WithNext("Send the oldest first, and the others with the next report.")
	}
	events := slices.Clone(in.Events)
	for _, e := range events {
		switch _, known := happened[e.Kind]; {
		case !known:
			return nil, postern.FieldErrorf("events", "There is no event %q.", e.Kind)
		case e.Number < 1:
			return nil, postern.FieldErrorf("events", "Events are counted from 1.")
		case e.At.Unix() <= 0 || e.At.Year() > 9999:
			return nil, postern.FieldErrorf("events", "Event %d does not say when it was.", e.Number)
		}
	}
	slices.SortStableFunc(events, func(a, b postern.OfflineEvent) int {
		switch {
		case a.Number < b.Number:
			return -1
		case a.Number > b.Number:
			return 1
		}
		return 0
	})
	return slices.CompactFunc(events, func(a, b postern.OfflineEvent) bool { return a.Number == b.Number }), nil
}

// stand takes over how an active passkey stands, and reports whether the codes are new ones. A report of a batch that
// nobody announced says nothing of this one.
func (r *Record) stand(in postern.OfflineReport, now time.Time) (renewed bool) {
	if r.State != postern.OfflineActive {
		return false
	}
	if r.Next != nil && bytes.Equal(r.Next.ID, in.BatchID) {
		r.Batch, r.Next, renewed = *r.Next, nil, true
	}
	if !bytes.Equal(r.Batch.ID, in.BatchID) {
		return false
	}
	r.CodesLeft = max(0, min(in.CodesLeft, r.Batch.Codes))
	r.Locked, r.ClockSetBack = in.Locked, in.ClockSetBack
	if proven := in.ProvenAt; proven != nil && proven.Unix() > 0 {
		at := proven.UTC().Truncate(time.Second)
		if at.After(now) {
			at = now
		}
		r.ProvenAt = &at
	}
	return renewed
}

// happened writes one event into the trail, at the workstation's time and ours.
func (s *Service) happened(ctx context.Context, r Record, e postern.OfflineEvent) error {
	what := happened[e.Kind]
	w, err := s.Store.Workstation(ctx, r.WorkstationID)
	if err != nil {
		return err
	}
	r.Workstation = w.Name
	entry := event(what.code, r, what.code.Text, map[string]string{
		"at_workstation": e.At.UTC().Format(time.RFC3339), "number": strconv.FormatInt(e.Number, 10), "seal": r.Seal,
	})
	entry.Success = what.good
	return s.Audit.Record(ctx, entry)
}

// used notes which recovery codes were typed. The highest that is used up was; those before it as far as the workstation
// tells of sign-ins with one, and the others were passed over.
func (s *Service) used(ctx context.Context, r Record, in postern.OfflineReport, fresh []postern.OfflineEvent) error {
	if len(in.RecoveryID) == 0 || in.RecoveryNext <= 0 {
		return nil
	}
	all, err := s.Store.Recoveries(ctx, RecoveryQuery{Pairing: r.Pairing, State: postern.RecoveryShown, Limit: recentRecoveries})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(q Request) bool { return !bytes.Equal(q.SheetID, in.RecoveryID) || q.Index >= in.RecoveryNext })
	slices.SortFunc(all, func(a, b Request) int { return b.Index - a.Index })
	var times []time.Time
	for _, e := range slices.Backward(fresh) {
		if e.Kind == postern.OfflineRecovered {
			times = append(times, e.At.UTC().Truncate(time.Second))
		}
	}
	for n, q := range all {
		q.State = postern.RecoveryWithdrawn
		code, message := audit.RecoveryWithdrawn, "A later recovery code was used, so this one ended."
		if n == 0 && q.Index == in.RecoveryNext-1 || n < len(times) {
			at := s.Now().UTC()
			if n < len(times) {
				at = times[n]
			}
			q.State, q.UsedAt = postern.RecoveryUsed, &at
			code, message = audit.RecoveryUsed, "The workstation "+q.Workstation+" was signed in to with a recovery code."
		}
		if err := s.store(ctx, &q, code, message, nil); err != nil {
			return err
		}
	}
	return nil
}

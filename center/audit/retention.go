package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/postern/postern"
)

const (
	documentRetention = "audit/retention"
	settingExported   = "audit/exported"
	// maxRemoved bounds one transaction of retention, which holds the head of the chain.
	maxRemoved = 5000
)

// retention is the stored setting.
type retention struct {
	Days       int  `json:"days"`
	NeedExport bool `json:"need_export"`
}

func (l *Log) now() time.Time {
	if l.Now == nil {
		return time.Now().UTC()
	}
	return l.Now().UTC()
}

func (l *Log) stored(ctx context.Context) (retention, int64, error) {
	var r retention
	version, body, err := l.Store.Document(ctx, "", documentRetention)
	if err != nil || version == 0 {
		return r, version, err
	}
	return r, version, json.Unmarshal(body, &r)
}

// Retention returns how long entries are kept, and how far removal has come.
func (l *Log) Retention(ctx context.Context) (postern.AuditRetention, error) {
	r, version, err := l.stored(ctx)
	if err != nil {
		return postern.AuditRetention{}, err
	}
	out := postern.AuditRetention{Version: version, Days: r.Days, NeedExport: r.NeedExport}
	floor, err := l.Store.AuditFloor(ctx)
	if err != nil {
		return out, err
	}
	if floor.Sequence > 0 {
		out.RemovedThrough, out.RemovedAt = floor.Sequence, &floor.At
	}
	if out.ExportedThrough, err = l.exported(ctx); err != nil || r.Days == 0 {
		return out, err
	}
	_, out.HeldBy, err = l.removable(ctx, r, floor)
	return out, err
}

// SetRetention changes how long entries are kept: days, 0 for ever, otherwise at least [postern.MinAuditDays].
func (l *Log) SetRetention(ctx context.Context, in postern.AuditRetentionInput) (postern.AuditRetention, error) {
	if err := checkDays(in.Days); err != nil {
		return postern.AuditRetention{}, err
	}
	now := retention{Days: in.Days, NeedExport: in.NeedExport}
	body, err := json.Marshal(now)
	if err != nil {
		return postern.AuditRetention{}, fmt.Errorf("audit: %w", err)
	}
	err = l.Store.Atomically(ctx, func(ctx context.Context) error {
		was, _, err := l.stored(ctx)
		if err != nil {
			return err
		}
		if _, err := l.Store.SetDocument(ctx, "", documentRetention, in.Version, body); err != nil {
			return err
		}
		return l.Record(ctx, postern.AuditEvent{
			Code: RetentionChanged.Code, Name: RetentionChanged.Name, Success: true, Message: RetentionChanged.Text, Fields: Changes(was, now),
		})
	})
	if err != nil {
		return postern.AuditRetention{}, err
	}
	return l.Retention(ctx)
}

// Exported notes that everything after one sequence, up to another, left in an export that chose no part. Only exports
// without a gap between them count.
func (l *Log) Exported(ctx context.Context, after, through int64) error {
	return l.Store.Atomically(ctx, func(ctx context.Context) error {
		known, err := l.exported(ctx)
		if err != nil || after > known || through <= known {
			return err
		}
		return l.Store.SetSetting(ctx, settingExported, strconv.AppendInt(nil, through, 10))
	})
}

func (l *Log) exported(ctx context.Context) (int64, error) {
	value, err := l.Store.Setting(ctx, settingExported)
	if err != nil || value == nil {
		return 0, err
	}
	return strconv.ParseInt(string(value), 10, 64)
}

// removable finds the last entry that may go, and what keeps older ones back that would go by their age.
func (l *Log) removable(ctx context.Context, r retention, floor Floor) (last int64, heldBy string, err error) {
	first, err := l.Store.FirstAuditEventSince(ctx, l.now().AddDate(0, 0, -r.Days))
	if err != nil {
		return 0, "", err
	}
	if last = first - 1; first == 0 {
		// Everything is old. The last entry stays, so that there is always one to go on from.
		head, _, err := l.Store.AuditHead(ctx)
		if err != nil {
			return 0, "", err
		}
		last = head - 1
	}
	if l.Sent != nil {
		through, who, any, err := l.Sent(ctx)
		if err != nil {
			return 0, "", err
		}
		if any && through < last {
			last, heldBy = through, fmt.Sprintf("The stream %s has only the entries up to %d.", who, through)
		}
	}
	if r.NeedExport {
		through, err := l.exported(ctx)
		if err != nil {
			return 0, "", err
		}
		if through < last {
			last, heldBy = through, fmt.Sprintf("Only the entries up to %d were exported.", through)
		}
	}
	return max(last, floor.Sequence), heldBy, nil
}

// Retain removes what is older than the setting says, from the oldest on and never with a gap, and returns how many
// entries went. Before they go, a note over the last of them is signed, which takes the place of the chain's beginning.
// What a stream has not been sent yet stays; so does, where exports are asked for, what was not exported.
func (l *Log) Retain(ctx context.Context) (int64, error) {
	var removed int64
	for {
		n, err := l.retainSome(ctx)
		removed += n
		if err != nil || n < maxRemoved {
			return removed, err
		}
	}
}

var errNothing = errors.New("audit: there is nothing to remove")

func (l *Log) retainSome(ctx context.Context) (int64, error) {
	var n int64
	err := l.Store.Atomically(ctx, func(ctx context.Context) error {
		r, _, err := l.stored(ctx)
		if err != nil {
			return err
		}
		if r.Days < postern.MinAuditDays {
			return errNothing
		}
		// The lock of the head: two that remove at once go one after the other.
		if _, _, err := l.Store.AuditHead(ctx); err != nil {
			return err
		}
		before, err := l.Store.AuditFloor(ctx)
		if err != nil {
			return err
		}
		last, _, err := l.removable(ctx, r, before)
		if err != nil {
			return err
		}
		last = min(last, before.Sequence+maxRemoved)
		if n = last - before.Sequence; n <= 0 {
			return errNothing
		}
		kept, err := l.Store.AuditEvents(ctx, Query{AfterSequence: last - 1, Before: last + 1, Limit: 1})
		if err != nil {
			return err
		}
		if len(kept) != 1 || kept[0].Hash != Hash(kept[0]) {
			return postern.Errorf(postern.CodeAuditBroken, "Entry %d is missing or was changed, so nothing before it is removed.", last).
				WithNext("Verify the trail and treat what it finds as an incident.")
		}
		floor := Floor{Sequence: last, Hash: kept[0].Hash, At: l.now().Truncate(time.Millisecond)}
		if floor.Note, err = l.signFloor(ctx, floor, before.Sequence); err != nil {
			return err
		}
		if err := l.Store.RemoveAuditEvents(ctx, floor); err != nil {
			return err
		}
		return l.Record(ctx, postern.AuditEvent{
			Code: EntriesRemoved.Code, Name: EntriesRemoved.Name, Success: true,
			Message: fmt.Sprintf("%d entries, up to number %d, were removed because they were older than %d days.", n, last, r.Days),
			Fields:  map[string]string{"from": strconv.FormatInt(before.Sequence+1, 10), "through": strconv.FormatInt(last, 10), "hash": floor.Hash},
		})
	})
	if errors.Is(err, errNothing) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Removal is what a setting would remove.
type Removal struct {
	Entries int64  // how many
	Through int64  // up to this one
	HeldBy  string // what keeps more back that is old enough
}

// WouldRemove reports what a setting would remove if it were stored now.
func (l *Log) WouldRemove(ctx context.Context, in postern.AuditRetentionInput) (Removal, error) {
	if in.Days == 0 {
		return Removal{}, nil
	}
	if err := checkDays(in.Days); err != nil {
		return Removal{}, err
	}
	floor, err := l.Store.AuditFloor(ctx)
	if err != nil {
		return Removal{}, err
	}
	last, heldBy, err := l.removable(ctx, retention{Days: in.Days, NeedExport: in.NeedExport}, floor)
	return Removal{Entries: last - floor.Sequence, Through: last, HeldBy: heldBy}, err
}

func checkDays(days int) error {
	if days != 0 && days < postern.MinAuditDays {
		return postern.FieldErrorf("days", "Entries are kept for at least %d days.", postern.MinAuditDays).
			WithNext("Give a longer time, or 0 to keep everything.")
	}
	return nil
}

package audit

import (
	"context"
	"fmt"

	"github.com/postern/postern"
)

// pageSize is how many entries are in memory at once during verification.
const pageSize = 1000

// Verify reads the whole trail, oldest first, and checks that every entry hashes to what it says, follows the one before,
// that none is missing and that the last is the stored head; and, where a checkpoint was made, that the trail still holds
// what the last one covered. Entries appended meanwhile do no harm. The result carries a fresh checkpoint.
//
// Whoever can write to the database can make a new chain that fits in itself. What such a person cannot do is sign a
// checkpoint, so keep checkpoints elsewhere and use [Log.VerifyAgainst].
//
// A trail that does not verify is a result, not an error.
func (l *Log) Verify(ctx context.Context) (postern.AuditVerification, error) {
	var known []Checkpoint
	text, err := l.Store.Setting(ctx, settingCheckpoint)
	if err != nil {
		return postern.AuditVerification{}, err
	}
	if text != nil {
		last, err := l.openCheckpoint(ctx, string(text))
		if postern.IsCode(err, postern.CodeInvalid) {
			return postern.AuditVerification{Message: "The last checkpoint in the database was not signed by this Postern, so somebody changed it."}, nil
		}
		if err != nil {
			return postern.AuditVerification{}, err
		}
		known = append(known, last)
	}
	return l.verify(ctx, known)
}

// VerifyAgainst is Verify with a checkpoint that was kept elsewhere. A text that is not a checkpoint of this trail is
// CodeInvalid.
func (l *Log) VerifyAgainst(ctx context.Context, checkpoint string) (postern.AuditVerification, error) {
	kept, err := l.openCheckpoint(ctx, checkpoint)
	if err != nil {
		return postern.AuditVerification{}, err
	}
	return l.verify(ctx, []Checkpoint{kept})
}

func (l *Log) verify(ctx context.Context, known []Checkpoint) (postern.AuditVerification, error) {
	// The head is read first: entries that come later lie above it.
	headSequence, headHash, err := l.Store.AuditHead(ctx)
	if err != nil {
		return postern.AuditVerification{}, err
	}
	w := walk{known: known, headSequence: headSequence, headHash: headHash}
	for {
		page, err := l.Store.AuditEvents(ctx, Query{AfterSequence: w.sequence, Limit: pageSize})
		if err != nil {
			return postern.AuditVerification{}, err
		}
		for _, e := range page {
			if !w.step(e) {
				return w.broken, nil
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	later := headSequence
	if w.sequence > headSequence { // appended meanwhile, or put there without moving the head
		if later, _, err = l.Store.AuditHead(ctx); err != nil {
			return postern.AuditVerification{}, err
		}
	}
	if !w.end(later) {
		return w.broken, nil
	}
	note, err := l.sign(ctx, Checkpoint{Size: w.sequence, Head: w.hash})
	if err != nil {
		return postern.AuditVerification{}, err
	}
	return postern.AuditVerification{
		OK: true, Entries: w.sequence, Head: w.hash, Checkpoint: note,
		Message: fmt.Sprintf("All %d entries fit.", w.sequence),
	}, nil
}

// walk is a verification under way: sequence and hash of the last entry that fitted.
type walk struct {
	sequence, headSequence int64
	hash, headHash         string
	known                  []Checkpoint
	broken                 postern.AuditVerification
}

func (w *walk) breaks(at int64, format string, args ...any) bool {
	w.broken = postern.AuditVerification{Entries: w.sequence, Head: w.hash, BrokenAt: at, Message: fmt.Sprintf(format, args...)}
	return false
}

// step checks one more entry and reports whether it fits.
func (w *walk) step(e postern.AuditEvent) bool {
	next := w.sequence + 1
	switch {
	case e.Sequence < next:
		return w.breaks(e.Sequence, "Entry %d stands before the first.", e.Sequence)
	case e.Sequence > next:
		return w.breaks(next, "Entry %d is missing; the next one found is %d.", next, e.Sequence)
	case e.Previous != w.hash:
		return w.breaks(next, "Entry %d does not follow the entry before it: it was changed, moved or put in, or the one before was exchanged.", next)
	case e.Hash != Hash(e):
		return w.breaks(next, "Entry %d was changed after it was written.", next)
	case next == w.headSequence && e.Hash != w.headHash:
		return w.breaks(next, "Entry %d is not the one that was last written.", next)
	}
	w.sequence, w.hash = next, e.Hash
	for _, c := range w.known {
		if c.Size == next && c.Head != e.Hash {
			return w.breaks(next, "Entry %d, or one before it, is not what the checkpoint was signed over: the trail was written anew.", next)
		}
	}
	return true
}

// end checks what shows only when all entries are read. later is the head's sequence after that.
func (w *walk) end(later int64) bool {
	if w.sequence < w.headSequence {
		return w.breaks(w.sequence+1, "The trail ends at entry %d, but %d were written: the end was cut off.", w.sequence, w.headSequence)
	}
	if w.sequence > later {
		return w.breaks(later+1, "Entry %d was put in behind the last one.", later+1)
	}
	for _, c := range w.known {
		if c.Size > w.sequence {
			return w.breaks(w.sequence+1, "The trail ends at entry %d, but a checkpoint covers %d: the end was cut off.", w.sequence, c.Size)
		}
	}
	return true
}

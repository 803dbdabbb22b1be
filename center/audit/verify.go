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
	// The head is read before the entries: those that come later lie above it. The floor is read again at the end, because
	// retention may remove entries meanwhile.
	headSequence, headHash, err := l.Store.AuditHead(ctx)
	if err != nil {
		return postern.AuditVerification{}, err
	}
	floor, err := l.Store.AuditFloor(ctx)
	if err != nil {
		return postern.AuditVerification{}, err
	}
	w := walk{known: known, headSequence: headSequence, headHash: headHash, sequence: floor.Sequence, hash: floor.Hash, floor: floor.Sequence}
	if floor.Sequence > 0 {
		if broken, err := l.checkFloor(ctx, &w, floor); err != nil || broken {
			return w.broken, err
		}
	}
	for {
		page, err := l.Store.AuditEvents(ctx, w.next())
		if err != nil {
			return postern.AuditVerification{}, err
		}
		for _, e := range page {
			if w.step(e) {
				continue
			}
			if now, err := l.Store.AuditFloor(ctx); err != nil || now.Sequence != floor.Sequence {
				if err != nil {
					return postern.AuditVerification{}, err
				}
				return l.verify(ctx, known) // retention removed what was just to be read
			}
			return w.broken, nil
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
		OK: true, Entries: w.sequence, Head: w.hash, Checkpoint: note, Floor: floor.Sequence,
		Message: w.verdict(),
	}, nil
}

// checkFloor begins a verification after what retention removed.
func (l *Log) checkFloor(ctx context.Context, w *walk, floor Floor) (broken bool, err error) {
	genuine, err := l.genuine(ctx, floor)
	if err != nil {
		return true, err
	}
	if !genuine {
		w.sequence, w.hash = 0, ""
		w.breaks(floor.Sequence, "Entries up to %d are gone, but the note that says so was not signed by this Postern: it was exchanged, or somebody else removed them.", floor.Sequence)
		return true, nil
	}
	for _, c := range w.known {
		if c.Size > floor.Sequence {
			continue // compared when the entry comes
		}
		at := floor
		if c.Size < floor.Sequence {
			at, err = l.Store.AuditFloorAt(ctx, c.Size)
			if postern.IsCode(err, postern.CodeNotFound) {
				w.beyond = max(w.beyond, c.Size)
				continue
			}
			if err != nil {
				return true, err
			}
			if genuine, err = l.genuine(ctx, at); err != nil {
				return true, err
			}
		}
		if !genuine || c.Head != at.Hash {
			w.breaks(c.Size, "Entry %d, which retention removed, or one before it, is not what the checkpoint was signed over.", c.Size)
			return true, nil
		}
	}
	return false, nil
}

// walk is a verification under way: sequence and hash of the last entry that fitted.
type walk struct {
	sequence, headSequence int64
	hash, headHash         string
	known                  []Checkpoint
	floor                  int64           // where the walk began
	beyond                 int64           // size of a checkpoint that covers only what retention removed, and cannot be compared
	at                     postern.EventID // the entry that is looked at
	broken                 postern.AuditVerification
}

// next chooses the page after what was read. The first one has no lower bound, so that an entry put in before the first,
// or left behind below the floor, is seen.
func (w *walk) next() Query {
	q := Query{Limit: pageSize}
	if w.sequence > w.floor {
		q.AfterSequence = w.sequence
	}
	return q
}

// verdict is the sentence of a trail that fits.
func (w *walk) verdict() string {
	said := fmt.Sprintf("All %d entries fit.", w.sequence)
	if w.floor > 0 {
		said = fmt.Sprintf("Entries %d to %d fit. Those up to %d were removed by retention, as a signed note says; the chain goes on from there.", w.floor+1, w.sequence, w.floor)
		if w.sequence == w.floor {
			said = fmt.Sprintf("All entries up to %d were removed by retention, as a signed note says.", w.floor)
		}
	}
	if w.beyond > 0 {
		said += fmt.Sprintf(" The checkpoint covers %d entries, all of which were removed since, so there is nothing left to compare it with: use a younger one, or an export from that time.", w.beyond)
	}
	return said
}

func (w *walk) breaks(at int64, format string, args ...any) bool {
	w.broken = postern.AuditVerification{
		Entries: w.sequence, Head: w.hash, BrokenAt: at, BrokenID: w.at, Floor: w.floor, Message: fmt.Sprintf(format, args...),
	}
	return false
}

// step checks one more entry and reports whether it fits.
func (w *walk) step(e postern.AuditEvent) bool {
	next := w.sequence + 1
	w.at = e.ID
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
	w.at = ""
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

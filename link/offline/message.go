package offline

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern/fido/ctap"
)

// Command is the first byte of a message for the phone's app, in the range that CTAP leaves to vendors (CTAP 2.1 §6, 0x40
// to 0xBF).
const Command ctap.Command = 0x50

// Vendor reports whether a command is of the range left to vendors. None of it may reach a phone from a program.
func Vendor(c ctap.Command) bool { return c >= 0x40 && c <= 0xBF }

// What is asked of the phone.
type What uint64

// The kinds.
const (
	Issue  What = 1 // take this batch, if the user agrees
	Refill What = 2 // take this one instead, without asking
	Forget What = 3
)

// Message is what a workstation sends to the phone.
type Message struct {
	What    What
	Batch   Batch         // of Forget the id alone
	Display time.Duration // how long a code is shown, in whole seconds
	WarnAt  int           // codes left at which both ends warn
}

// wire is the CBOR map of docs/offline.md.
type wire struct {
	What    uint64 `cbor:"1,keyasint"`
	ID      []byte `cbor:"2,keyasint"`
	Seed    []byte `cbor:"3,keyasint,omitempty"`
	Length  uint64 `cbor:"4,keyasint,omitempty"`
	Count   uint64 `cbor:"5,keyasint,omitempty"`
	Expires uint64 `cbor:"6,keyasint,omitempty"`
	Display uint64 `cbor:"7,keyasint,omitempty"`
	WarnAt  uint64 `cbor:"8,keyasint,omitempty"`
}

// Bounds of what a phone shows.
const (
	MinDisplay = 5 * time.Second
	MaxDisplay = 5 * time.Minute
)

// Encode gives the CTAP message.
func (m Message) Encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	w := wire{What: uint64(m.What), ID: m.Batch.ID}
	if m.What != Forget {
		w.Seed, w.Length, w.Count = m.Batch.Seed, uint64(m.Batch.Length), uint64(m.Batch.Count)
		w.Expires, w.Display, w.WarnAt = uint64(m.Batch.Expires.Unix()), uint64(m.Display/time.Second), uint64(m.WarnAt)
	}
	return ctap.EncodeRequest(Command, w)
}

// Decode reads a CTAP message whose command is [Command]. Unknown keys are ignored.
func Decode(message []byte) (Message, error) {
	if len(message) == 0 || ctap.Command(message[0]) != Command {
		return Message{}, ErrBatch
	}
	var w wire
	err := ctap.Check(message[1:])
	if err == nil {
		err = cbor.Unmarshal(message[1:], &w)
	}
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	if w.Length > MaxLength || w.Count > MaxCount || w.WarnAt > MaxCount || w.Expires > maxExpiry || w.Display > uint64(MaxDisplay/time.Second) {
		return Message{}, ErrBatch
	}
	m := Message{
		What: What(w.What), Display: time.Duration(w.Display) * time.Second, WarnAt: int(w.WarnAt),
		Batch: Batch{ID: w.ID, Seed: w.Seed, Length: int(w.Length), Count: int(w.Count), Expires: time.Unix(int64(w.Expires), 0).UTC()},
	}
	if m.What == Forget {
		m = Message{What: Forget, Batch: Batch{ID: w.ID}}
	}
	if err := m.check(); err != nil {
		return Message{}, err
	}
	return m, nil
}

func (m Message) check() error {
	switch m.What {
	case Forget:
		if len(m.Batch.ID) != IDSize {
			return ErrBatch
		}
		return nil
	case Issue, Refill:
		if m.Display < MinDisplay || m.Display > MaxDisplay || m.WarnAt < 0 || m.WarnAt > MaxCount {
			return ErrBatch
		}
		return m.Batch.Check()
	}
	return ErrBatch
}

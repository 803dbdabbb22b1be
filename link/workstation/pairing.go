package workstation

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Pairing is a pairing that is being made. Its methods may be called from any goroutine.
type Pairing struct {
	url, code string
	expires   time.Time
}

// Candidate is the phone that came to a pairing. Name and software are its own word; the digits are what the user
// compares with the phone's.
type Candidate struct{ Name, Software, Digits string }

// Pair opens a pairing, for a phone that scans a QR code or, with typed, whose user types a code. There is one at a time:
// the pairing before is refused, or, when it is being confirmed, this one is, as a conflict. It needs [Workstation.Run]
// and fails with a [*postern.Error] or the context's error.
func (w *Workstation) Pair(ctx context.Context, typed bool) (*Pairing, error) {
	return nil, postern.Errorf(postern.CodeUnavailable, "")
}

// URL is the text of the QR code, empty when there is a code to type. It holds a secret: it is shown, and neither logged
// nor stored nor sent.
func (p *Pairing) URL() string { return p.url }

// Code is the code to type, a secret as well; empty when there is a QR code.
func (p *Pairing) Code() string { return p.code }

// Expires is when the pairing ends if it is not done by then, by [Env.Now]: a minute after it was opened, three once a
// phone came.
func (p *Pairing) Expires() time.Time { return p.expires }

// Wait returns once a phone came and the digits are known. It fails when the pairing has ended, with a [*postern.Error]
// that says why.
func (p *Pairing) Wait(ctx context.Context) (Candidate, error) {
	return Candidate{}, postern.Errorf(postern.CodeUnavailable, "")
}

// Confirm says that both show the same digits, and returns once the phone has said so too: the phone is kept then, and
// can be asked. It fails with a [*postern.Error] when the pairing has ended, and nothing of the phone is kept.
func (p *Pairing) Confirm(ctx context.Context) error {
	return postern.Errorf(postern.CodeUnavailable, "")
}

// Refuse ends the pairing, because the digits differ or nobody wants it any more, and tells the control center.
func (p *Pairing) Refuse(ctx context.Context) error { return nil }

// Close ends a pairing that is not done, as Refuse does, without waiting for the control center. It does nothing to one
// that is done.
func (p *Pairing) Close() {}

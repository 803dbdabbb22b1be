package ceremony

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/offline"
)

// agreedFor is how long a yes to codes counts when the request it was given to is cut off and the same codes are asked for
// again.
const agreedFor = 10 * time.Minute

// Codes is what a phone may show at any time of the codes for signing in at one workstation without a network
// (docs/offline.md). It holds no secret: that is a [Sealed].
type Codes struct {
	BatchID  postern.Bytes `json:"batch_id"`
	Digest   postern.Bytes `json:"digest"` // SHA-256 of all that the workstation said of them
	Codes    int           `json:"codes"`
	Next     int           `json:"next"` // the first that was not shown
	Expires  time.Time     `json:"expires"`
	Display  int           `json:"display_seconds"`
	WarnAt   int           `json:"warn_at"`
	Accepted time.Time     `json:"accepted"` // by the phone's clock
}

// NewCodes is what a phone may show of the codes in a message.
func NewCodes(m *offline.Message, now time.Time) (*Codes, error) {
	digest, err := digestOf(m)
	if err != nil {
		return nil, err
	}
	return &Codes{
		BatchID: m.Batch.ID, Digest: digest, Codes: m.Batch.Count, Expires: m.Batch.Expires, Display: int(m.Display / time.Second), WarnAt: m.WarnAt,
		Accepted: now.UTC(),
	}, nil
}

// Left is how many were not shown yet.
func (c *Codes) Left() int { return c.Codes - c.Next }

// Low says that it is time to warn.
func (c *Codes) Low() bool { return c.Left() <= c.WarnAt }

// Check refuses what [NewCodes] did not make.
func (c *Codes) Check() error {
	if len(c.BatchID) != offline.IDSize || len(c.Digest) != sha256.Size || c.Codes < 1 || c.Codes > offline.MaxCount || c.Next < 0 || c.Next > c.Codes ||
		c.Display < int(offline.MinDisplay/time.Second) || c.Display > int(offline.MaxDisplay/time.Second) {
		return offline.ErrBatch
	}
	return nil
}

// Note names the secret of a batch among those that a phone keeps. A pairing is one workstation's, so that none reaches the
// codes of another.
func (c *Codes) Note(pairing postern.PairingID) string {
	return CodeNotes + string(pairing) + "/" + base64.RawURLEncoding.EncodeToString(c.BatchID)
}

// CodeNotes begins the names of [Codes.Note].
const CodeNotes = "offline/"

// Check refuses a shelf with what [NewCodes] did not make.
func (s *Shelf) Check() error {
	for _, c := range []*Codes{s.Current, s.Agreed} {
		if c != nil && c.Check() != nil {
			return offline.ErrBatch
		}
	}
	return nil
}

// Shelf is what a phone has of the codes of one pairing.
type Shelf struct {
	// Current are those that codes are shown of.
	Current *Codes `json:"current,omitempty"`
	// Agreed are those that the user said yes to, and the control center was not told of yet.
	Agreed *Codes `json:"agreed,omitempty"`
}

// Step is what is to be done about a message, by whoever keeps the shelf.
type Step int

// The steps.
const (
	StepAsk    Step = iota // ask the user; a yes makes the codes Agreed, and then goes on with StepTell
	StepTell               // tell the control center that the user agreed; when it has taken that, Agreed becomes Current
	StepTake               // the codes become Current
	StepForget             // nothing is kept of the pairing
	StepDone               // there is nothing to do
	StepRefuse             // there is no batch that these could replace
	StepWrong              // they have the name of others
)

// Look says what is to be done about a message of the workstation whose shelf it is. One yes is enough for one batch: the
// same batch again, where the answer was lost, is not asked about again.
func (s *Shelf) Look(m *offline.Message, now time.Time) Step {
	if m.What == offline.Forget {
		return StepForget
	}
	digest, err := digestOf(m)
	if err != nil || m.Batch.Count < 1 {
		return StepWrong
	}
	same := func(c *Codes) bool { return c != nil && bytes.Equal(c.BatchID, m.Batch.ID) }
	switch {
	case same(s.Current) && bytes.Equal(s.Current.Digest, digest):
		return StepDone
	case same(s.Current):
		return StepWrong // a used code would be shown again
	case m.What == offline.Refill && s.Current == nil:
		return StepRefuse
	case m.What == offline.Refill:
		return StepTake
	case same(s.Agreed) && bytes.Equal(s.Agreed.Digest, digest) && !now.Before(s.Agreed.Accepted) && now.Before(s.Agreed.Accepted.Add(agreedFor)):
		return StepTell
	}
	return StepAsk
}

// Answer is the answer to a message for which a step was done. Refused and late are those of the user.
func (s Step) Answer() []byte {
	switch s {
	case StepRefuse:
		return []byte{byte(ctap.ErrOperationDenied)}
	case StepWrong:
		return []byte{byte(ctap.ErrOther)}
	}
	return []byte{byte(ctap.OK)}
}

// Vendor reports whether a request is one that no authenticator is to hear of.
func Vendor(request []byte) bool { return len(request) > 0 && offline.Vendor(ctap.Command(request[0])) }

// Offline reads a request of which [Vendor] says so. One that it cannot read has an answer.
func Offline(request []byte) (*offline.Message, []byte) {
	if ctap.Command(request[0]) != offline.Command {
		return nil, []byte{byte(ctap.ErrInvalidCommand)}
	}
	m, err := offline.Decode(request)
	if err != nil {
		return nil, []byte{byte(ctap.ErrOther)}
	}
	return &m, nil
}

// digestOf does not depend on whether the batch came for the first time or in the place of another.
func digestOf(m *offline.Message) ([]byte, error) {
	text, err := issued(m)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	sum := sha256.Sum256(text)
	return sum[:], nil
}

func issued(m *offline.Message) ([]byte, error) {
	one := *m
	one.What = offline.Issue
	return one.Encode()
}

// Sealed is the secret of a batch, for a phone to seal: the index of the next code, 4 bytes big endian, then the message
// that issued the batch. The index stands beside the seed, so that nobody takes it back who cannot open the seal.
type Sealed []byte

// NewSealed is that of a message. Its first code is the next. The caller wipes it.
func NewSealed(m *offline.Message) (Sealed, error) {
	text, err := issued(m)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return append(make(Sealed, 4, 4+len(text)), text...), nil
}

// ErrNoCodes means that every code was shown.
var ErrNoCodes = errors.New("every code has been shown")

// Draw gives the next code, and what is to be kept before it is shown. The caller wipes that too.
func (s Sealed) Draw() (code string, c *Codes, rest Sealed, err error) {
	if len(s) < 4 {
		return "", nil, nil, offline.ErrBatch
	}
	m, err := offline.Decode(s[4:])
	if err != nil {
		return "", nil, nil, fmt.Errorf("the codes that are kept cannot be read: %w", err)
	}
	defer m.Batch.Wipe()
	if c, err = NewCodes(&m, time.Time{}); err != nil {
		return "", nil, nil, err
	}
	next := binary.BigEndian.Uint32(s)
	if next >= uint32(m.Batch.Count) { // #nosec G115 -- bounded by Decode
		return "", nil, nil, ErrNoCodes
	}
	c.Next = int(next) + 1
	rest = append(binary.BigEndian.AppendUint32(make(Sealed, 0, len(s)), next+1), s[4:]...)
	return m.Batch.Code(int(next)), c, rest, nil
}

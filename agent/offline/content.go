package offline

import (
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	codes "github.com/postern/postern/link/offline"
)

// Stage is how far the passkey of a pairing has come.
type Stage string

// The stages. What is written between the lines is what is to be done next.
const (
	Drawn  Stage = "drawn"  // a batch: ask the control center
	Asked  Stage = "asked"  // ask the phone
	Taken  Stage = "taken"  // the phone's user agreed: ask for options, and make the passkey
	Made   Stage = "made"   // tell the control center of it
	Told   Stage = "told"   // wait until Entra lists it
	Active Stage = "active" // it can be used
)

// content is what a file holds, as JSON. The file is sealed: there is key material in it.
type content struct {
	Pairing  postern.PairingID `json:"pairing"` // so that no file is taken for another
	Stage    Stage             `json:"stage"`
	Batch    *batch            `json:"batch,omitempty"` // in use
	Next     *batch            `json:"next,omitempty"`  // on its way to the phone
	Key      *credential       `json:"key,omitempty"`
	Recovery *codes.Sheet      `json:"recovery,omitempty"`

	Failures int       `json:"failures,omitempty"` // wrong codes in a row
	Latest   time.Time `json:"latest"`             // the latest time seen
	SetBack  bool      `json:"set_back,omitempty"` // the clock was behind it
	Barred   bool      `json:"barred,omitempty"`   // the control center says that the phone may not be used here
	Refused  time.Time `json:"refused,omitzero"`   // when the phone's user last said no

	ProvenAt *time.Time             `json:"proven_at,omitempty"`
	Events   []postern.OfflineEvent `json:"events,omitempty"` // not yet taken by the control center
	Numbered int64                  `json:"numbered,omitempty"`
	Unsaid   bool                   `json:"unsaid,omitempty"` // something changed since the last report
}

// batch is what the workstation keeps of a batch of codes.
type batch struct {
	ID      postern.Bytes `json:"id"`
	Seed    postern.Bytes `json:"seed,omitempty"` // until the phone has it
	Length  int           `json:"length"`
	Codes   int           `json:"codes"`
	From    time.Time     `json:"from"`
	Expires time.Time     `json:"expires"`
	Display int           `json:"display"` // seconds
	WarnAt  int           `json:"warn_at"`
	Told    bool          `json:"told,omitempty"` // the control center knows of it
	Sent    bool          `json:"sent,omitempty"` // the phone may have it
	Sheet   *codes.Sheet  `json:"sheet"`
}

// credential is the passkey itself, and what the control center is told of it.
type credential struct {
	Credential authenticator.Credential `json:"credential"`
	Secret     authenticator.Secret     `json:"secret"`

	ClientDataJSON    postern.Bytes `json:"client_data_json,omitempty"` // until it is active
	AttestationObject postern.Bytes `json:"attestation_object,omitempty"`
}

func (b *batch) left() int {
	if b == nil {
		return 0
	}
	return b.Sheet.Left()
}

// clone copies all that a change may change: the old content stands where the write of the new one fails.
func (c *content) clone() *content {
	n := *c
	n.Batch, n.Next = c.Batch.clone(), c.Next.clone()
	n.Recovery = cloneSheet(c.Recovery)
	if c.Key != nil {
		k := *c.Key
		n.Key = &k
	}
	n.Events = slices.Clone(c.Events)
	return &n
}

func (b *batch) clone() *batch {
	if b == nil {
		return nil
	}
	n := *b
	n.Sheet = cloneSheet(b.Sheet)
	return &n
}

func cloneSheet(s *codes.Sheet) *codes.Sheet {
	if s == nil {
		return nil
	}
	n := *s
	n.Hashes = slices.Clone(s.Hashes)
	return &n
}

// wipe overwrites what must not linger in memory.
func (c *content) wipe() {
	if c.Key != nil {
		c.Key.Secret.Wipe()
	}
	for _, b := range []*batch{c.Batch, c.Next} {
		if b != nil {
			clear(b.Seed)
		}
	}
}

// maxEvents bounds what is kept for the control center; the oldest go first.
const maxEvents = 200

func (c *content) record(kind postern.OfflineEventKind, at time.Time) {
	c.Numbered++
	c.Events = append(c.Events, postern.OfflineEvent{Number: c.Numbered, At: at.UTC(), Kind: kind})
	if n := len(c.Events); n > maxEvents {
		c.Events = c.Events[n-maxEvents:]
	}
	c.Unsaid = true
}

package offline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postern/postern"
	wire "github.com/postern/postern/link/offline"
)

const (
	// sheetCodes is how many recovery codes a workstation has at a time.
	sheetCodes = 5
	// sheetDays is how long they are good. A workstation takes new ones when half of the time is over, or when two are left.
	sheetDays  = 365
	sheetSpare = 2
	// shownFor is how long a code that was given out may be typed before its sheet is replaced.
	shownFor = 24 * time.Hour
)

// secret is what is sealed of a sheet: the seed that its codes come from, and the sheet as the workstation gets it, because
// making it costs a slow hash for each code.
type secret struct {
	Batch wire.Batch  `json:"batch"`
	Sheet *wire.Sheet `json:"sheet"`
}

func purpose(pairing postern.PairingID, id []byte) string {
	return fmt.Sprintf("offline/%s/recovery/%x", pairing, id)
}

// makeSheet draws recovery codes for a pairing. It takes a while, so it stays out of transactions, and one is made at a time.
func (s *Service) makeSheet(ctx context.Context, pairing postern.PairingID, length int) (*Sheet, json.RawMessage, error) {
	now := s.Now().UTC()
	batch, err := wire.NewBatch(s.Random, length, sheetCodes, now.AddDate(0, 0, sheetDays))
	if err != nil {
		return nil, nil, err
	}
	defer batch.Wipe()
	s.making.Lock()
	sheet := batch.Sheet(wire.DefaultCost)
	s.making.Unlock()
	plain, err := json.Marshal(secret{batch, sheet})
	if err != nil {
		return nil, nil, err
	}
	defer clear(plain)
	sealed, err := s.Sealer.Seal(ctx, purpose(pairing, batch.ID), plain)
	if err != nil {
		return nil, nil, err
	}
	words, err := json.Marshal(sheet)
	return &Sheet{ID: batch.ID, Sealed: sealed, Length: length, Codes: sheetCodes, MadeAt: now, ExpiresAt: batch.Expires}, words, err
}

// open unseals a sheet. The caller wipes the batch.
func (s *Service) open(ctx context.Context, pairing postern.PairingID, sheet *Sheet) (secret, error) {
	var out secret
	plain, err := s.Sealer.Open(ctx, purpose(pairing, sheet.ID), sheet.Sealed)
	if err != nil {
		return out, fmt.Errorf("recovery codes of a workstation: %w", err)
	}
	defer clear(plain)
	return out, json.Unmarshal(plain, &out)
}

// sheetFor finds the sheet that a workstation is to be given, if any: one it was given and has not said that it has, or a
// new one, which the caller stores as the fresh one.
func (s *Service) sheetFor(ctx context.Context, p parties, r Record) (fresh *Sheet, words json.RawMessage, err error) {
	if !p.recovers() {
		return nil, nil, nil
	}
	length, now := p.settings.Recovery.Length, s.Now()
	if f := r.Sheets.Fresh; f != nil && f.Length == length && f.serves(now) {
		kept, err := s.open(ctx, r.Pairing, f)
		if err != nil {
			return nil, nil, err
		}
		defer kept.Batch.Wipe()
		words, err = json.Marshal(kept.Sheet)
		return nil, words, err
	}
	if u := r.Sheets.InUse; u != nil {
		if u.Length == length && u.serves(now) {
			return nil, nil, nil
		}
		if busy, err := s.givenOut(ctx, r.Pairing); busy || err != nil {
			return nil, nil, err
		}
	}
	return s.makeSheet(ctx, r.Pairing, length)
}

// serves reports whether a sheet is good for a while yet.
func (s *Sheet) serves(now time.Time) bool {
	return s.Left() > sheetSpare && now.Before(s.MadeAt.Add(s.ExpiresAt.Sub(s.MadeAt)/2))
}

// givenOut reports whether somebody has a code of the sheet in use, or is about to.
func (s *Service) givenOut(ctx context.Context, pairing postern.PairingID) (bool, error) {
	all, err := s.Store.Recoveries(ctx, RecoveryQuery{Pairing: pairing, Limit: recentRecoveries})
	if err != nil {
		return false, err
	}
	for _, q := range all {
		switch {
		case q.State == postern.RecoveryWaiting, q.State == postern.RecoveryReady,
			q.State == postern.RecoveryShown && q.ShownAt != nil && s.Now().Sub(*q.ShownAt) < shownFor:
			return true, nil
		}
	}
	return false, nil
}

// has is a workstation saying which sheet it has, and how much of it is used up.
func (s *Sheets) has(id []byte, used int) {
	if len(id) == 0 {
		return
	}
	if s.Fresh != nil && bytes.Equal(s.Fresh.ID, id) {
		s.InUse, s.Fresh = s.Fresh, nil
	}
	if u := s.InUse; u != nil && bytes.Equal(u.ID, id) {
		u.Used = max(u.Used, min(used, u.Codes))
	}
}

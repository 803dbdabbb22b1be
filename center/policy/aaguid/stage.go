package aaguid

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/postern/postern"
)

const (
	stagedDocument = "models_staged"
	// stagedFor is how long somebody may look at what an update would change before they apply it.
	stagedFor = time.Hour
)

// staged is a list that was verified and waits for a word: what a person was shown is what is applied, whatever stands
// at its address by then.
type staged struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	From *source   `json:"from"`
}

func errNotStaged() error {
	return postern.Errorf(postern.CodeNotFound, "The list that was looked at is not kept any more.").WithNext("Give it again.")
}

// Stage verifies a list and keeps it, without applying it, under an id. There is one place for that: a list staged later
// takes it.
func (s *Service) Stage(ctx context.Context, in postern.ModelListInput) (string, error) {
	from, err := s.read(ctx, in)
	if err == nil {
		err = s.older(ctx, from)
	}
	if err != nil {
		return "", s.refused(ctx, in, err)
	}
	kept := staged{ID: rand.Text(), At: s.Now().UTC(), From: from}
	return kept.ID, s.Store.Atomically(ctx, func(ctx context.Context) error {
		version, _, err := s.Store.Document(ctx, "", stagedDocument)
		if err != nil {
			return err
		}
		return s.putStaged(ctx, version, &kept)
	})
}

// older refuses a list that is older than the one in use.
func (s *Service) older(ctx context.Context, from *source) error {
	_, stored, err := s.stored(ctx)
	if err == nil {
		_, err = stored.with(from)
	}
	return err
}

func (s *Service) putStaged(ctx context.Context, version int64, kept *staged) error {
	body, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("aaguid: %w", err)
	}
	_, err = s.Store.SetDocument(ctx, "", stagedDocument, version, body)
	return err
}

func (s *Service) staged(ctx context.Context, id string) (int64, *source, error) {
	version, body, err := s.Store.Document(ctx, "", stagedDocument)
	if err != nil {
		return version, nil, err
	}
	var kept staged
	if version > 0 {
		if err := json.Unmarshal(body, &kept); err != nil {
			return version, nil, fmt.Errorf("aaguid: the staged list cannot be read: %w", err)
		}
	}
	if kept.From == nil || kept.ID != id || s.Now().Sub(kept.At) > stagedFor {
		return version, nil, errNotStaged()
	}
	return version, kept.From, nil
}

// Staged says what a staged list would change now; CodeNotFound when it is not kept any more.
func (s *Service) Staged(ctx context.Context, id string) (postern.ModelListDiff, error) {
	_, from, err := s.staged(ctx, id)
	if err != nil {
		return postern.ModelListDiff{}, err
	}
	version, stored, err := s.stored(ctx)
	if err != nil {
		return postern.ModelListDiff{}, err
	}
	next, err := stored.with(from)
	if err != nil {
		return postern.ModelListDiff{}, err
	}
	diff := compare(stored, next, from)
	diff.Version = version
	return diff, nil
}

// ApplyStaged applies a staged list to the list of that version, which is the one the diff was shown for.
func (s *Service) ApplyStaged(ctx context.Context, id string, version int64) (postern.ModelListDiff, error) {
	var diff postern.ModelListDiff
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		at, from, err := s.staged(ctx, id)
		if err != nil {
			return err
		}
		if err := s.putStaged(ctx, at, new(staged)); err != nil {
			return err
		}
		diff, err = s.apply(ctx, from, version, false)
		return err
	})
	return diff, err
}

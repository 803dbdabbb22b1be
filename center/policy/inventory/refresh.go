package inventory

import (
	"context"
	"slices"
	"time"

	"github.com/postern/postern"
)

const (
	// refreshTime is how long somebody is let wait for what changed since the last reading.
	refreshTime = 25 * time.Second
	// refreshMost is how many users are asked for within a call.
	refreshMost = 2000
	// logPause is how long the tenant's log is not read again: it lags by minutes, and may be asked a few times in ten
	// seconds only, which people who try one document after the other would soon wait for.
	logPause = 30 * time.Second
)

// Refresh learns in this call what changed since the last reading, for whoever decides by it: from the directory and the
// tenant's log, and of users who were never read. CodeInventoryIncomplete says that the tenant was never read whole, or
// that there was too much to learn in so short a time; what was learned until then is kept.
func (s *Service) Refresh(ctx context.Context, id postern.IntegrationID) error {
	graph, i, err := s.Integrations.Graph(ctx, id)
	if err != nil {
		return err
	}
	p, err := s.Store.InventoryProgress(ctx, id)
	if err != nil {
		return err
	}
	if p.FullAt.IsZero() {
		return postern.Errorf(postern.CodeInventoryIncomplete, "The passkeys of this tenant were not read yet.").
			WithNext("Read the inventory, and wait until it is complete.")
	}
	limited, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	err = s.catchUp(limited, graph, i, p)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return postern.Errorf(postern.CodeInventoryIncomplete, "What changed in the tenant since the last reading could not be read in time.").
			WithNext("Read the inventory, and try again when it is current.")
	}
	return err
}

func (s *Service) catchUp(ctx context.Context, graph Graph, i postern.Integration, p Progress) error {
	begun := s.Now().UTC()
	closed, err := s.refreshDirectory(ctx, i)
	if err != nil {
		return err
	}
	p.Closed = closed
	people := s.people(p)
	var ids []string
	read := false
	if begun.Sub(p.EventsAt) >= logPause {
		if ids, err = namedBy(ctx, graph, s.Store, people, p.EventsAt.Add(-eventsLag)); err != nil && !unreadable(err) {
			return err
		}
		read = err == nil
	}
	unread, err := s.Store.Unread(ctx, people, refreshMost)
	if err != nil {
		return err
	}
	ids = append(ids, unread...)
	if len(ids) > refreshMost {
		return postern.Errorf(postern.CodeInventoryIncomplete, "More than %d users changed since the last reading.", refreshMost).
			WithNext("Read the inventory, and try again when it is current.")
	}
	slices.Sort(ids)
	if err := look(ctx, graph, slices.Compact(ids), func(found []Looked) error {
		_, _, err := s.Store.PutLooked(ctx, i.ID, found, s.Now().UTC(), 1)
		return err
	}); err != nil {
		return err
	}
	return s.change(ctx, i.ID, func(ctx context.Context, p *Progress) error {
		p.Closed = closed
		if read && p.EventsAt.Before(begun) {
			p.EventsAt = begun
		}
		if !p.Reading {
			p.FinishedAt = s.Now().UTC()
		}
		_, err := s.Store.ForgetGone(ctx, s.people(*p))
		return err
	})
}

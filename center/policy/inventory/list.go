package inventory

import (
	"context"
	"iter"
	"time"

	"github.com/postern/postern"
)

// staleAfter is for how long a passkey is not used before it is stale.
const staleAfter = 90 * 24 * time.Hour

// Status says how current and how complete an inventory is.
func (s *Service) Status(ctx context.Context, id postern.IntegrationID) (postern.InventoryStatus, error) {
	p, people, err := s.open(ctx, id)
	if err != nil {
		return postern.InventoryStatus{}, err
	}
	unread, err := s.Store.CountUnread(ctx, people)
	return p.status(unread), err
}

func (s *Service) open(ctx context.Context, id postern.IntegrationID) (Progress, People, error) {
	if _, err := s.Integrations.Get(ctx, id); err != nil {
		return Progress{}, People{}, err
	}
	p, err := s.Store.InventoryProgress(ctx, id)
	return p, s.people(p), err
}

func (s *Service) people(p Progress) People {
	return People{Integration: p.Integration, Known: p.Closed, StaleBefore: s.Now().Add(-staleAfter)}
}

// Summary counts what an inventory holds.
func (s *Service) Summary(ctx context.Context, id postern.IntegrationID) (postern.InventorySummary, error) {
	_, people, err := s.open(ctx, id)
	if err != nil {
		return postern.InventorySummary{}, err
	}
	sum, err := s.Store.InventorySummary(ctx, people)
	if err != nil {
		return sum, err
	}
	name, err := s.names(ctx)
	if err != nil {
		return sum, err
	}
	verdicts, err := s.verdicts(ctx, id, sum.Models)
	if err != nil {
		return sum, err
	}
	for n := range sum.Models {
		m := &sum.Models[n]
		first := ""
		if len(m.Names) > 0 {
			first = m.Names[0]
		}
		m.Name, m.Allowed = name(m.AAGUID, first), postern.Unknown
		if v, ok := verdicts[m.AAGUID]; ok {
			m.Allowed = v
		}
	}
	return sum, nil
}

func (s *Service) verdicts(ctx context.Context, id postern.IntegrationID, models []postern.InventoryModel) (map[string]postern.Known, error) {
	if s.Allowed == nil || len(models) == 0 {
		return nil, nil
	}
	return s.Allowed(ctx, id, models)
}

// names returns what names a model: as the list of models does, or else as Entra does.
func (s *Service) names(ctx context.Context) (func(aaguid, entra string) string, error) {
	ours := func(string) string { return "" }
	if s.Models != nil {
		var err error
		if ours, err = s.Models.Names(ctx); err != nil {
			return nil, err
		}
	}
	return func(aaguid, entra string) string {
		if name := ours(aaguid); name != "" {
			return name
		}
		return entra
	}, nil
}

// Passkeys lists the passkeys that q chooses, and says how many it chooses in all.
func (s *Service) Passkeys(ctx context.Context, q postern.InventoryQuery) ([]postern.InventoryPasskey, int, error) {
	if !q.View.OfPasskeys() {
		return nil, 0, postern.FieldErrorf("view", "There is no view %q of passkeys.", q.View)
	}
	_, people, err := s.open(ctx, q.IntegrationID)
	if err != nil {
		return nil, 0, err
	}
	found, total, err := s.Store.InventoryPasskeys(ctx, people, q)
	if err != nil {
		return nil, 0, err
	}
	name, err := s.names(ctx)
	if err != nil {
		return nil, 0, err
	}
	for n := range found {
		found[n].ModelName = name(found[n].AAGUID, found[n].Model)
	}
	return found, total, nil
}

// Users lists the users that q chooses with their passkeys, and says how many it chooses in all.
func (s *Service) Users(ctx context.Context, q postern.InventoryQuery) ([]postern.InventoryUser, int, error) {
	if !q.View.OfUsers() {
		return nil, 0, postern.FieldErrorf("view", "There is no view %q of users.", q.View)
	}
	_, people, err := s.open(ctx, q.IntegrationID)
	if err != nil {
		return nil, 0, err
	}
	found, total, err := s.Store.InventoryUsers(ctx, people, q)
	if err != nil {
		return nil, 0, err
	}
	name, err := s.names(ctx)
	if err != nil {
		return nil, 0, err
	}
	nameAll(found, name)
	return found, total, nil
}

func nameAll(users []postern.InventoryUser, name func(aaguid, entra string) string) {
	for _, u := range users {
		for n := range u.Passkeys {
			u.Passkeys[n].ModelName = name(u.Passkeys[n].AAGUID, u.Passkeys[n].Model)
		}
	}
}

// eachAtOnce is how many users are held in memory while all are listed.
const eachAtOnce = 1000

// Each lists everybody in the directory, or everybody whom Postern knows where that may not be read, with what is known of
// their passkeys, ordered by object id. After an error it ends.
func (s *Service) Each(ctx context.Context, id postern.IntegrationID) iter.Seq2[postern.InventoryUser, error] {
	return func(yield func(postern.InventoryUser, error) bool) {
		fail := func(err error) { yield(postern.InventoryUser{}, err) }
		_, people, err := s.open(ctx, id)
		if err != nil {
			fail(err)
			return
		}
		name, err := s.names(ctx)
		if err != nil {
			fail(err)
			return
		}
		for after := ""; ; {
			users, err := s.Store.InventoryUsersAfter(ctx, people, after, eachAtOnce)
			if err != nil {
				fail(err)
				return
			}
			if len(users) == 0 {
				return
			}
			nameAll(users, name)
			for _, u := range users {
				if !yield(u, nil) {
					return
				}
			}
			after = users[len(users)-1].ObjectID
		}
	}
}

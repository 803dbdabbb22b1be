package directory

import (
	"context"
	"sync"
	"time"

	"github.com/postern/postern"
)

// Lookup returns what the mirror has of one user of the directory; CodeNotFound if nothing.
func (s *Service) Lookup(ctx context.Context, id postern.IntegrationID, objectID string) (postern.DirectoryEntry, error) {
	found, err := s.List(ctx, Query{IntegrationID: id, ObjectID: objectID, Limit: 1})
	if err != nil {
		return postern.DirectoryEntry{}, err
	}
	if objectID == "" || len(found) == 0 {
		return postern.DirectoryEntry{}, postern.Errorf(postern.CodeNotFound, "The directory has no such user.")
	}
	return found[0], nil
}

// List returns what q chooses. With a group, its members are read from Entra first, those of nested groups not; they are
// remembered for a minute, so that turning pages costs nothing.
func (s *Service) List(ctx context.Context, q Query) ([]postern.DirectoryEntry, error) {
	if q.Group != "" {
		var err error
		if q.Members, err = s.membersOf(ctx, q.IntegrationID, q.Group); err != nil {
			return nil, err
		}
	}
	p, err := s.Store.DirectoryProgress(ctx, q.IntegrationID)
	if err != nil {
		return nil, err
	}
	missing := int64(0)
	if p.Held && !p.Reading {
		missing = p.Generation
	}
	return s.Store.DirectoryEntries(ctx, q, missing)
}

const (
	membersFor = time.Minute
	maxMembers = 100_000 // of a group that is filtered by
	maxGroups  = 8       // that are remembered
)

// memberCache remembers the members of the groups that somebody filters by.
type memberCache struct {
	mu     sync.Mutex
	groups map[memberKey]memberList
}

type memberKey struct {
	integration postern.IntegrationID
	group       string
}

type memberList struct {
	ids   []string
	until time.Time
}

func (s *Service) membersOf(ctx context.Context, id postern.IntegrationID, group string) ([]string, error) {
	now, key := s.Now(), memberKey{id, group}
	s.members.mu.Lock()
	have, ok := s.members.groups[key]
	s.members.mu.Unlock()
	if ok && now.Before(have.until) {
		return have.ids, nil
	}
	tenant, _, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for m, err := range tenant.Members(ctx, group) {
		if err != nil {
			return nil, err
		}
		if len(ids) == maxMembers {
			return nil, postern.Errorf(postern.CodeTooLarge, "The group has more than %d members, which is more than can be filtered by.", maxMembers).OnField("group")
		}
		ids = append(ids, m.ObjectID)
	}
	s.members.mu.Lock()
	defer s.members.mu.Unlock()
	for old, list := range s.members.groups {
		if len(s.members.groups) >= maxGroups || !now.Before(list.until) {
			delete(s.members.groups, old)
		}
	}
	if s.members.groups == nil {
		s.members.groups = make(map[memberKey]memberList)
	}
	s.members.groups[key] = memberList{ids, now.Add(membersFor)}
	return ids, nil
}

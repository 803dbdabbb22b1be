package push

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Condition is how waking phones stands.
type Condition struct {
	Phones int      // that may be woken
	Lost   int      // of them, those whose subscription cannot be opened any more
	Hosts  []string // of their push services, sorted
	// KeyProblem is why the key that push services know this control center by cannot be used; nil: it can.
	KeyProblem error
	Stats      Stats
}

// Examine looks at the key and at the subscriptions, at most so many of them. It calls nobody.
func (s *Service) Examine(ctx context.Context, most int) (Condition, error) {
	c := Condition{Stats: s.Stats()}
	_, c.KeyProblem = s.identity(ctx)
	phones, err := s.Store.PushPhones(ctx, most)
	if err != nil {
		return c, err
	}
	c.Phones = len(phones)
	hosts := make(map[string]bool)
	for _, phone := range phones {
		sub, _, err := s.subscription(ctx, phone)
		if postern.IsCode(err, postern.CodeNotFound) {
			continue
		}
		u, parseErr := url.Parse(sub.Endpoint)
		if err != nil || parseErr != nil || u.Host == "" {
			c.Lost++
			continue
		}
		hosts[strings.ToLower(u.Host)] = true
	}
	c.Hosts = slices.Sorted(maps.Keys(hosts))
	return c, nil
}

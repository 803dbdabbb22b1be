package enrolment

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
)

// How long it is remembered which groups a user is in, how long an old answer serves while Graph cannot be asked, how
// long asking may take, and how many users are remembered.
const (
	modeFor     = 5 * time.Minute
	modeServes  = 24 * time.Hour
	askFor      = 5 * time.Second
	mostModes   = 20_000
	askAgainFor = 30 * time.Second
)

// modes remembers which of the groups that rules name a user is in.
type modes struct {
	mu   sync.Mutex
	seen map[modeKey]membership
}

type modeKey struct {
	user    postern.UserID
	version int64 // of the policy
}

type membership struct {
	groups []string
	known  bool // Graph has answered, at
	at     time.Time
	tried  time.Time
}

// ModeFor says whether a user may or must have a passkey: the mode of the first rule whose group has them. Where Graph
// cannot be asked, what it said within a day counts, and after that nobody has to do anything: the mode is never the
// reason that something waits.
func (s *Service) ModeFor(ctx context.Context, user postern.User) (postern.EnrolmentMode, error) {
	p, err := s.Policy(ctx, user.IntegrationID)
	if err != nil {
		return postern.EnrolmentOff, err
	}
	return s.modeUnder(ctx, p, user), nil
}

func (s *Service) modeUnder(ctx context.Context, p postern.EnrolmentPolicy, user postern.User) postern.EnrolmentMode {
	if len(p.Rules) == 0 {
		return p.Default
	}
	in, known := s.groupsOf(ctx, p, user)
	if !known {
		return postern.EnrolmentOff
	}
	return firstRule(p, in)
}

func firstRule(p postern.EnrolmentPolicy, groups []string) postern.EnrolmentMode {
	for _, r := range p.Rules {
		if slices.Contains(groups, r.GroupID) {
			return r.Mode
		}
	}
	return p.Default
}

func (s *Service) groupsOf(ctx context.Context, p postern.EnrolmentPolicy, user postern.User) (groups []string, known bool) {
	key, now := modeKey{user.ID, p.Version}, s.Now()
	m := s.modes.get(key)
	fresh := m.known && now.Sub(m.at) < modeFor
	if fresh || now.Sub(m.tried) < askAgainFor {
		return m.groups, m.known && now.Sub(m.at) < modeServes
	}
	ids := make([]string, len(p.Rules))
	for n, r := range p.Rules {
		ids[n] = r.GroupID
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	tenant, _, err := s.Tenants.Tenant(ctx, user.IntegrationID)
	if err == nil {
		m.groups, err = orBefore(m.groups, func() ([]string, error) { return tenant.MemberOf(ctx, user.ObjectID, ids) })
	}
	m.tried = now
	if err == nil {
		m.known, m.at = true, now
	} else {
		s.Logger.WarnContext(ctx, "a user's groups could not be read", "user", user.ID, "cause", err)
	}
	s.modes.put(key, m)
	return m.groups, m.known && now.Sub(m.at) < modeServes
}

// orBefore keeps the old groups where new ones cannot be had.
func orBefore(before []string, ask func() ([]string, error)) ([]string, error) {
	groups, err := ask()
	if err != nil {
		return before, err
	}
	for n := range groups {
		groups[n] = strings.ToLower(groups[n])
	}
	return groups, nil
}

func (m *modes) get(key modeKey) membership {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[key]
}

func (m *modes) put(key modeKey, v membership) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil || len(m.seen) >= mostModes {
		m.seen = make(map[modeKey]membership)
	}
	m.seen[key] = v
}

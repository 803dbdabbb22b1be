package policy

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

const (
	// askedAtOnce is how many groups and roles are read side by side; the connector paces the requests themselves.
	askedAtOnce = 4
	// membersAtMost bounds what is held of memberships, over all groups and roles of a plan.
	membersAtMost = 5_000_000
)

// members holds who is in which group and has which role, by ids in lower case. It implements [impact.Members].
type members struct {
	groups, roles map[string]map[string]struct{}
	// unknown names the groups and roles that could not be read.
	unknown []string
}

// InGroup implements [impact.Members].
func (m *members) InGroup(group, user string) bool { return has(m.groups, group, user) }

// InRole implements [impact.Members].
func (m *members) InRole(role, user string) bool { return has(m.roles, role, user) }

func has(sets map[string]map[string]struct{}, id, user string) bool {
	_, ok := sets[strings.ToLower(id)][strings.ToLower(user)]
	return ok
}

// membersOf reads the memberships by which any of the policies chooses people. What may not be read, or is not there any
// more, has no members and is listed as unknown.
func membersOf(ctx context.Context, graph Graph, policies ...postern.TenantPolicy) (*members, error) {
	groups, roles := impact.Concerned(policies...)
	m := &members{groups: make(map[string]map[string]struct{}), roles: make(map[string]map[string]struct{})}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		lock  sync.Mutex
		wait  sync.WaitGroup
		first error
		total int
		room  = make(chan struct{}, askedAtOnce)
	)
	read := func(into map[string]map[string]struct{}, id string, list func(id string) ([]string, error)) {
		defer wait.Done()
		defer func() { <-room }()
		ids, err := list(id)
		lock.Lock()
		defer lock.Unlock()
		switch total += len(ids); {
		case err != nil && ctx.Err() == nil && (withheld(err) || postern.IsCode(err, postern.CodeEntraNotFound)):
			m.unknown = append(m.unknown, id)
		case err == nil && total > membersAtMost:
			err = postern.Errorf(postern.CodePolicyLimit, "The groups and roles that the policy names have more than %d members.", membersAtMost)
			fallthrough
		case err != nil:
			if first == nil {
				first = err
				cancel()
			}
		default:
			set := make(map[string]struct{}, len(ids))
			for _, user := range ids {
				set[strings.ToLower(user)] = struct{}{}
			}
			into[strings.ToLower(id)] = set
		}
	}
	begin := func(into map[string]map[string]struct{}, ids []string, list func(id string) ([]string, error)) {
		for _, id := range ids {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return
			}
			wait.Add(1)
			go read(into, id, list)
		}
	}
	begin(m.groups, groups, func(id string) ([]string, error) {
		var ids []string
		for user, err := range graph.TransitiveMembers(ctx, id) {
			if err != nil {
				return nil, err
			}
			if ids = append(ids, user); len(ids) > membersAtMost {
				break
			}
		}
		return ids, nil
	})
	begin(m.roles, roles, func(id string) ([]string, error) { return graph.RoleHolders(ctx, id) })
	wait.Wait()
	if first == nil {
		first = ctx.Err()
	}
	slices.Sort(m.unknown)
	return m, first
}

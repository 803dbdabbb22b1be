package doctor

import (
	"context"
	"sync"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// tenant looks at an integration and its tenant. Without a token only what Postern itself knows is looked at.
func (s *Service) tenant(ctx context.Context, id postern.IntegrationID, said func(string)) (Tenant, error) {
	f := Tenant{Now: s.Now().UTC()}
	f.AdminCenter, f.Intune = adminCenters(s.Setup.Graph)
	graph, i, err := s.Integrations.Tenant(ctx, id)
	if i.ID == "" {
		return f, err
	}
	f.Integration = i
	s.known(ctx, &f)
	said("integration")
	if err != nil {
		f.Token = problemOf(err)
		return f, nil
	}
	f.Kind = graph.Kind()
	f.Test, err = graph.Test(ctx)
	if err != nil {
		return f, err // ctx ended
	}
	said("token")
	if c := f.Test.Code; c != "" && c != postern.CodeEntraPermission {
		f.Token = Problem{c, stop(f.Test.Message), f.Test.Next}
		return f, nil
	}
	s.entra(ctx, graph, &f, said)
	return f, ctx.Err()
}

// known is what Postern itself knows.
func (s *Service) known(ctx context.Context, f *Tenant) {
	id := f.Integration.ID
	f.Directory = had(s.Directory.Status(ctx, id))
	if s.Offline != nil {
		f.Offline, _ = s.Offline(ctx, id) // unreadable settings say so where they are read
	}
	f.Inventory = had(s.Inventory.Status(ctx, id))
	f.Summary = had(s.Inventory.Summary(ctx, id))
	f.Drift = had(s.Policies.Drift(ctx, id))
	f.Provisioning = had(s.Database.ProvisioningFailures(ctx, id, f.Now.Add(-recently)))
	f.Privileged = had(s.Database.DirectoryUsersWithRoles(ctx, id))
}

// entra asks Graph, everything at once: the connector paces itself.
func (s *Service) entra(ctx context.Context, graph *entra.Tenant, f *Tenant, said func(string)) {
	var all sync.WaitGroup
	look := func(what string, do func()) { all.Go(func() { do(); said(what) }) }
	look("tenant", func() { f.Organization = ask(ctx, graph, entra.NeedOrganization, graph.Organization) })
	look("licences", func() { f.Licences = ask(ctx, graph, entra.NeedLicences, graph.Licences) })
	look("windows", func() { f.Devices = ask(ctx, graph, entra.NeedDevices, graph.SignInKeys) })
	look("credential", func() { f.Own = had(graph.OwnCredential(ctx)) }) // an application may read its own registration
	look("policy", func() {
		f.Policy = ask(ctx, graph, entra.NeedPolicy, func(ctx context.Context) (Policy, error) {
			p, notes, err := s.Policies.Tenant(ctx, f.Integration.ID)
			return Policy{p, notes}, err
		})
	})
	look("groups", func() { f.Groups = groupStates(ctx, graph, f.Integration.Groups) })
	if c := f.Integration.Credential; c.Kind == postern.CredentialServiceAccount {
		look("service_account", func() {
			account := had(graph.User(ctx, c.Username))
			f.Account = &account
		})
	}
	all.Wait()
}

// ask asks for what needs a permission, if the token grants it.
func ask[T any](ctx context.Context, graph *entra.Tenant, need entra.Need, get func(context.Context) (T, error)) Answer[T] {
	may, err := graph.May(ctx, need)
	if err != nil {
		return Answer[T]{Asked: true, Problem: problemOf(err)}
	}
	if !may {
		return Answer[T]{Missing: need.Any}
	}
	return had(get(ctx))
}

func had[T any](v T, err error) Answer[T] {
	return Answer[T]{Asked: true, Value: v, Problem: problemOf(err)}
}

func groupStates(ctx context.Context, graph *entra.Tenant, groups []postern.PhaseGroup) []GroupState {
	all := make([]GroupState, 0, len(groups))
	for _, g := range groups {
		s := GroupState{PhaseGroup: g}
		if g.ID != "" {
			found, err := graph.GroupByID(ctx, g.ID)
			switch {
			case err == nil:
				s.Now, s.Dynamic, s.Synced = found.DisplayName, found.Dynamic, found.Synced
			case postern.IsCode(err, postern.CodeEntraNotFound):
				s.Gone = true
			default:
				s.Refused = problemOf(err)
			}
		}
		all = append(all, s)
	}
	return all
}

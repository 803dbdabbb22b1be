package policy

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

// Tenant reads the policy of an integration's tenant, with what people should know of it.
func (s *Service) Tenant(ctx context.Context, id postern.IntegrationID) (postern.TenantPolicy, []postern.PolicyNote, error) {
	p, models, err := s.tenant(ctx, id)
	if err != nil {
		return postern.TenantPolicy{}, nil, err
	}
	return p, plan.Notes(p, models), nil
}

func (s *Service) tenant(ctx context.Context, id postern.IntegrationID) (postern.TenantPolicy, Models, error) {
	graph, _, err := s.Integrations.Graph(ctx, id)
	if err != nil {
		return postern.TenantPolicy{}, nil, err
	}
	p, err := graph.TenantPolicy(ctx)
	if err != nil {
		return postern.TenantPolicy{}, nil, err
	}
	models, err := s.Lists.Models(ctx, id)
	return p, models, err
}

// Export writes the policy of an integration's tenant as a document.
func (s *Service) Export(ctx context.Context, id postern.IntegrationID) (string, error) {
	p, models, err := s.tenant(ctx, id)
	if err != nil {
		return "", err
	}
	text, err := document.Export(p, models)
	return string(text), err
}

// Strengths lists the authentication strengths of an integration's tenant with the Conditional Access policies that demand
// them.
func (s *Service) Strengths(ctx context.Context, id postern.IntegrationID) ([]postern.StrengthUse, error) {
	graph, _, err := s.Integrations.Graph(ctx, id)
	if err != nil {
		return nil, err
	}
	p, err := graph.TenantPolicy(ctx)
	if err != nil {
		return nil, err
	}
	if !p.StrengthsRead {
		return nil, postern.Errorf(postern.CodeEntraPermission, "The application may not read authentication strengths.").
			WithNext("Grant the application Policy.Read.AuthenticationMethod or Policy.Read.All with admin consent. Strengths also need Microsoft Entra ID P1.")
	}
	out := make([]postern.StrengthUse, 0, len(p.Strengths))
	for _, strength := range p.Strengths {
		use := postern.StrengthUse{Strength: strength, Policies: []postern.StrengthUser{}, Known: p.ConditionalAccessRead}
		demanding := p.ConditionalAccess
		if !p.ConditionalAccessRead {
			if demanding, err = graph.StrengthUsage(ctx, strength.ID); err != nil && !withheld(err) {
				return nil, err
			}
			for n := range demanding {
				demanding[n].Grant.Strength = strength.ID
			}
		}
		for _, c := range demanding {
			if c.Grant.Strength == strength.ID {
				use.Policies = append(use.Policies, postern.StrengthUser{ID: c.ID, Name: c.Name, State: c.State})
			}
		}
		out = append(out, use)
	}
	return out, nil
}

package center

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/policy"
	"github.com/postern/postern/center/policy/aaguid"
	"github.com/postern/postern/center/policy/inventory"
)

// PolicyConfig says how the policy of tenants is written.
type PolicyConfig struct {
	// ReadBack is for how long Entra may take to show a change before it counts as lost. Default 3 minutes.
	ReadBack time.Duration `koanf:"read_back"`
}

// policies gives package policy the connector in the shape it asks for.
type policies struct{ *integration.Service }

func (p policies) Graph(ctx context.Context, id postern.IntegrationID) (policy.Graph, postern.Integration, error) {
	tenant, i, err := p.Tenant(ctx, id)
	return tenant, i, err
}

// passkeyPolicy asks Entra for the passkey policy alone.
func (p policies) passkeyPolicy(ctx context.Context, id postern.IntegrationID) (postern.PasskeyPolicy, error) {
	tenant, _, err := p.Tenant(ctx, id)
	if err != nil {
		return postern.PasskeyPolicy{}, err
	}
	return tenant.PasskeyPolicy(ctx)
}

// modelLists gives package policy the list of models, with those in use in a tenant as a bundle.
type modelLists struct {
	models    *aaguid.Service
	inventory *inventory.Service
}

// Models implements [policy.Lists].
func (m modelLists) Models(ctx context.Context, id postern.IntegrationID) (policy.Models, error) {
	list, err := m.models.List(ctx)
	if err != nil {
		return nil, err
	}
	summary, err := m.inventory.Summary(ctx, id)
	if err != nil {
		return nil, err
	}
	inUse := make([]string, len(summary.Models))
	for n, model := range summary.Models {
		inUse[n] = model.AAGUID
	}
	return aaguid.For(list, inUse), nil
}

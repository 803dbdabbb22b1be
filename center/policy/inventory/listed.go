package inventory

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// Listed takes what somebody else was told of users' passkeys, in the transaction of ctx. Before the first reading it is
// left, because an inventory of some would look like one of all. User of each value is an object id.
func (s *Service) Listed(ctx context.Context, id postern.IntegrationID, users []entra.UserPasskeys) error {
	p, err := s.Store.InventoryProgress(ctx, id)
	if err != nil || p.FullAt.IsZero() || len(users) == 0 {
		return err
	}
	looked := make([]Looked, len(users))
	for n, u := range users {
		looked[n] = Looked{ObjectID: u.User, Passkeys: listed(u.Passkeys), LastUse: u.LastUseKnown}
	}
	changed, _, err := s.Store.PutLooked(ctx, id, looked, s.Now().UTC(), 1)
	if changed > 0 {
		s.tell(ctx, id)
	}
	return err
}

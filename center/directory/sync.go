package directory

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// SyncResult is what one reading found. Numbers are of the round that it ended, whoever began it.
type SyncResult struct {
	Full    bool
	Changed int
	Removed int
	Held    bool // a reading of the whole directory missed too many; nobody was taken for gone
}

// Graph is what reading a directory needs of the connector.
type Graph interface {
	UsersDelta(ctx context.Context, from string) (entra.UsersPage, error)
	PrivilegedUsers(ctx context.Context) (map[string][]string, error)
	MayReadRoles(ctx context.Context) (bool, error)
}

// maxSteps bounds one reading: a directory of millions has fewer pages.
const maxSteps = 20000

// Sync reads what changed in the directory since the last reading, all of it if there was none or Entra no longer knows
// the place. It goes on with a round that was cut off. CodeEntraDirectoryClosed says that the application may not read
// the directory; nothing is changed then.
func (s *Service) Sync(ctx context.Context, id postern.IntegrationID) (SyncResult, error) {
	return s.sync(ctx, id, false)
}

// SyncFull reads the whole directory.
func (s *Service) SyncFull(ctx context.Context, id postern.IntegrationID) (SyncResult, error) {
	return s.sync(ctx, id, true)
}

func (s *Service) sync(ctx context.Context, id postern.IntegrationID, full bool) (SyncResult, error) {
	done, err := s.turns.take(ctx, id)
	if err != nil {
		return SyncResult{}, err
	}
	defer done()
	tenant, _, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return SyncResult{}, err
	}
	r := &reading{s: s, id: id, graph: tenant, wantFull: full}
	result, err := r.run(ctx)
	if err != nil {
		s.noteFailure(ctx, id, err)
		return SyncResult{}, err
	}
	return result, nil
}

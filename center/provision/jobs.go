package provision

import (
	"context"
	"time"

	"github.com/postern/postern/center/job"
)

// Handle registers the handlers of this package's jobs. A credential that a phone has made goes before options for the
// next phone: its challenge is running out.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{}, s.Offer, func(ctx context.Context, args OfferJob, cause error) error {
		return s.GivenUp(ctx, args.Provisioning, cause)
	})
	job.Handle(r, job.Rules{First: true}, s.Register, func(ctx context.Context, args RegisterJob, cause error) error {
		return s.GivenUp(ctx, args.Provisioning, cause)
	})
	job.Handle(r, job.Rules{First: true}, s.Undo, nil)
	job.Handle(r, job.Rules{}, s.Lapse, nil)
	job.Handle(r, job.Rules{First: true}, s.Revoke, s.RevokeGivenUp)
	job.Handle(r, job.Rules{Timeout: 10 * time.Minute}, s.RevokeAll, s.RevokeAllGivenUp)
	job.Handle(r, job.Rules{}, s.Look, s.LookGivenUp)
}

package device

import (
	"context"

	"github.com/postern/postern"
)

// TellWorkstations tells the workstations that are paired with a phone that it has news: the phase of its user, say, which
// they show. What was committed is told, so this comes after the transaction.
func (s *Service) TellWorkstations(ctx context.Context, id postern.PhoneID) {
	pairings, err := s.Store.PairingsOfPhone(ctx, id)
	if err != nil {
		s.Logger.ErrorContext(ctx, "the workstations of a phone could not be told", "phone", id, "cause", err)
		return
	}
	for _, p := range pairings {
		if p.State == postern.PairingActive {
			s.Notices.Publish(WorkstationTopic(p.WorkstationID))
		}
	}
}

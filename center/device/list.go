package device

import (
	"context"
	"slices"

	"github.com/postern/postern"
)

// UserPairings are the active pairings of a user's phones, oldest first.
func (s *Service) UserPairings(ctx context.Context, user postern.UserID) ([]postern.UserPairing, error) {
	phones, err := s.Store.Phones(ctx, user)
	if err != nil {
		return nil, err
	}
	out := []postern.UserPairing{}
	for _, phone := range phones {
		pairings, err := s.Store.PairingsOfPhone(ctx, phone.ID)
		if err != nil {
			return nil, err
		}
		for _, p := range pairings {
			if p.State != postern.PairingActive {
				continue
			}
			w, err := s.Store.Workstation(ctx, p.WorkstationID)
			if err != nil {
				return nil, err
			}
			out = append(out, postern.UserPairing{Pairing: p, Phone: phone.Name, Workstation: w})
		}
	}
	slices.SortStableFunc(out, func(a, b postern.UserPairing) int { return a.Pairing.CreatedAt.Compare(b.Pairing.CreatedAt) })
	return out, nil
}

// PhonesAt counts the phones that are paired with each workstation of an integration. One with none is left out.
func (s *Service) PhonesAt(ctx context.Context, integration postern.IntegrationID) (map[postern.WorkstationID]int, error) {
	return s.Store.CountPairings(ctx, integration)
}

package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// Pairings is what administrators need of package device about pairings, beside ending them.
type Pairings interface {
	UserPairings(ctx context.Context, user postern.UserID) ([]postern.UserPairing, error)
}

// userPairingRoutes are what administrators do with pairings. What devices do themselves stands in own_pairing.go.
func (a *API) userPairingRoutes() {
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/users/{id}/pairings", id: "list-user-pairings", tag: tagWorkstations,
		summary: "List the workstations that the phones of a user are paired with", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *UserPath) (*list[postern.UserPairing], error) {
		if _, err := a.services.Users.User(ctx, in.ID); err != nil {
			return nil, err
		}
		return answerList(a.services.Phones.UserPairings(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.APIPath + "/pairings/{id}", id: "end-user-pairing", tag: tagWorkstations,
		summary: "End a pairing", needs: postern.PermPasskeysRevoke,
		notes: "The two can no longer talk to each other. Phone, workstation and passkeys stay as they are. Ending one that has ended changes nothing.",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		ID postern.PairingID `path:"id" doc:"Identifier of the pairing." example:"q83vASNFZ4mrze8BI0VniQ"`
	},
	) (*object[postern.Pairing], error) {
		return answer(a.services.Phones.EndPairing(ctx, "", in.ID))
	})
}

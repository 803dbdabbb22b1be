package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

const tagPhones = "Phones"

// PhonePath is the path parameter of everything about one phone.
type PhonePath struct {
	ID postern.PhoneID `path:"id" doc:"Identifier of the phone." example:"phn_01jd…"`
}

// phoneRoutes are what administrators do with phones. What phones do themselves stands in own_phone.go.
func (a *API) phoneRoutes() {
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/users/{id}/phones", id: "list-phones", tag: tagPhones,
		summary: "List the phones of a user", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *UserPath) (*list[postern.Phone], error) {
		if _, err := a.services.Users.User(ctx, in.ID); err != nil {
			return nil, err
		}
		return answerList(a.services.Phones.Phones(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/phones/{id}", id: "get-phone", tag: tagPhones,
		summary: "Look at a phone", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *PhonePath) (*object[postern.Phone], error) {
		return answer(a.services.Phones.Phone(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.APIPath + "/phones/{id}", id: "revoke-phone", tag: tagPhones, status: http.StatusAccepted,
		summary: "Revoke a phone and its passkeys", needs: postern.PermPasskeysRevoke,
		notes: "The phone is cut off at once. Its passkeys show revocation_pending until Entra no longer lists them.",
		codes: []postern.Code{postern.CodeConflict},
	}, func(ctx context.Context, in *PhonePath) (*object[postern.Phone], error) {
		return answer(a.services.Passkeys.RevokePhone(ctx, in.ID))
	})
}

package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// ownPushRoutes are how a phone says where it may be woken.
func (a *API) ownPushRoutes() {
	const path = postern.PhoneAPIPath + "/self/push"
	s := a.services.Push
	self := func(ctx context.Context, err error) (*object[postern.PhoneSelf], error) {
		if err != nil {
			return nil, err
		}
		return answer(a.services.Passkeys.Self(ctx, phoneFrom(ctx)))
	}
	add(a, route{
		method: http.MethodPut, path: path, id: "set-own-push-subscription", tag: tagOwnPhone, access: phone,
		summary: "Have this phone woken", notes: "In the place of any other subscription it has. Its applicationServerKey is the public key in PhoneSelf.",
		codes: phoneCodes,
	}, func(ctx context.Context, in *struct{ Body postern.PushSubscription }) (*object[postern.PhoneSelf], error) {
		return self(ctx, s.Subscribe(ctx, phoneFrom(ctx).ID, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: path, id: "remove-own-push-subscription", tag: tagOwnPhone, access: phone, status: http.StatusOK,
		summary: "Have this phone woken no more", codes: phoneCodes,
	}, func(ctx context.Context, _ *struct{}) (*object[postern.PhoneSelf], error) {
		return self(ctx, s.Unsubscribe(ctx, phoneFrom(ctx).ID))
	})
}

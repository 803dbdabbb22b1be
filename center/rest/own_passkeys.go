package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// Claims is what the API needs of package provision about passkeys that users register by themselves.
type Claims interface {
	Claim(ctx context.Context, phone postern.PhoneID, in postern.SelfServicePasskey) error
}

// ownPasskeyRoutes are what a phone tells of its own passkeys.
func (a *API) ownPasskeyRoutes() {
	add(a, route{
		method: http.MethodPost, path: postern.PhoneAPIPath + "/passkeys", id: "tell-own-passkey", tag: tagOwnPhone, access: phone, status: http.StatusAccepted,
		summary: "Tell of a passkey that was made at Security info",
		notes:   "It is looked for in Entra and managed from when it is listed there; until then the phone's claims tell of it. The same again is answered the same.",
		codes:   with(phoneCodes, postern.CodeConflict, postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodeUserSuspended, postern.CodeUserRevoked),
	}, func(ctx context.Context, in *struct{ Body postern.SelfServicePasskey }) (*object[postern.PhoneSelf], error) {
		p := phoneFrom(ctx)
		if err := a.services.Passkeys.Claim(ctx, p.ID, in.Body); err != nil {
			return nil, err
		}
		return answer(a.services.Passkeys.Self(ctx, p))
	})
}

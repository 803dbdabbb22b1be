package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// Claims is what the API needs of package provision about passkeys of which phones tell.
type Claims interface {
	Claim(ctx context.Context, phone postern.PhoneID, in postern.SelfServicePasskey) error
	NoteUse(ctx context.Context, phone postern.PhoneID, id postern.PasskeyID, in postern.PasskeyUse) error
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
	add(a, route{
		method: http.MethodPut, path: postern.PhoneAPIPath + "/passkeys/{id}/use", id: "tell-own-passkey-use", tag: tagOwnPhone, access: phone, status: http.StatusNoContent,
		summary: "Tell when this phone last signed in with a passkey of its own",
		notes:   "An active passkey that is managed, and the time rounded down to the hour; nothing else is told. An earlier time than the one that is known changes nothing.",
		codes:   phoneCodes,
	}, func(ctx context.Context, in *struct {
		PasskeyPath
		Body postern.PasskeyUse
	},
	) (*none, error) {
		return nil, a.services.Passkeys.NoteUse(ctx, phoneFrom(ctx).ID, in.ID, in.Body)
	})
}

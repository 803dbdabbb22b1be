package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// PairingPath is the path parameter of everything about one pairing.
type PairingPath struct {
	ID postern.PairingID `path:"id" doc:"Base64url of the 16 bytes in the code." example:"qrvM3e7_ABEiM0RVZneImQ"`
}

// joinCodes are what may keep a pairing from being made.
var joinCodes = []postern.Code{
	postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodeUserSuspended, postern.CodeUserRevoked, postern.CodePairingOver,
	postern.CodePairingExpired, postern.CodePairingState, postern.CodeStale,
}

// pairingRoutes are what both ends do with a pairing: docs/link.md, Workstations and pairings.
func (a *API) pairingRoutes() {
	s := a.services.Phones
	add(a, route{
		method: http.MethodPut, path: postern.PhoneAPIPath + "/self/link-key", id: "set-link-key", tag: tagOwnPhone, access: phone,
		summary: "Hand in the phone's link key", notes: "Once. The same key again is answered the same.",
		codes: with(phoneCodes, postern.CodeConflict, postern.CodeStale),
	}, func(ctx context.Context, in *struct{ Body postern.LinkKeyInput }) (*object[postern.PhoneSelf], error) {
		p, err := s.SetLinkKey(ctx, phoneFrom(ctx).ID, in.Body.LinkKey)
		if err != nil {
			return nil, err
		}
		return answer(a.services.Passkeys.Self(ctx, p))
	})

	const ofPhone, ofWorkstation = postern.PhoneAPIPath + "/pairings", postern.WorkstationAPIPath + "/pairings"
	add(a, route{
		method: http.MethodGet, path: ofPhone, id: "list-own-workstations", tag: tagOwnPhone, access: phone,
		summary: "The workstations this phone is paired with", codes: phoneCodes,
	}, func(ctx context.Context, _ *struct{}) (*object[[]postern.PairedWorkstation], error) {
		return answer(s.PairedWorkstations(ctx, phoneFrom(ctx)))
	})
	add(a, route{
		method: http.MethodGet, path: ofWorkstation, id: "list-own-phones", tag: tagOwnWorkstation, access: workstation,
		summary: "The phones this workstation is paired with", codes: workstationCodes,
	}, func(ctx context.Context, _ *struct{}) (*object[[]postern.PairedPhone], error) {
		return answer(s.PairedPhones(ctx, workstationFrom(ctx)))
	})
	add(a, route{
		method: http.MethodPut, path: ofPhone + "/{id}", id: "join-pairing", tag: tagOwnPhone, access: phone,
		summary: "Join the pairing of a code that was scanned or typed",
		notes:   "The first phone has the pairing to itself. Works while the integration is DISABLED, which the notice then tells.",
		codes:   with(phoneCodes, with(joinCodes, postern.CodePairingTaken, postern.CodePairingForeign)...),
	}, func(ctx context.Context, in *PairingPath) (*object[postern.PairingAnswer], error) {
		return answer(s.JoinPairing(ctx, phoneFrom(ctx).ID, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: ofWorkstation + "/{id}", id: "open-pairing", tag: tagOwnWorkstation, access: workstation,
		summary: "Open the pairing of a code that is shown", notes: "At most three are open at once.",
		codes: with(workstationCodes, postern.CodeFlagOff, postern.CodeConflict, postern.CodeStale),
	}, func(ctx context.Context, in *PairingPath) (*object[postern.PairingAnswer], error) {
		return answer(s.OpenPairing(ctx, workstationFrom(ctx).ID, in.ID))
	})
	a.endRoutes("pairing-of-phone", route{path: ofPhone, tag: tagOwnPhone, access: phone, codes: phoneCodes},
		func(ctx context.Context) postern.DeviceID { return postern.DeviceID(phoneFrom(ctx).ID) })
	a.endRoutes("pairing-of-workstation", route{path: ofWorkstation, tag: tagOwnWorkstation, access: workstation, codes: workstationCodes},
		func(ctx context.Context) postern.DeviceID { return postern.DeviceID(workstationFrom(ctx).ID) })
}

// endRoutes are those that are the same for either end.
func (a *API) endRoutes(what string, of route, end func(ctx context.Context) postern.DeviceID) {
	s := a.services.Phones
	confirm, give := of, of
	confirm.method, confirm.path, confirm.id = http.MethodPost, of.path+"/{id}/confirmation", "confirm-"+what
	confirm.summary, confirm.codes = "Say that both ends show the same digits", with(of.codes, joinCodes...)
	add(a, confirm, func(ctx context.Context, in *PairingPath) (*object[postern.PairingAnswer], error) {
		p, err := s.ConfirmPairing(ctx, end(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return answer(s.AnswerPairing(ctx, p))
	})
	give.method, give.path, give.id, give.status = http.MethodDelete, of.path+"/{id}", "end-"+what, http.StatusAccepted
	give.summary, give.codes = "Refuse or end a pairing", with(of.codes, postern.CodeStale)
	add(a, give, func(ctx context.Context, in *PairingPath) (*object[postern.PairingAnswer], error) {
		p, err := s.EndPairing(ctx, end(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return answer(s.AnswerPairing(ctx, p))
	})
}

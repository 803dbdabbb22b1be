package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// offlineCodes are why a pairing may have no offline passkey, or may not use the one it has.
var offlineCodes = []postern.Code{
	postern.CodeOfflineOff, postern.CodeOfflineSeal, postern.CodeOfflineState, postern.CodePairingOver, postern.CodeIntegrationDisabled, postern.CodeFlagOff,
	postern.CodeDomainRefused, postern.CodeUserSuspended, postern.CodeUserRevoked, postern.CodeStale,
}

// ownOfflineRoutes are what both ends of a pairing do about signing in offline: docs/offline.md.
func (a *API) ownOfflineRoutes() {
	s := a.services.Offline
	const work, ofPhone = postern.WorkstationAPIPath + "/pairings/{id}/offline", postern.PhoneAPIPath + "/pairings/{id}/offline"
	add(a, route{
		method: http.MethodGet, path: work, id: "get-own-offline", tag: tagOwnWorkstation, access: workstation,
		summary: "Where the offline passkey of a pairing stands", codes: workstationCodes,
		notes: "With the code of why it may not be used now, if that is so. Once it has ended the workstation forgets it.",
	}, func(ctx context.Context, in *PairingPath) (*object[postern.OfflineAnswer], error) {
		return answer(s.Look(ctx, workstationFrom(ctx), in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: work, id: "ask-offline", tag: tagOwnWorkstation, access: workstation, status: http.StatusAccepted,
		summary: "Ask for an offline passkey, or for new codes", codes: with(workstationCodes, with(offlineCodes, postern.CodePhoneRevoked)...),
		notes: "The same batch again changes nothing. Another batch takes the place of one that no passkey was made with; where the passkey is active it announces new codes, which count from the report that names them.",
	}, func(ctx context.Context, in *struct {
		PairingPath
		Body postern.OfflineRequest
	},
	) (*object[postern.OfflineAnswer], error) {
		return answer(s.Ask(ctx, workstationFrom(ctx), in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: work + "/options", id: "get-offline-options", tag: tagOwnWorkstation, access: workstation, takes: entraTime,
		summary: "Get what the passkey is made from", notes: "Once the user agreed on the phone. Asking again gives new options; those given before no longer count.",
		codes: with(workstationCodes, with(offlineCodes, with(entraCodes, postern.CodeOfflineConsent, postern.CodeProvisioningState, postern.CodeProvisioningTaken, postern.CodeIdentityProof,
			postern.CodePrivilegedUser, postern.CodeGuestUser, postern.CodeAccountDisabled, postern.CodePhoneRevoked)...)...),
	}, func(ctx context.Context, in *PairingPath) (*object[postern.OfflineOptions], error) {
		return answer(s.Options(ctx, workstationFrom(ctx), in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: work + "/credential", id: "submit-offline-credential", tag: tagOwnWorkstation, access: workstation, status: http.StatusAccepted,
		summary: "Hand in the passkey that was made", notes: "The same again is answered with what became of it.",
		codes: with(workstationCodes, with(offlineCodes, postern.CodeProvisioningState, postern.CodeProvisioningTaken, postern.CodeChallengeExpired, postern.CodeCredentialRefused, postern.CodePhoneRevoked)...),
	}, func(ctx context.Context, in *struct {
		PairingPath
		Body postern.OfflineCredential
	},
	) (*object[postern.OfflineAnswer], error) {
		return answer(s.Submit(ctx, workstationFrom(ctx), in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPut, path: work + "/report", id: "report-offline", tag: tagOwnWorkstation, access: workstation,
		summary: "Tell how the workstation stands and what happened there",
		notes:   "Events that were taken are not taken again, by their numbers. The answer may hold a new sheet of recovery codes: keep it, and report again with its id.",
		codes:   with(workstationCodes, postern.CodeStale),
	}, func(ctx context.Context, in *struct {
		PairingPath
		Body postern.OfflineReport
	},
	) (*object[postern.OfflineAnswer], error) {
		w := workstationFrom(ctx)
		if len(in.Body.Events) > 0 {
			if wait := a.reports.Take(string(w.ID)); wait > 0 {
				return nil, tooMany(wait)
			}
		}
		return answer(s.Report(ctx, w, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: work, id: "end-own-offline", tag: tagOwnWorkstation, access: workstation, status: http.StatusAccepted,
		summary: "Give the offline passkey of a pairing up", codes: with(workstationCodes, postern.CodeStale),
	}, func(ctx context.Context, in *PairingPath) (*object[postern.OfflineAnswer], error) {
		return answer(s.EndOwn(ctx, postern.DeviceID(workstationFrom(ctx).ID), in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: ofPhone, id: "agree-offline", tag: tagOwnPhone, access: phone, status: http.StatusAccepted,
		summary: "Say that the user agreed to a batch of codes on the workstation of a pairing", notes: "The same again changes nothing.",
		codes: with(phoneCodes, with(offlineCodes, postern.CodeWorkstationRevoked)...),
	}, func(ctx context.Context, in *struct {
		PairingPath
		Body postern.OfflineConsent
	},
	) (*object[postern.OfflineAnswer], error) {
		return answer(s.Consent(ctx, phoneFrom(ctx), in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodDelete, path: ofPhone, id: "end-offline-of-phone", tag: tagOwnPhone, access: phone, status: http.StatusAccepted,
		summary: "Take the offline passkey of a pairing away", codes: with(phoneCodes, postern.CodeStale),
	}, func(ctx context.Context, in *PairingPath) (*object[postern.OfflineAnswer], error) {
		return answer(s.EndOwn(ctx, postern.DeviceID(phoneFrom(ctx).ID), in.ID))
	})
}

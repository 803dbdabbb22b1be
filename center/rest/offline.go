package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
	"github.com/postern/postern/center/offline"
)

// Offline is what the API needs of package offline.
type Offline interface {
	Settings(ctx context.Context, integration postern.IntegrationID) (postern.WorkstationSettings, error)
	SetSettings(ctx context.Context, integration postern.IntegrationID, in postern.WorkstationSettings) (postern.WorkstationSettings, error)
	OfUser(ctx context.Context, id postern.UserID) ([]postern.OfflineSignIn, error)
	OfWorkstation(ctx context.Context, id postern.WorkstationID) ([]postern.OfflineSignIn, error)
	End(ctx context.Context, by postern.DeviceID, id postern.PairingID, note string) (postern.OfflineSignIn, error)

	Recover(ctx context.Context, id postern.PairingID, in postern.RecoveryInput) (postern.Recovery, error)
	Recoveries(ctx context.Context, q offline.RecoveryQuery) ([]postern.Recovery, error)
	Recovery(ctx context.Context, id postern.RecoveryID) (postern.Recovery, error)
	Approve(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error)
	Reject(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error)
	Withdraw(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error)
	Code(ctx context.Context, id postern.RecoveryID) (postern.RecoveryCode, error)

	Look(ctx context.Context, w postern.Workstation, id postern.PairingID) (postern.OfflineAnswer, error)
	Ask(ctx context.Context, w postern.Workstation, id postern.PairingID, in postern.OfflineRequest) (postern.OfflineAnswer, error)
	Options(ctx context.Context, w postern.Workstation, id postern.PairingID) (postern.OfflineOptions, error)
	Submit(ctx context.Context, w postern.Workstation, id postern.PairingID, in postern.OfflineCredential) (postern.OfflineAnswer, error)
	Report(ctx context.Context, w postern.Workstation, id postern.PairingID, in postern.OfflineReport) (postern.OfflineAnswer, error)
	Consent(ctx context.Context, phone postern.Phone, id postern.PairingID, in postern.OfflineConsent) (postern.OfflineAnswer, error)
	EndOwn(ctx context.Context, by postern.DeviceID, id postern.PairingID) (postern.OfflineAnswer, error)
}

// RecoveryPath names a recovery.
type RecoveryPath struct {
	ID postern.RecoveryID `path:"id" doc:"Identifier of the recovery." example:"rcv_01jd…"`
}

// offlineRoutes are what administrators do about signing in offline.
func (a *API) offlineRoutes() {
	s := a.services.Offline
	const settings = postern.APIPath + "/integrations/{id}/workstation-settings"
	add(a, route{
		method: http.MethodGet, path: settings, id: "get-workstation-settings", tag: tagWorkstations,
		summary: "What an integration allows of signing in offline", needs: postern.PermIntegrationsRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.WorkstationSettings], error) {
		return answer(s.Settings(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: settings, id: "set-workstation-settings", tag: tagWorkstations,
		summary: "Change what an integration allows of signing in offline", needs: postern.PermIntegrationsWrite,
		notes: "Switching offline sign-in off takes every offline passkey of the integration away, and asking for a TPM those that no TPM seals: users set it up anew afterwards. " +
			"Codes keep the length they were issued with until they are renewed. A tenant that restricts passkeys to models must allow " + postern.WorkstationAAGUID + ".",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.WorkstationSettings
	},
	) (*object[postern.WorkstationSettings], error) {
		return answer(s.SetSettings(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/users/{id}/offline", id: "list-user-offline", tag: tagWorkstations,
		summary: "List the offline passkeys of a user's workstations", needs: postern.PermUsersRead, notes: "Newest first, ended ones included.",
	}, func(ctx context.Context, in *UserPath) (*list[postern.OfflineSignIn], error) {
		if _, err := a.services.Users.User(ctx, in.ID); err != nil {
			return nil, err
		}
		return answerList(s.OfUser(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/workstations/{id}/offline", id: "list-workstation-offline", tag: tagWorkstations,
		summary: "List the offline passkeys of a workstation", needs: postern.PermUsersRead, notes: "Newest first, ended ones included.",
	}, func(ctx context.Context, in *WorkstationPath) (*list[postern.OfflineSignIn], error) {
		return answerList(s.OfWorkstation(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.APIPath + "/pairings/{id}/offline", id: "end-offline", tag: tagWorkstations, status: http.StatusAccepted,
		summary: "Take the offline passkey of a pairing away", needs: postern.PermPasskeysRevoke,
		notes: "It is ending until Entra no longer lists it. A workstation that is offline hears of it when it is online again. Phone and pairing stay.",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		PairingPath
		Body postern.UserActInput
	},
	) (*object[postern.OfflineSignIn], error) {
		return answer(s.End(ctx, "", in.ID, in.Body.Note))
	})
	a.recoveryRoutes()
	a.ownOfflineRoutes()
}

// recoveryRoutes are those of recovery codes.
func (a *API) recoveryRoutes() {
	s := a.services.Offline
	const path = postern.APIPath + "/recoveries"
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/pairings/{id}/recovery", id: "ask-recovery", tag: tagWorkstations, status: http.StatusCreated,
		summary: "Ask for a recovery code", needs: postern.PermUsersRecover,
		notes: "For the workstation of the pairing, with a reason. For a user with a privileged role it waits for a second person; otherwise its code may be shown at once.",
		codes: []postern.Code{
			postern.CodeOfflineOff, postern.CodeRecoveryOff, postern.CodeRecoveryState, postern.CodePairingOver, postern.CodeUserSuspended, postern.CodeUserRevoked,
			postern.CodePhoneRevoked, postern.CodeWorkstationRevoked, postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodeDomainRefused,
		},
	}, func(ctx context.Context, in *struct {
		PairingPath
		Body postern.RecoveryInput
	},
	) (*object[postern.Recovery], error) {
		return answer(s.Recover(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodGet, path: path, id: "list-recoveries", tag: tagWorkstations,
		summary: "List recoveries", needs: postern.PermUsersRead, notes: "Newest first, up to 200, never with their codes.",
	}, func(ctx context.Context, in *struct {
		State       string                `query:"state" enum:"waiting,ready,shown,used,rejected,withdrawn" doc:"Only those in this state."`
		Integration postern.IntegrationID `query:"integration_id" doc:"Only those of this integration."`
		User        postern.UserID        `query:"user_id" doc:"Only those of this user."`
	},
	) (*list[postern.Recovery], error) {
		return answerList(s.Recoveries(ctx, offline.RecoveryQuery{Integration: in.Integration, User: in.User, State: postern.RecoveryState(in.State), Limit: 200}))
	})
	add(a, route{
		method: http.MethodGet, path: path + "/{id}", id: "get-recovery", tag: tagWorkstations,
		summary: "Look at a recovery", needs: postern.PermUsersRead, notes: "Never with its code.",
	}, func(ctx context.Context, in *RecoveryPath) (*object[postern.Recovery], error) {
		return answer(s.Recovery(ctx, in.ID))
	})
	step := func(name, summary, notes string, codes []postern.Code, do func(context.Context, postern.RecoveryID, postern.RecoveryInput) (postern.Recovery, error)) {
		add(a, route{
			method: http.MethodPost, path: path + "/{id}/" + name, id: name + "-recovery", tag: tagWorkstations, summary: summary, notes: notes,
			needs: postern.PermUsersRecover, codes: append(codes, postern.CodeRecoveryState, postern.CodeStale),
		}, func(ctx context.Context, in *struct {
			RecoveryPath
			Body postern.RecoveryInput
		},
		) (*object[postern.Recovery], error) {
			return answer(do(ctx, in.ID, in.Body))
		})
	}
	step("approve", "Agree to a recovery code", "Not by the person who asked for it.", []postern.Code{postern.CodeRecoverySelf}, s.Approve)
	step("reject", "Refuse a recovery code", "", nil, s.Reject)
	step("withdraw", "Withdraw a recovery whose code nobody has seen", "", nil, s.Withdraw)
	add(a, route{
		method: http.MethodPost, path: path + "/{id}/code", id: "show-recovery-code", tag: tagWorkstations,
		summary: "Show a recovery code", needs: postern.PermUsersRecover,
		notes: "Once, to the person who asked for it, within an hour. It is kept nowhere: an answer that is lost cannot be had again.",
		codes: []postern.Code{
			postern.CodeRecoveryState, postern.CodeRecoverySelf, postern.CodeRecoveryOff, postern.CodeOfflineOff, postern.CodePairingOver, postern.CodeUserSuspended,
			postern.CodeUserRevoked, postern.CodePhoneRevoked, postern.CodeWorkstationRevoked, postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodeStale,
		},
	}, func(ctx context.Context, in *RecoveryPath) (*object[postern.RecoveryCode], error) {
		return answer(s.Code(ctx, in.ID))
	})
}

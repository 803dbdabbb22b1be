package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

// lifecycleRoutes hold users back, take away what they have, and say what becomes of leavers and of the groups.
func (a *API) lifecycleRoutes() {
	const user = postern.APIPath + "/users/{id}"
	const integration = postern.APIPath + "/integrations/{id}"
	type act struct {
		UserPath
		Body postern.UserActInput
	}
	add(a, route{
		method: http.MethodPost, path: user + "/suspend", id: "suspend-user", tag: tagUsers,
		summary: "Suspend a user", needs: postern.PermPasskeysRevoke,
		notes: "Open invitations and provisionings end, and no phone of the user is let talk; passkeys stay at Entra. Suspending again changes nothing.",
	}, func(ctx context.Context, in *act) (*object[postern.User], error) {
		return answer(a.services.Users.Suspend(ctx, in.ID, in.Body.Note))
	})
	add(a, route{
		method: http.MethodPost, path: user + "/resume", id: "resume-user", tag: tagUsers,
		summary: "End the suspension of a user", needs: postern.PermPasskeysRevoke,
		notes: "The user stands where the facts say. Invitations of before stay withdrawn.",
	}, func(ctx context.Context, in *act) (*object[postern.User], error) {
		return answer(a.services.Users.Resume(ctx, in.ID, in.Body.Note))
	})
	add(a, route{
		method: http.MethodPost, path: user + "/revoke", id: "revoke-user", tag: tagUsers, status: http.StatusAccepted,
		summary: "Take every phone and managed passkey of a user away", needs: postern.PermPasskeysRevoke,
		notes: "The phones are cut off at once. Passkeys show revocation_pending until Entra no longer lists them. What Postern did not make stays.",
	}, func(ctx context.Context, in *act) (*object[postern.User], error) {
		return answer(a.services.Passkeys.RevokeUser(ctx, in.ID, postern.RevocationUser, in.Body.Note))
	})
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/passkeys/{id}/replace", id: "replace-passkey", tag: tagPasskeys, status: http.StatusAccepted,
		summary: "Provision a passkey again", needs: postern.PermPasskeysProvision,
		notes: "For a passkey that no longer signs in, as after a change of the user's name: it is revoked, and another one is asked for on the same phone, which waits until Entra no longer lists the old one.",
		codes: []postern.Code{
			postern.CodeConflict, postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodePhoneRevoked,
			postern.CodeUserSuspended,
		},
	}, func(ctx context.Context, in *PasskeyPath) (*object[postern.Provisioning], error) {
		return answer(a.services.Passkeys.ReplacePasskey(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: integration + "/revoke", id: "revoke-integration", tag: tagIntegrations, status: http.StatusAccepted,
		summary: "Take every phone and managed passkey of an integration away", needs: postern.PermIntegrationsWrite,
		notes: "The integration is disabled at once; its users follow one by one. The application name confirms it.",
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.IntegrationRevocation
	},
	) (*versionedIntegration, error) {
		return answerIntegration(a.services.Passkeys.RevokeIntegration(ctx, in.ID, in.Body))
	})
	add(a, route{
		method: http.MethodPost, path: integration + "/groups/check", id: "check-groups", tag: tagIntegrations,
		summary: "Look at the three groups and mend them", needs: postern.PermIntegrationsWrite, takes: entraTime,
		notes: "Answers what is not as it was left; nothing means that all is well. This happens by itself every hour.",
		codes: entraCodes,
	}, func(ctx context.Context, in *IntegrationPath) (*list[postern.GroupFinding], error) {
		return answerList(a.services.Integrations.MendGroups(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: integration + "/leaver-policy", id: "get-leaver-policy", tag: tagIntegrations,
		summary: "See what becomes of users whose account is disabled or deleted", needs: postern.PermIntegrationsRead,
	}, func(ctx context.Context, in *IntegrationPath) (*object[postern.LeaverPolicy], error) {
		return answer(a.services.Users.LeaverPolicy(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPut, path: integration + "/leaver-policy", id: "set-leaver-policy", tag: tagIntegrations,
		summary: "Say what becomes of users whose account is disabled or deleted", needs: postern.PermIntegrationsWrite,
		notes: "Send the version you saw, 0 if the policy was never changed.",
		codes: []postern.Code{postern.CodeStale},
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.LeaverPolicy
	},
	) (*object[postern.LeaverPolicy], error) {
		return answer(a.services.Users.SetLeaverPolicy(ctx, in.ID, in.Body))
	})
}

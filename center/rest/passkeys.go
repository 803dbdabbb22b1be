package rest

import (
	"context"
	"net/http"

	"github.com/postern/postern"
)

const tagPasskeys = "Passkeys"

// ProvisioningPath is the path parameter of everything about one provisioning.
type ProvisioningPath struct {
	ID postern.ProvisioningID `path:"id" doc:"Identifier of the provisioning." example:"prv_01jd…"`
}

// PasskeyPath is the path parameter of everything about one managed passkey.
type PasskeyPath struct {
	ID postern.PasskeyID `path:"id" doc:"Identifier of a managed passkey." example:"pky_01jd…"`
}

// begun is a provisioning that was begun now (201) or earlier (200).
type begun[T any] struct {
	Status int
	Body   T
}

func begunStatus(created bool) int {
	if created {
		return http.StatusCreated
	}
	return http.StatusOK
}

func (a *API) passkeyRoutes() {
	s := a.services.Passkeys
	a.securityKeyRoutes(s)
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/provisionings", id: "begin-provisioning", tag: tagPasskeys, status: http.StatusCreated, again: true,
		summary: "Begin the provisioning of a passkey", needs: postern.PermPasskeysProvision,
		notes: "Answers 201, or 200 with the one that is already under way for this phone. The phone asks its user; watch the state with get-provisioning.",
		codes: []postern.Code{
			postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodePhoneRevoked, postern.CodePhoneAssurance,
			postern.CodePrivilegedUser, postern.CodeNotFound,
		},
	}, func(ctx context.Context, in *struct{ Body postern.ProvisioningInput }) (*begun[postern.Provisioning], error) {
		p, created, err := s.Begin(ctx, in.Body.PhoneID)
		return &begun[postern.Provisioning]{begunStatus(created), p}, err
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/users/{id}/provisionings", id: "list-provisionings", tag: tagPasskeys,
		summary: "List the provisionings of a user", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *UserPath) (*list[postern.Provisioning], error) {
		if _, err := a.services.Users.User(ctx, in.ID); err != nil {
			return nil, err
		}
		return answerList(s.Provisionings(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/provisionings/{id}", id: "get-provisioning", tag: tagPasskeys,
		summary: "Look at a provisioning", needs: postern.PermUsersRead,
	}, func(ctx context.Context, in *ProvisioningPath) (*object[postern.Provisioning], error) {
		return answer(s.Provisioning(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.APIPath + "/provisionings/{id}", id: "cancel-provisioning", tag: tagPasskeys,
		summary: "Cancel a provisioning", needs: postern.PermPasskeysProvision,
		codes: []postern.Code{postern.CodeProvisioningState, postern.CodeStale},
	}, func(ctx context.Context, in *ProvisioningPath) (*object[postern.Provisioning], error) {
		return answer(s.Cancel(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodGet, path: postern.APIPath + "/users/{id}/passkeys", id: "list-passkeys", tag: tagPasskeys,
		summary: "List the passkeys of a user", needs: postern.PermUsersRead, takes: entraTime,
		notes: "Managed passkeys, and whatever else Entra lists.",
		codes: entraCodes,
	}, func(ctx context.Context, in *UserPath) (*list[postern.Passkey], error) {
		return answerList(s.Passkeys(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodDelete, path: postern.APIPath + "/passkeys/{id}", id: "revoke-passkey", tag: tagPasskeys, status: http.StatusAccepted,
		summary: "Revoke a managed passkey", needs: postern.PermPasskeysRevoke,
		notes: "The passkey shows revocation_pending until Entra no longer lists it.",
	}, func(ctx context.Context, in *PasskeyPath) (*object[postern.Passkey], error) {
		return answer(s.RevokePasskey(ctx, in.ID))
	})
}

// securityKeyRoutes are the steps of a provisioning on a hardware key that an administrator has at hand.
func (a *API) securityKeyRoutes(s Passkeys) {
	const provisioning = postern.APIPath + "/provisionings/{id}"
	add(a, route{
		method: http.MethodPost, path: postern.APIPath + "/integrations/{id}/security-keys", id: "begin-security-key", tag: tagPasskeys, status: http.StatusCreated, again: true,
		summary: "Begin the provisioning of a passkey on a hardware security key", needs: postern.PermPasskeysProvision, takes: entraTime,
		notes: "For any user of the directory; they need no invitation and no phone. Answers 201, or 200 with the one that is already under way for this user. " +
			"Then fetch options, have the key make the credential, and hand it in.",
		codes: with(entraCodes, postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodePrivilegedUser,
			postern.CodeGuestUser, postern.CodeAccountDisabled, postern.CodeEntraUserNotFound),
	}, func(ctx context.Context, in *struct {
		IntegrationPath
		Body postern.SecurityKeyInput
	},
	) (*begun[postern.Provisioning], error) {
		p, created, err := s.BeginSecurityKey(ctx, in.ID, in.Body)
		return &begun[postern.Provisioning]{begunStatus(created), p}, err
	})
	add(a, route{
		method: http.MethodPost, path: provisioning + "/options", id: "get-security-key-options", tag: tagPasskeys,
		summary: "Fetch the creation options for a security key", needs: postern.PermPasskeysProvision, takes: entraTime,
		notes: "The options hold Entra's challenge: hand them to the key, and keep them nowhere. Asking again gives new ones, and those given before no longer count. " +
			"When the challenge runs out before a credential came, the provisioning fails.",
		codes: with(entraCodes, postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodePrivilegedUser,
			postern.CodeProvisioningState, postern.CodeProvisioningTaken, postern.CodeEntraPasskeyOff, postern.CodeEntraSelfServiceOff),
	}, func(ctx context.Context, in *ProvisioningPath) (*object[postern.SecurityKeyOptions], error) {
		return answer(s.SecurityKeyOptions(ctx, in.ID))
	})
	add(a, route{
		method: http.MethodPost, path: provisioning + "/credential", id: "submit-security-key-credential", tag: tagPasskeys, status: http.StatusAccepted,
		summary: "Hand in the credential that a security key made", needs: postern.PermPasskeysProvision,
		notes: "Postern checks it, registers it with Entra and reads it back; watch the state with get-provisioning. The same submission again is answered the same. " +
			"Where the provisioning ends otherwise than active, delete the credential from the key.",
		codes: []postern.Code{postern.CodeProvisioningState, postern.CodeProvisioningTaken, postern.CodeChallengeExpired, postern.CodeCredentialRefused},
	}, func(ctx context.Context, in *struct {
		ProvisioningPath
		Body postern.CredentialSubmission
	},
	) (*object[postern.Provisioning], error) {
		return answer(s.SubmitSecurityKey(ctx, in.ID, in.Body))
	})
}

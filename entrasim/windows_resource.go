package entrasim

import (
	"slices"
	"strings"
)

// The device registration service as a resource.
const (
	registrationResource    = "urn:ms-drs:enterpriseregistration.windows.net"
	registrationResourceApp = "01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9"
	registrationPermission  = "self_service_device_delete" // what tokens for it carry
)

// registrationScope says whether a requested scope is one of the device registration service.
func registrationScope(name string) bool {
	return name == registrationResource+"/.default" || name == registrationResourceApp+"/.default"
}

// mayRegister refuses tokens for the device registration service to clients that are not part of Windows, and scopes of two
// resources at once.
func (c *tokenCall) mayRegister(g userGrant, _ []string) *oauthError {
	for name := range strings.FieldsSeq(g.scope) {
		if registrationScope(name) || slices.Contains(oidcScopes, name) {
			continue
		}
		return &oauthError{
			status: 400, kind: "invalid_request", number: 28000,
			text: "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope " + name + " is not valid.",
		}
	}
	if !slices.Contains([]string{brokerID, deviceRegistrationID, windowsSignInID}, g.app.AppID) {
		return &oauthError{
			status: 400, kind: "invalid_grant", number: 65001, suberror: "consent_required",
			text: "The user or administrator has not consented to use the application with ID '" + g.app.AppID + "' named '" + g.app.DisplayName +
				"'. Send an interactive authorization request for this user and resource.",
		}
	}
	return nil
}

package entra

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

// The sentences of the tables in errors.go: what happened, to whom, and why.

func saysTokenRefused(_ *Tenant, c call, _ *GraphError) string {
	return fmt.Sprintf("Microsoft Graph did not accept the access token with which Postern wanted to %s.", c.op.doing)
}

func saysQuota(*Tenant, call, *GraphError) string {
	return "The tenant, or the application in it, has reached the number of directory objects it may own."
}

func saysPermission(t *Tenant, c call, _ *GraphError) string {
	if t.opts.Credential.Kind == postern.CredentialServiceAccount {
		return fmt.Sprintf("Postern may not %s. The application needs the delegated permission %s, and the service account %s an Entra role that allows it for this target.",
			c.op.doing, either(c.op.needs), t.opts.Credential.Username)
	}
	if t.opts.Credential.Kind == CredentialDelegated {
		return fmt.Sprintf("%s may not %s.", t.opts.Credential.Username, c.op.doing)
	}
	return fmt.Sprintf("Postern may not %s. The application needs the application permission %s.", c.op.doing, either(c.op.needs))
}

func saysNotFound(_ *Tenant, c call, _ *GraphError) string {
	if c.on.kind == "" {
		return fmt.Sprintf("Microsoft Graph has nothing there; Postern wanted to %s.", c.op.doing)
	}
	return fmt.Sprintf("The tenant has no %s.", c.object())
}

func saysNotOffered(_ *Tenant, c call, e *GraphError) string {
	return fmt.Sprintf("Microsoft Graph does not offer to %s in this form.%s", c.op.doing, words(e))
}

func saysExists(_ *Tenant, c call, e *GraphError) string {
	return fmt.Sprintf("Entra has that already; Postern wanted to %s.%s", c.op.doing, words(e))
}

func saysRefused(_ *Tenant, c call, e *GraphError) string {
	return fmt.Sprintf("Microsoft Graph refused to %s.%s", c.op.doing, words(e))
}

func saysThrottled(_ *Tenant, c call, _ *GraphError) string {
	return fmt.Sprintf("Microsoft Graph asks us to slow down; Postern wanted to %s.", c.op.doing)
}

func saysFault(_ *Tenant, c call, e *GraphError) string {
	return fmt.Sprintf("Microsoft Graph has a fault (status %d); Postern wanted to %s.%s", e.Status, c.op.doing, words(e))
}

func saysClientUnknown(t *Tenant) string {
	return fmt.Sprintf("The tenant %s has no application with the client ID %s.", t.opts.TenantID, t.opts.ClientID)
}

func saysClientDisabled(t *Tenant) string {
	return fmt.Sprintf("The application %s is disabled in the tenant %s.", t.opts.ClientID, t.opts.TenantID)
}

func saysTenantUnknown(t *Tenant) string {
	return fmt.Sprintf("Entra knows no tenant %s.", t.opts.TenantID)
}

func saysCertUnknown(t *Tenant) string {
	if t.cert == nil {
		return "The certificate is not registered on the application in Entra."
	}
	return fmt.Sprintf("The certificate with the thumbprint %s is not registered on the application %s in Entra.", t.cert.info.Thumbprint, t.opts.ClientID)
}

func saysSecretNeeded(*Tenant) string {
	return "Entra asks for a client secret or certificate: the application is not set up as a public client."
}

func saysPasswordWrong(t *Tenant) string {
	return fmt.Sprintf("Entra says that the user name or the password of the service account %s is wrong.", t.opts.Credential.Username)
}

func saysAccountUnknown(t *Tenant) string {
	return fmt.Sprintf("The tenant has no service account %s.", t.opts.Credential.Username)
}

func saysNoPassword(t *Tenant) string {
	return fmt.Sprintf("The service account %s has no password in Entra.", t.opts.Credential.Username)
}

func saysPasswordExpired(t *Tenant) string {
	return fmt.Sprintf("The password of the service account %s has expired.", t.opts.Credential.Username)
}

func saysAccountLocked(t *Tenant) string {
	return fmt.Sprintf("The service account %s is locked after wrong passwords.", t.opts.Credential.Username)
}

func saysAccountDisabled(t *Tenant) string {
	return fmt.Sprintf("The service account %s is disabled.", t.opts.Credential.Username)
}

func saysGrantRevoked(t *Tenant) string {
	return fmt.Sprintf("The sign-in of the service account %s was revoked.", t.opts.Credential.Username)
}

func saysConditionalAccess(t *Tenant) string {
	return fmt.Sprintf("A Conditional Access policy of the tenant %s blocks Postern's sign-in.", t.opts.TenantID)
}

func saysScope(t *Tenant) string {
	return fmt.Sprintf("The tenant %s does not know Microsoft Graph at %s.", t.opts.TenantID, t.opts.Cloud.Graph)
}

// words quotes Graph.
func words(e *GraphError) string {
	s := ""
	if e.Words != "" {
		s = " Graph says: " + strconv.Quote(e.Words) + "."
	}
	if e.RequestID != "" {
		s += " Request id " + e.RequestID + "."
	}
	return s
}

func (c call) object() string {
	if c.on.name == "" {
		return c.on.kind
	}
	return c.on.kind + " " + c.on.name
}

// permissionNext is the step after a missing permission.
func (t *Tenant) permissionNext(c call) string {
	kind := "Application"
	if t.opts.Credential.Kind == postern.CredentialServiceAccount {
		kind = "Delegated"
	}
	if t.opts.Credential.Kind == CredentialDelegated {
		return "Sign in again with an account whose role allows it, and consent to what is asked for."
	}
	if len(c.op.needs) == 0 {
		return "Compare the application's permissions with what Test Connection lists."
	}
	return fmt.Sprintf("In the app registration, open API permissions, add %s of type %s under Microsoft Graph and choose Grant admin consent. It can take some minutes to take effect.",
		c.op.needs[0], kind)
}

func either(names []string) string {
	switch len(names) {
	case 0:
		return "for it"
	case 1:
		return names[0]
	}
	return names[0] + " (or " + strings.Join(names[1:], " or ") + ")"
}

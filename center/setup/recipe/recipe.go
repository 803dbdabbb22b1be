package recipe

import (
	"encoding/json"
	"time"

	"github.com/postern/postern"
)

// The keys of steps, in the order in which they are done.
const (
	StepApplication       = "application"
	StepServicePrincipal  = "service_principal"
	StepPermissions       = "permissions"
	StepConsent           = "consent"
	StepCertificate       = "certificate"
	StepClientSecret      = "client_secret"
	StepServiceAccount    = "service_account"
	StepPolicy            = "policy"
	StepWindows           = "windows"
	StepWindowsAssignment = "windows_assignment"
	StepIntegration       = "integration"
	StepGroups            = "groups"
)

// Names of values that stand in braces in requests.
const (
	ValueApplicationID    = "application_id" // object id of the application registration
	ValueClientID         = "client_id"      // its application (client) id
	ValueServicePrincipal = "service_principal_id"
	ValueGraph            = "graph_id" // object id of Microsoft Graph's service principal in the tenant
	ValueGrant            = "grant_id" // of the delegated permissions
	ValueSecret           = "client_secret"
	ValueSecretID         = "client_secret_id" // its key id
	ValueDomain           = "initial_domain"   // the tenant's own, under onmicrosoft.com
	ValueAccount          = "service_account_id"
	ValueAccountPassword  = "service_account_password" // whoever applies gives it; no answer does
	ValueWindows          = "windows_id"
	ValueWindowsGroup     = "windows_group_id"
)

// Want is what a tenant shall have.
type Want struct {
	Setup postern.SetupID
	Input postern.SetupInput // as [Complete] gave it
	// Certificate is the DER form of the certificate that was made; nil under a client secret.
	Certificate []byte
	// ApplicationID is the object id of the registration, once it is known. Without it the registration is found by the
	// mark of the set-up that stands in it.
	ApplicationID string
	// SecretID is the key id of the client secret that whoever applies holds. Any other secret of this set-up is lost, and
	// taken away before one is made.
	SecretID string
	// Now is when a secret's validity begins.
	Now time.Time
}

// mark stands in everything that the set-up makes and that has room for it.
func (w Want) mark() string { return "postern-setup:" + string(w.Setup) }

func (w Want) delegated() []postern.PermissionGrant {
	return grantsOf(w.Input.PermissionSet, postern.PermissionDelegated)
}

func (w Want) application() []postern.PermissionGrant {
	return grantsOf(w.Input.PermissionSet, postern.PermissionApplication)
}

func grantsOf(set postern.PermissionSet, kind string) (out []postern.PermissionGrant) {
	for _, g := range postern.Grants(set) {
		if g.Type == kind {
			out = append(out, g)
		}
	}
	return out
}

func (w Want) legacy() bool { return w.Input.PermissionSet == postern.PermissionsLegacy }

// Step is one thing that a tenant needs.
type Step struct {
	Key   string
	Title string
	Why   string
	Done  bool   // nothing is left to do
	Found string // a sentence about what the tenant has; empty if it was not looked at
	// Requests are sent in order. A step of Postern's own has none, nor has one that is done.
	Requests []Request
	// Was is what to keep of the state before the step, to take it back by. Nil if nothing is needed.
	Was json.RawMessage
	// Problem says why nobody can do the step before a person decides.
	Problem *postern.SetupProblem
	// Known are the values that a look told, for those who render the step.
	Known map[string]string
	// Kept says of a step of [Undo] why something stays.
	Kept string
}

// Seen is what a tenant has, as [Look] read it. The zero value is a tenant nobody looked at. It can be kept as JSON.
type Seen struct {
	TenantID      string `json:"tenant_id,omitempty"` // empty: nobody looked
	TenantName    string `json:"tenant_name,omitempty"`
	InitialDomain string `json:"initial_domain,omitempty"`
	// Plans are the service plans of the tenant's licences; nil if they could not be read.
	Plans []string `json:"plans,omitempty"`

	Graph            Graph            `json:"graph"`
	Application      *Application     `json:"application,omitempty"`
	SameName         []string         `json:"same_name,omitempty"` // client ids of other registrations with the name
	ServicePrincipal string           `json:"service_principal,omitempty"`
	Roles            []string         `json:"roles,omitempty"` // ids of the permissions of Graph that the application has
	Grant            *DelegatedGrant  `json:"grant,omitempty"` // for all users
	Account          *Account         `json:"account,omitempty"`
	Policy           json.RawMessage  `json:"policy,omitempty"` // the passkey policy as Graph gives it; nil if it was not read
	Access           []AccessPolicy   `json:"access,omitempty"`
	AccessRead       bool             `json:"access_read,omitempty"`
	SecurityDefaults bool             `json:"security_defaults,omitempty"`
	Windows          *WindowsProfile  `json:"windows,omitempty"`
	Groups           []DirectoryGroup `json:"groups,omitempty"` // that go by the name or id chosen
}

// looked reports whether somebody looked at the tenant.
func (s Seen) looked() bool { return s.TenantID != "" }

// Graph is Microsoft Graph's own service principal in a tenant: its permissions' ids by name.
type Graph struct {
	ID     string            `json:"id,omitempty"`
	Roles  map[string]string `json:"roles,omitempty"`
	Scopes map[string]string `json:"scopes,omitempty"`
}

// Application is the registration of a set-up.
type Application struct {
	ID           string           `json:"id"`
	ClientID     string           `json:"appId"`
	Name         string           `json:"displayName"`
	Audience     string           `json:"signInAudience"`
	Fallback     bool             `json:"isFallbackPublicClient"`
	Tags         []string         `json:"tags"`
	Web          RedirectURIs     `json:"web"`
	PublicClient RedirectURIs     `json:"publicClient"`
	Access       []ResourceAccess `json:"requiredResourceAccess"`
	Keys         []KeyCredential  `json:"keyCredentials"`
	Passwords    []Password       `json:"passwordCredentials"`
}

// RedirectURIs are those of one platform of an application.
type RedirectURIs struct {
	URIs []string `json:"redirectUris"`
}

// ResourceAccess are permissions of one API that an application asks for.
type ResourceAccess struct {
	Resource string           `json:"resourceAppId"`
	Access   []AccessToPermit `json:"resourceAccess"`
}

// AccessToPermit is one of them. Its type is Role for an application permission, Scope for a delegated one.
type AccessToPermit struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// KeyCredential is a certificate of an application. Graph gives the key itself only to who asks for it.
type KeyCredential struct {
	Thumbprint string     `json:"customKeyIdentifier,omitempty"` // base64 of the SHA-1 thumbprint
	Name       string     `json:"displayName,omitempty"`
	End        *time.Time `json:"endDateTime,omitempty"`
	Key        string     `json:"key,omitempty"` // base64 of the DER form
	ID         string     `json:"keyId,omitempty"`
	Start      *time.Time `json:"startDateTime,omitempty"`
	Type       string     `json:"type"`
	Usage      string     `json:"usage"`
}

// Password is a client secret of an application, without the secret.
type Password struct {
	ID   string     `json:"keyId"`
	Name string     `json:"displayName"`
	End  *time.Time `json:"endDateTime,omitempty"`
}

// DelegatedGrant is what an administrator consented to for all users.
type DelegatedGrant struct {
	ID    string `json:"id"`
	Scope string `json:"scope"` // names with spaces between
}

// Account is the service account of the legacy set.
type Account struct {
	ID      string   `json:"id"`
	UPN     string   `json:"userPrincipalName"`
	Title   string   `json:"jobTitle"` // holds the mark
	Enabled bool     `json:"accountEnabled"`
	Roles   []string `json:"roles,omitempty"` // template ids of its directory roles
}

// WindowsProfile is the Intune setting that the set-up made.
type WindowsProfile struct {
	ID          string            `json:"id"`
	Assignments []json.RawMessage `json:"assignments,omitempty"` // their targets
}

// DirectoryGroup is a group of the tenant.
type DirectoryGroup struct {
	ID       string `json:"id"`
	Name     string `json:"displayName"`
	Security bool   `json:"securityEnabled"`
}

// AccessPolicy is what of a Conditional Access policy matters for a set-up.
type AccessPolicy struct {
	ID         string `json:"id"`
	Name       string `json:"displayName"`
	State      string `json:"state"`
	Conditions struct {
		Users struct {
			Include []string `json:"includeUsers"`
			Exclude []string `json:"excludeUsers"`
		} `json:"users"`
		Applications struct {
			Include []string `json:"includeApplications"`
			Actions []string `json:"includeUserActions"`
		} `json:"applications"`
	} `json:"conditions"`
	Grant *struct {
		Controls []string `json:"builtInControls"`
		Strength *struct {
			Name         string   `json:"displayName"`
			Combinations []string `json:"allowedCombinations"`
		} `json:"authenticationStrength"`
	} `json:"grantControls"`
}

package entrasim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Application is an app registration together with its service principal. Either may be absent: a registration has no
// service principal until somebody makes one, and what Microsoft registered itself has no registration in the tenant.
type Application struct {
	ID                 string // object id of the registration
	AppID              string // client id
	ServicePrincipalID string `json:",omitempty"` // empty while there is none
	DisplayName        string
	Created            time.Time
	Disabled           bool `json:",omitempty"`

	// FirstParty is an application of Microsoft: it is registered elsewhere, and asks whoever signs in for the permissions it
	// wants at that time.
	FirstParty bool `json:",omitempty"`

	// PublicClient allows flows without a credential (device code, username and password, authorization code with PKCE).
	PublicClient bool `json:",omitempty"`
	// RedirectURIs of public clients that the authorization endpoint accepts. A loopback URI matches with any port (RFC 8252
	// §7.3). WebURIs are those of web applications.
	RedirectURIs []string `json:",omitempty"`
	WebURIs      []string `json:",omitempty"`

	// Registered are further members of the registration, as Graph shows them, and Presented those of the service principal.
	Registered map[string]json.RawMessage `json:",omitempty"`
	Presented  map[string]json.RawMessage `json:",omitempty"`
	// Owners are object ids of users and service principals.
	Owners []string `json:",omitempty"`

	// Roles are the granted application permissions, Scopes the delegated ones consented for everybody.
	Roles  []string `json:",omitempty"`
	Scopes []string `json:",omitempty"`
	// UserScopes were consented by or for single users, by user id.
	UserScopes map[string][]string `json:",omitempty"`
	// Grants says when a permission was granted, by grantKey, and until when that is not seen. Those of the seed have none.
	Grants map[string]Grant `json:",omitempty"`

	Secrets      []*Secret      `json:",omitempty"`
	Certificates []*Certificate `json:",omitempty"`

	// Replication: reads do not see the registration, or the service principal, before.
	VisibleAt        time.Time `json:",omitzero"`
	PrincipalVisible time.Time `json:",omitzero"`
	PrincipalCreated time.Time `json:",omitzero"`
}

// Grant is one consent on its way: reads show it from Shown, and tokens hold it from Counts.
type Grant struct {
	At            time.Time
	Shown, Counts time.Time `json:",omitzero"`
}

// grantKey names a grant: an application permission, or a delegated one for everybody or for one user.
func roleKey(name string) string          { return "role " + name }
func scopeKey(name, userID string) string { return "scope " + name + " " + userID }

// Secret is a client secret. The state file holds its value: the emulator protects nothing.
type Secret struct {
	KeyID       string
	DisplayName string `json:",omitempty"`
	Value       string
	From        time.Time
	Until       time.Time
	Counts      time.Time `json:",omitzero"` // the token endpoint does not know it before
}

// Certificate is a registered public certificate of an application.
type Certificate struct {
	KeyID       string
	DisplayName string `json:",omitempty"`
	Custom      string `json:",omitempty"` // customKeyIdentifier as given; the thumbprint if empty
	DER         []byte
	From        time.Time
	Until       time.Time
	Counts      time.Time `json:",omitzero"`
}

// app finds an application by client id. The caller holds the lock.
func (t *Tenant) app(clientID string) *Application { return t.Apps[strings.ToLower(clientID)] }

// addApp puts an application into the directory. The caller holds the lock for writing, and knows that its client id is
// free.
func (t *Tenant) addApp(a *Application) {
	t.Apps[a.AppID] = a
	t.AppOrder = append(t.AppOrder, a.AppID)
}

// redirects are all addresses the authorization endpoint may send people to.
func (a *Application) redirects() []string { return slices.Concat(a.RedirectURIs, a.WebURIs) }

// counting are the permissions of a list that tokens hold now.
func (a *Application) counting(list []string, key func(string) string, now time.Time) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return now.Before(a.Grants[key(name)].Counts) })
}

// forToken copies the application with the permissions that tokens hold now. The caller holds the lock.
func (a *Application) forToken(now time.Time) *Application {
	c := *a
	c.Roles = a.counting(a.Roles, roleKey, now)
	c.Scopes = a.counting(a.Scopes, func(name string) string { return scopeKey(name, "") }, now)
	c.Secrets, c.Certificates = slices.Clone(a.Secrets), slices.Clone(a.Certificates)
	c.UserScopes = make(map[string][]string, len(a.UserScopes))
	for user, scopes := range a.UserScopes {
		c.UserScopes[user] = a.counting(scopes, func(name string) string { return scopeKey(name, user) }, now)
	}
	return &c
}

// scopesFor are the delegated permissions the application holds for a user.
func (a *Application) scopesFor(userID string) []string {
	out := slices.Clone(a.Scopes)
	for _, name := range a.UserScopes[userID] {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

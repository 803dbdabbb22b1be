package entrasim

import (
	"strings"
	"time"
)

// Application is an app registration together with its service principal.
type Application struct {
	ID                 string // object id of the application
	AppID              string // client id
	ServicePrincipalID string
	DisplayName        string
	Created            time.Time
	Disabled           bool `json:",omitempty"`

	// PublicClient allows flows without a credential (device code, username and password, authorization code with PKCE).
	PublicClient bool `json:",omitempty"`
	// RedirectURIs that the authorization endpoint accepts. A loopback URI matches with any port (RFC 8252 §7.3).
	RedirectURIs []string `json:",omitempty"`

	// Roles are the granted application permissions, Scopes the delegated ones consented for everybody.
	Roles  []string `json:",omitempty"`
	Scopes []string `json:",omitempty"`
	// UserScopes were consented by or for single users, by user id.
	UserScopes map[string][]string `json:",omitempty"`

	Secrets      []*Secret      `json:",omitempty"`
	Certificates []*Certificate `json:",omitempty"`
}

// Secret is a client secret. The state file holds its value: the emulator protects nothing.
type Secret struct {
	KeyID       string
	DisplayName string `json:",omitempty"`
	Value       string
	From        time.Time
	Until       time.Time
}

// Certificate is a registered public certificate of an application.
type Certificate struct {
	KeyID       string
	DisplayName string `json:",omitempty"`
	DER         []byte
	From        time.Time
	Until       time.Time
}

// app finds an application by client id. The caller holds the lock.
func (t *Tenant) app(clientID string) *Application { return t.Apps[strings.ToLower(clientID)] }

// scopesFor are the delegated permissions the application holds for a user.
func (a *Application) scopesFor(userID string) []string {
	return append(append([]string(nil), a.Scopes...), a.UserScopes[userID]...)
}

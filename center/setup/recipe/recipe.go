package recipe

import (
	"context"
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
	ValueGrant            = "grant_id"
	ValueSecret           = "client_secret"    // an answer gives it once; it is never rendered
	ValueSecretID         = "client_secret_id" // its key id
	ValueAccount          = "service_account_id"
	ValueAccountPassword  = "service_account_password" // whoever applies gives it
	ValueAccountUPN       = "service_account_upn"
	ValueWindows          = "windows_id"
	ValueWindowsGroup     = "windows_group_id"
)

// Want is what a tenant shall have.
type Want struct {
	Setup postern.SetupID
	Input postern.SetupInput // with its defaults; see [Complete]
	// TenantID is empty as long as nobody signed in and none was given.
	TenantID string
	// Certificate is the DER form of the certificate that was made; nil under a client secret.
	Certificate []byte
	// ApplicationID is the object id of the registration, once it is known. Without it the registration is found by the
	// mark of the set-up that stands in it.
	ApplicationID string
	// SecretID is the key id of the client secret that whoever applies holds. Any other secret of this set-up is lost and
	// gets replaced.
	SecretID string
	// Now is when validity begins.
	Now time.Time
}

// Request is one request to Microsoft Graph.
type Request struct {
	Doing   string // what for, as it completes "to …"
	Method  string
	Version string // v1.0 or beta
	Path    string // from the version on, with its query; values in braces are escaped when they are filled in
	Body    json.RawMessage
	// Capture names what the answer gives, by the member of the answer.
	Capture map[string]string
	// Secret names those of the captured values that are never shown.
	Secret []string
	// Unless says where to look first for what the request makes; nil for a request that may be repeated.
	Unless *Find
	// Guard is what must hold of the object before it is written, where a script was made for a tenant that was not looked
	// at, or some time ago.
	Guard *Guard
	// There is part of a refusal that says that what was asked for is there already.
	There string
	// Late says that a refusal with 400, 403 or 404 may mean that something made a moment ago does not show everywhere yet.
	Late bool
}

// Find is a place to look for something.
type Find struct {
	Path string
	// Match are members and what they must equal, of an item of the list, or of the object itself if Single.
	Match  []Member
	Single bool
	// Capture names what is found, as in [Request].
	Capture map[string]string
}

// Member is a member of an object and a value of it, as JSON; strings may be values in braces.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Guard compares the object at a path with what was planned for.
type Guard struct {
	Path string
	// Done are members that, when all have these values, leave nothing to write.
	Done []Member
	// Only are members that may have one of these values; any other stops the script.
	Only []Allowed
}

// Allowed is a member of an object and the values, as JSON, it may have. A member that is absent is null.
type Allowed struct {
	Name   string
	Values []json.RawMessage
}

// Answer is Graph's answer to a request.
type Answer struct {
	Status int
	Body   json.RawMessage
}

// Asker sends a request whose values are filled in. It answers with whatever status Graph gave; an error is for what
// never got an answer.
type Asker interface {
	Ask(ctx context.Context, r Request) (Answer, error)
}

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
	// Problem says why the step cannot be done by anybody, until a person decides.
	Problem *postern.SetupProblem
	// Kept says of a step of [Undo] why something stays.
	Kept string
}

// Seen is what a tenant has, as [Look] read it. The zero value is a tenant nobody looked at.
type Seen struct {
	At          time.Time
	TenantID    string
	TenantName  string
	Application *Application
}

// Application is the registration of a set-up.
type Application struct {
	ID       string `json:"id"`
	ClientID string `json:"appId"`
	Name     string `json:"displayName"`
}

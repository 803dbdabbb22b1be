package postern

import "encoding/json"

// The messages of the REST API that are nothing but a question or an answer. What has a life of its own stands in the
// file of its name.

// Page is one page of a list. Next, if not empty, is the value of the parameter page for the page after it.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Send it as page to get what follows; absent on the last page."`
}

// StateInput enables or disables an integration.
type StateInput struct {
	Version int64 `json:"version,omitempty" doc:"The version you saw; or send If-Match."`
	State   State `json:"state" enum:"ENABLED,DISABLED"`
}

// FlagsInput sets the feature flags of an integration. A flag that is absent is off.
type FlagsInput struct {
	Version int64   `json:"version,omitempty" doc:"The version you saw; or send If-Match."`
	Flags   FlagSet `json:"flags"`
}

// HTTPDebugInput switches HTTP Debug.
type HTTPDebugInput struct {
	Version int64 `json:"version,omitempty" doc:"The version you saw; or send If-Match."`
	On      bool  `json:"on"`
}

// OfferedFlags are the flags that a new integration starts with, and what they mean.
type OfferedFlags struct {
	Flags FlagSet    `json:"flags"`
	Known []FlagInfo `json:"known,omitempty" readOnly:"true" doc:"Every flag there is."`
}

// CertificateInput is a certificate with its private key, to be looked at and not stored.
type CertificateInput struct {
	Certificate string `json:"certificate" maxLength:"65536" doc:"PEM"`
	PrivateKey  string `json:"private_key" maxLength:"65536" doc:"PEM, unencrypted"`
}

// UserCounts says how many users of an integration stand in each phase.
type UserCounts struct {
	Phases map[Phase]int `json:"phases"`
}

// ProvisioningInput begins the provisioning of a passkey for a phone.
type ProvisioningInput struct {
	PhoneID PhoneID `json:"phone_id"`
}

// SecurityKeyInput begins the provisioning of a passkey on a hardware security key, which an administrator has at hand.
type SecurityKeyInput struct {
	User string `json:"user" minLength:"1" maxLength:"320" doc:"User principal name or object id."`
}

// SecurityKeyOptions is what a security key makes a passkey from. It holds Entra's challenge: it is for the key, and
// for no log or file.
type SecurityKeyOptions struct {
	Provisioning Provisioning    `json:"provisioning"`
	PublicKey    json.RawMessage `json:"public_key" doc:"PublicKeyCredentialCreationOptions (WebAuthn §5.4) as Graph gave it. The origin of the ceremony is https:// followed by rp.id."`
}

// AuditCheckpoint is a signed note over the head of the audit trail.
type AuditCheckpoint struct {
	Checkpoint string `json:"checkpoint" doc:"Keep it where nobody who can write to the database can change it."`
}

// AuditCode is one event that the audit trail may tell of.
type AuditCode struct {
	Code string `json:"code" example:"INT001I"`
	Name string `json:"name" example:"integration.created"`
	Text string `json:"text"`
}

// ErrorInfo is what the catalogue says of an error code.
type ErrorInfo struct {
	Code    Code   `json:"code"`
	Status  int    `json:"status" doc:"HTTP status"`
	Message string `json:"message"`
	Next    string `json:"next"`
}

// Problem is how the API says no (RFC 9457).
type Problem struct {
	Type      string `json:"type" format:"uri-reference" doc:"Where the code is explained."`
	Title     string `json:"title" doc:"What the code means in general."`
	Status    int    `json:"status"`
	Detail    string `json:"detail" doc:"What happened and why."`
	Code      Code   `json:"code" doc:"For machines; codes never change their meaning."`
	Next      string `json:"next,omitempty" doc:"What to do about it."`
	Field     string `json:"field,omitempty" doc:"The field at fault."`
	RequestID string `json:"request_id,omitempty" doc:"Under which the server's log tells more."`
}

// ProblemOf returns what a client may see of e.
func ProblemOf(e *Error) Problem {
	entry, known := catalogue[e.Code]
	if !known {
		entry = catalogue[CodeInternal]
	}
	return Problem{
		Type: ErrorsPath + "/" + string(e.Code), Title: entry.Message, Status: entry.Status,
		Detail: e.Message, Code: e.Code, Next: e.Next, Field: e.Field, RequestID: e.RequestID,
	}
}

// AsError returns the problem as the error it was.
func (p Problem) AsError() *Error {
	return &Error{Code: p.Code, Message: p.Detail, Next: p.Next, Field: p.Field, RequestID: p.RequestID}
}

// Where the API stands below the address of a control center.
const (
	APIPath    = "/api/v1"
	ErrorsPath = APIPath + "/errors"
)

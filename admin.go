package postern

import "time"

// Administrator is somebody who may sign in to the console.
type Administrator struct {
	ID         AdministratorID `json:"id"`
	Version    int64           `json:"version"`
	Name       string          `json:"name"`
	Role       Role            `json:"role" enum:"owner,administrator,helpdesk,auditor"`
	Mail       string          `json:"mail,omitempty" doc:"Where owners and administrators are written to when something needs them."`
	Passkeys   int             `json:"passkeys" doc:"How many passkeys can sign in as this administrator."`
	CreatedAt  time.Time       `json:"created_at"`
	LastSignIn *time.Time      `json:"last_sign_in,omitempty"`
	DisabledAt *time.Time      `json:"disabled_at,omitempty"`
}

// APIToken is a token for scripts and machines, without the token itself.
type APIToken struct {
	ID        TokenID      `json:"id"`
	Name      string       `json:"name"`
	Scopes    []Permission `json:"scopes"`
	CreatedBy string       `json:"created_by"`
	CreatedAt time.Time    `json:"created_at"`
	ExpiresAt time.Time    `json:"expires_at"`
	LastUsed  *time.Time   `json:"last_used,omitempty"`
	RevokedAt *time.Time   `json:"revoked_at,omitempty"`
}

// APITokenInput makes a token.
type APITokenInput struct {
	Name      string       `json:"name" minLength:"1" maxLength:"80"`
	Scopes    []Permission `json:"scopes" minItems:"1"`
	ValidDays int          `json:"valid_days" minimum:"1" maximum:"365"`
}

// APITokenCreated is a token with its value, which is shown only here.
type APITokenCreated struct {
	Token APIToken `json:"token"`
	Value string   `json:"value" doc:"Send it as Authorization: Bearer. It is not stored and cannot be shown again."`
}

// Actor is who did something: an administrator, a token, a phone, or Postern itself.
type Actor struct {
	Kind string `json:"kind" enum:"administrator,token,phone,system,anonymous"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Addr string `json:"addr,omitempty" doc:"The network address the request came from."`
}

// AuditEvent is one entry of the audit trail. Entries form a chain: Hash covers the entry and Previous.
type AuditEvent struct {
	Sequence      int64             `json:"sequence"`
	ID            EventID           `json:"id"`
	At            time.Time         `json:"at"`
	Code          string            `json:"code" doc:"For good: family, number and weight, such as INT001I."`
	Name          string            `json:"name" example:"integration.created"`
	Actor         Actor             `json:"actor"`
	IntegrationID IntegrationID     `json:"integration_id,omitempty"`
	Target        string            `json:"target,omitempty" doc:"Identifier of what it was done to."`
	TargetName    string            `json:"target_name,omitempty"`
	Success       bool              `json:"success"`
	ErrorCode     Code              `json:"error_code,omitempty"`
	Message       string            `json:"message"`
	Fields        map[string]string `json:"fields,omitempty"`
	Previous      string            `json:"previous" doc:"Hash of the entry before, lower-case hex."`
	Hash          string            `json:"hash" doc:"SHA-256, lower-case hex."`
}

// AuditVerification is what verifying the audit trail found.
type AuditVerification struct {
	OK         bool    `json:"ok"`
	Entries    int64   `json:"entries"`
	Head       string  `json:"head" doc:"Hash of the last entry."`
	Checkpoint string  `json:"checkpoint,omitempty" doc:"Signed note over the head; keep it somewhere else."`
	BrokenAt   int64   `json:"broken_at,omitempty" doc:"Sequence of the first entry that does not fit."`
	BrokenID   EventID `json:"broken_id,omitempty" doc:"Identifier of the entry at which it shows."`
	Floor      int64   `json:"floor,omitempty" doc:"Retention removed the entries up to this one; verification began after it."`
	Message    string  `json:"message"`
}

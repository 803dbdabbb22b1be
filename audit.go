package postern

import "time"

// AuditSelection says which entries of the audit trail are meant. Zero members do not restrict.
type AuditSelection struct {
	Text        string        `json:"text,omitempty" maxLength:"120" doc:"Words in the message, in names, identifiers, codes or fields; all of them must be there."`
	Events      []string      `json:"events,omitempty" maxItems:"50" doc:"Any of these: a code (KEY002I), a name (passkey.revoked) or a family with a dot (passkey.)."`
	Integration IntegrationID `json:"integration_id,omitempty" maxLength:"64"`
	User        UserID        `json:"user_id,omitempty" maxLength:"64" doc:"Everything about this user: phones, passkeys and pairings too."`
	Target      string        `json:"target,omitempty" maxLength:"120" doc:"Identifier of what it was done to."`
	Actor       string        `json:"actor,omitempty" maxLength:"120" doc:"Identifier of who did it."`
	Outcome     string        `json:"outcome,omitempty" enum:",success,failure"`
	From        *time.Time    `json:"from,omitempty" doc:"Not before."`
	To          *time.Time    `json:"to,omitempty" doc:"Before."`
}

// The outcomes of [AuditSelection].
const (
	OutcomeSuccess = "success"
	OutcomeFailure = "failure"
)

// SavedAuditFilter is a selection that an administrator keeps under a name.
type SavedAuditFilter struct {
	ID        SavedFilterID  `json:"id"`
	Version   int64          `json:"version"`
	Name      string         `json:"name"`
	Owner     string         `json:"owner" doc:"Identifier of the administrator or token that keeps it."`
	Shared    bool           `json:"shared" doc:"Everybody who may read the trail sees it; only its owner changes it."`
	Filter    AuditSelection `json:"filter"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
}

// SavedAuditFilterInput makes or changes a filter.
type SavedAuditFilterInput struct {
	Version int64          `json:"version,omitempty" doc:"The version you saw; needed to change one."`
	Name    string         `json:"name" minLength:"1" maxLength:"60"`
	Shared  bool           `json:"shared,omitempty"`
	Filter  AuditSelection `json:"filter"`
}

// AuditEventDetails is one entry with its place in the chain.
type AuditEventDetails struct {
	Event         AuditEvent   `json:"event"`
	Text          string       `json:"text" doc:"What the code means."`
	Changes       []AuditDelta `json:"changes,omitempty" doc:"Settings before and after."`
	GraphRequests []string     `json:"graph_requests,omitempty" doc:"Request ids that Microsoft Graph gave the calls of this act, oldest first."`
	Verifies      bool         `json:"verifies" doc:"The entry hashes to what it says. Whether its neighbours fit too is what verification finds."`
	Checkpoint    int64        `json:"checkpoint,omitempty" doc:"How many entries the last checkpoint covers, if it covers this one."`
	Older         *int64       `json:"older,omitempty" doc:"Sequence of the entry before."`
	Newer         *int64       `json:"newer,omitempty" doc:"Sequence of the entry after."`
}

// AuditDelta is one setting that was changed.
type AuditDelta struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// AuditRetention says how long entries are kept.
type AuditRetention struct {
	Version         int64      `json:"version"`
	Days            int        `json:"days" doc:"How long entries are kept, 0 for ever."`
	NeedExport      bool       `json:"need_export" doc:"Nothing is removed that was not exported."`
	RemovedThrough  int64      `json:"removed_through" doc:"Entries up to this one were removed."`
	RemovedAt       *time.Time `json:"removed_at,omitempty"`
	ExportedThrough int64      `json:"exported_through" doc:"Entries up to this one were exported without a gap."`
	HeldBy          string     `json:"held_by,omitempty" doc:"What keeps entries that are old enough to go."`
}

// AuditRetentionInput changes how long entries are kept.
type AuditRetentionInput struct {
	Version    int64 `json:"version" doc:"The version you saw."`
	Days       int   `json:"days" minimum:"0" maximum:"36500" doc:"0 keeps everything; otherwise at least 30."`
	NeedExport bool  `json:"need_export,omitempty"`
}

// MinAuditDays is the shortest time for which entries are kept.
const MinAuditDays = 30

// The formats in which entries leave Postern.
const (
	AuditCSV  = "csv"
	AuditJSON = "jsonl" // one entry a line
	AuditOCSF = "ocsf"  // Open Cybersecurity Schema Framework, one event a line
	AuditCEF  = "cef"   // Common Event Format, one event a line
)

// The kinds of sink.
const (
	StreamSyslog  = "syslog"
	StreamWebhook = "webhook"
)

// The states of a stream.
const (
	StreamCurrent = "current" // the sink has everything
	StreamBehind  = "behind"  // there is more to send
	StreamFailing = "failing" // the last attempt failed; it is repeated
	StreamPaused  = "paused"  // by a person
)

// AuditStream sends the trail somewhere while it grows: each entry at least once, in order.
type AuditStream struct {
	ID                AuditStreamID `json:"id"`
	Version           int64         `json:"version"`
	Name              string        `json:"name"`
	Kind              string        `json:"kind" enum:"syslog,webhook"`
	Format            string        `json:"format" enum:"jsonl,ocsf,cef"`
	Address           string        `json:"address"`
	CA                string        `json:"ca,omitempty" doc:"PEM; the only authorities that may have signed the sink's certificate. Empty: those of the system."`
	ClientCertificate string        `json:"client_certificate,omitempty" doc:"PEM"`
	State             string        `json:"state" enum:"current,behind,failing,paused"`
	Cursor            int64         `json:"cursor" doc:"Sequence of the last entry that the sink has."`
	Lag               int64         `json:"lag" doc:"How many entries it has not."`
	DeliveredAt       *time.Time    `json:"delivered_at,omitempty"`
	Failures          int           `json:"failures,omitempty" doc:"Failed attempts since the last delivery."`
	Problem           string        `json:"problem,omitempty"`
	ProblemAt         *time.Time    `json:"problem_at,omitempty"`
	NextAttempt       *time.Time    `json:"next_attempt,omitempty"`
	OldSecretUntil    *time.Time    `json:"old_secret_until,omitempty" doc:"Until then the signature of the secret before is sent too."`
	CreatedAt         time.Time     `json:"created_at"`
	UpdatedAt         time.Time     `json:"updated_at"`
}

// AuditStreamInput makes or changes a stream. In a change an empty ClientKey keeps the stored one.
type AuditStreamInput struct {
	Version           int64  `json:"version,omitempty" doc:"The version you saw; needed to change one."`
	Name              string `json:"name" minLength:"1" maxLength:"60"`
	Kind              string `json:"kind" enum:"syslog,webhook"`
	Format            string `json:"format" enum:"jsonl,ocsf,cef"`
	Address           string `json:"address" minLength:"1" maxLength:"512" example:"tls://siem.example.com:6514"`
	CA                string `json:"ca,omitempty" maxLength:"65536" doc:"PEM"`
	ClientCertificate string `json:"client_certificate,omitempty" maxLength:"65536" doc:"PEM"`
	ClientKey         string `json:"client_key,omitempty" maxLength:"65536" doc:"PEM, unencrypted; never given out again."`
	Beginning         bool   `json:"beginning,omitempty" doc:"A new stream sends the whole trail first, not only what comes."`
}

// AuditStreamSecret is a stream with the secret that signs its messages, which is shown only here.
type AuditStreamSecret struct {
	Stream AuditStream `json:"stream"`
	Secret string      `json:"secret,omitempty" doc:"Of a webhook, in the form of Standard Webhooks: whsec_ and base64."`
}

// AuditStreamTest is what became of a test message.
type AuditStreamTest struct {
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

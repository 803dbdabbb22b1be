package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A backup is an archive of JSON lines, the same for both databases, so that what was saved from one can be restored
// into the other:
//
//	{"format":"postern-backup","version":1,"schema":2,"dialect":"sqlite","at":"2026-01-02T03:04:05Z"}
//	{"table":"settings","columns":["name","value"]}
//	["flags",{"base64":"AAEC"}]
//	…one array for each row, in the order of the columns…
//	{"table":"jobs","columns":[…]}
//	…
//	{"end":true,"rows":1234,"sha256":"…"}
//
// schema is the number of the last migration. Values are strings, whole numbers, true, false, null, and byte strings as
// an object with their base64. The last line counts the rows and has the SHA-256, in lower-case hex, of everything before
// it; without it the archive is not whole.
//
// The archive holds what the database holds: secrets are sealed in it as they are there, and it is of no use without the
// key they are sealed with. Personal data is readable. Sessions, one-time links and remembered request ids are left out,
// because an old archive must not bring back what was used or ended since.
const (
	archiveFormat  = "postern-backup"
	archiveVersion = 1
)

// maxArchiveLine bounds one line of an archive, in bytes.
const maxArchiveLine = 16 << 20

type archiveHeader struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Schema  int64     `json:"schema"`
	Dialect Dialect   `json:"dialect"`
	At      time.Time `json:"at"`
}

type archiveTable struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

type archiveEnd struct {
	End    bool   `json:"end"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// archivedTables are the tables of an archive, those that others refer to before those that refer to them. The waiting
// jobs follow them as the table "jobs".
var archivedTables = []string{
	"settings", "integrations", "documents", "rotations", "alarms", "directory_progress", "directory_users", "attestation_cas", "users", "invitations", "messages", "phones", "push_subscriptions", "install_tokens", "workstations", "pairings", "offline_sign_ins", "recoveries",
	"provisionings", "passkeys", "passkey_uses", "passkey_claims", "identity_proofs", "reconcile_runs", "differences", "reconcile_state", "administrators", "administrator_addresses", "administrator_credentials", "api_tokens", "audit_events", "audit_head",
	"audit_floors", "audit_streams", "audit_filters", "bulk_jobs", "bulk_rows", "inventory_progress", "inventory_users", "inventory_passkeys", "inventory_due",
	"policy_plans", "policy_impacts", "policy_watches", "setups", "setup_secrets",
}

// tableSince is the first schema that has a table, of those that the first schema had not.
var tableSince = map[string]int64{
	"workstations": 4, "pairings": 4, "push_subscriptions": 5, "passkey_claims": 6, "documents": 7, "directory_progress": 8, "directory_users": 8, "identity_proofs": 13, "reconcile_runs": 10, "differences": 10, "reconcile_state": 10, "messages": 11,
	"bulk_jobs": 12, "bulk_rows": 12, "audit_floors": 14, "audit_streams": 14, "audit_filters": 14,
	"inventory_progress": 16, "inventory_users": 16, "inventory_passkeys": 16, "inventory_due": 16,
	"policy_plans": 17, "policy_impacts": 17, "policy_watches": 17,
	"passkey_uses": 18, "setups": 19, "setup_secrets": 19, "rotations": 20, "alarms": 20, "administrator_addresses": 20, "install_tokens": 21, "offline_sign_ins": 22, "recoveries": 22,
}

// tablesOf lists the tables of an archive with that schema.
func tablesOf(schema int64) []string {
	return slices.DeleteFunc(slices.Clone(archivedTables), func(table string) bool { return tableSince[table] > schema })
}

// unarchivedTables are left out on purpose.
var unarchivedTables = []string{"sessions", "links", "phone_proofs", "workstation_proofs", "sign_ins", "setup_sign_ins", "job_runners"}

const jobsTable = "jobs"

// jobColumns are the columns of the table "jobs": due in Unix milliseconds, args as the JSON value it is.
var jobColumns = []column{{"kind", "TEXT"}, {"args", "JSON"}, {"queue", "TEXT"}, {"due", "BIGINT"}, {"attempt", "BIGINT"}, {"max_attempts", "BIGINT"}}

// column is a column with its type in the words of the migrations.
type column struct{ name, kind string }

// archived turns a value from the database into one for the archive.
func (c column) archived(v any) (any, error) {
	if text, ok := v.(string); ok && c.kind == "JSON" {
		// In one form, whatever white space and order of keys the database gives it.
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		err := decoder.Decode(&v)
		return v, err
	}
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case int64:
		if c.kind == "BOOLEAN" {
			return v != 0, nil
		}
		return v, nil
	case []byte:
		if c.kind == "TEXT" {
			return string(v), nil
		}
		return map[string]string{"base64": base64.StdEncoding.EncodeToString(v)}, nil
	}
	return nil, fmt.Errorf("store: backup: column %s holds a %T", c.name, v)
}

// restored turns a value from an archive into one for the database.
func (c column) restored(raw json.RawMessage) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	var err error
	switch c.kind {
	case "JSON":
		return string(raw), nil
	case "TEXT":
		var s string
		err = json.Unmarshal(raw, &s)
		return s, err
	case "BIGINT":
		var n int64
		err = json.Unmarshal(raw, &n)
		return n, err
	case "BOOLEAN":
		var b bool
		err = json.Unmarshal(raw, &b)
		return b, err
	case "BYTEA":
		var o struct {
			Base64 []byte `json:"base64"`
		}
		err = json.Unmarshal(raw, &o)
		return blob(o.Base64), err
	}
	return nil, fmt.Errorf("column %s has the type %s, which archives do not know", c.name, c.kind)
}

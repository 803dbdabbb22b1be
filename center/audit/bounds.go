package audit

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/postern/postern"
)

// The longest texts of an entry, in bytes. What is longer is cut and ends in an ellipsis: an act must not fail because
// its entry is too wordy, nor fill the disk.
const (
	maxText    = 256 // names, identifiers, addresses
	maxMessage = 1024
	maxFields  = 32
	maxKey     = 64
	maxValue   = 512
)

// bounded returns e with all texts in bounds, in valid UTF-8 without zero bytes (which PostgreSQL does not store), and
// without what looks like a secret. The canonical form is made from the result, so what is hashed is what is stored.
func bounded(e postern.AuditEvent) postern.AuditEvent {
	for _, s := range []*string{
		&e.Code, &e.Name, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &e.Actor.Addr, (*string)(&e.IntegrationID), &e.Target,
		&e.TargetName, (*string)(&e.ErrorCode),
	} {
		*s = clean(*s, maxText)
	}
	e.Message = clean(e.Message, maxMessage)
	if len(e.Fields) == 0 {
		e.Fields = nil
		return e
	}
	fields := make(map[string]string, min(len(e.Fields), maxFields))
	for _, key := range slices.Sorted(maps.Keys(e.Fields)) {
		if len(fields) == maxFields {
			break
		}
		fields[clean(key, maxKey)] = clean(e.Fields[key], maxValue)
	}
	e.Fields = fields
	return e
}

const ellipsis = "…"

func clean(s string, limit int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	s = secretLike.ReplaceAllString(s, "[withheld]")
	if len(s) <= limit {
		return s
	}
	cut := limit - len(ellipsis)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ellipsis
}

// secretLike recognises what must never stand in an entry, in case a caller is careless: PEM blocks, JSON Web Tokens and
// opaque bearer tokens in a header's form, and client secrets as Entra makes them. It is a net below the rule, not the
// rule: callers give no secrets.
var secretLike = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)` +
	`|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)*` +
	`|(?i:bearer) [A-Za-z0-9._~+/=-]{16,}` +
	`|[A-Za-z0-9_.~-]{3}\dQ~[A-Za-z0-9_.~-]{31,}`)

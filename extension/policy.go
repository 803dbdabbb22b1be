package extension

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Values of [Policy].Fallback.
const (
	FallbackAsk   = "ask"   // people may use the browser's own keys for a while; the default
	FallbackNever = "never" // requests go to a phone, or fail
)

// Policy is what an administrator set by the browser's management: chrome.storage.managed, in the form of schema.json. The
// zero value leaves everything to the person.
type Policy struct {
	// Server is the address of the control center; people cannot choose another one.
	Server string `json:"server,omitempty"`
	// Integration is its identifier or application name; it may be left out where there is only one.
	Integration string `json:"integration,omitempty"`
	// AutoAttach decides whether phones are used without asking the person: nil leaves it to the switch in the pages.
	AutoAttach *bool `json:"autoAttach,omitempty"`
	// AllowedRPIDs limits the phones to these relying party ids; others are left to the browser. Empty: no limit.
	AllowedRPIDs []string `json:"allowedRpIds,omitempty"`
	// Fallback is one of the constants above; another word counts as the default.
	Fallback string `json:"fallback,omitempty"`
}

// maxPolicy bounds the JSON of a policy, in bytes.
const maxPolicy = 64 << 10

// ParsePolicy reads what the browser's management holds; nothing is the zero policy.
func ParsePolicy(data []byte) (Policy, error) {
	var p Policy
	if len(data) == 0 {
		return p, nil
	}
	if len(data) > maxPolicy {
		return p, fmt.Errorf("policy of %d bytes exceeds %d", len(data), maxPolicy)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	p.Server = strings.TrimRight(strings.TrimSpace(p.Server), "/")
	p.Integration = strings.TrimSpace(p.Integration)
	for i, id := range p.AllowedRPIDs {
		p.AllowedRPIDs[i] = strings.ToLower(strings.TrimSpace(id))
	}
	return p, nil
}

// allows reports whether phones are for this relying party.
func (p Policy) allows(rpID string) bool {
	return len(p.AllowedRPIDs) == 0 || slices.Contains(p.AllowedRPIDs, rpID)
}

// mayFallBack reports whether people may turn to the browser's own keys.
func (p Policy) mayFallBack() bool { return p.Fallback != FallbackNever }

// wanted reports whether phones are to be used, given the person's own choice.
func (p Policy) wanted(own bool) bool {
	if p.AutoAttach != nil {
		return *p.AutoAttach
	}
	return own
}

package entra

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/postern/postern"
)

var opPasskeyEvents = operation{name: "directoryAudits.list", doing: "see whose passkeys changed", needs: []string{"AuditLog.Read.All"}, lane: laneReports, repeatable: true}

// PasskeyEvent says that the security info of a user changed. What became of it is for the listing to say.
type PasskeyEvent struct {
	At       time.Time
	ObjectID string // of the user; may be empty, then UPN is not
	UPN      string
	// Removed says that one of the events tells of something that was taken away.
	Removed bool
}

type auditWire struct {
	Correlation string    `json:"correlationId"`
	At          time.Time `json:"activityDateTime"`
	Activity    string    `json:"activityDisplayName"`
	Result      string    `json:"result"`
	Targets     []struct {
		ID   string `json:"id"`
		Type string `json:"type"`
		UPN  string `json:"userPrincipalName"`
	} `json:"targetResources"`
}

// passkeyServices are the two services that log registrations and deletions of passkeys.
var passkeyServices = []string{"Authentication Methods", "Device Registration Service"}

// PasskeyEvents lists from the tenant's audit log the users whose security info changed since a time, each once with
// the newest event. Both services that Entra logs from are asked, because neither is documented to be complete.
//
// Where the application may not read the log, or the tenant has no licence for it, the error is CodeEntraPermission or
// CodeEntraLicence.
func (t *Tenant) PasskeyEvents(ctx context.Context, since time.Time) ([]PasskeyEvent, error) {
	g, err := t.granted(ctx)
	if err != nil {
		return nil, err
	}
	if g.known && !g.any(opPasskeyEvents.needs) {
		return nil, postern.Errorf(postern.CodeEntraPermission, "The permission AuditLog.Read.All is needed to %s.", opPasskeyEvents.doing)
	}
	var events []PasskeyEvent
	seen := make(map[string]int)
	for _, service := range passkeyServices {
		c := call{op: opPasskeyEvents, method: http.MethodGet, path: "/auditLogs/directoryAudits", on: object{kind: "audit log"}, query: query{
			{"$filter", "loggedByService eq " + literal(service) + " and activityDateTime ge " + since.UTC().Format(time.RFC3339)},
			{"$top", "1000"},
		}}
		for e, err := range each[auditWire](ctx, t, c) {
			if err != nil {
				return nil, err
			}
			if !strings.EqualFold(e.Result, "success") || !aboutPasskeys(e.Activity) {
				continue
			}
			for _, target := range e.Targets {
				who := target.ID
				if who == "" {
					who = strings.ToLower(target.UPN)
				}
				if who == "" || target.Type != "" && !strings.EqualFold(target.Type, "User") {
					continue
				}
				// One act leaves an event of each service, and their ids of the user may be told differently.
				at, known := seen[who]
				if !known {
					at = len(events)
					seen[who] = at
					events = append(events, PasskeyEvent{At: e.At, ObjectID: target.ID, UPN: target.UPN})
				} else if e.At.After(events[at].At) {
					events[at].At = e.At
				}
				events[at].Removed = events[at].Removed || aboutRemoval(e.Activity)
			}
		}
	}
	return events, nil
}

func aboutRemoval(activity string) bool {
	activity = strings.ToLower(activity)
	return strings.Contains(activity, "delete") || strings.Contains(activity, "remove")
}

// aboutPasskeys accepts every name that these activities have had. The device registration service logs about devices
// too, which are many.
func aboutPasskeys(activity string) bool {
	activity = strings.ToLower(activity)
	if strings.HasPrefix(activity, "get ") { // reading options changes nothing
		return false
	}
	for _, part := range []string{"security info", "passkey", "fido2", "security key"} {
		if strings.Contains(activity, part) {
			return true
		}
	}
	return false
}

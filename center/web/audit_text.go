package web

import (
	"strings"

	"github.com/a-h/templ"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// families are the kinds of event, in the words of people.
var families = map[string]string{
	"system": "System", "administrator": "Administrators", "token": "API tokens", "phone": "Phones", "workstation": "Workstations",
	"audit": "Audit trail", "integration": "Integrations", "user": "Users and invitations", "pairing": "Pairings",
	"provisioning": "Registration of passkeys", "passkey": "Passkeys", "enrolment": "Enrolment", "reconcile": "Comparing with Entra",
	"group": "Groups", "directory": "Directory", "bulk": "Jobs", "mail": "Mail server", "message": "Messages to users",
	"models": "Models of authenticators", "setup": "Set-up of tenants", "offline": "Signing in without a network", "recovery": "Recovery PINs",
}

// eventFamily is the events of one kind.
type eventFamily struct {
	Prefix, Name string
	Codes        []audit.Code
}

// eventFamilies lists every event by its kind, in the order of the codes.
func eventFamilies() []eventFamily {
	var all []eventFamily
	at := make(map[string]int)
	for _, c := range audit.Codes() {
		kind, _, _ := strings.Cut(c.Name, ".")
		n, known := at[kind]
		if !known {
			n = len(all)
			at[kind] = n
			all = append(all, eventFamily{Prefix: kind + ".", Name: familyName(kind)})
		}
		all[n].Codes = append(all[n].Codes, c)
	}
	return all
}

func familyName(kind string) string {
	if name := families[kind]; name != "" {
		return name
	}
	return kind
}

// eventText says what an event, named by code, name or family, is.
func eventText(name string) string {
	if kind, family := strings.CutSuffix(name, "."); family {
		return "everything about " + strings.ToLower(familyName(kind)[:1]) + familyName(kind)[1:]
	}
	for _, c := range audit.Codes() {
		if c.Code == name || c.Name == name {
			return "“" + strings.TrimSuffix(c.Text, ".") + "”"
		}
	}
	return name
}

func weightText(code string) (kind, text string) {
	switch {
	case strings.HasSuffix(code, "E"):
		return "bad", "failure"
	case strings.HasSuffix(code, "W"):
		return "warn", "warning"
	}
	return "", "information"
}

func actorText(a postern.Actor) string {
	switch {
	case a.Name != "":
		return a.Name
	case a.ID != "":
		return a.ID
	case a.Kind == postern.ActorAnonymous:
		return "nobody signed in"
	}
	return a.Kind
}

func actorKind(kind string) string {
	switch kind {
	case postern.ActorAdministrator:
		return "an administrator"
	case postern.ActorToken:
		return "an API token"
	case postern.ActorPhone:
		return "a phone"
	case postern.ActorWorkstation:
		return "a workstation"
	case postern.ActorSystem:
		return "Postern itself"
	case postern.ActorAnonymous:
		return "nobody who signed in"
	}
	return kind
}

func targetText(e postern.AuditEvent) string {
	if e.TargetName != "" {
		return e.TargetName
	}
	return e.Target
}

func rowClass(e postern.AuditEvent) string {
	if !e.Success {
		return "failed"
	}
	return ""
}

const codesPath = "/audit/codes"

// auditTabs lists the pages about the whole trail.
func auditTabs(here string) []navItem {
	items := []navItem{
		{Name: "Trail", Path: "/audit"}, {Name: "Streams", Path: streamsPath}, {Name: "Retention", Path: retentionPath}, {Name: "Events", Path: codesPath},
	}
	for n := range items {
		items[n].Here = items[n].Path == here
	}
	return items
}

// chosen reports whether a saved filter is the one that is shown.
func (p auditPage) chosen(f postern.SavedAuditFilter) bool {
	return p.Filter.set() && p.Filter.Given.Encode() == valuesOf(f.Filter).Encode()
}

// goneIntegration is the integration that is chosen though it was removed: its entries are kept.
func (p auditPage) goneIntegration() string {
	id := p.Filter.get("integration")
	for _, i := range p.Integrations {
		if string(i.ID) == id {
			return ""
		}
	}
	return id
}

func (p auditPage) exportWhat() string {
	if p.Filter.set() || p.ofIntegration() {
		return "what the filter chooses"
	}
	return "the whole trail"
}

func exportName(format string) string {
	switch format {
	case postern.AuditCSV:
		return "CSV (spreadsheets)"
	case postern.AuditOCSF:
		return "OCSF (one event a line)"
	case postern.AuditCEF:
		return "CEF"
	}
	return "JSON Lines (all there is)"
}

// wrong ties a field to what is wrong with it.
func (f auditFilter) wrong(name string) templ.Attributes {
	return wrongAttributes(f.Problems, name)
}

func wrongAttributes(p problems, name string) templ.Attributes {
	if p.on(name) == nil {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true", "aria-describedby": name + "-wrong"}
}

func pauseVerb(s postern.AuditStream) string {
	if s.State == postern.StreamPaused {
		return "resume"
	}
	return "pause"
}

func addressHelp(p streamPage) string {
	switch {
	case p.ID == "":
		return "Syslog: tls://siem.example.com:6514 (udp:// and tcp:// only to this very machine). Webhook: https://…"
	case p.Input.Kind == postern.StreamWebhook:
		return "https://…"
	}
	return "tls://siem.example.com:6514; udp:// and tcp:// only to this very machine."
}

func keyHelp(stored bool) string {
	if stored {
		return "One is stored and never shown. Leave this empty to keep it."
	}
	return "Unencrypted. It is stored sealed and never shown."
}

func (l link) text(otherwise string) string {
	if l.Name != "" {
		return l.Name
	}
	return otherwise
}

package export

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// The Open Cybersecurity Schema Framework, version 1.3.0: categories 3 (Identity & Access Management) and 6 (Application
// Activity).
const ocsfVersion = "1.3.0"

// Class is the uid of an OCSF event class.
type Class int

// The classes that entries become.
const (
	AccountChange    Class = 3001 // an authentication factor of a user, or the user's standing
	Authentication   Class = 3002 // somebody signed in, or was refused
	EntityManagement Class = 3004 // settings, devices, tokens, groups
	APIActivity      Class = 6003 // everything else that somebody did
)

// The activities, each under the number that its class gives it.
const (
	activityOther = 99

	accountCreate, accountEnable, accountDisable, accountDelete = 1, 2, 5, 6
	accountFactorEnable, accountFactorDisable                   = 10, 11

	authenticationLogon, authenticationLogoff = 1, 2

	create, read, update, remove = 1, 2, 3, 4 // of EntityManagement and APIActivity
)

var activityNames = map[Class]map[int]string{
	AccountChange: {
		accountCreate: "Create", accountEnable: "Enable", accountDisable: "Disable", accountDelete: "Delete",
		accountFactorEnable: "MFA Factor Enable", accountFactorDisable: "MFA Factor Disable", activityOther: "Other",
	},
	Authentication:   {authenticationLogon: "Logon", authenticationLogoff: "Logoff", activityOther: "Other"},
	EntityManagement: {create: "Create", read: "Read", update: "Update", remove: "Delete", activityOther: "Other"},
	APIActivity:      {create: "Create", read: "Read", update: "Update", remove: "Delete", activityOther: "Other"},
}

var classNames = map[Class]string{
	AccountChange: "Account Change", Authentication: "Authentication", EntityManagement: "Entity Management", APIActivity: "API Activity",
}

// meaning is the class and activity of an event.
type meaning struct {
	class    Class
	activity int
}

// meanings are the events whose class does not follow from their family.
var meanings = map[string]meaning{
	"user.invited":                 {AccountChange, accountCreate},
	"passkey.self_service":         {AccountChange, accountFactorEnable},
	"provisioning.active":          {AccountChange, accountFactorEnable},
	"passkey.revoked":              {AccountChange, accountFactorDisable},
	"provisioning.undone":          {AccountChange, accountFactorDisable},
	"administrator.signed_in":      {Authentication, authenticationLogon},
	"administrator.sign_in_failed": {Authentication, authenticationLogon},
	"administrator.signed_out":     {Authentication, authenticationLogoff},
	"token.refused":                {Authentication, authenticationLogon},
	"phone.refused":                {Authentication, authenticationLogon},
	"workstation.refused":          {Authentication, authenticationLogon},
	"administrator.created":        {AccountChange, accountCreate},
	"administrator.removed":        {AccountChange, accountDelete},
	"administrator.passkey_added":  {AccountChange, accountFactorEnable},
	"administrator.denied":         {APIActivity, activityOther},
	"audit.exported":               {APIActivity, read},
	"system.backup":                {APIActivity, read},
	"audit.stream_tested":          {APIActivity, activityOther},
}

// families give the class of events that meanings does not name; the verb gives the activity.
var families = []struct {
	prefix string
	class  Class
}{
	{"user.", AccountChange},
	{"passkey.", AccountChange},
	{"provisioning.", AccountChange},
	{"integration.", EntityManagement},
	{"phone.", EntityManagement},
	{"workstation.", EntityManagement},
	{"pairing.", EntityManagement},
	{"administrator.", EntityManagement},
	{"token.", EntityManagement},
	{"audit.", EntityManagement},
}

// verbs give the activity of EntityManagement and APIActivity by how a name ends.
var verbs = []struct {
	ending   string
	activity int
}{
	{"created", create},
	{"enrolled", create},
	{"opened", create},
	{"invited", create},
	{"create_failed", create},
	{"updated", update},
	{"update_failed", update},
	{"renamed", update},
	{"flags", update},
	{"settings", update},
	{"enabled", update},
	{"disabled", update},
	{"active", update},
	{"retention", update},
	{"paused", update},
	{"resumed", update},
	{"removed", remove},
	{"revoked", remove},
	{"ended", remove},
	{"lapsed", remove},
}

func meaningOf(e postern.AuditEvent) meaning {
	if m, ok := meanings[e.Name]; ok {
		return m
	}
	m := meaning{APIActivity, activityOther}
	for _, f := range families {
		if strings.HasPrefix(e.Name, f.prefix) {
			m.class = f.class
		}
	}
	switch {
	case m.class == AccountChange && strings.HasSuffix(e.Name, ".suspended"):
		m.activity = accountDisable
	case m.class == AccountChange && strings.HasSuffix(e.Name, ".resumed"):
		m.activity = accountEnable
	case m.class != AccountChange:
		for _, v := range verbs {
			if strings.HasSuffix(e.Name, v.ending) {
				m.activity = v.activity
			}
		}
	}
	return m
}

func textOf(code string) string {
	all := audit.Codes()
	if at := slices.IndexFunc(all, func(c audit.Code) bool { return c.Code == code }); at >= 0 {
		return all[at].Text
	}
	return ""
}

type (
	ocsfEvent struct {
		ActivityID   int            `json:"activity_id"`
		ActivityName string         `json:"activity_name"`
		CategoryUID  int            `json:"category_uid"`
		CategoryName string         `json:"category_name"`
		ClassUID     Class          `json:"class_uid"`
		ClassName    string         `json:"class_name"`
		TypeUID      int            `json:"type_uid"`
		TypeName     string         `json:"type_name"`
		Time         int64          `json:"time"`
		SeverityID   int            `json:"severity_id"`
		Severity     string         `json:"severity"`
		StatusID     int            `json:"status_id"`
		Status       string         `json:"status"`
		StatusCode   string         `json:"status_code,omitempty"`
		StatusDetail string         `json:"status_detail,omitempty"`
		Message      string         `json:"message"`
		Metadata     ocsfMetadata   `json:"metadata"`
		Actor        *ocsfActor     `json:"actor,omitempty"`
		User         *ocsfUser      `json:"user,omitempty"`
		Service      *ocsfThing     `json:"service,omitempty"`
		Entity       *ocsfThing     `json:"entity,omitempty"`
		API          *ocsfAPI       `json:"api,omitempty"`
		Resources    []ocsfThing    `json:"resources,omitempty"`
		SrcEndpoint  *ocsfEndpoint  `json:"src_endpoint,omitempty"`
		Observables  []ocsfObserved `json:"observables,omitempty"`
		Unmapped     map[string]any `json:"unmapped,omitempty"`
	}
	ocsfMetadata struct {
		Version        string      `json:"version"`
		Product        ocsfProduct `json:"product"`
		UID            string      `json:"uid"`
		EventCode      string      `json:"event_code"`
		LogName        string      `json:"log_name"`
		Sequence       int64       `json:"sequence"`
		LoggedTime     int64       `json:"logged_time"`
		CorrelationUID string      `json:"correlation_uid,omitempty"`
	}
	ocsfProduct struct {
		Name       string `json:"name"`
		VendorName string `json:"vendor_name"`
		Version    string `json:"version,omitempty"`
	}
	ocsfActor struct {
		User    *ocsfUser `json:"user,omitempty"`
		AppName string    `json:"app_name,omitempty"`
	}
	ocsfUser struct {
		UID    string `json:"uid,omitempty"`
		Name   string `json:"name,omitempty"`
		TypeID int    `json:"type_id"`
		Type   string `json:"type"`
	}
	ocsfThing struct {
		UID  string `json:"uid,omitempty"`
		Name string `json:"name,omitempty"`
		Type string `json:"type,omitempty"`
	}
	ocsfAPI struct {
		Operation string     `json:"operation"`
		Service   *ocsfThing `json:"service,omitempty"`
	}
	ocsfEndpoint struct {
		IP   string `json:"ip,omitempty"`
		Name string `json:"name,omitempty"`
	}
	ocsfObserved struct {
		Name   string `json:"name"`
		TypeID int    `json:"type_id"`
		Type   string `json:"type"`
		Value  string `json:"value"`
	}
)

func encodeOCSF(s Source, e postern.AuditEvent) []byte { return marshal(ocsfOf(s, e)) }

func ocsfOf(s Source, e postern.AuditEvent) ocsfEvent {
	m := meaningOf(e)
	category, categoryName := 3, "Identity & Access Management"
	if m.class == APIActivity {
		category, categoryName = 6, "Application Activity"
	}
	at := e.At.UnixMilli()
	out := ocsfEvent{
		ActivityID: m.activity, ActivityName: activityNames[m.class][m.activity], CategoryUID: category, CategoryName: categoryName,
		ClassUID: m.class, ClassName: classNames[m.class], TypeUID: int(m.class)*100 + m.activity,
		TypeName: classNames[m.class] + ": " + activityNames[m.class][m.activity], Time: at, Message: valid(e.Message),
		StatusID: 1, Status: "Success", SeverityID: 1, Severity: "Informational",
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Product: ocsfProduct{Name: "Postern", VendorName: "Postern", Version: s.Version}, UID: string(e.ID),
			EventCode: e.Code, LogName: "audit", Sequence: e.Sequence, LoggedTime: at,
		},
		SrcEndpoint: endpointOf(e),
		Unmapped:    unmappedOf(e),
	}
	if requests := e.Fields[audit.FieldGraphRequests]; requests != "" {
		out.Metadata.CorrelationUID, _, _ = strings.Cut(requests, " ")
	}
	switch weight(e) {
	case 'W':
		out.SeverityID, out.Severity = 2, "Low"
	case 'E':
		out.SeverityID, out.Severity = 3, "Medium"
	}
	if !e.Success {
		out.StatusID, out.Status, out.StatusCode, out.StatusDetail = 2, "Failure", string(e.ErrorCode), valid(e.Message)
	}
	out.Actor = &ocsfActor{User: actorOf(e.Actor), AppName: "Postern"}
	out.concern(s, e, m)
	out.observe(e)
	return out
}

// concern fills in what each class asks for: whom or what it was done to.
func (out *ocsfEvent) concern(s Source, e postern.AuditEvent, m meaning) {
	target := ocsfThing{UID: valid(e.Target), Name: valid(e.TargetName), Type: kindOf(e.Target)}
	service := ocsfThing{Name: "Postern", UID: s.Host}
	switch m.class {
	case AccountChange:
		out.User = &ocsfUser{UID: target.UID, Name: target.Name, TypeID: 1, Type: "User"}
		if user := e.Fields["user"]; user != "" && !strings.HasPrefix(e.Target, postern.PrefixUser+"_") {
			out.User.UID, out.User.Name = valid(user), ""
			out.Unmapped["target"], out.Unmapped["target_name"] = target.UID, target.Name
		}
		if out.User.UID == "" && out.User.Name == "" {
			out.User.Name = "unknown"
		}
	case Authentication:
		out.Service = &service
		if out.User = actorOf(e.Actor); e.Actor.Kind == postern.ActorAnonymous {
			out.User = &ocsfUser{UID: target.UID, Name: target.Name, TypeID: 0, Type: "Unknown"}
		}
		if out.User.UID == "" && out.User.Name == "" {
			out.User.Name = "unknown"
		}
	case EntityManagement:
		if target.UID == "" && target.Name == "" {
			target.Name, target.Type = "Postern", "settings"
		}
		out.Entity = &target
	case APIActivity:
		out.API = &ocsfAPI{Operation: e.Name, Service: &service}
		if target.UID != "" || target.Name != "" {
			out.Resources = []ocsfThing{target}
		}
		if out.SrcEndpoint == nil {
			out.SrcEndpoint = &ocsfEndpoint{Name: s.Host}
			if s.Host == "" {
				out.SrcEndpoint.Name = "postern"
			}
		}
	}
}

// observe lists what analysts look for across events.
func (out *ocsfEvent) observe(e postern.AuditEvent) {
	add := func(name string, id int, kind, value string) {
		if value != "" {
			out.Observables = append(out.Observables, ocsfObserved{Name: name, TypeID: id, Type: kind, Value: value})
		}
	}
	if out.SrcEndpoint != nil {
		add("src_endpoint.ip", 2, "IP Address", out.SrcEndpoint.IP)
	}
	if out.User != nil {
		add("user.name", 4, "User Name", out.User.Name)
	}
	if out.Actor.User != nil && e.Actor.Kind == postern.ActorAdministrator {
		add("actor.user.name", 4, "User Name", out.Actor.User.Name)
	}
	for n, id := range strings.Fields(e.Fields[audit.FieldGraphRequests]) {
		if n < 4 {
			add("unmapped.graph_requests", 10, "Resource UID", id)
		}
	}
}

func actorOf(a postern.Actor) *ocsfUser {
	u := &ocsfUser{UID: valid(a.ID), Name: valid(a.Name), TypeID: 99, Type: a.Kind}
	switch a.Kind {
	case postern.ActorAdministrator:
		u.TypeID, u.Type = 2, "Admin"
	case postern.ActorSystem:
		u.TypeID, u.Type = 3, "System"
	case postern.ActorAnonymous, "":
		u.TypeID, u.Type = 0, "Unknown"
	}
	if u.UID == "" && u.Name == "" {
		u.Name = "unknown"
	}
	return u
}

func endpointOf(e postern.AuditEvent) *ocsfEndpoint {
	if e.Actor.Addr == "" {
		return nil
	}
	if _, err := netip.ParseAddr(e.Actor.Addr); err != nil {
		return &ocsfEndpoint{Name: valid(e.Actor.Addr)}
	}
	return &ocsfEndpoint{IP: e.Actor.Addr}
}

// unmappedOf keeps what the schema has no place for, the chain among it.
func unmappedOf(e postern.AuditEvent) map[string]any {
	out := map[string]any{"name": e.Name, "hash": e.Hash, "previous": e.Previous}
	if e.IntegrationID != "" {
		out["integration_id"] = string(e.IntegrationID)
	}
	if len(e.Fields) > 0 {
		fields := make(map[string]string, len(e.Fields))
		for key, value := range e.Fields {
			fields[valid(key)] = valid(value)
		}
		out["fields"] = fields
	}
	return out
}

// kindOf names the kind of thing by the prefix of its identifier.
func kindOf(id string) string {
	kinds := map[string]string{
		postern.PrefixIntegration: "integration", postern.PrefixUser: "user", postern.PrefixInvitation: "invitation",
		postern.PrefixPhone: "phone", postern.PrefixWorkstation: "workstation", postern.PrefixProvisioning: "provisioning",
		postern.PrefixPasskey: "passkey", postern.PrefixAdministrator: "administrator", postern.PrefixToken: "token",
		postern.PrefixAuditStream: "audit stream", postern.PrefixSavedFilter: "audit filter",
	}
	prefix, _, ok := strings.Cut(id, "_")
	if !ok {
		return ""
	}
	return kinds[prefix]
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

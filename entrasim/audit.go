package entrasim

import (
	"encoding/json"
	"strings"
)

const (
	serviceMethods = "Authentication Methods"
	serviceDevices = "Device Registration Service"
	serviceAccess  = "Conditional Access"
	serviceCore    = "Core Directory"
)

// actor is who a Graph call acts for.
func (c *graphCall) actor() Actor {
	a := Actor{AppID: c.who.AppID, AppName: c.who.AppName, ServicePrincipalID: c.who.ServicePrincipalID, Addr: clientAddr(c.r)}
	if c.who.UserID != "" {
		a.UserID, a.UPN, a.UserName = c.who.UserID, c.who.UPN, c.who.UserName
	}
	return a
}

// audit writes one directoryAudit event of this call.
func (c *graphCall) audit(a Audit) {
	a.By, a.Correlation = c.actor(), c.clientRequestID()
	c.tenant.recordAudit(a)
}

// auditJSON is a value of a modified property.
func auditJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// auditUser writes an event about a user.
func (c *graphCall) auditUser(u *User, a Audit) {
	a.TargetType, a.TargetID, a.TargetUPN, a.TargetName = "User", u.ID, u.UPN, u.DisplayName
	c.audit(a)
}

// recordAudit adds an event to the log. ID and Time are filled in. The caller holds no lock.
func (t *Tenant) recordAudit(a Audit) {
	a.ID, a.Time = t.srv.newID(), t.now()
	if a.Correlation == "" {
		a.Correlation = t.srv.newID()
	}
	t.update(func() { t.Audits.add(a) })
}

// auditRegistration writes the two events of one registration: the security info's and, if it succeeded, the device
// registration service's. They share a correlation id.
func (c *graphCall) auditRegistration(u *User, k *Passkey, failure error) {
	by := "Admin"
	if c.who.UserID == u.ID {
		by = "User"
	}
	events := registrationAudits(by, k)
	for _, a := range events {
		if failure != nil {
			a.Failed, a.Reason = true, failure.Error()
		}
		c.auditUser(u, a)
	}
}

// registrationAudits are the events a registration leaves. by is "Admin" or "User"; k is nil if it failed.
func registrationAudits(by string, k *Passkey) []Audit {
	events := []Audit{{Service: serviceMethods, Category: "UserManagement", Activity: by + " registered security info", Operation: "Add", Reason: by + " registered Passkey (device-bound)"}}
	if k != nil {
		kind := "Passkey (" + kindText(k) + ")"
		events[0].Reason = by + " registered " + kind
		events = append(events, Audit{
			Service: serviceDevices, Category: "UserManagement", Activity: "Add " + kind, Operation: "Add",
			Details: map[string]string{"AAGuid": k.Credential.AAGUID, "WebAuthnInfo": k.Credential.DisplayName},
		})
	}
	return events
}

// deletionAudits are the events a deletion leaves.
func deletionAudits(by string, k *Passkey) []Audit {
	kind := "Passkey (" + kindText(k) + ")"
	return []Audit{
		{Service: serviceMethods, Category: "UserManagement", Activity: by + " deleted security info", Operation: "Delete", Reason: by + " deleted " + kind},
		{
			Service: serviceDevices, Category: "UserManagement", Activity: "Delete " + kind, Operation: "Delete",
			Details: map[string]string{"AAGuid": k.Credential.AAGUID, "WebAuthnInfo": k.Credential.DisplayName},
		},
	}
}

// auditDeletion writes the two events of one deletion.
func (c *graphCall) auditDeletion(u *User, k *Passkey) {
	by := "Admin"
	if c.who.UserID == u.ID {
		by = "User"
	}
	for _, a := range deletionAudits(by, k) {
		c.auditUser(u, a)
	}
}

func kindText(k *Passkey) string {
	if k.Credential.Type == "synced" {
		return "synced"
	}
	return "device-bound"
}

// auditApplication writes an event about a registration.
func (c *graphCall) auditApplication(activity, operation, id, name string) {
	c.audit(Audit{
		Service: serviceCore, Category: "ApplicationManagement", Activity: activity, Operation: operation,
		TargetType: "Application", TargetID: id, TargetName: name,
	})
}

// auditCredentials writes the event that tells of changed credentials. It names them, and no more.
func (c *graphCall) auditCredentials(a *Application) {
	names := []string{}
	for _, k := range a.Secrets {
		names = append(names, "[KeyIdentifier="+k.KeyID+",KeyType=Password,KeyUsage=Verify,DisplayName="+k.DisplayName+"]")
	}
	for _, k := range a.Certificates {
		names = append(names, "[KeyIdentifier="+k.KeyID+",KeyType=AsymmetricX509Cert,KeyUsage=Verify,DisplayName="+k.DisplayName+"]")
	}
	c.audit(Audit{
		Service: serviceCore, Category: "ApplicationManagement", Activity: "Update application – Certificates and secrets management", Operation: "Update",
		TargetType: "Application", TargetID: a.ID, TargetName: a.DisplayName, Changes: []AuditChange{{Name: "KeyDescription", New: auditJSON(names)}},
	})
}

// auditPrincipal writes an event about a service principal.
func (c *graphCall) auditPrincipal(activity, operation, id, name string) {
	c.audit(Audit{
		Service: serviceCore, Category: "ApplicationManagement", Activity: activity, Operation: operation,
		TargetType: "ServicePrincipal", TargetID: id, TargetName: name,
	})
}

// auditGrant writes an event about permissions given to a service principal, or taken away from it.
func (c *graphCall) auditGrant(activity, operation, id, name, added, removed string) {
	member := "AppRole.Value"
	if strings.HasSuffix(activity, "delegated permission grant") {
		member = "DelegatedPermissionGrant.Scope"
	}
	change := AuditChange{Name: member}
	if added != "" {
		change.New = auditJSON(added)
	}
	if removed != "" {
		change.Old = auditJSON(removed)
	}
	c.audit(Audit{
		Service: serviceCore, Category: "ApplicationManagement", Activity: activity, Operation: operation,
		TargetType: "ServicePrincipal", TargetID: id, TargetName: name, Changes: []AuditChange{change},
	})
}

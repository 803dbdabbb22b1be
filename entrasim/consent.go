package entrasim

import (
	"slices"
	"strings"
	"time"
)

// graphToolsID is the client id of Microsoft Graph Command Line Tools: a public client of Microsoft that every tenant knows
// and that administrators sign in to with a device code.
const graphToolsID = "14d82eec-204b-4c2f-b7e8-296a70dab67e"

// Clients of Microsoft that are part of Windows.
const (
	windowsSignInID      = "38aa3b87-a06d-4817-b275-7a316988d93b"
	brokerID             = "29d9ed98-a469-4536-ade2-f981bc1d605e"
	deviceRegistrationID = "dd762716-544d-4aeb-a526-687b73838a22"
)

const nativeClient = "https://login.microsoftonline.com/common/oauth2/nativeclient"

// addFirstParty makes Microsoft's own clients known to the tenant. They have no registration in it, and no service principal
// before somebody consents to one.
func (t *Tenant) addFirstParty() {
	for _, a := range []struct {
		id, name  string
		redirects []string
	}{
		{graphToolsID, "Microsoft Graph Command Line Tools", []string{"http://localhost", nativeClient}},
		{windowsSignInID, "Windows Sign In", nil},
		{brokerID, "Microsoft Authentication Broker", []string{"ms-appx-web://Microsoft.AAD.BrokerPlugin/" + brokerID, nativeClient}},
		{deviceRegistrationID, "Microsoft Device Registration Client", []string{"ms-aadj-redir://auth/drs", nativeClient}},
	} {
		if t.Apps[a.id] == nil {
			t.Apps[a.id] = &Application{
				ID: derivedID(t.ID, a.id), AppID: a.id, DisplayName: a.name, Created: t.Created, FirstParty: true, PublicClient: true, RedirectURIs: a.redirects,
			}
		}
	}
}

// Codes of refused consent.
const (
	codeAdminConsent = 90094
	codeUnknownScope = 650053
)

// consentRoles may consent to any delegated permission.
var consentRoles = []string{roleGlobalAdministrator, rolePrivilegedRoleAdministrator, roleApplicationAdministrator, roleCloudApplicationAdmin}

// requestedPermissions are the delegated permissions of Graph a scope names, without those that need no consent.
func requestedPermissions(scope string) (names []string) {
	for name := range strings.FieldsSeq(scope) {
		if registrationScope(name) {
			continue // what these clients are for
		}
		if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, graphAppID+"/") {
			name = name[strings.LastIndexByte(name, '/')+1:]
		}
		if !slices.Contains(oidcScopes, name) && name != ".default" {
			names = append(names, name)
		}
	}
	return names
}

// consent asks a user who signs in to an application of Microsoft for the permissions it wants, and takes it that they agree
// if they may. Other applications hold what they were given before. The caller holds no lock.
func (s *Server) consent(t *Tenant, clientID, userID, scope string) (refusal *accessRefusal) {
	var asked []string
	var app *Application
	made := false
	now := t.now().UTC()
	t.update(func() {
		a, u := t.app(clientID), t.Users.get(userID)
		if a == nil || !a.FirstParty || u == nil {
			return
		}
		held := a.scopesFor(userID)
		for _, name := range requestedPermissions(scope) {
			p, ok := permissionByName(name)
			switch {
			case !ok || p.scope == "":
				refusal = &accessRefusal{
					number: codeUnknownScope, final: true, advice: "Ask for a scope that Microsoft Graph has.",
					text: "The application '" + a.DisplayName + "' asked for scope '" + shorten(name, 64) + "' that doesn't exist on the resource '" + graphAppID + "'.",
				}
				return
			case slices.Contains(held, name) || slices.Contains(asked, name):
			case p.adminOnly() && !slices.ContainsFunc(u.Roles, func(r string) bool { return slices.Contains(consentRoles, r) }):
				refusal = &accessRefusal{
					number: codeAdminConsent, final: true, advice: "Ask an administrator to grant the permission, or sign in as one.",
					text: a.DisplayName + " needs permission to access resources in your organization that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.",
				}
				return
			default:
				asked = append(asked, name)
			}
		}
		if len(asked) == 0 {
			return
		}
		if made = a.ServicePrincipalID == ""; made {
			a.ServicePrincipalID, a.PrincipalCreated = s.newID(), now.Truncate(time.Second)
			t.AppOrder = append(t.AppOrder, a.AppID)
		}
		t.setScopes(a, userID, append(slices.Clone(a.UserScopes[userID]), asked...))
		for _, name := range asked {
			a.Grants[scopeKey(name, userID)] = Grant{At: now.Truncate(time.Second)}
		}
		copied := *a
		app = &copied
	})
	if app != nil {
		t.recordConsent(app, userID, asked, made)
	}
	return refusal
}

// recordConsent writes what the directory notes of a consent.
func (t *Tenant) recordConsent(app *Application, userID string, scopes []string, made bool) {
	by := Actor{UserID: userID}
	t.view(func() {
		if u := t.Users.get(userID); u != nil {
			by.UPN, by.UserName = u.UPN, u.DisplayName
		}
	})
	correlation := t.srv.newID()
	note := func(activity, operation string, changes ...AuditChange) {
		t.recordAudit(Audit{
			Service: serviceCore, Category: "ApplicationManagement", Activity: activity, Operation: operation, By: by, Correlation: correlation,
			TargetType: "ServicePrincipal", TargetID: app.ServicePrincipalID, TargetName: app.DisplayName, Changes: changes,
		})
	}
	if made {
		note("Add service principal", "Add")
	}
	note("Add delegated permission grant", "Assign", AuditChange{Name: "DelegatedPermissionGrant.Scope", New: auditJSON(strings.Join(scopes, " "))})
	note("Consent to application", "Assign", AuditChange{Name: "ConsentContext.IsAdminConsent", New: auditJSON("False")})
}

// consentDevice asks a user who signed in for what the device that waits for a code wants. The caller holds no lock.
func (s *Server) consentDevice(t *Tenant, userCode, userID string) *accessRefusal {
	var client, scope string
	t.view(func() {
		if d := t.waiting(userCode); d != nil {
			client, scope = d.ClientID, d.Scope
		}
	})
	if client == "" {
		return nil
	}
	return s.consent(t, client, userID, scope)
}

// adoptDevice moves a device code to the tenant of the user who types it, if it was asked for without naming one. The caller
// holds no lock.
func (s *Server) adoptDevice(t *Tenant, userCode string) {
	for _, other := range s.all() {
		if other == t {
			continue
		}
		var value string
		var moved *DeviceCode
		other.update(func() {
			if d := other.waiting(userCode); d != nil && d.AnyTenant {
				for v, stored := range other.Sessions.Devices {
					if stored == d {
						value, moved = v, d
					}
				}
				delete(other.Sessions.Devices, value)
			}
		})
		if moved == nil {
			continue
		}
		t.update(func() {
			if t.Sessions.Devices == nil {
				t.Sessions.Devices = make(map[string]*DeviceCode)
			}
			bound(t.Sessions.Devices, t.now(), func(d *DeviceCode) time.Time { return d.Expires })
			t.Sessions.Devices[value] = moved
		})
		return
	}
}

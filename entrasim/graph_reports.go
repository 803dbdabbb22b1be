package entrasim

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

func reportRoutes() []graphRoute {
	const details = "reports/authenticationmethods/userregistrationdetails"
	return []graphRoute{
		{method: "GET", pattern: details, need: readReports, service: reports, handle: only((*graphCall).premium, (*graphCall).registrationDetails)},
		{method: "GET", pattern: details + "/{user}", need: readReports, service: reports, handle: only((*graphCall).premium, (*graphCall).registrationDetail)},
		{method: "GET", pattern: "auditlogs/directoryaudits", need: readReports, service: reports, handle: (*graphCall).directoryAudits},
		{method: "GET", pattern: "auditlogs/signins", need: readReports, service: reports, handle: only((*graphCall).premium, (*graphCall).signIns)},
	}
}

// registered lists the methods a user had at a time, as the report names them.
func (u *User) registered(at time.Time) []string {
	methods := []string{}
	add := func(name string) {
		if !slices.Contains(methods, name) {
			methods = append(methods, name)
		}
	}
	for _, k := range u.Passkeys {
		if k.Created.After(at) || !k.live() && !k.GoneAt.After(at) {
			continue
		}
		switch name := k.Credential.Model; {
		case k.Credential.Type == passkey.Synced:
			add("passKeySynced")
		case strings.Contains(name, "Authenticator (") || strings.HasPrefix(name, "Microsoft Authenticator"):
			add("passKeyDeviceBoundAuthenticator")
		case strings.HasPrefix(name, "Windows Hello"):
			add("passKeyDeviceBoundWindowsHello")
		default:
			add("passKeyDeviceBound")
		}
	}
	for _, m := range u.Methods {
		if !m.Created.After(at) {
			add(m.Kind)
		}
	}
	return methods
}

// capable says what a list of registered methods is good for. Passkeys are good for everything.
func capable(registered []string) (multifactor, passwordless bool) {
	for _, name := range registered {
		k, other := methodKinds[name]
		multifactor = multifactor || !other || k.strong
		passwordless = passwordless || !other || k.passwordless
	}
	return multifactor, passwordless
}

// registrationRow is one row of userRegistrationDetails, as of the time the report was last refreshed.
func registrationRow(u *User, at time.Time) object {
	registered := u.registered(at)
	strong, passwordless := capable(registered)
	kind := "member"
	if u.Guest {
		kind = "guest"
	}
	return object{
		"id": u.ID, "userPrincipalName": u.UPN, "userDisplayName": u.DisplayName, "userType": kind, "isAdmin": len(u.Roles) > 0,
		"isMfaCapable": strong, "isMfaRegistered": strong, "isPasswordlessCapable": passwordless, "isSsprCapable": false, "isSsprEnabled": false, "isSsprRegistered": false,
		"isSystemPreferredAuthenticationMethodEnabled": false, "systemPreferredAuthenticationMethods": []string{},
		"userPreferredMethodForSecondaryAuthentication": "none", "methodsRegistered": registered, "lastUpdatedDateTime": shown(at),
	}
}

func (c *graphCall) registrationDetails() {
	size, ok := c.top(1000, maxPage+1)
	if !ok {
		return
	}
	from, ok := c.mark()
	if !ok {
		return
	}
	f, ok := c.reportFilter()
	if !ok {
		return
	}
	at := c.s.now().Add(-time.Duration(c.s.Levers().ReportLag))
	var values []object
	var last uint64
	more := false
	c.tenant.view(func() {
		c.tenant.Users.after(from.Seq, func(seq uint64, u *User) bool {
			if u.Created.After(at) {
				return true
			}
			row := registrationRow(u, at)
			if f != nil && !f.match(func(path string) any { return lookup(row, path) }) {
				return true
			}
			if len(values) == size {
				more = true
				return false
			}
			values, last = append(values, c.pick(row)), seq
			return true
		})
	})
	extra := object{}
	if more {
		extra["@odata.nextLink"] = c.nextLink(pageMark{Seq: last})
	}
	c.collection("reports/authenticationMethods/userRegistrationDetails", values, extra)
}

func (c *graphCall) registrationDetail() {
	at := c.s.now().Add(-time.Duration(c.s.Levers().ReportLag))
	var row object
	c.tenant.view(func() {
		if u := c.tenant.user(c.param["user"]); u != nil && !u.Created.After(at) {
			row = registrationRow(u, at)
		}
	})
	if row == nil {
		c.notFound(c.param["user"])
		return
	}
	c.entity(http.StatusOK, "reports/authenticationMethods/userRegistrationDetails/$entity", c.pick(row))
}

// reportFilter reads $filter of a report; nil if there is none.
func (c *graphCall) reportFilter() (*filter, bool) {
	q := c.q.Get("$filter")
	if q == "" {
		return nil, true
	}
	f, err := parseFilter(q)
	if err != nil {
		c.fail(http.StatusBadRequest, "BadRequest", err.Error())
		return nil, false
	}
	return f, true
}

// events answers a page of a log, newest first.
func events[T any](c *graphCall, log *eventLog[T], context string, when func(*T) time.Time, build func(*T) object) {
	size, ok := c.top(1000, 1000)
	if !ok {
		return
	}
	from, ok := c.mark()
	if !ok {
		return
	}
	f, ok := c.reportFilter()
	if !ok {
		return
	}
	at := c.s.now().Add(-time.Duration(c.s.Levers().ReportLag))
	var values []object
	var last uint64
	more := false
	c.tenant.view(func() {
		for i := len(log.Events) - 1; i >= 0; i-- {
			seq := log.First + uint64(i) + 1
			e := &log.Events[i]
			if from.Seq != 0 && seq >= from.Seq || when(e).After(at) {
				continue
			}
			row := build(e)
			if f != nil && !f.match(func(path string) any { return lookup(row, path) }) {
				continue
			}
			if len(values) == size {
				more = true
				break
			}
			for k, v := range row {
				row[k] = shown(v)
			}
			values, last = append(values, c.pick(row)), seq
		}
	})
	extra := object{}
	if more {
		extra["@odata.nextLink"] = c.nextLink(pageMark{Seq: last})
	}
	c.collection(context, values, extra)
}

func (c *graphCall) directoryAudits() {
	events(c, &c.tenant.Audits, "auditLogs/directoryAudits", func(a *Audit) time.Time { return a.Time }, showAudit)
}

func showAudit(a *Audit) object {
	result := "success"
	if a.Failed {
		result = "failure"
	}
	by := object{"user": nil, "app": nil}
	if a.By.UserID != "" {
		by["user"] = object{"id": a.By.UserID, "displayName": a.By.UserName, "userPrincipalName": a.By.UPN, "ipAddress": a.By.Addr}
	} else {
		by["app"] = object{"appId": a.By.AppID, "displayName": a.By.AppName, "servicePrincipalId": a.By.ServicePrincipalID, "servicePrincipalName": nil}
	}
	details := []object{}
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range a.Details {
			if !yield(k) {
				return
			}
		}
	}) {
		details = append(details, object{"key": k, "value": a.Details[k]})
	}
	changes := []object{}
	for _, p := range a.Changes {
		changes = append(changes, object{"displayName": p.Name, "oldValue": text(p.Old), "newValue": text(p.New)})
	}
	targets := []object{}
	if a.TargetType != "" {
		targets = append(targets, object{
			"id": text(a.TargetID), "displayName": text(a.TargetName), "type": a.TargetType, "userPrincipalName": text(a.TargetUPN),
			"groupType": nil, "modifiedProperties": changes,
		})
	}
	return object{
		"id": a.ID, "activityDateTime": a.Time, "activityDisplayName": a.Activity, "category": a.Category, "correlationId": a.Correlation, "initiatedBy": by,
		"loggedByService": a.Service, "operationType": a.Operation, "result": result, "resultReason": a.Reason, "targetResources": targets, "additionalDetails": details,
	}
}

func (c *graphCall) signIns() {
	events(c, &c.tenant.SignIns, "auditLogs/signIns", func(e *SignIn) time.Time { return e.Time }, c.showSignIn)
}

func (c *graphCall) showSignIn(e *SignIn) object {
	access, client := e.Access, e.Client
	if access == "" {
		access = "notApplied"
	}
	if client == "" {
		client = "Browser"
	}
	failure := e.Failure
	if failure == "" {
		failure = "Other."
	}
	device := object{"deviceId": "", "displayName": "", "operatingSystem": "", "browser": e.UserAgent}
	if d := e.Device; d.ID != "" {
		device = object{
			"deviceId": d.ID, "displayName": d.Name, "operatingSystem": "Windows", "browser": "", "isCompliant": d.Compliant, "isManaged": d.Compliant,
			"trustType": map[string]string{trustJoined: "Azure AD joined", trustHybrid: "Hybrid Azure AD joined", trustRegistered: "Azure AD registered"}[d.Trust],
		}
	}
	out := object{
		"id": e.ID, "createdDateTime": e.Time, "userId": e.UserID, "userPrincipalName": e.UPN, "userDisplayName": e.UserName, "appId": e.AppID,
		"appDisplayName": e.AppName, "clientAppUsed": client, "conditionalAccessStatus": access, "appliedConditionalAccessPolicies": c.showApplied(e.Applied),
		"correlationId": e.Correlation, "deviceDetail": device,
		"ipAddress": e.Address, "isInteractive": true, "location": object{"city": nil, "countryOrRegion": nil}, "resourceId": graphAppID,
		"resourceDisplayName": "Microsoft Graph", "status": object{"errorCode": e.ErrorCode, "failureReason": failure, "additionalDetails": nil},
		"homeTenantId": c.tenant.ID, "resourceTenantId": c.tenant.ID, "userAgent": e.UserAgent, "riskState": "none", "riskLevelDuringSignIn": "none",
	}
	if c.version == "beta" {
		requirement := "singleFactorAuthentication"
		if e.Method != "" && e.Method != "Password" {
			requirement = "multiFactorAuthentication"
		}
		out["authenticationRequirement"] = requirement
		out["authenticationDetails"] = []object{{
			"authenticationMethod": e.Method, "authenticationMethodDetail": text(e.Detail), "authenticationStepDateTime": shown(e.Time),
			"authenticationStepRequirement": "Primary authentication", "authenticationStepResultDetail": failure, // What Conditional Access refuses was signed in to well enough.
			"succeeded": e.ErrorCode == 0 || e.Access == "failure",
		}}
		out["authenticationMethodsUsed"] = []string{e.Method}
	}
	return out
}

// showApplied lists the Conditional Access policies that applied, for callers who may read such policies.
func (c *graphCall) showApplied(list []AppliedPolicy) []object {
	out := []object{}
	held := c.who.Roles
	if c.who.UserID != "" {
		held = c.who.Scopes
	}
	if !holds(held, []string{"Policy.Read.ConditionalAccess", "Policy.Read.All"}) {
		return out
	}
	for _, p := range list {
		out = append(out, object{"id": p.ID, "displayName": p.Name, "enforcedGrantControls": append([]string{}, p.Controls...), "enforcedSessionControls": []string{}, "result": p.Result})
	}
	return out
}

package recipe

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// graphAppID is the client id of Microsoft Graph in every tenant.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// maxPages bounds how far a list is followed.
const maxPages = 100

// looker reads a tenant.
type looker struct {
	ctx context.Context //nolint:containedctx // lives as long as one look
	ask Asker
}

// Look reads what of a recipe a tenant has. What only serves notes may be refused; anything else that is refused is an
// error.
func Look(ctx context.Context, a Asker, w Want) (Seen, error) {
	l := looker{ctx, a}
	var s Seen
	for _, read := range []func(Want, *Seen) error{
		l.organization, l.graph, l.application, l.consent, l.account, l.policy, l.windows, l.group, l.access, l.licences,
	} {
		if err := read(w, &s); err != nil {
			return Seen{}, err
		}
	}
	return s, nil
}

// get reads an object; that there is none is no error.
func (l looker) get(doing, version, path string, into any) (found bool, err error) {
	answer, err := l.ask.Ask(l.ctx, Request{Doing: doing, Method: http.MethodGet, Version: version, Path: path})
	switch {
	case answer.Status == http.StatusNotFound:
		return false, nil
	case answer.Status >= http.StatusBadRequest || err != nil:
		return false, refused(doing, answer, err)
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return false, postern.Errorf(postern.CodeEntraAnswerUnexpected, "Graph's answer to the request to %s is not the expected JSON.", doing).Because(err)
	}
	return true, nil
}

func refused(doing string, a Answer, err error) error {
	switch {
	case a.Status == http.StatusForbidden:
		return postern.Errorf(postern.CodeSetupRole, "The administrator who signed in may not %s.", doing).Because(err)
	case err != nil:
		return err
	default:
		return postern.Errorf(postern.CodeEntraAnswerUnexpected, "Graph refused the request to %s with status %d.", doing, a.Status)
	}
}

// list reads all pages of a list.
func list[T any](l looker, doing, version, path string) ([]T, error) {
	var all []T
	for range maxPages {
		var page struct {
			Value []T    `json:"value"`
			Next  string `json:"@odata.nextLink"`
		}
		if found, err := l.get(doing, version, path, &page); err != nil || !found {
			return all, err
		}
		all = append(all, page.Value...)
		if page.Next == "" {
			return all, nil
		}
		next, err := url.Parse(page.Next)
		rest, ok := "", false
		if err == nil {
			rest, ok = strings.CutPrefix(next.RequestURI(), "/"+version+"/")
		}
		if !ok {
			return nil, postern.Errorf(postern.CodeEntraAnswerUnexpected, "Graph's list to %s goes on at an address that is not Graph's.", doing)
		}
		path = "/" + rest
	}
	return nil, postern.Errorf(postern.CodeEntraAnswerUnexpected, "Graph's list to %s has more than %d pages.", doing, maxPages)
}

// optional is list for what only serves notes: read says whether it could be read.
func optional[T any](l looker, doing, version, path string) (all []T, read bool, err error) {
	all, err = list[T](l, doing, version, path)
	if err == nil {
		return all, true, nil
	}
	if l.ctx.Err() != nil {
		return nil, false, err
	}
	return nil, false, nil
}

func (l looker) organization(_ Want, s *Seen) error {
	type organization struct {
		ID      string `json:"id"`
		Name    string `json:"displayName"`
		Domains []struct {
			Name    string `json:"name"`
			Initial bool   `json:"isInitial"`
		} `json:"verifiedDomains"`
	}
	const doing = "read the organisation"
	all, err := list[organization](l, doing, stable, "/organization?$select=id,displayName,verifiedDomains")
	if err != nil {
		return err
	}
	if len(all) != 1 || all[0].ID == "" {
		return postern.Errorf(postern.CodeEntraAnswerUnexpected, "Graph does not say which organisation this is.")
	}
	s.TenantID, s.TenantName = strings.ToLower(all[0].ID), all[0].Name
	for _, d := range all[0].Domains {
		if d.Initial {
			s.InitialDomain = d.Name
		}
	}
	return nil
}

func (l looker) graph(_ Want, s *Seen) error {
	type permission struct {
		ID      string `json:"id"`
		Value   string `json:"value"`
		Enabled bool   `json:"isEnabled"`
	}
	var sp struct {
		ID     string       `json:"id"`
		Roles  []permission `json:"appRoles"`
		Scopes []permission `json:"oauth2PermissionScopes"`
	}
	const doing = "look the permissions of Microsoft Graph up"
	found, err := l.get(doing, stable, graphPath+"?$select=id,appRoles,oauth2PermissionScopes", &sp)
	if err != nil {
		return err
	}
	if !found || sp.ID == "" {
		return postern.Errorf(postern.CodeEntraAnswerUnexpected, "The tenant has no service principal of Microsoft Graph.")
	}
	byName := func(list []permission) map[string]string {
		out := make(map[string]string)
		for _, p := range list {
			if p.Enabled && p.Value != "" {
				out[p.Value] = strings.ToLower(p.ID)
			}
		}
		return out
	}
	s.Graph = Graph{ID: sp.ID, Roles: byName(sp.Roles), Scopes: byName(sp.Scopes)}
	// Of some hundred permissions those that a set may ask for are enough to remember.
	wanted := func(name string) bool {
		return slices.ContainsFunc(postern.PermissionSets(), func(set postern.PermissionSet) bool {
			return slices.ContainsFunc(postern.Grants(set), func(g postern.PermissionGrant) bool { return g.Name == name })
		})
	}
	drop := func(name, _ string) bool { return !wanted(name) }
	maps.DeleteFunc(s.Graph.Roles, drop)
	maps.DeleteFunc(s.Graph.Scopes, drop)
	return nil
}

const applicationFields = "id,appId,displayName,signInAudience,isFallbackPublicClient,tags,web,publicClient,requiredResourceAccess,keyCredentials,passwordCredentials"

func (l looker) application(w Want, s *Seen) error {
	const doing = "look for the app registration"
	id := w.ApplicationID
	if id == "" {
		marked, err := list[Application](l, doing, stable, "/applications?$filter="+query("tags/any(t:t eq "+odata(w.mark())+")")+"&$select=id")
		if err != nil {
			return err
		}
		if len(marked) > 1 {
			return postern.Errorf(postern.CodeEntraAnswerUnexpected, "The tenant has %d app registrations with the tag %s.", len(marked), w.mark()).
				WithNext("Delete those that Postern does not use, and look again.")
		}
		if len(marked) == 1 {
			id = marked[0].ID
		}
	}
	if id != "" {
		var app Application
		found, err := l.get(doing, stable, "/applications/"+url.PathEscape(id)+"?$select="+applicationFields, &app)
		if err != nil {
			return err
		}
		if found {
			s.Application = &app
		}
	}
	same, _, err := optional[Application](l, "look for app registrations of the same name", stable,
		"/applications?$filter="+query("displayName eq "+odata(w.Input.RegistrationName))+"&$select=id,appId")
	for _, other := range same {
		if s.Application == nil || other.ID != s.Application.ID {
			s.SameName = append(s.SameName, other.ClientID)
		}
	}
	return err
}

func (l looker) consent(_ Want, s *Seen) error {
	if s.Application == nil {
		return nil
	}
	type principal struct {
		ID string `json:"id"`
	}
	found, err := list[principal](l, "look for the enterprise application", stable, "/servicePrincipals?$filter="+query("appId eq "+odata(s.Application.ClientID))+"&$select=id")
	if err != nil || len(found) == 0 {
		return err
	}
	s.ServicePrincipal = found[0].ID
	type assignment struct {
		Resource string `json:"resourceId"`
		Role     string `json:"appRoleId"`
	}
	const doing = "read what was consented to"
	assigned, err := list[assignment](l, doing, stable, "/servicePrincipals/"+url.PathEscape(s.ServicePrincipal)+"/appRoleAssignments")
	if err != nil {
		return err
	}
	for _, a := range assigned {
		if strings.EqualFold(a.Resource, s.Graph.ID) {
			s.Roles = append(s.Roles, strings.ToLower(a.Role))
		}
	}
	type grant struct {
		DelegatedGrant
		Client   string `json:"clientId"`
		Consent  string `json:"consentType"`
		Resource string `json:"resourceId"`
	}
	grants, err := list[grant](l, doing, stable, "/oauth2PermissionGrants?$filter="+query("clientId eq "+odata(s.ServicePrincipal)))
	for _, g := range grants {
		if g.Client == s.ServicePrincipal && strings.EqualFold(g.Resource, s.Graph.ID) && g.Consent == allPrincipals {
			s.Grant = &DelegatedGrant{ID: g.ID, Scope: g.Scope}
		}
	}
	return err
}

func (l looker) account(w Want, s *Seen) error {
	if !w.legacy() {
		return nil
	}
	const doing = "look for the service account"
	var found Account
	there, err := l.get(doing, stable, "/users/"+url.PathEscape(w.Input.ServiceAccountUsername+"@"+s.InitialDomain)+"?$select=id,userPrincipalName,jobTitle,accountEnabled", &found)
	if err != nil || !there {
		return err
	}
	type assignment struct {
		Role string `json:"roleDefinitionId"`
	}
	roles, err := list[assignment](l, "read the roles of the service account", stable, "/roleManagement/directory/roleAssignments?$filter="+query("principalId eq "+odata(found.ID)))
	for _, r := range roles {
		found.Roles = append(found.Roles, strings.ToLower(r.Role))
	}
	s.Account = &found
	return err
}

func (l looker) policy(w Want, s *Seen) error {
	found, err := l.get("read the passkey policy", stable, entra.PasskeyPolicyPath, &s.Policy)
	if err == nil && !found {
		err = postern.Errorf(postern.CodeEntraAnswerUnexpected, "The tenant has no passkey policy.")
	}
	if err == nil {
		_, err = entra.DecodePasskeyPolicy(s.Policy)
	}
	if err != nil && !w.Input.Policy && l.ctx.Err() == nil {
		s.Policy, err = nil, nil
	}
	return err
}

func (l looker) windows(w Want, s *Seen) error {
	kind, ok := profileKinds[w.Input.Windows]
	if !ok {
		return nil
	}
	type profile struct {
		ID          string `json:"id"`
		Description string `json:"description"`
	}
	all, err := list[profile](l, "look for the Intune setting", kind.version, kind.path+"?$select=id,description")
	if err != nil {
		return err
	}
	for _, p := range all {
		if !strings.Contains(p.Description, w.mark()) {
			continue
		}
		assigned, err := list[struct {
			Target json.RawMessage `json:"target"`
		}](l, "read whom the Intune setting is assigned to", kind.version, kind.path+"/"+url.PathEscape(p.ID)+"/assignments")
		if err != nil {
			return err
		}
		s.Windows = &WindowsProfile{ID: p.ID}
		for _, a := range assigned {
			s.Windows.Assignments = append(s.Windows.Assignments, a.Target)
		}
		return nil
	}
	return nil
}

func (l looker) group(w Want, s *Seen) (err error) {
	if w.Input.WindowsGroup == "" {
		return nil
	}
	s.Groups, err = list[DirectoryGroup](l, "look for the group", stable, groupQuery(w.Input.WindowsGroup))
	return err
}

func (l looker) access(_ Want, s *Seen) (err error) {
	if s.Access, s.AccessRead, err = optional[AccessPolicy](l, "read Conditional Access policies", stable, "/identity/conditionalAccess/policies"); err != nil {
		return err
	}
	s.Access = slices.DeleteFunc(s.Access, func(p AccessPolicy) bool { return p.State == "disabled" })
	var defaults struct {
		On bool `json:"isEnabled"`
	}
	if _, err = l.get("read whether security defaults are on", stable, "/policies/identitySecurityDefaultsEnforcementPolicy", &defaults); err != nil && l.ctx.Err() != nil {
		return err
	}
	s.SecurityDefaults = defaults.On
	return nil
}

func (l looker) licences(_ Want, s *Seen) error {
	type sku struct {
		Status string `json:"capabilityStatus"`
		Plans  []struct {
			Name   string `json:"servicePlanName"`
			Status string `json:"provisioningStatus"`
		} `json:"servicePlans"`
	}
	all, read, err := optional[sku](l, "read the tenant's licences", stable, "/subscribedSkus")
	if !read {
		return err
	}
	s.Plans = []string{}
	for _, k := range all {
		if k.Status != "Enabled" && k.Status != "Warning" {
			continue
		}
		for _, p := range k.Plans {
			if p.Status != "Disabled" && !slices.Contains(s.Plans, p.Name) {
				s.Plans = append(s.Plans, p.Name)
			}
		}
	}
	slices.Sort(s.Plans)
	return nil
}

// odata writes a string as OData does.
func odata(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// query escapes a part of a query. Braces of values stay as they are.
func query(s string) string {
	s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	return unescapeReference.Replace(s)
}

var unescapeReference = strings.NewReplacer("%7B", "{", "%7D", "}")

// groupQuery finds a group by its object id or its name.
func groupQuery(group string) string {
	by := "displayName eq " + odata(group)
	if isGUID(group) {
		by = "id eq " + odata(group)
	}
	return fmt.Sprintf("/groups?$filter=%s&$select=id,displayName,securityEnabled", query(by))
}

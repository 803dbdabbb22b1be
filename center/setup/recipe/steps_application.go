package recipe

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // Entra names certificates by it
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
)

// What a registration of an application has on the wire.
const (
	audienceTenant = "AzureADMyOrg"
	redirectURI    = "https://login.microsoftonline.com/common/oauth2/nativeclient"
	typeRole       = "Role"
	typeScope      = "Scope"
	allPrincipals  = "AllPrincipals"
	graphPath      = "/servicePrincipals(appId='" + graphAppID + "')"
	alreadyGiven   = "Permission being assigned already exists on the object"
)

type object = map[string]any

// redirects are the platforms of the registration. The service account signs in as a public client, which counts only on
// the platform for mobile and desktop applications; otherwise nobody signs in through the address, and it stands where the
// guides put it.
func (w Want) redirects() (web, public []string) {
	if w.legacy() {
		return []string{}, []string{redirectURI}
	}
	return []string{redirectURI}, []string{}
}

func (w Want) applicationStep(s Seen) Step {
	step := Step{
		Key: StepApplication, Title: "Register an application",
		Why: "Postern calls Microsoft Graph as an application of your tenant. Only accounts of your tenant can use it, and it has no rights before you consent to some.",
	}
	web, public := w.redirects()
	body := object{
		"displayName": w.Input.RegistrationName, "signInAudience": audienceTenant, "isFallbackPublicClient": w.legacy(),
		"web": object{"redirectUris": web}, "publicClient": object{"redirectUris": public},
		"tags": []string{w.mark()}, "notes": "Made by the set-up " + string(w.Setup) + " of Postern.",
	}
	app := s.Application
	switch {
	case app == nil:
		step.Requests = []Request{{
			Doing: "register the application", Method: http.MethodPost, Version: stable, Path: "/applications", Body: marshal(body),
			Capture: map[string]string{ValueApplicationID: "id", ValueClientID: "appId"},
			Find: &Find{
				Path:    "/applications?$filter=" + query("tags/any(t:t eq "+odata(w.mark())+")") + "&$select=id,appId",
				In:      "value",
				Capture: map[string]string{ValueApplicationID: "id", ValueClientID: "appId"},
			},
		}}
		if s.looked() {
			step.Found = "There is no app registration of this set-up."
		}
	case app.Audience == audienceTenant && app.Fallback == w.legacy() && holdsAll(app.Web.URIs, web) && sameSet(app.PublicClient.URIs, public):
		step.Done, step.Found = true, fmt.Sprintf("The app registration %s is there (client id %s).", app.Name, app.ClientID)
	default:
		delete(body, "displayName")
		delete(body, "notes")
		// The address for people who prove themselves by a sign-in is added by hand, and stays.
		body["web"] = object{"redirectUris": append(slices.DeleteFunc(slices.Clone(web), func(u string) bool { return slices.Contains(app.Web.URIs, u) }), app.Web.URIs...)}
		body["tags"] = append(slices.DeleteFunc(slices.Clone(app.Tags), func(t string) bool { return t == w.mark() }), w.mark())
		step.Found = fmt.Sprintf("The app registration %s is there, but who may sign in to it, or its redirect URI, is not what Postern needs.", app.Name)
		step.Requests = []Request{{
			Doing: "correct the app registration", Method: http.MethodPatch, Version: stable,
			Path: "/applications/{application_id}", Body: marshal(body), Late: true,
		}}
	}
	return step
}

func (w Want) principalStep(s Seen) Step {
	step := Step{
		Key: StepServicePrincipal, Title: "Make its enterprise application",
		Why:  "Rights are given to the enterprise application (service principal), which stands for the app registration in your tenant.",
		Done: s.ServicePrincipal != "",
	}
	switch {
	case step.Done:
		step.Found = "The enterprise application is there."
	case s.looked():
		step.Found = "There is no enterprise application."
	}
	step.Requests = []Request{{
		Doing: "make the enterprise application", Method: http.MethodPost, Version: stable, Path: "/servicePrincipals",
		Body: marshal(object{"appId": "{client_id}"}), Late: true,
		Capture: map[string]string{ValueServicePrincipal: "id"},
		Find: &Find{
			Path: "/servicePrincipals?$filter=" + query("appId eq '{client_id}'") + "&$select=id", In: "value",
			Capture: map[string]string{ValueServicePrincipal: "id"},
		},
	}}
	return step
}

// permit is a permission with its id in the tenant, and false if the tenant does not know it. A draft, for a tenant nobody
// looked at, takes the ids that Microsoft publishes.
func permit(s Seen, g postern.PermissionGrant) (AccessToPermit, bool) {
	ids, published, kind := s.Graph.Roles, publishedRoles, typeRole
	if g.Type == postern.PermissionDelegated {
		ids, published, kind = s.Graph.Scopes, publishedScopes, typeScope
	}
	if s.Graph.ID == "" {
		ids = published
	}
	id, ok := ids[g.Name]
	return AccessToPermit{ID: id, Type: kind}, ok
}

func (w Want) access(s Seen) (all []AccessToPermit, unknown *postern.SetupProblem) {
	for _, g := range postern.Grants(w.Input.PermissionSet) {
		a, ok := permit(s, g)
		if !ok {
			return nil, problem(postern.CodeEntraAnswerUnexpected, "Choose another permission set; in some national clouds Microsoft Graph lacks permissions.",
				"Microsoft Graph in this tenant has no %s permission %s.", g.Type, g.Name)
		}
		all = append(all, a)
	}
	return all, nil
}

func (w Want) permissionsStep(s Seen) Step {
	step := Step{
		Key: StepPermissions, Title: "Say which permissions it asks for",
		Why: "The list on the page API permissions: exactly what the permission set " + string(w.Input.PermissionSet) + " needs, each of the right type. The default permission User.Read is not among them.",
	}
	wanted, unknown := w.access(s)
	if step.Problem = unknown; unknown != nil {
		return step
	}
	if s.Application != nil {
		var there []AccessToPermit
		for _, r := range s.Application.Access {
			for _, a := range r.Access {
				if !strings.EqualFold(r.Resource, graphAppID) {
					a.Type = r.Resource // of another API: surplus whatever it is
				}
				there = append(there, AccessToPermit{strings.ToLower(a.ID), a.Type})
			}
		}
		step.Done = len(there) == len(wanted) && !slices.ContainsFunc(wanted, func(a AccessToPermit) bool { return !slices.Contains(there, a) })
		step.Found = fmt.Sprintf("It asks for %s.", plural(len(there), "permission", "permissions"))
		if step.Done {
			step.Found = "It asks for exactly these permissions."
		}
	}
	step.Requests = []Request{{
		Doing: "set the permissions", Method: http.MethodPatch, Version: stable, Path: "/applications/{application_id}", Late: true,
		Body: marshal(object{"requiredResourceAccess": []ResourceAccess{{Resource: graphAppID, Access: wanted}}}),
	}}
	return step
}

func (w Want) consentStep(s Seen) Step {
	step := Step{
		Key: StepConsent, Title: "Grant admin consent",
		Why: "Permissions have no effect before an administrator consents to them for the whole tenant. Entra shows them as granted then, and each is read back with its type.",
	}
	if _, unknown := w.access(s); unknown != nil {
		step.Problem = unknown
		return step
	}
	if s.Graph.ID == "" {
		step.Requests = append(step.Requests, Request{
			Doing: "find Microsoft Graph in the tenant", Method: http.MethodGet, Version: stable, Path: graphPath + "?$select=id",
			Find: &Find{Capture: map[string]string{ValueGraph: "id"}},
		})
	}
	var missing []string
	for _, g := range w.application() {
		a, _ := permit(s, g)
		if slices.Contains(s.Roles, a.ID) {
			continue
		}
		missing = append(missing, g.Name)
		step.Requests = append(step.Requests, Request{
			Doing: "consent to " + g.Name, Method: http.MethodPost, Version: stable, Path: "/servicePrincipals/{service_principal_id}/appRoleAssignments",
			Body:  marshal(object{"principalId": "{service_principal_id}", "resourceId": "{graph_id}", "appRoleId": a.ID}),
			There: alreadyGiven, Late: true,
			Find: &Find{
				Path: "/servicePrincipals/{service_principal_id}/appRoleAssignments", In: "value",
				Match: []Member{{"resourceId", "{graph_id}"}, {"appRoleId", a.ID}},
			},
		})
	}
	asked, lacking := w.scopes(s)
	missing = append(missing, lacking...)
	if len(lacking) > 0 {
		step.Requests = append(step.Requests, delegate(s, asked))
	}
	step.Done = s.ServicePrincipal != "" && len(missing) == 0
	switch {
	case step.Done:
		step.Found = "Consent was given to all of them."
	case s.ServicePrincipal != "":
		step.Found = "Consent is missing for " + and(missing) + "."
	}
	return step
}

// scopes are the delegated permissions that the consent shall have, those there included, and which of them it lacks.
func (w Want) scopes(s Seen) (all, lacking []string) {
	if s.Grant != nil {
		all = strings.Fields(s.Grant.Scope)
	}
	for _, g := range w.delegated() {
		if !slices.Contains(all, g.Name) {
			all, lacking = append(all, g.Name), append(lacking, g.Name)
		}
	}
	return all, lacking
}

func delegate(s Seen, scopes []string) Request {
	scope := strings.Join(scopes, " ")
	if s.Grant != nil {
		return Request{
			Doing: "consent to the delegated permissions", Method: http.MethodPatch, Version: stable, Path: "/oauth2PermissionGrants/{grant_id}",
			Body: marshal(object{"scope": scope}), Late: true,
		}
	}
	return Request{
		Doing: "consent to the delegated permissions", Method: http.MethodPost, Version: stable, Path: "/oauth2PermissionGrants",
		Body:    marshal(object{"clientId": "{service_principal_id}", "consentType": allPrincipals, "principalId": nil, "resourceId": "{graph_id}", "scope": scope}),
		Capture: map[string]string{ValueGrant: "id"}, Late: true,
		Find: &Find{
			Path: "/oauth2PermissionGrants?$filter=" + query("clientId eq '{service_principal_id}'"), In: "value",
			Match:   []Member{{"resourceId", "{graph_id}"}, {"consentType", allPrincipals}},
			Capture: map[string]string{ValueGrant: "id"},
		},
	}
}

func (w Want) certificateStep(s Seen) Step {
	step := Step{
		Key: StepCertificate, Title: "Upload the certificate",
		Why: "Postern made a key pair. Its private key never leaves Postern; Entra gets the certificate and knows Postern by it. No secret travels, so none can leak on the way.",
	}
	sum := sha1.Sum(w.Certificate) //nolint:gosec // see above
	keys := []KeyCredential{}
	if s.Application != nil {
		for _, k := range s.Application.Keys {
			if w.isOurs(k, sum[:]) {
				step.Done, step.Found = true, "The certificate is there."
				return step
			}
			keys = append(keys, k)
		}
		step.Found = "The certificate is not there."
		if len(keys) > 0 {
			step.Found = fmt.Sprintf("It has %s; this one is not among them.", plural(len(keys), "other certificate", "other certificates"))
		}
	}
	for _, k := range keys {
		if k.Key == "" {
			step.Problem = problem(postern.CodeEntraAnswerUnexpected, "Upload the certificate in the Entra admin center, under Certificates & secrets, and continue.",
				"Entra does not give out the other certificates of the application, and adding one by Graph would remove them.")
			return step
		}
	}
	before := certificateNames(keys)
	keys = append(keys, KeyCredential{
		Key: base64.StdEncoding.EncodeToString(w.Certificate), Name: w.credentialName(), Type: "AsymmetricX509Cert", Usage: "Verify",
	})
	step.Requests = []Request{{
		Doing: "upload the certificate", Method: http.MethodPatch, Version: stable, Path: "/applications/{application_id}", Late: true,
		Body: marshal(object{"keyCredentials": keys}),
		// The whole list is replaced: a certificate that came since must not get lost.
		Guard: &Guard{
			Path: "/applications/{application_id}?$select=keyCredentials",
			Done: []Compare{{"keyCredentials[].displayName", []json.RawMessage{certificateNames(keys)}}},
			Only: []Compare{{"keyCredentials[].displayName", []json.RawMessage{before}}},
		},
	}}
	return step
}

func certificateNames(keys []KeyCredential) json.RawMessage {
	list := make([]object, 0, len(keys))
	for _, k := range keys {
		list = append(list, object{"displayName": k.Name})
	}
	return project(marshal(object{"keyCredentials": list}), "keyCredentials[].displayName")
}

func (w Want) credentialName() string { return "Postern " + string(w.Setup) }

// isOurs compares a certificate by its bytes or by its thumbprint, in the forms that Entra gives.
func (w Want) isOurs(k KeyCredential, sum []byte) bool {
	if der, err := base64.StdEncoding.DecodeString(k.Key); err == nil && len(der) > 0 {
		return bytes.Equal(der, w.Certificate)
	}
	return k.Thumbprint == base64.StdEncoding.EncodeToString(sum) || strings.EqualFold(k.Thumbprint, hex.EncodeToString(sum))
}

func (w Want) secretStep(s Seen) Step {
	step := Step{
		Key: StepClientSecret, Title: "Make a client secret",
		Why: fmt.Sprintf("Postern proves itself with a secret that Entra makes. Entra shows it once and never again; it ends after %s. A certificate is the safer choice.", plural(w.Input.CredentialDays, "day", "days")),
	}
	if s.Application != nil {
		step.Found = "There is no secret of this set-up."
		for _, p := range s.Application.Passwords {
			switch {
			case p.Name != w.credentialName():
			case p.ID == w.SecretID:
				step.Done, step.Found = true, "The secret that Postern holds is there."
				return step
			default:
				step.Found = "There is a secret of this set-up that Postern does not hold; a new one takes its place."
				step.Requests = append(step.Requests, Request{
					Doing: "remove the lost secret", Method: http.MethodPost, Version: stable, Path: "/applications/{application_id}/removePassword",
					Body: marshal(object{"keyId": p.ID}), Late: true,
				})
			}
		}
	}
	ends := w.Now.AddDate(0, 0, w.Input.CredentialDays).UTC().Truncate(time.Second)
	step.Requests = append(step.Requests, Request{
		Doing: "make a client secret", Method: http.MethodPost, Version: stable, Path: "/applications/{application_id}/addPassword", Late: true,
		Body:    marshal(object{"passwordCredential": object{"displayName": w.credentialName(), "endDateTime": ends}}),
		Capture: map[string]string{ValueSecret: "secretText", ValueSecretID: "keyId"}, Secret: []string{ValueSecret},
		Find: &Find{
			Path: "/applications/{application_id}?$select=passwordCredentials", In: "passwordCredentials",
			Match: []Member{{"displayName", w.credentialName()}},
		},
	})
	return step
}

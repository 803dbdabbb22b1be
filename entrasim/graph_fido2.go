package entrasim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

func fido2Routes() []graphRoute {
	all := permission{
		app:       []string{"UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"},
		delegated: []string{"UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"},
		self:      []string{"UserAuthenticationMethod.Read", "UserAuthenticationMethod.ReadWrite"},
		roles:     readPasskeys.roles, privileged: readPasskeys.privileged,
	}
	const at = "users/{user}/authentication/fido2methods"
	return []graphRoute{
		{method: "GET", pattern: "users/{user}/authentication/methods", need: all, service: methods, handle: (*graphCall).listMethods},
		{method: "GET", pattern: at, need: readPasskeys, service: methods, handle: (*graphCall).listPasskeys},
		{method: "POST", pattern: at, need: writePasskeys, service: methods, handle: (*graphCall).createPasskey},
		{method: "GET", pattern: at + "/creationoptions", need: writePasskeys, service: methods, handle: (*graphCall).creationOptions},
		{method: "GET", pattern: at + "/microsoft.graph.creationoptions", need: writePasskeys, service: methods, handle: (*graphCall).creationOptions},
		{method: "GET", pattern: at + "/{method}", need: readPasskeys, service: methods, handle: (*graphCall).getPasskey},
		{method: "DELETE", pattern: at + "/{method}", need: writePasskeys, service: methods, handle: (*graphCall).deletePasskey},
	}
}

// showPasskey builds a fido2AuthenticationMethod.
func (c *graphCall) showPasskey(k *Passkey) object {
	certificates := k.Credential.AttestationCertificates
	if certificates == nil {
		certificates = []string{}
	}
	out := object{
		"id": k.ID, "displayName": k.Credential.DisplayName, "createdDateTime": shown(k.Created), "aaGuid": k.Credential.AAGUID,
		"model": k.Credential.Model, "attestationCertificates": certificates, "attestationLevel": k.Credential.AttestationLevel(),
		"passkeyType": k.Credential.Type,
	}
	if c.version == "beta" {
		out["lastUsedDateTime"] = nil
		if !k.LastUsed.IsZero() {
			out["lastUsedDateTime"] = shown(k.LastUsed)
		}
	}
	return out
}

// passkeysOf copies what reads show of a user's passkeys; it answers 404 and returns false if there is no such user.
func (c *graphCall) passkeysOf() (user *User, list []*Passkey, ok bool) {
	now := c.s.now()
	c.tenant.view(func() {
		if u := c.tenant.user(c.param["user"]); u != nil && u.visible(now) {
			user, ok = u.clone(), true
			list = user.shownPasskeys(now)
		}
	})
	if !ok {
		c.notFound(c.param["user"])
	}
	return user, list, ok
}

// passkeyContext is the path in @odata.context.
func passkeyContext(u *User) string { return "users('" + u.ID + "')/authentication/fido2Methods" }

func (c *graphCall) listPasskeys() {
	for name := range c.q {
		if strings.HasPrefix(name, "$") && name != "$select" {
			c.fail(http.StatusBadRequest, "BadRequest", "The query option '"+name+"' is not supported on fido2Methods.")
			return
		}
	}
	u, list, ok := c.passkeysOf()
	if !ok {
		return
	}
	values := []object{}
	for _, k := range list {
		values = append(values, c.showPasskey(k))
	}
	c.collection(passkeyContext(u), values, nil)
}

// passwordMethodID is the id every password method has.
const passwordMethodID = "28c10230-6103-485e-b985-444c60001490"

func (c *graphCall) listMethods() {
	u, list, ok := c.passkeysOf()
	if !ok {
		return
	}
	values := []object{}
	if !u.NoPassword {
		values = append(values, object{"@odata.type": "#microsoft.graph.passwordAuthenticationMethod", "id": passwordMethodID, "password": nil, "createdDateTime": shown(u.Created)})
	}
	for _, k := range list {
		o := c.showPasskey(k)
		o["@odata.type"] = "#microsoft.graph.fido2AuthenticationMethod"
		values = append(values, o)
	}
	for _, m := range u.Methods {
		values = append(values, showMethod(u, m))
	}
	c.collection("users('"+u.ID+"')/authentication/methods", values, nil)
}

func (c *graphCall) getPasskey() {
	u, list, ok := c.passkeysOf()
	if !ok {
		return
	}
	i := slices.IndexFunc(list, func(k *Passkey) bool { return k.ID == c.param["method"] })
	if i < 0 {
		c.noMethod()
		return
	}
	c.entity(http.StatusOK, passkeyContext(u)+"/$entity", c.showPasskey(list[i]))
}

// noMethod is the 404 for an unknown method id.
func (c *graphCall) noMethod() {
	c.fail(http.StatusNotFound, "resourceNotFound", "The requested authentication method was not found.")
}

// recentMFA is how fresh a self-service caller's strong authentication must be.
const recentMFA = 10 * time.Minute

// freshMFA says whether the caller proved a second factor, or used a passkey, recently enough to change the own methods.
// It answers 403 if not.
func (c *graphCall) freshMFA() bool {
	own, _ := c.target()
	if c.who.UserID == "" || !own || holds(c.who.Scopes, writePasskeys.delegated) && !c.me {
		return true
	}
	strong := slices.Contains(c.who.AMR, amrMFA) || slices.Contains(c.who.AMR, amrFIDO)
	if strong && c.s.now().Sub(c.who.AuthTime) <= recentMFA {
		return true
	}
	c.fail(http.StatusForbidden, "accessDenied", "A recent multifactor authentication is required for this operation. Sign in again.")
	return false
}

// creationOptions answers WebAuthn creation options. Forms: v1.0 without parameter, beta without, beta with
// (challengeTimeoutInMinutes=N) or its parameter alias. The query form is answered with 405, as the service does since
// December 2025, unless the lever brings it back.
func (c *graphCall) creationOptions() {
	minutes := passkey.MinChallengeMinutes
	if c.q.Has("challengeTimeoutInMinutes") {
		if !c.s.Levers().TimeoutQuery {
			c.methodNotAllowed()
			return
		}
		c.args = map[string]string{"challengetimeoutinminutes": c.q.Get("challengeTimeoutInMinutes")}
	}
	if text, ok := c.args["challengetimeoutinminutes"]; ok {
		if c.version != "beta" {
			c.fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment 'creationOptions'.")
			return
		}
		if strings.HasPrefix(text, "@") {
			text = c.q.Get(text)
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			c.fail(http.StatusBadRequest, "badRequest", "The parameter challengeTimeoutInMinutes must be a 32-bit integer.")
			return
		}
		minutes = n
	}
	if !c.freshMFA() {
		return
	}
	req := passkey.OptionsRequest{Tenant: c.tenant.ID, Minutes: minutes, Encoding: passkey.EncodeBase64URL}
	switch {
	case c.s.Levers().PaddedExclude:
		req.Encoding = passkey.EncodeBase64
	case c.version == "beta":
		req.Encoding = passkey.EncodeURLToken
	}
	now := c.s.now()
	var user *User
	c.tenant.view(func() {
		u := c.tenant.user(c.param["user"])
		if u == nil || !u.visible(now) {
			return
		}
		user = u.clone()
		req.User, req.Policy = c.tenant.passkeyUser(u), c.tenant.passkeyPolicy()
		for _, k := range u.shownPasskeys(now) {
			req.Existing = append(req.Existing, k.Credential.ID)
		}
	})
	if user == nil {
		c.notFound(c.param["user"])
		return
	}
	options, expires, err := c.s.relyingParty().Options(req, now)
	if err != nil {
		c.refused(err)
		return
	}
	c.auditUser(user, Audit{Service: serviceMethods, Category: "UserManagement", Activity: "Get passkey creation options", Operation: "Read"})
	c.entity(http.StatusOK, "microsoft.graph.webauthnCredentialCreationOptions", object{
		"challengeTimeoutDateTime": shown(expires), "publicKey": options,
	})
}

// refused answers with the refusal of a ceremony.
func (c *graphCall) refused(err error) {
	var r *passkey.Refusal
	if !errors.As(err, &r) {
		c.fail(http.StatusInternalServerError, "generalException", "An internal error occurred. Please retry the request.")
		return
	}
	c.fail(r.Status, r.Code, r.Message)
}

// passkeyBody is the fido2AuthenticationMethod that POST takes. Members the schema does not have are refused, as a strict
// OData service does: a raw PublicKeyCredential.toJSON() does not pass.
type passkeyBody struct {
	Type        string          `json:"@odata.type"`
	DisplayName string          `json:"displayName"`
	Credential  json.RawMessage `json:"publicKeyCredential"`
}

type credentialBody struct {
	Type       string          `json:"@odata.type"`
	ID         string          `json:"id"`
	Response   json.RawMessage `json:"response"`
	Extensions json.RawMessage `json:"clientExtensionResults"`
}

type responseBody struct {
	Type              string `json:"@odata.type"`
	ClientDataJSON    string `json:"clientDataJSON"`
	AttestationObject string `json:"attestationObject"`
}

// strictly decodes JSON and refuses members that into does not have.
func strictly(data []byte, into any) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// readPasskey reads the body of POST. problem is the message of the 400.
func (c *graphCall) readPasskey() (name string, cred passkey.PublicKeyCredential, problem string) {
	var raw json.RawMessage
	if err := json.NewDecoder(c.r.Body).Decode(&raw); err != nil {
		return "", cred, "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
	}
	if len(raw) == 0 || raw[0] != '{' {
		return "", cred, "The request is missing a fido2AuthenticationMethod entity"
	}
	var body passkeyBody
	if err := strictly(raw, &body); err != nil {
		return "", cred, unknownMember(err, "fido2AuthenticationMethod")
	}
	if body.Type != "" && !strings.EqualFold(strings.TrimPrefix(body.Type, "#"), "microsoft.graph.fido2AuthenticationMethod") {
		return "", cred, fmt.Sprintf("A type named '%s' could not be resolved here.", strings.TrimPrefix(body.Type, "#"))
	}
	if len(body.Credential) == 0 || string(body.Credential) == "null" {
		return "", cred, "The request is missing the publicKeyCredential property."
	}
	var inner credentialBody
	if err := strictly(body.Credential, &inner); err != nil {
		return "", cred, unknownMember(err, "webauthnPublicKeyCredential")
	}
	var response responseBody
	if len(inner.Response) == 0 {
		return "", cred, "The request is missing the response property of publicKeyCredential."
	}
	if err := strictly(inner.Response, &response); err != nil {
		return "", cred, unknownMember(err, "webauthnAuthenticatorAttestationResponse")
	}
	cred.ID = inner.ID
	cred.Response = passkey.AttestationResponse{ClientDataJSON: response.ClientDataJSON, AttestationObject: response.AttestationObject}
	return body.DisplayName, cred, ""
}

func unknownMember(err error, kind string) string {
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Sprintf("The property '%s' does not exist on type 'microsoft.graph.%s'. Make sure to only use property names that are defined by the type.", strings.Trim(name, `"`), kind)
	}
	return "The value of a property of microsoft.graph." + kind + " is not of the expected type."
}

func (c *graphCall) createPasskey() {
	if !c.freshMFA() {
		return
	}
	name, cred, problem := c.readPasskey()
	if problem != "" {
		c.fail(http.StatusBadRequest, "badRequest", problem)
		return
	}
	var user *User
	c.tenant.view(func() {
		if u := c.tenant.user(c.param["user"]); u != nil && u.visible(c.s.now()) {
			user = u.clone()
		}
	})
	if user == nil {
		c.notFound(c.param["user"])
		return
	}
	added, err := c.s.registerPasskey(c.tenant, user.ID, passkey.Registration{Tenant: c.tenant.ID, DisplayName: name, Credential: cred})
	if err != nil {
		c.auditRegistration(user, nil, err)
		c.refused(err)
		return
	}
	c.auditRegistration(user, added, nil)
	c.w.Header().Set("Location", c.base()+"/users/"+user.ID+"/authentication/fido2Methods/"+added.ID)
	c.entity(http.StatusCreated, passkeyContext(user)+"/$entity", c.showPasskey(added))
}

func (c *graphCall) deletePasskey() {
	user, _, ok := c.passkeysOf()
	if !ok {
		return
	}
	removed := c.tenant.deletePasskey(user.ID, c.param["method"])
	if removed == nil {
		c.noMethod()
		return
	}
	c.auditDeletion(user, removed)
	c.noContent()
}

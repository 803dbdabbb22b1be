package entrasim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// applicationBody is what POST and PATCH of a registration carry, as far as the emulator looks at it.
type applicationBody struct {
	name    string
	members map[string]json.RawMessage
	public  *struct {
		RedirectURIs *[]string `json:"redirectUris"`
	}
	web *struct {
		RedirectURIs *[]string `json:"redirectUris"`
	}
	fallback *bool
	keys     *[]keyBody
	secrets  *[]secretBody
}

// secretBody and keyBody are passwordCredential and keyCredential.
type secretBody struct {
	KeyID       string  `json:"keyId"`
	DisplayName string  `json:"displayName"`
	Start       *string `json:"startDateTime"`
	End         *string `json:"endDateTime"`
}

type keyBody struct {
	secretBody
	Custom string `json:"customKeyIdentifier"`
	Key    string `json:"key"`
	Type   string `json:"type"`
	Usage  string `json:"usage"`
}

// readOnlyMembers of a registration are refused, others the emulator keeps as they are given.
var (
	readOnlyMembers   = []string{"id", "appId", "createdDateTime", "publisherDomain", "deletedDateTime", "disabledByMicrosoftStatus", "certification"}
	registeredMembers = []string{
		"signInAudience", "requiredResourceAccess", "tags", "notes", "description", "identifierUris", "appRoles", "addIns", "api", "groupMembershipClaims", "optionalClaims",
		"isDeviceOnlyAuthSupported", "uniqueName", "serviceManagementReference", "tokenEncryptionKeyId", "defaultRedirectUri", "samlMetadataUrl", "spa", "info",
		"parentalControlSettings", "requestSignatureVerification", "servicePrincipalLockConfiguration",
	}
	audiences = []string{"AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"}
)

// applicationBody reads and checks a registration; it answers 400 and returns false if it cannot be one.
func (c *graphCall) applicationBody() (*applicationBody, bool) {
	b := &applicationBody{members: make(map[string]json.RawMessage)}
	var all map[string]json.RawMessage
	if !c.body(&all) {
		return nil, false
	}
	for name, raw := range all {
		var err error
		switch {
		case strings.HasPrefix(name, "@odata."):
		case slices.Contains(readOnlyMembers, name):
			c.badRequest(fmt.Sprintf("Property '%s' is read-only and cannot be set.", name))
			return nil, false
		case name == "displayName":
			err = json.Unmarshal(raw, &b.name)
			if b.name == "" || len(b.name) > 256 {
				c.badRequest("Invalid value specified for property 'displayName' of resource 'Application'.")
				return nil, false
			}
		case name == "isFallbackPublicClient":
			err = json.Unmarshal(raw, &b.fallback)
		case name == "publicClient":
			err = json.Unmarshal(raw, &b.public)
		case name == "web":
			if err = json.Unmarshal(raw, &b.web); err == nil {
				b.members[name] = raw
			}
		case name == "keyCredentials":
			err = json.Unmarshal(raw, &b.keys)
		case name == "passwordCredentials":
			err = json.Unmarshal(raw, &b.secrets)
		case slices.Contains(registeredMembers, name):
			b.members[name] = raw
		default:
			c.fail(http.StatusBadRequest, "BadRequest", fmt.Sprintf("Invalid property '%s'.", name))
			return nil, false
		}
		if err != nil {
			c.fail(http.StatusBadRequest, "BadRequest", fmt.Sprintf("A value without a type name was found, or the value of '%s' has another type than the property.", name))
			return nil, false
		}
	}
	return b, true
}

// apply writes the members that are present; problem says what is wrong with them. The application is a copy, and its lists
// are shared: they are replaced, not written to.
func (b *applicationBody) apply(c *graphCall, a *Application) (problem string) {
	members := make(map[string]json.RawMessage, len(a.Registered)+len(b.members))
	for name, raw := range a.Registered {
		members[name] = raw
	}
	for name, raw := range b.members {
		if problem = checkMember(name, raw); problem != "" {
			return problem
		}
		if bytes.Equal(raw, []byte("null")) {
			delete(members, name)
			continue
		}
		members[name] = raw
	}
	a.Registered = members
	if b.name != "" {
		a.DisplayName = b.name
	}
	if b.fallback != nil {
		a.PublicClient = *b.fallback
	}
	if b.public != nil && b.public.RedirectURIs != nil {
		a.RedirectURIs = slices.Clone(*b.public.RedirectURIs)
	}
	if b.web != nil && b.web.RedirectURIs != nil {
		a.WebURIs = slices.Clone(*b.web.RedirectURIs)
	}
	for _, uri := range a.redirects() {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" || len(uri) > 256 || u.Fragment != "" {
			return "One or more reply URLs are not valid: '" + shorten(uri, 64) + "'."
		}
	}
	if b.secrets != nil {
		if problem = a.keepSecrets(*b.secrets); problem != "" {
			return problem
		}
	}
	if b.keys != nil {
		return a.setKeys(c, *b.keys)
	}
	return ""
}

// checkMember holds the members that mean something to the rules of the directory.
func checkMember(name string, raw json.RawMessage) (problem string) {
	if bytes.Equal(raw, []byte("null")) {
		return ""
	}
	invalid := fmt.Sprintf("Invalid value specified for property '%s' of resource 'Application'.", name)
	switch name {
	case "signInAudience":
		var v string
		if json.Unmarshal(raw, &v) != nil || !slices.Contains(audiences, v) {
			return invalid
		}
	case "tags":
		var v []string
		if json.Unmarshal(raw, &v) != nil || slices.ContainsFunc(v, func(tag string) bool { return tag == "" || len(tag) > 256 }) || len(v) > 100 {
			return invalid
		}
	case "notes", "description":
		var v string
		if json.Unmarshal(raw, &v) != nil || len(v) > 1024 {
			return invalid
		}
	case "requiredResourceAccess":
		var v []struct {
			ResourceAppID  string `json:"resourceAppId"`
			ResourceAccess []struct {
				ID   string `json:"id"`
				Type string `json:"type"`
			} `json:"resourceAccess"`
		}
		if json.Unmarshal(raw, &v) != nil {
			return invalid
		}
		for _, r := range v {
			if !isGUID(r.ResourceAppID) || len(r.ResourceAccess) == 0 {
				return invalid
			}
			for _, p := range r.ResourceAccess {
				if !isGUID(p.ID) || p.Type != "Role" && p.Type != "Scope" {
					return invalid
				}
			}
		}
	}
	return ""
}

package entrasim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// accessPolicy is what enforcement reads of a conditionalAccessPolicy. Conditions it does not name narrow nothing: such a
// policy applies wherever the rest of its conditions does.
type accessPolicy struct {
	ID         string           `json:"id"`
	Name       string           `json:"displayName"`
	State      string           `json:"state"`
	Conditions accessConditions `json:"conditions"`
	Grant      *accessGrant     `json:"grantControls"`
}

// States of a Conditional Access policy.
const (
	accessEnabled    = "enabled"
	accessDisabled   = "disabled"
	accessReportOnly = "enabledForReportingButNotEnforced"
)

type accessConditions struct {
	ClientAppTypes []string `json:"clientAppTypes"`
	Applications   struct {
		Include     []string `json:"includeApplications"`
		Exclude     []string `json:"excludeApplications"`
		UserActions []string `json:"includeUserActions"`
	} `json:"applications"`
	Users struct {
		IncludeUsers  []string  `json:"includeUsers"`
		ExcludeUsers  []string  `json:"excludeUsers"`
		IncludeGroups []string  `json:"includeGroups"`
		ExcludeGroups []string  `json:"excludeGroups"`
		IncludeRoles  []string  `json:"includeRoles"`
		ExcludeRoles  []string  `json:"excludeRoles"`
		IncludeGuests *struct{} `json:"includeGuestsOrExternalUsers"` // of whatever kind: all guests are alike here
		ExcludeGuests *struct{} `json:"excludeGuestsOrExternalUsers"`
	} `json:"users"`
	Platforms *struct {
		Include []string `json:"includePlatforms"`
		Exclude []string `json:"excludePlatforms"`
	} `json:"platforms"`
	Locations *struct {
		Include []string `json:"includeLocations"`
		Exclude []string `json:"excludeLocations"`
	} `json:"locations"`
	SignInRisk           []string `json:"signInRiskLevels"`
	UserRisk             []string `json:"userRiskLevels"`
	ServicePrincipalRisk []string `json:"servicePrincipalRiskLevels"`
	InsiderRisk          string   `json:"insiderRiskLevels"`
	Devices              *struct {
		Include []string `json:"includeDevices"`
		Filter  *struct {
			Mode string `json:"mode"`
		} `json:"deviceFilter"`
	} `json:"devices"`
	Flows *struct {
		TransferMethods string `json:"transferMethods"`
	} `json:"authenticationFlows"`
}

type accessGrant struct {
	Operator string   `json:"operator"`
	Controls []string `json:"builtInControls"`
	Custom   []string `json:"customAuthenticationFactors"`
	Terms    []string `json:"termsOfUse"`
	Strength *struct {
		ID string `json:"id"`
	} `json:"authenticationStrength"`
}

// userActionRegister is the user action of registering security info.
const userActionRegister = "urn:user:registersecurityinfo"

// Client application types of the condition clientAppTypes.
const (
	clientBrowser = "browser"
	clientDesktop = "mobileAppsAndDesktopClients"
)

// Values the members of a policy can take.
var (
	accessClientTypes = []string{"all", clientBrowser, clientDesktop, "exchangeActiveSync", "easSupported", "other", "unknownFutureValue"}
	accessControls    = []string{
		"block", "mfa", "compliantDevice", "domainJoinedDevice", "approvedApplication", "compliantApplication", "passwordChange", "riskRemediation", "unknownFutureValue",
	}
	accessActions = []string{userActionRegister, "urn:user:registerdevice"}
)

// parseAccessPolicy reads a policy for storing or enforcing it. problem says why it is none.
func parseAccessPolicy(raw json.RawMessage) (p accessPolicy, problem string) {
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, "1001: A property of the policy is not of the expected type."
	}
	for _, list := range []struct {
		what           string
		values, domain []string
	}{
		{"client application type", p.Conditions.ClientAppTypes, accessClientTypes},
		{"user action", p.Conditions.Applications.UserActions, accessActions},
	} {
		for _, v := range list.values {
			if !slices.Contains(list.domain, v) {
				return p, fmt.Sprintf("1002: The %s '%s' is not valid.", list.what, v)
			}
		}
	}
	if len(p.Conditions.Applications.UserActions) > 0 && len(p.Conditions.Applications.Include) > 0 {
		return p, "1003: Applications and user actions cannot be combined in one policy."
	}
	if p.Grant == nil {
		return p, ""
	}
	g := p.Grant
	for _, v := range g.Controls {
		if !slices.Contains(accessControls, v) {
			return p, fmt.Sprintf("1004: The grant control '%s' is not valid.", v)
		}
	}
	n := len(g.Controls) + len(g.Custom) + len(g.Terms)
	if g.Strength != nil {
		n++
	}
	switch {
	case n == 0:
		return p, "1005: The grant controls are empty."
	case n > 1 && slices.Contains(g.Controls, "block"):
		return p, "1006: The control block cannot be combined with others."
	case g.Operator != "AND" && g.Operator != "OR":
		return p, "1010: The operator must be 'AND' or 'OR'."
	}
	return p, ""
}

// accessAttempt is a sign-in as Conditional Access looks at it.
type accessAttempt struct {
	user   *User
	groups map[string]bool // transitively
	app    string          // client id
	action string          // user action, if any
	client string          // clientBrowser or clientDesktop
	agent  string          // User-Agent
	device bool            // the device code flow
	// computer is the device the sign-in came from, if it proved to be one that is enabled.
	computer *Computer
	proof    SignInProof
}

// containsFold says whether a list holds an id.
func containsFold(list []string, id string) bool {
	return slices.ContainsFunc(list, func(v string) bool { return strings.EqualFold(v, id) })
}

// concerns says whether all conditions of the policy hold.
func (p *accessPolicy) concerns(a *accessAttempt) bool {
	c := &p.Conditions
	return c.users(a) && c.target(a) && c.clients(a) && c.platforms(a) && c.circumstances(a)
}

// users applies the users condition; an exclusion beats every inclusion.
func (c *accessConditions) users(a *accessAttempt) bool {
	u := &c.Users
	listed := func(users, groups, roles []string, guests *struct{}) bool {
		switch {
		case containsFold(users, "All"), containsFold(users, a.user.ID):
			return true
		case a.user.Guest && (containsFold(users, "GuestsOrExternalUsers") || guests != nil):
			return true
		}
		return slices.ContainsFunc(groups, func(id string) bool { return a.groups[strings.ToLower(id)] }) ||
			slices.ContainsFunc(roles, func(id string) bool { return containsFold(a.user.Roles, id) })
	}
	return listed(u.IncludeUsers, u.IncludeGroups, u.IncludeRoles, u.IncludeGuests) && !listed(u.ExcludeUsers, u.ExcludeGroups, u.ExcludeRoles, u.ExcludeGuests)
}

// target applies the applications condition: applications by client id, or a user action.
func (c *accessConditions) target(a *accessAttempt) bool {
	t := &c.Applications
	if a.action != "" && slices.Contains(t.UserActions, a.action) {
		return true
	}
	included := containsFold(t.Include, "All") || containsFold(t.Include, a.app)
	return included && !containsFold(t.Exclude, "All") && !containsFold(t.Exclude, a.app)
}

func (c *accessConditions) clients(a *accessAttempt) bool {
	return len(c.ClientAppTypes) == 0 || slices.Contains(c.ClientAppTypes, "all") || slices.Contains(c.ClientAppTypes, a.client)
}

func (c *accessConditions) platforms(a *accessAttempt) bool {
	if c.Platforms == nil {
		return true
	}
	own := platformOf(a.agent)
	return (containsFold(c.Platforms.Include, "all") || containsFold(c.Platforms.Include, own)) && !containsFold(c.Platforms.Exclude, own)
}

// platformOf reads the operating system out of a User-Agent, as Entra does without a device that says so itself.
func platformOf(agent string) string {
	for _, p := range []struct{ sign, platform string }{
		{"Windows Phone", "windowsPhone"}, {"Windows", "windows"}, {"Android", "android"}, {"iPhone", "iOS"}, {"iPad", "iOS"}, {"Mac OS X", "macOS"}, {"Linux", "linux"},
	} {
		if strings.Contains(agent, p.sign) {
			return p.platform
		}
	}
	return "unknown"
}

// circumstances applies the rest. Here no address belongs to a named location, no sign-in and no user is risky, and a filter
// for devices finds none.
func (c *accessConditions) circumstances(a *accessAttempt) bool {
	switch {
	case c.Locations != nil && (!containsFold(c.Locations.Include, "All") || containsFold(c.Locations.Exclude, "All")):
		return false
	case len(c.SignInRisk) > 0 && !slices.Contains(c.SignInRisk, "none"), len(c.UserRisk) > 0 && !slices.Contains(c.UserRisk, "none"):
		return false
	case len(c.ServicePrincipalRisk) > 0, c.InsiderRisk != "":
		return false
	case c.Devices != nil && (len(c.Devices.Include) > 0 && !containsFold(c.Devices.Include, "All") || c.Devices.Filter != nil && c.Devices.Filter.Mode == "include"):
		return false
	case c.Flows != nil && c.Flows.TransferMethods != "" && !(a.device && strings.Contains(c.Flows.TransferMethods, "deviceCodeFlow")):
		return false
	}
	return true
}

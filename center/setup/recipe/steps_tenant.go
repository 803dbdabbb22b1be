package recipe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// accountRoles are the directory roles of the service account, by template id ("Microsoft Entra built-in roles").
var accountRoles = []struct{ id, name, purpose string }{
	{"9360feb5-f418-4baa-8175-e2a00bac4301", "Directory Writers", "make the groups, keep their members, and read users"},
	{"7be44c8a-adaf-4e2a-84d6-ab2649e08a13", "Privileged Authentication Administrator", "register, list and delete passkeys, of administrators too"},
}

// conflictingObject is how Graph refuses to give a role twice.
const conflictingObject = "A conflicting object with one or more of the specified property values is present in the directory"

func (w Want) accountStep(s Seen) Step {
	step := Step{
		Key: StepServiceAccount, Title: "Make the service account",
		Why: "The legacy set works with the rights of a user instead of the application's own. The account needs the roles Directory Writers, to " + accountRoles[0].purpose +
			", and Privileged Authentication Administrator, to " + accountRoles[1].purpose +
			", as long as the integration lives. It signs in with its password alone: a Conditional Access policy that asks everybody for multifactor authentication must exclude it.",
	}
	upn := w.Input.ServiceAccountUsername + "@{initial_domain}"
	a := s.Account
	if a != nil && a.Title != w.mark() {
		step.Found = "There is a user " + a.UPN + " that this set-up did not make."
		step.Problem = problem(postern.CodeSetupState, "Choose another user name for the service account.", "%s", step.Found)
		return step
	}
	if s.InitialDomain == "" {
		step.Requests = append(step.Requests, Request{
			Doing: "find the tenant's own domain", Method: http.MethodGet, Version: stable, Path: "/domains",
			Find: &Find{In: "value", Match: []Member{{"isInitial", true}}, Capture: map[string]string{ValueDomain: "id"}},
		})
	}
	if a == nil {
		step.Requests = append(step.Requests, Request{
			Doing: "make the service account", Method: http.MethodPost, Version: stable, Path: "/users",
			Body: marshal(object{
				"accountEnabled": true, "displayName": "Postern Service Account", "jobTitle": w.mark(),
				"mailNickname": w.Input.ServiceAccountUsername, "userPrincipalName": upn,
				"passwordPolicies": "DisablePasswordExpiration",
				"passwordProfile":  object{"forceChangePasswordNextSignIn": false, "password": "{service_account_password}"},
			}),
			Capture: map[string]string{ValueAccount: "id"},
			Find: &Find{
				Path: "/users?$filter=" + query("userPrincipalName eq '"+strings.ReplaceAll(w.Input.ServiceAccountUsername, "'", "''")+"@{initial_domain}'") + "&$select=id,jobTitle",
				In:   "value", Match: []Member{{"jobTitle", w.mark()}}, Capture: map[string]string{ValueAccount: "id"},
			},
		})
	}
	var missing []string
	for _, role := range accountRoles {
		if a != nil && slices.Contains(a.Roles, role.id) {
			continue
		}
		missing = append(missing, role.name)
		step.Requests = append(step.Requests, Request{
			Doing: "give it the role " + role.name, Method: http.MethodPost, Version: stable, Path: "/roleManagement/directory/roleAssignments",
			Body: marshal(object{"principalId": "{service_account_id}", "roleDefinitionId": role.id, "directoryScopeId": "/"}), Late: true, There: conflictingObject,
			Find: &Find{
				Path: "/roleManagement/directory/roleAssignments?$filter=" + query("principalId eq '{service_account_id}'"), In: "value",
				Match: []Member{{"roleDefinitionId", role.id}},
			},
		})
	}
	switch {
	case a == nil && s.looked():
		step.Found = "There is no such account."
	case a != nil && len(missing) > 0:
		step.Found = fmt.Sprintf("The account %s is there and lacks %s. Entra replicates roles slowly.", a.UPN, and(missing))
	case a != nil:
		step.Done, step.Found = true, "The account "+a.UPN+" is there with both roles."
	}
	return step
}

func (w Want) policyStep(s Seen) Step {
	step := Step{
		Key: StepPolicy, Title: "Enable passkeys",
		Why: "The method Passkey (FIDO2) decides who may register and use passkeys. It gets enabled for all users, registration stays optional, and self-service set up is allowed, without which nobody can register a passkey for a user either. " +
			"Enforce attestation is No, at least in one place: Entra attests models of the FIDO Metadata Service only, and phones are not in it. Restrictions get Postern's model, and nothing that anybody may do today is taken away.",
	}
	if s.Policy == nil {
		step.Requests = draftRequests()
		return step
	}
	broken := problem(postern.CodeEntraAnswerUnexpected, "", "The passkey policy is not in the form that Graph documents.")
	from, err := entra.DecodePasskeyPolicy(s.Policy)
	if err != nil {
		step.Problem = broken
		return step
	}
	to, lacks := widen(from, profileID(s.TenantID))
	body, err := entra.PasskeyPolicyPatch(s.Policy, to)
	if err != nil {
		step.Problem = broken
		return step
	}
	step.Done, step.Was = body == nil, s.Policy
	if step.Done {
		step.Found = "What is there already lets everybody register and use a passkey of Postern."
		return step
	}
	step.Found = sentence(lacks)
	step.Requests = []Request{policyRequest(body, policyGuard(s.Policy, body))}
	return step
}

// profileKind is one of the two kinds of Intune settings.
type profileKind struct {
	version, path string
	name          string // of the member that names it
	assign        string // its type on the wire
}

const (
	assignAll   = "#microsoft.graph.allDevicesAssignmentTarget"
	assignGroup = "#microsoft.graph.groupAssignmentTarget"

	catalogSetting = "device_vendor_msft_passportforwork_securitykey_usesecuritykeyforsignin"
	omaURI         = "./Device/Vendor/MSFT/PassportForWork/SecurityKey/UseSecurityKeyForSignin"
	profileName    = "Postern: security keys at Windows sign-in"
)

var profileKinds = map[postern.SetupWindows]profileKind{
	postern.SetupWindowsCatalog: {version: beta, path: "/deviceManagement/configurationPolicies", name: "name", assign: "#microsoft.graph.deviceManagementConfigurationPolicyAssignment"},
	postern.SetupWindowsOMAURI:  {version: stable, path: "/deviceManagement/deviceConfigurations", name: "displayName", assign: "#microsoft.graph.deviceConfigurationAssignment"},
}

func (w Want) profileDescription() string {
	return "Lets security keys sign in to Windows. Made by Postern (" + w.mark() + ")."
}

func (w Want) windowsBody() object {
	if w.Input.Windows == postern.SetupWindowsOMAURI {
		return object{
			"@odata.type": "#microsoft.graph.windows10CustomConfiguration", "displayName": profileName, "description": w.profileDescription(),
			"omaSettings": []object{{
				"@odata.type": "#microsoft.graph.omaSettingInteger", "displayName": "Use security keys for sign-in", "omaUri": omaURI, "value": 1,
			}},
		}
	}
	const config = "#microsoft.graph.deviceManagementConfiguration"
	return object{
		"name": profileName, "description": w.profileDescription(), "platforms": "windows10", "technologies": "mdm", "roleScopeTagIds": []string{"0"},
		"settings": []object{{
			"@odata.type": config + "Setting",
			"settingInstance": object{
				"@odata.type": config + "ChoiceSettingInstance", "settingDefinitionId": catalogSetting,
				"choiceSettingValue": object{"@odata.type": config + "ChoiceSettingValue", "value": catalogSetting + "_1", "children": []object{}},
			},
		}},
	}
}

func (w Want) windowsStep(s Seen) Step {
	kind := profileKinds[w.Input.Windows]
	step := Step{
		Key: StepWindows, Title: "Allow security keys at the Windows sign-in screen",
		Why:  "Windows shows the security key at its sign-in screen only where a policy turns it on: UseSecurityKeyForSignin. Intune brings that to the devices. It changes nothing for those who sign in another way.",
		Done: s.Windows != nil,
	}
	switch {
	case step.Done:
		step.Found = "The Intune setting is there."
	case s.looked():
		step.Found = "Intune has no such setting of this set-up."
	}
	step.Requests = []Request{{
		Doing: "make the Intune setting", Method: http.MethodPost, Version: kind.version, Path: kind.path, Body: marshal(w.windowsBody()),
		Capture: map[string]string{ValueWindows: "id"},
		Find: &Find{
			Path: kind.path + "?$select=id,description", In: "value", Match: []Member{{"description", w.profileDescription()}},
			Capture: map[string]string{ValueWindows: "id"},
		},
	}}
	return step
}

// group is the one that was chosen for the Intune setting.
func (s Seen) group(w Want) (DirectoryGroup, *postern.SetupProblem) {
	switch n := len(s.Groups); {
	case n == 1 && s.Groups[0].Security:
		return s.Groups[0], nil
	case n == 1:
		return s.Groups[0], problem(postern.CodeSetupState, "Choose a security group.", "The group %s is no security group; Intune assigns settings to security groups.", s.Groups[0].Name)
	case n == 0:
		return DirectoryGroup{}, problem(postern.CodeSetupState, "Check the name, or give the group's object id.", "The tenant has no group %q.", w.Input.WindowsGroup)
	default:
		return DirectoryGroup{}, problem(postern.CodeSetupState, "Give the group's object id.", "The tenant has %d groups %q.", n, w.Input.WindowsGroup)
	}
}

func (w Want) assignmentStep(s Seen) Step {
	kind := profileKinds[w.Input.Windows]
	step := Step{
		Key: StepWindowsAssignment, Title: "Assign it to devices",
		Why: "An Intune setting does nothing before it is assigned. Devices take it with their next check-in, mostly within eight hours.",
	}
	target := object{"@odata.type": assignAll}
	if w.Input.WindowsGroup != "" {
		target = object{"@odata.type": assignGroup, "groupId": "{windows_group_id}"}
		if s.looked() {
			if _, step.Problem = s.group(w); step.Problem != nil {
				return step
			}
		} else {
			step.Requests = append(step.Requests, Request{
				Doing: "find the group", Method: http.MethodGet, Version: stable, Path: groupQuery(w.Input.WindowsGroup),
				Find: &Find{In: "value", Match: []Member{{"securityEnabled", true}}, Capture: map[string]string{ValueWindowsGroup: "id"}},
			})
		}
	}
	all := []object{}
	if s.Windows != nil {
		step.Found = "It is assigned to nobody."
		for _, raw := range s.Windows.Assignments {
			var there object
			_ = json.Unmarshal(raw, &there)
			if sameTarget(there, target, Values(w, s)[ValueWindowsGroup]) {
				step.Done, step.Found = true, "It is assigned."
				return step
			}
			step.Found = "It is assigned to others."
			all = append(all, object{"@odata.type": kind.assign, "target": there})
		}
	}
	step.Requests = append(step.Requests, Request{
		Doing: "assign the Intune setting", Method: http.MethodPost, Version: kind.version, Path: kind.path + "/{windows_id}/assign", Late: true,
		Body: marshal(object{"assignments": append(all, object{"@odata.type": kind.assign, "target": target})}),
	})
	return step
}

func sameTarget(there, wanted object, group string) bool {
	if there["@odata.type"] != wanted["@odata.type"] {
		return false
	}
	id, _ := there["groupId"].(string)
	return wanted["@odata.type"] == assignAll || strings.EqualFold(id, group)
}

package entrasim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

const customProfileType = "#microsoft.graph.windows10CustomConfiguration"

// omaTypes are the types of settings of a custom profile, with whether a value fits.
var omaTypes = map[string]func(v any) bool{
	"#microsoft.graph.omaSettingInteger":       func(v any) bool { n, ok := v.(float64); return ok && n == float64(int32(n)) },
	"#microsoft.graph.omaSettingFloatingPoint": func(v any) bool { _, ok := v.(float64); return ok },
	"#microsoft.graph.omaSettingBoolean":       func(v any) bool { _, ok := v.(bool); return ok },
	"#microsoft.graph.omaSettingString":        func(v any) bool { _, ok := v.(string); return ok },
	"#microsoft.graph.omaSettingStringXml":     func(v any) bool { _, ok := v.(string); return ok },
	"#microsoft.graph.omaSettingBase64":        func(v any) bool { _, ok := v.(string); return ok },
	"#microsoft.graph.omaSettingDateTime":      func(v any) bool { _, ok := v.(string); return ok },
}

// maxOMASettings of one profile (Microsoft Graph documentation, "windows10CustomConfiguration").
const maxOMASettings = 1000

var profileMembers = []string{"@odata.type", "displayName", "description", "omaSettings", "roleScopeTagIds"}

// checkProfile checks a device configuration. Only custom profiles for Windows are known here.
func checkProfile(b map[string]json.RawMessage, old *DeviceSetting) (members map[string]json.RawMessage, _ []json.RawMessage, problem string) {
	members = make(map[string]json.RawMessage)
	for name, raw := range b {
		if slices.Contains([]string{"id", "version", "createdDateTime", "lastModifiedDateTime", "supportsScopeTags"}, name) || strings.HasSuffix(name, "@odata.context") || name == "@odata.context" {
			continue
		}
		if !slices.Contains(profileMembers, name) {
			return nil, nil, "The property '" + shorten(name, 64) + "' does not exist on type 'microsoft.graph.windows10CustomConfiguration'. Make sure to only use property names that are defined by the type."
		}
		members[name] = raw
	}
	var head struct {
		Type        string          `json:"@odata.type"`
		DisplayName *string         `json:"displayName"`
		Description *string         `json:"description"`
		Settings    json.RawMessage `json:"omaSettings"`
	}
	raw, err := json.Marshal(members)
	if err != nil || json.Unmarshal(raw, &head) != nil {
		return nil, nil, "A member has a value of another type than the property."
	}
	switch {
	case head.Type == "" && (old == nil || head.Settings != nil):
		return nil, nil, "Cannot create an abstract class: '@odata.type' is missing."
	case head.Type != "" && head.Type != customProfileType:
		return nil, nil, "The type '" + shorten(head.Type, 96) + "' is not known to this emulator: it keeps " + customProfileType + "."
	case old == nil && (head.DisplayName == nil || *head.DisplayName == ""), head.DisplayName != nil && *head.DisplayName == "":
		return nil, nil, "The DisplayName property must not be empty."
	}
	if head.Settings == nil {
		return members, nil, ""
	}
	var settings []object
	if json.Unmarshal(head.Settings, &settings) != nil || len(settings) > maxOMASettings {
		return nil, nil, "The property 'omaSettings' must be a list of at most 1000 settings."
	}
	for i, s := range settings {
		kind, _ := s["@odata.type"].(string)
		uri, _ := s["omaUri"].(string)
		name, _ := s["displayName"].(string)
		fits := omaTypes[kind]
		switch {
		case fits == nil:
			return nil, nil, "The setting " + strconv.Itoa(i) + " of 'omaSettings' has no known '@odata.type'."
		case !strings.HasPrefix(uri, "./"):
			return nil, nil, "The OMA-URI of the setting " + strconv.Itoa(i) + " is not valid."
		case name == "":
			return nil, nil, "The DisplayName of the setting " + strconv.Itoa(i) + " must not be empty."
		case !fits(s["value"]):
			return nil, nil, "The value of the setting " + strconv.Itoa(i) + " does not fit its type."
		}
		for member, v := range (object{"description": nil, "isEncrypted": false, "secretReferenceValueId": nil}) {
			if _, given := s[member]; !given {
				s[member] = v
			}
		}
	}
	if members["omaSettings"], err = json.Marshal(settings); err != nil {
		return nil, nil, err.Error()
	}
	return members, nil, ""
}

func showProfile(d *DeviceSetting) object {
	o := deviceMembers(d, object{
		"@odata.type": customProfileType, "description": nil, "omaSettings": []object{}, "roleScopeTagIds": []string{"0"}, "supportsScopeTags": true,
		"deviceManagementApplicabilityRuleOsEdition": nil, "deviceManagementApplicabilityRuleOsVersion": nil, "deviceManagementApplicabilityRuleDeviceMode": nil,
	})
	o["version"] = d.Version
	return o
}

var policyMembers = []string{"name", "description", "platforms", "technologies", "roleScopeTagIds", "settings", "templateReference", "priorityMetaData", "creationSource"}

// checkCatalog checks a policy of the settings catalog.
func checkCatalog(b map[string]json.RawMessage, old *DeviceSetting) (members map[string]json.RawMessage, settings []json.RawMessage, problem string) {
	members = make(map[string]json.RawMessage)
	for name, raw := range b {
		if strings.HasPrefix(name, "@odata.") || slices.Contains([]string{"id", "createdDateTime", "lastModifiedDateTime", "settingCount", "isAssigned"}, name) {
			continue
		}
		if !slices.Contains(policyMembers, name) {
			return nil, nil, "The property '" + shorten(name, 64) + "' does not exist on type 'microsoft.graph.deviceManagementConfigurationPolicy'. Make sure to only use property names that are defined by the type."
		}
		if name != "settings" {
			members[name] = raw
		}
	}
	var head struct {
		Name         *string           `json:"name"`
		Platforms    *string           `json:"platforms"`
		Technologies *string           `json:"technologies"`
		Settings     []json.RawMessage `json:"settings"`
	}
	raw, err := json.Marshal(b)
	if err != nil || json.Unmarshal(raw, &head) != nil {
		return nil, nil, "A member has a value of another type than the property."
	}
	switch {
	case old == nil && (head.Name == nil || head.Platforms == nil || head.Technologies == nil || len(head.Settings) == 0):
		return nil, nil, "A policy needs name, platforms, technologies and settings."
	case head.Name != nil && *head.Name == "":
		return nil, nil, "The name of a policy must not be empty."
	case head.Platforms != nil && *head.Platforms != "windows10":
		return nil, nil, "The emulator knows settings for the platform windows10."
	}
	for i, raw := range head.Settings {
		if problem := checkCatalogSetting(raw); problem != "" {
			return nil, nil, "Setting " + strconv.Itoa(i) + ": " + problem
		}
	}
	return members, head.Settings, ""
}

// securityKeySetting is the definition of the setting that allows security keys at the Windows sign-in screen; it has two
// options.
const securityKeySetting = "device_vendor_msft_passportforwork_securitykey_usesecuritykeyforsignin"

// checkCatalogSetting checks one deviceManagementConfigurationSetting: a choice whose value is an option of its definition.
func checkCatalogSetting(raw json.RawMessage) (problem string) {
	const namespace = "#microsoft.graph.deviceManagementConfiguration"
	var s struct {
		Instance struct {
			Type       string `json:"@odata.type"`
			Definition string `json:"settingDefinitionId"`
			Choice     *struct {
				Value string `json:"value"`
			} `json:"choiceSettingValue"`
		} `json:"settingInstance"`
	}
	if json.Unmarshal(raw, &s) != nil {
		return "it cannot be read."
	}
	v := &s.Instance
	switch {
	case v.Type != namespace+"ChoiceSettingInstance":
		return "the type of its instance is missing, or not one this emulator knows."
	case v.Definition == "":
		return "settingDefinitionId is missing."
	case v.Choice == nil || !strings.HasPrefix(v.Choice.Value, v.Definition+"_"):
		return "its value is not an option of " + shorten(v.Definition, 128) + "."
	case v.Definition == securityKeySetting && v.Choice.Value != securityKeySetting+"_0" && v.Choice.Value != securityKeySetting+"_1":
		return "its value is not an option of " + securityKeySetting + "."
	}
	return ""
}

func showCatalog(d *DeviceSetting) object {
	o := deviceMembers(d, object{
		"description": "", "roleScopeTagIds": []string{"0"}, "priorityMetaData": nil, "creationSource": nil,
		"templateReference": object{"templateId": "", "templateFamily": "none", "templateDisplayName": nil, "templateDisplayVersion": nil},
	})
	o["settingCount"], o["isAssigned"] = len(d.Settings), len(d.Assignments) > 0
	return o
}

// catalogSettings lists the settings of a policy.
func catalogSettings(d *DeviceSetting) []object {
	out := []object{}
	for i, raw := range d.Settings {
		var s object
		_ = json.Unmarshal(raw, &s) // it was checked
		out = append(out, object{"id": strconv.Itoa(i), "settingInstance": s["settingInstance"]})
	}
	return out
}

func (c *graphCall) listCatalogSettings(k *deviceKind) {
	var values []object
	found := false
	c.tenant.view(func() {
		if d := c.deviceSetting(k); d != nil {
			found, values = true, catalogSettings(d)
		}
	})
	if !found {
		c.deviceAbsent(k)
		return
	}
	c.collection(k.context+"('"+c.param[k.id]+"')/settings", values, nil)
}

package entra

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

var readDevices = []string{"DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"}

var (
	opDeviceProfiles = operation{name: "deviceConfigurations.list", doing: "read Intune's device profiles", needs: readDevices, repeatable: true}
	// Graph v1.0 does not have the settings catalog.
	opDevicePolicies = operation{name: "configurationPolicies.list", doing: "read Intune's settings catalog", needs: readDevices, repeatable: true, beta: true}
)

const (
	deviceProfilesPath = "/deviceManagement/deviceConfigurations"
	devicePoliciesPath = "/deviceManagement/configurationPolicies"

	customProfileType = "#microsoft.graph.windows10CustomConfiguration"

	// The setting that offers security keys at the Windows sign-in screen, in the two forms Intune has for it.
	signInKeysURI     = "/vendor/msft/passportforwork/securitykey/usesecuritykeyforsignin"
	signInKeysSetting = "device_vendor_msft_passportforwork_securitykey_usesecuritykeyforsignin"
)

// DeviceSetting is a profile or policy of Intune that says whether the Windows sign-in screen offers security keys.
type DeviceSetting struct {
	Form     postern.SetupWindows
	ID       string
	Name     string
	On       bool
	Targets  int // groups, all devices, all users
	Excluded int // groups
}

// SignInKeys lists what in Intune says whether the Windows sign-in screen offers security keys: custom profiles with the
// OMA-URI, and policies of the settings catalog. None says that Windows keeps its default, which does not offer them.
func (t *Tenant) SignInKeys(ctx context.Context) ([]DeviceSetting, error) {
	profiles, err := t.customProfiles(ctx)
	if err != nil {
		return nil, err
	}
	policies, err := t.catalogPolicies(ctx)
	if err != nil {
		return nil, err
	}
	return append(policies, profiles...), nil
}

func (t *Tenant) customProfiles(ctx context.Context) ([]DeviceSetting, error) {
	type wire struct {
		Type     string `json:"@odata.type"`
		ID       string `json:"id"`
		Name     string `json:"displayName"`
		Settings []struct {
			URI   string          `json:"omaUri"`
			Value json.RawMessage `json:"value"`
		} `json:"omaSettings"`
	}
	var all []DeviceSetting
	for w, err := range each[wire](ctx, t, call{op: opDeviceProfiles, method: http.MethodGet, path: deviceProfilesPath, on: object{kind: "device profiles"}}) {
		if err != nil {
			return nil, err
		}
		if !strings.EqualFold(w.Type, customProfileType) {
			continue
		}
		for _, s := range w.Settings {
			// ./Device/Vendor/… and ./Vendor/… are the same.
			if !strings.HasSuffix(strings.ToLower(s.URI), signInKeysURI) {
				continue
			}
			d := DeviceSetting{Form: postern.SetupWindowsOMAURI, ID: w.ID, Name: t.tidy(w.Name), On: isOne(s.Value)}
			if d.Targets, d.Excluded, err = t.assigned(ctx, opDeviceProfiles, deviceProfilesPath, w.ID); err != nil {
				return nil, err
			}
			all = append(all, d)
		}
	}
	return all, nil
}

// isOne reports whether an OMA setting's value is 1, as a number or a text.
func isOne(raw json.RawMessage) bool {
	text := strings.Trim(string(raw), `" `)
	return text == "1" || strings.EqualFold(text, "true")
}

// The wire of a setting of the catalog, which may have others below it.
type (
	catalogSetting struct {
		Instance catalogInstance `json:"settingInstance"`
	}
	catalogInstance struct {
		Definition string `json:"settingDefinitionId"`
		Choice     *struct {
			Value    string            `json:"value"`
			Children []catalogInstance `json:"children"`
		} `json:"choiceSettingValue"`
	}
)

// deepest bounds settings below settings.
const deepest = 8

// signInKeys finds the setting, here or below.
func (c catalogInstance) signInKeys(deep int) (on, found bool) {
	if c.Choice == nil || deep > deepest {
		return false, false
	}
	if strings.EqualFold(c.Definition, signInKeysSetting) {
		return strings.HasSuffix(c.Choice.Value, "_1"), true
	}
	for _, child := range c.Choice.Children {
		if on, found = child.signInKeys(deep + 1); found {
			return on, true
		}
	}
	return false, false
}

func (t *Tenant) catalogPolicies(ctx context.Context) ([]DeviceSetting, error) {
	type wire struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		Platforms string `json:"platforms"`
	}
	var policies []wire
	for w, err := range each[wire](ctx, t, call{op: opDevicePolicies, method: http.MethodGet, path: devicePoliciesPath, on: object{kind: "settings catalog"}}) {
		if err != nil {
			return nil, err
		}
		if w.Platforms == "" || strings.Contains(strings.ToLower(w.Platforms), "windows10") {
			policies = append(policies, w)
		}
	}
	var all []DeviceSetting
	for some := range slices.Chunk(policies, batchSize) {
		calls := make([]call, len(some))
		for n, w := range some {
			id, err := segment("policy", w.ID)
			if err != nil {
				return nil, err
			}
			calls[n] = call{op: opDevicePolicies, method: http.MethodGet, path: devicePoliciesPath + "/" + id + "/settings", on: object{"policy", w.Name}}
		}
		for n, part := range t.batch(ctx, calls) {
			on, found, err := t.catalogSetting(ctx, calls[n], part)
			if err != nil {
				return nil, err
			}
			if !found {
				continue
			}
			d := DeviceSetting{Form: postern.SetupWindowsCatalog, ID: some[n].ID, Name: t.tidy(some[n].Name), On: on}
			if d.Targets, d.Excluded, err = t.assigned(ctx, opDevicePolicies, devicePoliciesPath, d.ID); err != nil {
				return nil, err
			}
			all = append(all, d)
		}
	}
	return all, nil
}

// catalogSetting looks through the settings of one policy.
func (t *Tenant) catalogSetting(ctx context.Context, c call, part partResult) (on, found bool, err error) {
	if part.err != nil {
		return false, false, part.err
	}
	var first page[catalogSetting]
	if json.Unmarshal(part.body, &first) != nil {
		return false, false, t.unexpected(c, "settings that are not the expected JSON")
	}
	for _, s := range first.Value {
		if on, found = s.Instance.signInKeys(0); found {
			return on, true, nil
		}
	}
	if first.Next == "" {
		return false, false, nil
	}
	for s, err := range eachFrom[catalogSetting](ctx, t, c, first.Next) {
		if err != nil {
			return false, false, err
		}
		if on, found = s.Instance.signInKeys(0); found {
			return on, true, nil
		}
	}
	return false, false, nil
}

// assigned counts to whom a profile or policy is assigned.
func (t *Tenant) assigned(ctx context.Context, op operation, path, id string) (targets, excluded int, err error) {
	type wire struct {
		Target struct {
			Type string `json:"@odata.type"`
		} `json:"target"`
	}
	at, err := segment("policy", id)
	if err != nil {
		return 0, 0, err
	}
	c := call{op: op, method: http.MethodGet, path: path + "/" + at + "/assignments", on: object{"policy", id}}
	for w, err := range each[wire](ctx, t, c) {
		if err != nil {
			return 0, 0, err
		}
		if strings.EqualFold(w.Target.Type, "#microsoft.graph.exclusionGroupAssignmentTarget") {
			excluded++
		} else {
			targets++
		}
	}
	return targets, excluded, nil
}

// String names the setting as people find it.
func (d DeviceSetting) String() string {
	form := "settings catalog"
	if d.Form == postern.SetupWindowsOMAURI {
		form = "OMA-URI"
	}
	return strconv.Quote(d.Name) + " (" + form + ")"
}

package entrasim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

var (
	readDevices = permission{
		app:       []string{"DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"},
		delegated: []string{"DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"},
		roles:     []string{roleIntuneAdministrator, roleGlobalReader},
	}
	writeDevices = permission{
		app: []string{"DeviceManagementConfiguration.ReadWrite.All"}, delegated: []string{"DeviceManagementConfiguration.ReadWrite.All"},
		roles: []string{roleIntuneAdministrator},
	}
)

// deviceKind is one of the two collections of Intune the emulator keeps.
type deviceKind struct {
	path, context  string
	id             string // of the key in the path
	assignmentType string
	list           func(*DeviceSettings) *[]*DeviceSetting
	check          func(b map[string]json.RawMessage, old *DeviceSetting) (members map[string]json.RawMessage, settings []json.RawMessage, problem string)
	show           func(*DeviceSetting) object
}

var (
	deviceProfiles = &deviceKind{
		"devicemanagement/deviceconfigurations", "deviceManagement/deviceConfigurations", "profile", "#microsoft.graph.deviceConfigurationAssignment",
		func(d *DeviceSettings) *[]*DeviceSetting { return &d.Profiles }, checkProfile, showProfile,
	}
	catalogPolicies = &deviceKind{
		"devicemanagement/configurationpolicies", "deviceManagement/configurationPolicies", "policy", "#microsoft.graph.deviceManagementConfigurationPolicyAssignment",
		func(d *DeviceSettings) *[]*DeviceSetting { return &d.Policies }, checkCatalog, showCatalog,
	}
)

func intuneRoutes() []graphRoute {
	var routes []graphRoute
	for _, k := range []*deviceKind{deviceProfiles, catalogPolicies} {
		add := func(method, path string, need permission, f func(*graphCall, *deviceKind)) {
			routes = append(routes, graphRoute{
				method: method, pattern: k.path + path, need: need, betaOnly: k == catalogPolicies,
				handle: func(c *graphCall) {
					if c.licensed(licenceIntune) {
						f(c, k)
					}
				},
			})
		}
		one := "/{" + k.id + "}"
		add("GET", "", readDevices, (*graphCall).listDevices)
		add("POST", "", writeDevices, (*graphCall).createDevices)
		add("GET", one, readDevices, (*graphCall).getDevices)
		add("PATCH", one, writeDevices, (*graphCall).patchDevices)
		add("DELETE", one, writeDevices, (*graphCall).deleteDevices)
		add("GET", one+"/assignments", readDevices, (*graphCall).listDeviceAssignments)
		add("POST", one+"/assign", writeDevices, (*graphCall).assignDevices)
		if k == catalogPolicies {
			add("PUT", one, writeDevices, (*graphCall).patchDevices)
			add("GET", one+"/settings", readDevices, (*graphCall).listCatalogSettings)
		}
	}
	return routes
}

// maxDeviceSettings bounds each of the two collections.
const maxDeviceSettings = 1000

// deviceSetting finds the setting a call addresses. The caller holds the lock.
func (c *graphCall) deviceSetting(k *deviceKind) *DeviceSetting {
	for _, d := range *k.list(&c.tenant.Devices) {
		if strings.EqualFold(d.ID, c.param[k.id]) {
			return d
		}
	}
	return nil
}

// deviceAbsent is Intune's 404.
func (c *graphCall) deviceAbsent(k *deviceKind) {
	c.fail(http.StatusNotFound, "ResourceNotFound", "Could not find a resource with the id '"+shorten(c.param[k.id], 64)+"'.")
}

// showDevices builds an object for an answer, with what $expand asks for.
func (c *graphCall) showDevices(k *deviceKind, d *DeviceSetting) object {
	o := k.show(d)
	expand := strings.ToLower(c.q.Get("$expand"))
	if strings.Contains(expand, "assignments") {
		o["assignments"] = k.assignments(d)
	}
	if k == catalogPolicies && strings.Contains(expand, "settings") {
		o["settings"] = catalogSettings(d)
	}
	return o
}

func (c *graphCall) listDevices(k *deviceKind) {
	var values []object
	c.tenant.view(func() {
		for _, d := range *k.list(&c.tenant.Devices) {
			values = append(values, c.showDevices(k, d))
		}
	})
	c.filtered(k.context, values)
}

func (c *graphCall) getDevices(k *deviceKind) {
	var out object
	c.tenant.view(func() {
		if d := c.deviceSetting(k); d != nil {
			out = c.showDevices(k, d)
		}
	})
	if out == nil {
		c.deviceAbsent(k)
		return
	}
	c.entity(http.StatusOK, k.context+"/$entity", c.pick(out))
}

func (c *graphCall) createDevices(k *deviceKind) {
	var b map[string]json.RawMessage
	if !c.body(&b) {
		return
	}
	members, settings, problem := k.check(b, nil)
	if problem != "" {
		c.fail(http.StatusBadRequest, "BadRequest", problem)
		return
	}
	now := c.s.now().UTC()
	d := &DeviceSetting{ID: c.s.newID(), Members: members, Settings: settings, Created: now, Modified: now, Version: 1}
	full := false
	c.tenant.update(func() {
		list := k.list(&c.tenant.Devices)
		if full = len(*list) >= maxDeviceSettings; !full {
			*list = append(*list, d)
		}
	})
	if full {
		c.fail(http.StatusBadRequest, "BadRequest", "The number of policies of this type has reached its limit.")
		return
	}
	c.entity(http.StatusCreated, k.context+"/$entity", k.show(d))
}

// changeDevices replaces a setting by what f makes of a copy; it answers 404 and 400 itself and returns nil then.
func (c *graphCall) changeDevices(k *deviceKind, f func(d *DeviceSetting) (problem string)) *DeviceSetting {
	var changed *DeviceSetting
	found, problem := false, ""
	c.tenant.update(func() {
		d := c.deviceSetting(k)
		if found = d != nil; !found {
			return
		}
		copied := *d
		if problem = f(&copied); problem == "" {
			*d = copied
			changed = &copied
		}
	})
	switch {
	case !found:
		c.deviceAbsent(k)
	case problem != "":
		c.fail(http.StatusBadRequest, "BadRequest", problem)
	}
	return changed
}

// patchDevices is PATCH, and for the settings catalog PUT too.
func (c *graphCall) patchDevices(k *deviceKind) {
	var b map[string]json.RawMessage
	if !c.body(&b) {
		return
	}
	d := c.changeDevices(k, func(d *DeviceSetting) (problem string) {
		if c.r.Method == http.MethodPatch && k == catalogPolicies && b["settings"] != nil {
			return "The settings of a policy are replaced as a whole, with PUT."
		}
		members, settings, problem := k.check(b, d)
		if problem != "" {
			return problem
		}
		d.Members = maps.Clone(d.Members)
		maps.Copy(d.Members, members)
		if settings != nil {
			d.Settings = settings
		}
		d.Version++
		d.Modified = c.s.now().UTC()
		return ""
	})
	switch {
	case d == nil:
	case k == catalogPolicies:
		c.noContent()
	default:
		c.entity(http.StatusOK, k.context+"/$entity", k.show(d))
	}
}

func (c *graphCall) deleteDevices(k *deviceKind) {
	found := false
	c.tenant.update(func() {
		if d := c.deviceSetting(k); d != nil {
			found = true
			list := k.list(&c.tenant.Devices)
			*list = slices.DeleteFunc(slices.Clone(*list), func(o *DeviceSetting) bool { return o == d })
		}
	})
	if !found {
		c.deviceAbsent(k)
		return
	}
	c.noContent()
}

// Kinds of targets, and whether they name a group.
var deviceTargets = map[string]bool{
	"#microsoft.graph.groupAssignmentTarget": true, "#microsoft.graph.exclusionGroupAssignmentTarget": true,
	"#microsoft.graph.allDevicesAssignmentTarget": false, "#microsoft.graph.allLicensedUsersAssignmentTarget": false,
}

// assignments lists who gets a setting.
func (k *deviceKind) assignments(d *DeviceSetting) []object {
	out := []object{}
	for i, raw := range d.Assignments {
		var target object
		_ = json.Unmarshal(raw, &target) // it was checked
		group, _ := target["groupId"].(string)
		if group == "" {
			group = fmt.Sprintf("%08d-0000-0000-0000-000000000000", i)
		}
		out = append(out, object{"@odata.type": k.assignmentType, "id": d.ID + "_" + group, "target": target, "source": "direct", "sourceId": d.ID, "intent": "apply"})
	}
	return out
}

func (c *graphCall) listDeviceAssignments(k *deviceKind) {
	var values []object
	found := false
	c.tenant.view(func() {
		if d := c.deviceSetting(k); d != nil {
			found, values = true, k.assignments(d)
		}
	})
	if !found {
		c.deviceAbsent(k)
		return
	}
	c.collection(k.context+"('"+c.param[k.id]+"')/assignments", values, nil)
}

// assignDevices replaces the list of those who get a setting.
func (c *graphCall) assignDevices(k *deviceKind) {
	var b struct {
		Assignments *[]struct {
			Target object `json:"target"`
		} `json:"assignments"`
	}
	if !c.body(&b) {
		return
	}
	d := c.changeDevices(k, func(d *DeviceSetting) string {
		if b.Assignments == nil {
			return "The parameter 'assignments' is missing."
		}
		targets := []json.RawMessage{}
		for _, a := range *b.Assignments {
			kind, _ := a.Target["@odata.type"].(string)
			grouped, known := deviceTargets[kind]
			group, _ := a.Target["groupId"].(string)
			switch {
			case !known:
				return "The type of an assignment's target is missing or unknown: '" + shorten(kind, 64) + "'."
			case grouped && !isGUID(group):
				return "The target of an assignment needs the id of a group."
			}
			target := object{"@odata.type": kind, "deviceAndAppManagementAssignmentFilterId": nil, "deviceAndAppManagementAssignmentFilterType": "none"}
			if grouped {
				target["groupId"] = strings.ToLower(group)
			}
			raw, err := json.Marshal(target)
			if err != nil {
				return err.Error()
			}
			targets = append(targets, raw)
		}
		d.Assignments, d.Modified = targets, c.s.now().UTC()
		return ""
	})
	if d != nil {
		c.collection("Collection("+strings.TrimPrefix(k.assignmentType, "#")+")", k.assignments(d), nil)
	}
}

// deviceMembers are the members every setting shows.
func deviceMembers(d *DeviceSetting, defaults object) object {
	o := overlay(defaults, d.Members)
	o["id"], o["createdDateTime"], o["lastModifiedDateTime"] = d.ID, d.Created.Format(time.RFC3339Nano), d.Modified.Format(time.RFC3339Nano)
	return o
}

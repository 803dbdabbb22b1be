package entrasim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func computerRoutes() []graphRoute {
	read := permission{
		app:       []string{"Device.Read.All", "Device.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"Device.Read.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
	}
	write := permission{
		app: []string{"Device.ReadWrite.All", "Directory.ReadWrite.All"}, delegated: []string{"Directory.AccessAsUser.All"},
		roles: []string{roleCloudDeviceAdministrator, roleIntuneAdministrator},
	}
	remove := write
	remove.app = []string{"Device.ReadWrite.All"}
	owned := permission{
		app:       []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		delegated: []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"},
		self:      []string{"User.Read", "User.ReadWrite"},
	}
	return []graphRoute{
		{method: "GET", pattern: "devices", need: read, handle: (*graphCall).listComputers},
		{method: "GET", pattern: "devices/{device}", need: read, handle: (*graphCall).getComputer},
		{method: "PATCH", pattern: "devices/{device}", need: write, handle: (*graphCall).patchComputer},
		{method: "DELETE", pattern: "devices/{device}", need: remove, handle: (*graphCall).deleteComputer},
		{method: "GET", pattern: "users/{user}/registereddevices", need: owned, handle: (*graphCall).listOwnedComputers},
		{method: "GET", pattern: "users/{user}/owneddevices", need: owned, handle: (*graphCall).listOwnedComputers},
	}
}

// stamp is a time that may be missing.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return shown(t)
}

// showComputer is the device of Graph.
func showComputer(c *Computer) object {
	profile, version, synced := any("RegisteredDevice"), any(2), any(nil)
	if c.Registered.IsZero() {
		profile = nil
	}
	if c.Trust == trustHybrid {
		synced = true
	}
	return object{
		"id": c.ID, "deviceId": c.DeviceID, "displayName": c.DisplayName, "accountEnabled": !c.Disabled, "trustType": c.Trust, "operatingSystem": "Windows",
		"operatingSystemVersion": text(c.OSVersion), "createdDateTime": stamp(c.Created), "registrationDateTime": stamp(c.Registered),
		"approximateLastSignInDateTime": stamp(c.LastSignIn), "isCompliant": c.Compliant, "isManaged": c.Compliant, "profileType": profile, "deviceVersion": version,
		"onPremisesSyncEnabled": synced, "onPremisesSecurityIdentifier": text(c.SecurityIdentifier), "deletedDateTime": nil,
		"physicalIds": []string{}, "systemLabels": []string{}, "alternativeSecurityIds": []object{},
	}
}

// pathComputer finds the device a path names: by object id, or as deviceId='…'. The caller holds the lock.
func (c *graphCall) pathComputer() *Computer {
	if id, ok := strings.CutPrefix(strings.ToLower(c.param["device"]), "deviceid="); ok {
		return c.tenant.computer(id)
	}
	return c.tenant.computerByObject(c.param["device"])
}

// listComputers answers a page of devices.
func (c *graphCall) listComputers() {
	size, ok := c.top(defaultPage, maxPage)
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
	var values []object
	var last uint64
	more := false
	c.tenant.view(func() {
		c.tenant.Computers.after(from.Seq, func(seq uint64, k *Computer) bool {
			row := showComputer(k)
			if f != nil && !f.match(func(path string) any { return lookup(row, path) }) {
				return true
			}
			if more = len(values) == size; more {
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
	c.collection("devices", values, extra)
}

func (c *graphCall) getComputer() {
	var row object
	c.tenant.view(func() {
		if k := c.pathComputer(); k != nil {
			row = showComputer(k)
		}
	})
	if row == nil {
		c.notFound(c.param["device"])
		return
	}
	c.entity(http.StatusOK, "devices/$entity", c.pick(row))
}

// listOwnedComputers answers the devices a user joined or registered.
func (c *graphCall) listOwnedComputers() {
	var values []object
	found := false
	c.tenant.view(func() {
		u := c.tenant.user(c.param["user"])
		if found = u != nil; !found {
			return
		}
		c.tenant.Computers.all(func(k *Computer) bool {
			if k.Owner == u.ID {
				row := showComputer(k)
				row["@odata.type"] = "#microsoft.graph.device"
				values = append(values, c.pick(row))
			}
			return true
		})
	})
	if !found {
		c.notFound(c.param["user"])
		return
	}
	c.collection("directoryObjects", values, nil)
}

// patchComputer changes whether a device is enabled, or its name. What comes from Active Directory is changed there.
func (c *graphCall) patchComputer() {
	var b map[string]any
	if !c.body(&b) {
		return
	}
	for name := range b {
		if !slices.Contains([]string{"accountEnabled", "displayName", "@odata.type"}, name) {
			c.badRequest("Property '" + name + "' of a device cannot be changed here.")
			return
		}
	}
	enabled, hasEnabled := b["accountEnabled"].(bool)
	name, hasName := b["displayName"].(string)
	if _, ok := b["accountEnabled"]; ok != hasEnabled {
		c.badRequest("Invalid value specified for property 'accountEnabled' of resource 'Device'.")
		return
	}
	if _, ok := b["displayName"]; ok != hasName || hasName && (name == "" || len(name) > 256) {
		c.badRequest("Invalid value specified for property 'displayName' of resource 'Device'.")
		return
	}
	var changed *Computer
	synced := false
	c.tenant.update(func() {
		k := c.pathComputer()
		if k == nil {
			return
		}
		if synced = hasName && k.Trust == trustHybrid; synced {
			return
		}
		if hasEnabled {
			k.Disabled = !enabled
		}
		if hasName {
			k.DisplayName = name
		}
		changed = k.clone()
	})
	switch {
	case synced:
		c.badRequest("Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.")
	case changed == nil:
		c.notFound(c.param["device"])
	default:
		c.auditComputer("Update device", "Update", changed)
		c.noContent()
	}
}

func (c *graphCall) deleteComputer() {
	var gone *Computer
	c.tenant.update(func() {
		if k := c.pathComputer(); k != nil {
			gone = k.clone()
			c.tenant.Computers.remove(k.DeviceID)
		}
	})
	if gone == nil {
		c.notFound(c.param["device"])
		return
	}
	c.auditComputer("Delete device", "Delete", gone)
	c.noContent()
}

// auditComputer writes an event about a device.
func (c *graphCall) auditComputer(activity, operation string, k *Computer) {
	c.audit(Audit{Service: serviceCore, Category: "Device", Activity: activity, Operation: operation, TargetType: "Device", TargetID: k.ID, TargetName: k.DisplayName})
}

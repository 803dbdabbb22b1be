package entrasim

import (
	"encoding/json"
	"time"
)

// DeviceSettings is what Intune holds of a tenant: configuration profiles and policies of the settings catalog, oldest first.
type DeviceSettings struct {
	Profiles []*DeviceSetting `json:",omitempty"`
	Policies []*DeviceSetting `json:",omitempty"`
}

// DeviceSetting is one profile or policy. Its parts are replaced, never written to.
type DeviceSetting struct {
	ID          string
	Members     map[string]json.RawMessage // as they were given
	Settings    []json.RawMessage          `json:",omitempty"` // of the settings catalog
	Assignments []json.RawMessage          `json:",omitempty"` // targets
	Created     time.Time
	Modified    time.Time
	Version     int
}

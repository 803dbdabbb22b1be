package printed

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Devices is what the script of package doctor writes: objects of the classes Win32_… under their own names.
type Devices struct {
	Services      []Service      // Win32_Service
	Drivers       []Service      // Win32_SystemDriver
	SignedDrivers []SignedDriver // Win32_PnPSignedDriver
	Devices       []Device       // Win32_PnPEntity, those that are present
	Computer      Computer       // Win32_ComputerSystem
	LastUpdate    string         // of Win32_QuickFixEngineering, 2026-11-11
}

// Service is a service, or a driver.
type Service struct {
	Name, State, StartMode string // Running, Stopped; Auto, Manual, Disabled, System, Boot
}

// SignedDriver is the driver of a device.
type SignedDriver struct {
	DeviceID, DeviceName, DriverVersion, Signer string
	IsSigned                                    bool
}

// Device is a device that is there.
type Device struct {
	Name, PNPClass, PNPDeviceID, Service string
	ConfigManagerErrorCode               uint32 // 0 works; 22 disabled; 52 the driver is not signed
	HardwareID                           []string
}

// Computer is the machine.
type Computer struct {
	Manufacturer, Model string
}

// ParseDevices reads the JSON. PowerShell writes a mark before it and null for what is empty.
func ParseDevices(text []byte) (Devices, error) {
	if len(text) > maxText {
		return Devices{}, fmt.Errorf("%d bytes of text", len(text))
	}
	var d Devices
	if err := json.Unmarshal(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))), &d); err != nil {
		return Devices{}, fmt.Errorf("what PowerShell wrote cannot be read: %w", err)
	}
	return d, nil
}

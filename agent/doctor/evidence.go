package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern/agent/doctor/printed"
	"github.com/postern/postern/agent/join"
	"github.com/postern/postern/fido/transport/hid"
)

// Evidence is what Windows and its programs said, as text.
type Evidence struct {
	Status       []byte // dsregcmd /status
	StatusError  string // why not
	User         bool   // it was asked as somebody who is signed in
	Registry     []byte // reg query of the keys in [RegistryKeys], one after the other
	Devices      []byte // what the script devices.ps1 writes
	DevicesError string
	Controller   []byte // nltest /dsgetdc:DOMAIN /keylist /kdc
}

// Keys of the registry that are looked at.
const (
	keyVersion     = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	keyProduct     = `HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions`
	keyCode        = `HKLM\SYSTEM\CurrentControlSet\Control\CI\Policy`
	keyControl     = `HKLM\SYSTEM\CurrentControlSet\Control`
	keyEnvironment = `HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment`
	keyRadio       = `HKLM\SYSTEM\CurrentControlSet\Control\RadioManagement\SystemRadioState`
	keyDriver      = `HKLM\SYSTEM\CurrentControlSet\Services\usbip2_ude`
	keyFIDO        = `HKLM\SOFTWARE\Policies\Microsoft\FIDO`
	keyMDM         = `HKLM\SOFTWARE\Microsoft\Policies\PassportForWork\SecurityKey`
	keyHello       = `HKLM\SOFTWARE\Policies\Microsoft\PassportForWork`
	keyProvider    = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers\` + fidoProvider
	keySystem      = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`
	keyLogon       = `HKLM\SOFTWARE\Policies\Microsoft\Windows\System`
	keyTerminal    = `HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services`
	keyEdge        = `HKLM\SOFTWARE\WOW6432Node\Microsoft\EdgeUpdate\Clients\{56EB18F8-B008-4CBD-B6D2-8C97FE7E9062}`
	keyChrome      = `HKLM\SOFTWARE\WOW6432Node\Google\Update\Clients\{8A69D345-D564-463C-AFF1-A69D9E530F96}`
	keyFirefox     = `HKLM\SOFTWARE\Mozilla\Mozilla Firefox`
	keyEdgePolicy  = `HKLM\SOFTWARE\Policies\Microsoft\Edge`
	keyGooglePol   = `HKLM\SOFTWARE\Policies\Google\Chrome`
)

// RegistryKeys are the keys to query, and whether with all that is below them.
func RegistryKeys() map[string]bool {
	return map[string]bool{
		keyVersion: false, keyProduct: false, keyCode: false, keyControl: false, keyEnvironment: false, keyRadio: false, keyDriver: false, keyFIDO: false,
		keyMDM: false, keyHello: false, keyProvider: false, keySystem: false, keyLogon: false, keyTerminal: false, keyEdge: false, keyChrome: false,
		keyFirefox: false, keyEdgePolicy: true, keyGooglePol: true,
	}
}

// Facts adds to the facts what the evidence says.
func (e Evidence) Facts(f *Facts) {
	r := printed.ParseRegistry(e.Registry)
	w := &Windows{User: e.User, JoinError: e.StatusError, Untold: e.DevicesError}
	f.Windows = w
	w.version(r)
	w.policies(r)
	if e.StatusError == "" {
		var err error
		if w.Join, err = join.ParseReport(e.Status); err != nil {
			w.JoinError = err.Error()
		}
		w.Desktop = w.Join.Desktop
	}
	if len(e.Controller) > 0 {
		w.Controller, w.ControllerAsked = printed.ParseController(e.Controller)
	}
	f.Browsers = windowsBrowsers(r)
	w.Driver.Service = r.Has(keyDriver)
	w.Driver.TestSigning = strings.Contains(strings.ToUpper(r.Text(keyControl, "SystemStartOptions")), "TESTSIGNING")
	if w.Untold != "" {
		return
	}
	d, err := printed.ParseDevices(e.Devices)
	if err != nil {
		w.Untold = err.Error()
		return
	}
	w.devices(d)
	f.devices(d, r)
}

func (w *Windows) version(r printed.Registry) {
	number := func(key, name string) uint64 {
		if n := r.Number(key, name); n != nil {
			return *n
		}
		return 0
	}
	w.Build, w.Revision = number(keyVersion, "CurrentBuild"), number(keyVersion, "UBR")
	w.Display, w.Edition = r.Text(keyVersion, "DisplayVersion"), r.Text(keyVersion, "EditionID")
	product := r.Text(keyProduct, "ProductType")
	w.Server = product == "ServerNT" || product == "LanmanNT"
	w.SMode = number(keyCode, "SkuPolicyRequired") == 1
	w.ARM = strings.EqualFold(r.Text(keyEnvironment, "PROCESSOR_ARCHITECTURE"), "ARM64")
}

func (w *Windows) policies(r printed.Registry) {
	w.GPO, w.MDM = r.Number(keyFIDO, "EnableFIDODeviceLogon"), r.Number(keyMDM, "UseSecurityKeyForSignin")
	w.HelloPolicy = r.Number(keyHello, "Enabled")
	if !r.Empty() {
		there := r.Has(keyProvider)
		w.Provider = &there
	}
	disabled := r.Number(keyProvider, "Disabled")
	w.ProviderDisabled = disabled != nil && *disabled != 0
	for excluded := range strings.SplitSeq(r.Text(keySystem, "ExcludedCredentialProviders"), ",") {
		w.Excluded = w.Excluded || strings.EqualFold(strings.TrimSpace(excluded), fidoProvider)
	}
	w.DefaultProvider = r.Text(keyLogon, "DefaultCredentialProvider")
	redirect := r.Number(keyTerminal, "fDisableWebAuthn")
	w.NoRedirection = redirect != nil && *redirect != 0
}

func (w *Windows) devices(d printed.Devices) {
	if t, err := time.Parse(time.DateOnly, d.LastUpdate); err == nil {
		w.LastUpdate = t
	}
	for _, driver := range d.Drivers {
		if strings.EqualFold(driver.Name, "usbip2_ude") {
			w.Driver.Running = driver.State == "Running"
		}
	}
	for _, device := range d.Devices {
		if strings.EqualFold(device.Service, "usbip2_ude") {
			w.Driver.Device, w.Driver.Problem = true, device.ConfigManagerErrorCode
		}
	}
	for _, s := range d.SignedDrivers {
		w.Driver.Version, w.Driver.Signed = s.DriverVersion, s.IsSigned
	}
}

// devices are the things in and at the machine.
func (f *Facts) devices(d printed.Devices, r printed.Registry) {
	own := hid.DefaultIdentity()
	mine := fmt.Sprintf("VID_%04X&PID_%04X", own.Vendor, own.Product)
	var chip, adapter, radio, service bool
	for _, device := range d.Devices {
		works := device.ConfigManagerErrorCode == 0
		switch {
		case slices.Contains(device.HardwareID, "HID_DEVICE_UP:F1D0_U:0001"):
			f.Keys = append(f.Keys, Key{Path: device.PNPDeviceID, Name: device.Name, Readable: true, Virtual: strings.Contains(strings.ToUpper(device.PNPDeviceID), mine)})
		case device.PNPClass == "SmartCardReader":
			f.Keys = append(f.Keys, Key{Path: device.PNPDeviceID, Name: device.Name, Readable: true, Reader: true})
		case device.PNPClass == "SecurityDevices":
			chip = chip || works
		case device.PNPClass == "Bluetooth" && strings.HasPrefix(device.PNPDeviceID, `BTH\`):
			radio = radio || works
		case device.PNPClass == "Bluetooth" && !strings.HasPrefix(device.PNPDeviceID, "BTH"):
			adapter = true
		}
	}
	for _, s := range d.Services {
		service = service || s.Name == "bthserv" && s.State == "Running"
	}
	if flight := r.Number(keyRadio, ""); flight != nil && *flight == 1 {
		radio = false
	}
	f.TPM = &chip
	f.Bluetooth = Bluetooth{Present: &adapter, On: &radio, Service: &service}
}

func windowsBrowsers(r printed.Registry) []Browser {
	var all []Browser
	for _, b := range []struct{ name, key, value, policy string }{
		{"edge", keyEdge, "pv", keyEdgePolicy}, {"chrome", keyChrome, "pv", keyGooglePol}, {"firefox", keyFirefox, "CurrentVersion", ""},
	} {
		version, _, _ := strings.Cut(r.Text(b.key, b.value), " ")
		if version == "" {
			continue
		}
		all = append(all, Browser{Name: b.name, Version: version, Policy: extensionPolicy(r, b.policy)})
	}
	return all
}

// extensionPolicy reads the policies of Chromium: ExtensionSettings goes before the lists, and what is forced before what
// is blocked.
func extensionPolicy(r printed.Registry, key string) ExtensionPolicy {
	if key == "" {
		return ExtensionFree
	}
	list := func(name, wanted string) bool {
		for _, value := range r.Values(key + `\` + name) {
			id, _, _ := strings.Cut(value, ";")
			if id == wanted {
				return true
			}
		}
		return false
	}
	var settings map[string]struct {
		Mode string `json:"installation_mode"`
	}
	_ = json.Unmarshal([]byte(r.Text(key, "ExtensionSettings")), &settings) // what cannot be read the browser does not take either
	mode := func(id string) string { return settings[id].Mode }
	switch {
	case list("ExtensionInstallForcelist", extensionID), strings.HasSuffix(mode(extensionID), "_installed"):
		return ExtensionForced
	case list("ExtensionInstallAllowlist", extensionID), mode(extensionID) == "allowed":
		return ExtensionFree
	case list("ExtensionInstallBlocklist", extensionID), list("ExtensionInstallBlocklist", "*"), mode(extensionID) == "blocked", mode("*") == "blocked":
		return ExtensionBlocked
	}
	return ExtensionFree
}

package doctor

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Sysfs adds what Linux tells in files: the TPM, Bluetooth, readers for smart cards. The root is /.
func Sysfs(root fs.FS, f *Facts) {
	read := func(name string) string {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text[:min(len(text), 4096)]))
	}
	chips := glob(root, "sys/class/tpm/tpm*")
	chip := slices.ContainsFunc(chips, func(name string) bool { return read(name+"/tpm_version_major") != "1" })
	f.TPM = &chip
	adapter, on := len(glob(root, "sys/class/bluetooth/hci*")) > 0, true
	for _, radio := range glob(root, "sys/class/rfkill/rfkill*") {
		if read(radio+"/type") == "bluetooth" {
			adapter = true
			on = on && read(radio+"/soft") != "1" && read(radio+"/hard") != "1"
		}
	}
	f.Bluetooth = Bluetooth{Present: &adapter, On: &on}
	for _, device := range glob(root, "sys/bus/usb/devices/*") {
		if read(device+"/bInterfaceClass") != "0b" { // USB device class CCID
			continue
		}
		parent, _, _ := strings.Cut(path.Base(device), ":")
		name := strings.TrimSpace(read("sys/bus/usb/devices/"+parent+"/manufacturer") + " " + read("sys/bus/usb/devices/"+parent+"/product"))
		f.Keys = append(f.Keys, Key{Path: path.Base(device), Name: strings.TrimSpace(name + " (USB " + parent + ")"), Reader: true, Readable: true})
	}
}

func glob(root fs.FS, pattern string) []string {
	names, err := fs.Glob(root, pattern)
	if err != nil {
		panic(err) // the patterns are ours
	}
	return names
}

// rule reports whether a rule of udev names /dev/uhid.
func rule(root fs.FS) bool {
	for _, dir := range []string{"etc", "run", "usr/lib", "lib"} {
		for _, name := range glob(root, dir+"/udev/rules.d/*.rules") {
			text, err := fs.ReadFile(root, name)
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(text)) {
				if strings.Contains(strings.ReplaceAll(line, " ", ""), `KERNEL=="uhid"`) && !strings.HasPrefix(strings.TrimSpace(line), "#") {
					return true
				}
			}
		}
	}
	return false
}

// managed is where browsers of Linux read their policies.
var managed = map[string]string{
	"google-chrome": "etc/opt/chrome/policies/managed", "microsoft-edge": "etc/opt/edge/policies/managed", "chromium": "etc/chromium/policies/managed",
	"brave": "etc/brave/policies/managed",
}

// linuxPolicy is [extensionPolicy] of files.
func linuxPolicy(root fs.FS, browser string) ExtensionPolicy {
	dir, known := managed[browser]
	if !known {
		return ExtensionFree
	}
	var block, allow, force []string
	for _, name := range glob(root, dir+"/*.json") {
		var p struct {
			Block    []string `json:"ExtensionInstallBlocklist"`
			Allow    []string `json:"ExtensionInstallAllowlist"`
			Force    []string `json:"ExtensionInstallForcelist"`
			Settings map[string]struct {
				Mode string `json:"installation_mode"`
			} `json:"ExtensionSettings"`
		}
		text, err := fs.ReadFile(root, name)
		if err != nil || json.Unmarshal(text, &p) != nil {
			continue // the browser does not take it either
		}
		block, allow, force = append(block, p.Block...), append(allow, p.Allow...), append(force, p.Force...)
		for id, setting := range p.Settings {
			switch setting.Mode {
			case "blocked":
				block = append(block, id)
			case "allowed":
				allow = append(allow, id)
			case "force_installed", "normal_installed":
				force = append(force, id)
			}
		}
	}
	switch {
	case slices.ContainsFunc(force, func(entry string) bool { return strings.HasPrefix(entry, extensionID) }):
		return ExtensionForced
	case slices.Contains(allow, extensionID):
		return ExtensionFree
	case slices.Contains(block, extensionID), slices.Contains(block, "*"):
		return ExtensionBlocked
	}
	return ExtensionFree
}

// numbers is the first word of a text that begins with a digit: the version in what a browser says of itself.
func numbers(text string) string {
	for _, word := range strings.Fields(text) {
		if word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	return ""
}

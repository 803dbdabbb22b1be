package main

import (
	"embed"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// attachment is how the key reaches the guest's kernel.
type attachment string

const (
	// usbip serves the key on this machine; the guest's virtual USB host controller (vhci_hcd) connects to it.
	usbip attachment = "usbip"
	// uhid serves it in the guest, as a HID device made by a program (/dev/uhid).
	uhid attachment = "uhid"
	// vhci serves it in the guest, on its virtual USB host controller.
	vhci attachment = "vhci"
	// agent leaves it to the workstation agent in the guest, which is paired with a phone on this machine.
	agent attachment = "agent"
	// desk does so too, with the phone in the guest, so that both can be cut off from everything.
	desk attachment = "desk"
)

// client is one program, or family of programs, that uses the key.
type client struct {
	name       string
	attachment attachment
	// verifies: the key verifies its user by itself, as a phone does. Otherwise it has a PIN, once one is set.
	verifies bool
	// command runs in the guest with the key's device as its last argument.
	command string
	limit   time.Duration
}

// clients run in this order. Each finds a fresh key plugged in, which is taken away from it in the end. What every program does is
// told by its script in the folder clients; the browser's is in browse.go.
//
// OpenSSH gets a key without user verification of its own: it never asks for any at registration, and a key that has it and no PIN
// must refuse that (CTAP 2.1 §6.1.2 step 8).
var clients = []client{
	{"libfido2", usbip, true, "/bin/sh /job/clients/libfido2.sh", 5 * time.Minute},
	{"libfido2", uhid, true, "/bin/sh /job/clients/libfido2.sh", 5 * time.Minute},
	{"libfido2", vhci, true, "/bin/sh /job/clients/libfido2.sh", 5 * time.Minute},
	{"libfido2-pin", usbip, false, "/bin/sh /job/clients/libfido2-pin.sh", 5 * time.Minute},
	{"openssh", usbip, false, "/bin/sh /job/clients/openssh.sh", 5 * time.Minute},
	{"python-fido2", uhid, true, "/usr/bin/python3 /job/clients/python-fido2.py", 5 * time.Minute},
	{"postern", vhci, false, "/bin/sh /job/clients/postern.sh", 5 * time.Minute},
	{"chromium", usbip, true, "/run/bin/rig " + inGuest + " " + tenantVisit, 15 * time.Minute},
	{"chromium", agent, true, "/bin/sh /job/clients/agent.sh", 15 * time.Minute},
	{"libfido2-offline", desk, true, "/bin/sh /job/clients/libfido2-offline.sh", 5 * time.Minute},
	{"windows", desk, true, "/bin/sh /job/clients/windows.sh", 5 * time.Minute},
}

func (c client) String() string { return c.name + "/" + string(c.attachment) }

//go:embed clients guest
var scripts embed.FS

// layOut copies what the guest runs into its job folder: the scripts, the programs, and this one, for it drives the browser.
func layOut(job string, programs map[string]string, settings string) error {
	if err := os.CopyFS(job, scripts); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(job, "center"), []byte(settings), 0o600); err != nil {
		return err
	}
	programs = maps.Clone(programs)
	programs["rig"] = self
	for name, path := range programs {
		content, err := os.ReadFile(path) // #nosec G304 -- programs of ours
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(job, name), content, 0o755); err != nil { // #nosec G306 -- a program
			return err
		}
	}
	return nil
}

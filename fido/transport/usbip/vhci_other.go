//go:build !linux

package usbip

import "github.com/postern/postern/fido/transport/hid"

// PlugIn fails: there is no such controller.
func (v VHCI) PlugIn() (*Port, error) {
	return nil, &hid.Unavailable{
		Message: "Only Linux has a virtual USB host controller that is reached without a driver.",
		Next:    "On Windows install usbip-win2 and export the key with USB/IP instead.",
	}
}

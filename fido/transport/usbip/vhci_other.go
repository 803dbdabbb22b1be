//go:build !linux

package usbip

import (
	"context"

	"github.com/postern/postern/fido/transport/hid"
)

// Run fails: there is no such controller.
func (v VHCI) Run(context.Context) error {
	return &hid.Unavailable{
		Message: "Only Linux has a virtual USB host controller that is reached without a driver.",
		Next:    "On Windows install usbip-win2 and export the key with USB/IP instead.",
	}
}

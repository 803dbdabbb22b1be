// Package usbip is a virtual security key on a USB bus, by USB/IP: Linux has the
// client in its kernel (vhci-hcd), Windows in the usbip-win2 driver.
//
// [Device] is the USB device and [Server] what exports it over TCP; either end
// in [hid.Reports], which the caller puts an authenticator behind. [VHCI] plugs
// the same device into this Linux machine without TCP and without any tool.
//
// The messages are pure functions (wire.go, op.go, urb.go), the device is a
// state machine on data (device.go, control.go), and only server.go, session.go
// and vhci.go do I/O. The package knows one device with one HID interface; what
// CTAPHID does with the reports is package hid's.
//
// The protocol has neither authentication nor encryption: whoever reaches the
// listener may plug the key in. Hence [Listen] stays on this machine unless it
// is told otherwise, a bus id may be unguessable and kept out of the list, and
// one client at a time has the device.
package usbip

// Package uhid is a virtual security key on Linux by /dev/uhid, the kernel's door
// for HID devices made by programs. It is the simplest way to be a key there: no
// USB, one module, and the device is gone when the program is.
//
// The events are pure functions (wire.go, event.go) and work anywhere; [Open]
// needs Linux. [Device] is the device's end of [hid.Reports]. What CTAPHID does
// with the reports is package hid's.
package uhid

// Package hidraw finds and opens security keys that are plugged into a Linux
// machine, by the kernel's hidraw devices. [Conn] is the host's end of
// [hid.Reports].
//
// The kernel shows every report of a key to every program that has it open;
// which of them are one's own, package hid tells by their channel. Windows and
// macOS do not let programs speak to security keys this way.
package hidraw

// Package hid joins CTAPHID to its two ends: [Serve] puts an authenticator
// behind a stream of reports, [Open] makes a channel for a client platform out
// of one. [Pipe] is such a stream in memory.
//
// It owns goroutines, timers and the order of things; the protocol itself is
// package ctaphid's, and how reports travel that of the packages beside this
// one: usbip, uhid and udp on the device's side, hidraw and udp on the host's.
package hid

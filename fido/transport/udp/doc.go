// Package udp carries HID reports in UDP datagrams on the loopback interface,
// the way software authenticators offer themselves to host-side tests: [Listen]
// is the device, [Dial] the host.
//
// It is a simulator port and nothing more: no link to any device driver, no
// protection, hence only addresses of 127.0.0.0/8. What a report means is
// package ctaphid's business, and who answers it package hid's.
package udp

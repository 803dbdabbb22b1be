// Package ctaphid holds CTAPHID, the framing of authenticator messages in
// 64-byte HID reports (CTAP 2.1 §11.2), as data.
//
// [Packets] splits a message into reports and [Assembler] puts reports together
// again; both serve hosts and devices. [Device] is the device's side of the
// protocol: channels, locks, errors, keepalives and cancellation.
//
// The package does no I/O, starts nothing, and reads no clock: reports and the
// time come in as arguments, and what is to be done comes out as [Action]
// values. It does not know what a CBOR or U2F request means (package ctap), nor
// how reports reach a host (the transports).
package ctaphid

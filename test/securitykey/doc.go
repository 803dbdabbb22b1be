// Package securitykey holds the authenticator against clients that nobody here
// wrote: libfido2 through its I/O functions, and OpenSSH through a provider on
// top of it. The key is the program postern-phone at its simulator port; a tap
// between the two reads every answer and holds it to canonical form.
//
// Clients that need a kernel's HID device are internal/rig's business.
package securitykey

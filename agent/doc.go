// Package agent is the workstation: it keeps what the workstation is, pairs it with phones, and plugs in a virtual security
// key for each phone that is there. A program of this machine then uses the phone as it would use a key on USB.
//
//	program ── HID reports ── [hid.Serve] ── key ── sealed channel, relay ── phone
//
// It owns the state file, the decision when a key is plugged in, what a host is told when the phone is not, and what people
// are shown of it all: [Agent.View]. The link to phones and control center is package workstation's, the pages for people
// are package page's, the reasons why something does not work package doctor's.
// Where no phone can be reached the workstation is the key itself, with the passkeys of package agent/offline; offline.go has
// them issued, renewed, reported on and taken away, and the ring of keys.go decides which key is plugged in.
//
// Read agent.go first, then keys.go for when a key is there and status.go for what a host is told.
package agent

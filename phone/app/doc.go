// Package app is the phone app without its skin: what it knows, what it asks its user, and what it does with the answers.
//
// Two pages are its whole surface. A [View] is everything a screen may show, made anew whenever something changes. A
// [Command] is everything a person can do. The skin (phone/web) draws the one and sends the other; it holds no state that
// matters and makes no decision. Between them stands cmd/wasm/phone, or a test.
//
// The package owns the order of things: first start, pairing, requests of workstations and their approval, provisionings,
// notices, diagnosis, the log of what the passkeys were used for. Passkeys lie in package vault, what the control center
// is told and asks is package phone's, the sealed channel package channel's.
//
// # What raises the biometric
//
// The vault opens with the output of the gate's PRF extension, which only the skin can ask the platform for, and only
// after a tap. So every command that needs it carries the output: enrol, approve, accept. Everything else works locked.
package app

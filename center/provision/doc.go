// Package provision registers passkeys with Entra on behalf of users and takes them away again.
//
// It owns the state machine of a provisioning and of a managed passkey: the intent is stored first, each act on Entra
// is a durable job that may be repeated, and nothing counts before it was read back. Killed at any line it goes on or
// undoes; there are never two passkeys for one intent and never one that nobody knows. It does not own the phone's
// keys (package device) nor Graph (package entra).
package provision

// Package auth knows who is at the door: administrators, who sign in with passkeys, and API tokens.
//
// It owns one-time links, sessions, the WebAuthn ceremonies of the console and the check of a permission. It does not
// own routes (packages rest and web) nor phones, which prove themselves by their own key (package device).
package auth

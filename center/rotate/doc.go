// Package rotate replaces the credentials with which integrations prove themselves to Entra, and tells people in time
// that one ends.
//
// It owns rotations: making the new credential, having it registered, proving it, switching to it, removing the old one,
// and taking the new one away when that fails; and the warnings before the end. It does not own the credential itself
// (package integration), the requests (package entra), nor what a warning looks like (package mail).
//
// The order is what keeps an integration working: the new credential is used only once Entra gave a token for it, and the
// old one is removed only once the new one is in use. Every act at Entra is noted before it is sent; whoever goes on after
// a crash looks first whether it was done.
package rotate

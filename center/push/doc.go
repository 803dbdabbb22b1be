// Package push wakes phones by Web Push: the app on a phone is closed most of the time, and a workstation wants to use it
// now.
//
// It owns the subscriptions of phones, the control center's own key (VAPID, RFC 8292), the encryption of messages (RFC
// 8291 over RFC 8188) and their delivery to push services (RFC 8030). It does not own what a phone does when it wakes:
// a message says a kind and the name of a workstation, no account and no relying party, and the phone asks for the rest.
//
// Push is a courtesy. A message may be late or lost, so nothing waits for one, none is stored, and what cannot be
// delivered within the life of its reason is forgotten. One of many replicas sends it: the one where the reason came up.
//
// A subscription's address comes from a phone and is called by the server, so it is held to https and to public
// addresses, checked when the connection is made; redirects are not followed and answers are not read.
package push

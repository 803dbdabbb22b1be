// Package link is the phone's half of the link: one connection to the relay, a session with each paired workstation, and
// the pairing with a new one. docs/link.md is its specification.
//
// [Link.Run] keeps the phone connected. A workstation begins a session; what it then asks goes to [Config.Handle], one
// request at a time for the whole phone, with a context that ends when the workstation gives the request up, its
// deadline passes or its session ends. [Link.Pair] takes a code to a workstation that may be used.
//
// The package owns who may ask and how often. It does not know what a CTAP message means, shows nothing, and keeps
// nothing: workstations are handed in and handed out. Time, randomness and the connection come from outside.
//
// # Sessions
//
// The first message of a session may be an old one that somebody plays again, so the session that a workstation had is
// kept beside the new one until a message has opened in that. A request belongs to the session it came in, and dies with
// it.
//
// # Limits
//
// Each workstation may begin [Sessions] sessions and ask [Requests] requests at once, and a fixed number of them a second
// from then on. What exceeds that is dropped, or refused as busy, and shown to nobody. How often a workstation may
// bother the user is the app's to say, which knows which requests do.
package link

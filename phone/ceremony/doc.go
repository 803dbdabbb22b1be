// Package ceremony holds the rules by which a phone answers workstations, whatever it asks its user with: the authenticator
// each session gets, what is refused before it, how long an approval waits, and how often a workstation may ask.
//
// One approval serves one ceremony. A platform makes a ceremony of several requests (CTAP 2.1 §6): the approval is given to
// the first that needs the user, and counts for its session until the ceremony is over ([Over]), or for
// [AfterToken] where nothing follows a token. docs/phone-app.md says which request asks.
//
// Codes for signing in without a network come by a request that no authenticator is to hear of ([Vendor], docs/offline.md).
// [Shelf] says when the user is asked about them, and [Sealed] gives one after the other.
//
// The package shows nothing and keeps nothing; who asks the user, and where the passkeys lie, is handed in.
package ceremony

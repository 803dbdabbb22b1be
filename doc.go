// Package postern holds what every part of Postern, and every program that talks to it, has in common:
// identifiers, roles and permissions, feature flags, error codes with their catalogue, the values that travel over
// REST, and the Go client.
//
// It owns names and shapes, and the few rules that must be one function everywhere, such as [CheckApplicationName].
// It does not own behaviour: what happens to an integration or a passkey is decided below center, and nothing here
// opens a file or a database. The only network access is [Client].
//
// Read [Integration] first, then [User] and [Provisioning]: together they tell the life of a passkey.
package postern

// Package integration connects tenants: it adds, tests, updates, enables and disables integrations, keeps their
// credentials sealed, and opens the connector for everybody else.
//
// It owns the form's rules, feature flags, login settings and the three groups' existence. It does not own Graph
// (package entra), users (package lifecycle) nor passkeys (package provision).
package integration

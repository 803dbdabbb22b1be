// Package setup takes a tenant from nothing to an integration that stands: an administrator signs in by code, the tenant is
// looked at, what is missing is written step by step and read back, and may be taken back again.
//
// It owns set-ups, the intents beneath them, the administrator's tokens (sealed, for an hour at most), and the key of the
// certificate until the integration has it. It does not own what a tenant needs and how that is asked for, which is package
// recipe's; nor the integration, which package integration proves, stores and keeps.
//
// What is about to be sent is in the database before it is sent, and each answer's worth after it. Whoever goes on after a
// crash looks first, waits out the doubt about what was perhaps made, and sends only what is still missing.
package setup

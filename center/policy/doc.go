// Package policy keeps the passkey policy of a tenant as code: it plans what a document would change, says whom that
// concerns, applies it and reads it back, takes it back, and watches for what others change.
//
// The package owns plans, their state, the order of writes, and the baseline that drift is measured from. It does not own
// what a document means (package document), what differs (plan), whom a policy lets in (impact), who has which passkey
// (inventory), or how Entra is spoken to (entra).
package policy

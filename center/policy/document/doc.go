// Package document is the policy document: the YAML file in which an organisation keeps its passkey policy, strengths and
// Conditional Access policies. It reads such a document strictly, writes one in a stable order, and turns the policy of a
// tenant into one. docs/policy.md is its reference.
//
// It does no I/O, and it does not know what a document would change: package plan compares it with a tenant.
package document

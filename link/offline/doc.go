// Package offline is what phone, workstation and control center agree on for signing in without a network: how codes come
// from a batch, how a sheet knows a code without holding it, and the vendor command that brings a batch to the phone.
// docs/offline.md is its specification.
//
// It turns bytes into bytes and owns no file, clock or source of randomness. Who may have codes, how often somebody may
// try, and where seeds and sheets lie is the business of those who hold them.
package offline

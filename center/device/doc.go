// Package device owns phones: their enrolment with the one-time code of an invitation, their keys, the signature on
// each of their requests, the attestation CA that certifies their credentials, and their revocation.
//
// It does not own the passkeys on a phone (package provision).
package device

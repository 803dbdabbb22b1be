// Package device owns phones and workstations: their enrolment, a phone's with the one-time code of an invitation, their
// keys, the signature on each of their requests, their revocation; the pairings that tie them together and the rules of
// who may talk to whom; and the attestation CA that certifies the phones' credentials.
//
// It does not own the passkeys on a phone (package provision), nor the frames that travel between paired devices.
package device

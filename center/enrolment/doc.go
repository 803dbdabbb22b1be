// Package enrolment decides who may or must have a passkey on a phone, and what proves who a user is before one is
// registered: the policy of an integration with its impact, and the proofs of each phone, which are the one-time code,
// a sign-in at Entra and approvals.
//
// It does not register passkeys and does not know their states: package provision asks it what is missing, and is told
// when nothing is.
package enrolment

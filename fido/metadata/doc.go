// Package metadata writes the FIDO metadata statement of an authenticator
// (FIDO Metadata Statement 3, the form of the FIDO Metadata Service): what a
// relying party may know of a model, and the certificates its attestation leads
// to.
//
// [New] takes what the authenticator says of itself, its getInfo, and what it
// does not say, a [Model]; it derives the rest and refuses a statement that
// contradicts itself. Nothing is signed here and nothing is sent: a statement
// becomes an entry of the service's list by certification and submission, and
// until then counts only for relying parties that take it from their own
// administrator.
package metadata

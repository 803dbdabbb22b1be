// Package phone is the phone's half of Postern without a screen: it enrols with a control center, signs every request
// with its identity key, answers provisionings by making passkeys, and gives them up when they are revoked.
//
// [Enrol] makes a [Phone]; [Phone.Provision] takes a provisioning from the offer to Entra's yes; [Phone.Sync] brings
// what the phone holds in line with what the control center says. The page docs/phone-api.md is the contract.
//
// The package keeps no files and shows nothing. Where state lives is the caller's ([Keeper]), as are the passkeys
// (package authenticator's Store) and the questions to the user (its User). So one core serves postern-phone, the phone
// without a screen, and a phone in a browser.
//
// # What outlives a crash
//
// The identity is saved before anything depends on it. For each provisioning the attestation key is saved before it is
// certified, because the control center certifies one only, and the credential is saved before it is handed in, because
// the same one may be handed in again. A credential whose provisioning ended without a passkey is removed.
package phone

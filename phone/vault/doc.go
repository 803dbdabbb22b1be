// Package vault keeps a phone's passkeys so that their private keys exist in the clear only while one signs.
//
// At rest every secret is encrypted under a key derived from the output of the PRF extension (WebAuthn §10.1.4) of one
// gate credential on the phone's own platform authenticator, asked for with user verification. The phone's biometric is
// not a check in front of the decryption, it is the decryption: without it nothing here, and nobody who copies the
// storage, can sign.
//
// [Create] makes a vault, [Open] finds it again. [Vault] is an [authenticator.Store]. Locked, it answers everything that
// is not secret: what credentials there are, for whom, how often they signed; it also forgets credentials and renames
// accounts. [Vault.Unlock] opens it for one operation, [Vault.Lock] or the end of the window closes it and wipes the
// key. In between, secrets can be read, credentials added and counters advanced. [Vault.Rotate] moves to another gate.
//
// [Vault.PutNote] keeps other secrets of a phone the same way. [Vault.MailNote] takes one while the vault is locked: it is
// sealed to a public key that lies in the clear, and its private key is a note itself.
//
// The package does no I/O. Records live in a [Backing]: [Memory] here, a sealed file in package vaultfile, IndexedDB in
// the app. Talking to the platform authenticator, and asking people anything, is the caller's.
//
// # What raises the biometric
//
// A request that only asks what exists must not. [NeedsUnlock] says which questions of the authenticator open the vault;
// [Vault.Serve] closes it when the operation is over.
//
//	request                                     the vault
//	getInfo, selection, reset                   stays locked
//	getAssertion, up:false                      stays locked; a signature by a key that is thrown away says "here"
//	makeCredential, excludeList hit             stays locked for the list itself
//	makeCredential                              unlocked by the question to register
//	getAssertion, with hmac-secret or without   unlocked by the question to sign in, verified or not
//	clientPIN: token for mc or ga               unlocked by its question, and left so for the ceremony that follows
//	clientPIN: token for cm, lbw or acfg        stays locked: the user is verified, nothing is decrypted
//	credentialManagement                        stays locked; large-blob keys are left out of its listings
//	Sync and other work without a user          stays locked: lists, deletes, notes through the mailbox
//
// # What tampering is noticed
//
// The head record lists every credential's and note's record with its revision and digest, each secret is bound to its vault,
// gate, credential id, relying party, public key, policy and signature counter, each note to vault, gate and name. So a record
// that is damaged, moved to another id or name, put back from an older copy or taken from another vault is refused with a
// [RecordError], and so is a whole older copy as long as the process runs. Whoever can replace all records at once while nothing runs can put back an older
// vault as a whole; [Config.AtLeast] notices that where a revision is remembered elsewhere. Names of accounts and the
// authenticator's [authenticator.State] are readable without the gate and so can be forged by whoever can write to the
// storage; the digests only notice accidents there. So can the mailbox: who puts a key of their own in its place reads what is
// mailed from then on, until the vault is next opened and does not find the key to it.
//
// # What cannot be wiped
//
// The key and decrypted secrets are overwritten; copies the Go crypto packages hold in their own objects are dropped.
package vault

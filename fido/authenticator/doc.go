// Package authenticator is a CTAP2 authenticator: request bytes in, response
// bytes out.
//
// [Authenticator.Handle] is the whole of it. The package opens no file or
// socket, reads no clock and draws no screen: credentials live in a [Store],
// questions go to a [User], time and randomness are handed in, and an
// [Attester] vouches for new credentials. It builds for js/wasm, and a test
// holds it to all of that. How messages are framed and how keepalives are sent
// is the transports' business; what a platform does with the answers is package
// client's.
//
// # Commands
//
// One file per command, named after it; what is not in the table answers
// CTAP1_ERR_INVALID_COMMAND, and getInfo claims nothing that is not there. What
// one command begins and another call goes on with (getNextAssertion, the
// enumerations, a large-blob array that comes in fragments) ends with any other
// command and with the power. Extensions have files and rows of their own.
//
// [Authenticator.HandleU2F] speaks CTAP1 beside it, where [Config.U2F] says so,
// with the same credentials and counters.
//
// # User verification
//
// An authenticator is "protected" by a [User] that can verify, by a client PIN,
// or by both. Creating a credential then always takes verification, because
// makeCredUvNotRqd is not offered (CTAP 2.1 §6.1.2). A platform verifies by the
// option "uv" or, better, by a pinUvAuthToken: from
// getPinUvAuthTokenUsingUvWithPermissions, whose gesture counts as presence for 30
// seconds, so that one gesture serves one ceremony; or by PIN, after which each
// ceremony asks for a touch.
//
// # Client PIN
//
// A phone has no PIN ([Config.PIN] is false), a key with buttons has one in its
// [State], and what a [PINVerifier] knows may be a one-time code. Wrong PINs are
// counted in the store before the PIN is compared, so that cutting the power buys
// nothing. Three in a row end guessing until a power cycle; eight block the PIN,
// and built-in verification with it, until a reset. Failed built-in verifications
// are counted too; a right PIN forgives them.
//
// # Signature counter
//
// Each credential has its own counter, zero at registration, advanced by one
// and stored before every signature is given out, silent ones included (CTAP
// 2.1 §6.2.2, WebAuthn §6.1.1). Per-credential counters tell relying parties
// nothing about each other. A store restored from an old copy repeats values,
// which a relying party may rightly take for a cloned authenticator.
//
// # Key material
//
// Private keys leave the store only inside a [Secret], which is wiped when the
// signature is made. What the Go crypto packages copy into their own key
// objects cannot be wiped from outside; those objects are not kept.
package authenticator

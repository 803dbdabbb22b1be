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
// One file per command: getInfo, makeCredential, getAssertion and
// getNextAssertion, clientPIN (key agreement and tokens by built-in user
// verification), selection. A command that is not in the table answers
// CTAP1_ERR_INVALID_COMMAND, and getInfo claims nothing that is not there.
//
// # User verification
//
// A [User] that can verify makes the authenticator "protected": creating a
// credential then always takes verification, because makeCredUvNotRqd is not
// offered (CTAP 2.1 §6.1.2). A platform verifies either by the option "uv" or,
// better, by a pinUvAuthToken from getPinUvAuthTokenUsingUvWithPermissions. The
// gesture that gave the token counts as presence for 30 seconds, so one gesture
// serves one ceremony.
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

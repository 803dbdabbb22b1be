// Package client is a WebAuthn client platform (WebAuthn Level 3 §5): what a
// browser does between a web page and an authenticator. It builds client data,
// checks that an origin may use a relying party id, talks CTAP2 over any
// [Channel], and turns the answers into what a relying party verifies.
//
//	c := &client.Client{Channel: ch, Random: rand.Reader, PIN: askPIN}
//	options, err := client.ParseCreationOptions(json)
//	registration, err := c.Create(ctx, options, "https://login.example.com")
//
// The package has no window: an authenticator asks its own user, and [AskPIN]
// asks for what has to be typed. Whether a page may hold ceremonies inside a page
// of another origin (WebAuthn §5.10) is the caller's to decide, and said by
// [Client].CrossOrigin.
//
// # User verification
//
// An authenticator that can verify its user is asked to; its PIN is what there
// is besides. One without a PIN is given one where a relying party requires
// verification, and one that demands another PIN gets it, before the ceremony
// goes on. A PIN that is wrong is asked for again for as long as the
// authenticator takes attempts. PINs are wiped as far as Go lets them be.
//
// # Management
//
// Beside the ceremonies a [Client] does what the settings pages of browsers and
// systems do: it sets and changes the PIN, lists, renames and deletes discoverable
// credentials, reads and writes large blobs, changes settings and resets. Each
// method verifies the user once. Enrolling fingerprints is left out.
//
// # Options
//
// The options are those of WebAuthn §5.1.8 and §5.1.9 in JSON, read with
// tolerance for what services send: base64 in any alphabet, padded or not,
// the UrlTokenEncode form with its trailing digit, members nested in "publicKey"
// or "value", the Level 1 member requireResidentKey, extensions by the names of
// CTAP. What goes out is strict: base64url without padding.
//
// # Errors
//
// Every error of a ceremony or of management is an [Error] with the DOMException
// name a page would see (WebAuthn §5.1.3, §5.1.4), so that a caller can hand it
// on, a sentence for the person at the authenticator, and the CTAP status under
// it where there is one.
//
// # Trust
//
// Nothing an authenticator answers is believed before it was checked, and no
// answer makes the client ask or read without end: credentials, accounts, large
// blobs and attempts at a PIN are bounded. How long one answer may take is the
// matter of the [Channel] and of its context.
package client

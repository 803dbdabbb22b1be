// Package client is a WebAuthn client platform (WebAuthn Level 3 §5): what a
// browser does between a web page and an authenticator. It builds client data,
// checks that an origin may use a relying party id, talks CTAP2 over any
// [Channel], and turns the answers into what a relying party verifies.
//
//	c := &client.Client{Channel: ch, Random: rand.Reader}
//	options, err := client.ParseCreationOptions(json)
//	registration, err := c.Create(ctx, options, "https://login.example.com")
//
// The package has no window: an authenticator asks its own user. It serves
// top-level pages only, so client data always says crossOrigin false.
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
// Every ceremony error is an [Error] with the DOMException name a page would
// see (WebAuthn §5.1.3, §5.1.4), so that a caller can hand it on, and the CTAP
// status under it where there is one.
package client

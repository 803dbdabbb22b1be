// Package passkey is the WebAuthn relying party of an emulated Entra tenant: it makes the creation options Microsoft
// Graph hands out for a fido2AuthenticationMethod, verifies what comes back, and verifies sign-in assertions, all under
// the tenant's authentication methods policy.
//
// It owns the sealed challenge, the user handle, the encodings of credential ids, the policy rules for passkeys (targets,
// key restrictions, profiles, attestation) and the metadata table that says which authenticator models exist. Signatures,
// attestation statements and CBOR are verified by github.com/go-webauthn/webauthn.
//
// It owns no tenant: users, groups and registered passkeys are handed in, and whoever calls stores what comes out. There
// is no I/O; time is a parameter and randomness a reader.
//
// A request that the tenant turns down comes back as *[Refusal], whose Status, Code and Message are the Graph answer and
// whose [Reason] tells callers apart what happened. Where public evidence does not say how the real service answers, the
// choice made here is marked "our choice".
//
// Start with [New]; then [RelyingParty.Options], [RelyingParty.Register], [RelyingParty.RequestChallenge] and
// [RelyingParty.SignIn].
package passkey

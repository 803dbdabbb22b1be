// Package websignin signs in at Microsoft Entra's web pages with a passkey, without a browser: it walks from the
// authorization request over the sign-in page and its interrupts to the authorization code, and redeems the code.
//
// The pages are not an API. What a script can rely on is the object $Config that every page carries; its members are
// those that public clients of the pages read. The assertion is made by a WebAuthn client in front of any
// authenticator; this package makes none and holds no keys.
//
//	GET  /{tenant}/oauth2/v2.0/authorize   page with $Config: sFidoChallenge, sFT, sCtx, canary, the user's credentials
//	POST /common/login, type=23            the assertion; answers with an interrupt page or the redirect
//	POST /kmsi, /appverify                 interrupts, answered until there are no more
//	302  redirect_uri?code=…               the end of the pages
//	POST /{tenant}/oauth2/v2.0/token       authorization code with PKCE (RFC 7636) for an id token
package websignin

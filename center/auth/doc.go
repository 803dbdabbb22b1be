// Package auth knows who is at the door: administrators, who sign in with passkeys, and API tokens.
//
// It owns one-time links, sessions, the WebAuthn ceremonies of the console and the check of a permission. It does not
// own routes (packages rest and web) nor phones, which prove themselves by their own key (package device).
//
// A request passes [Service.Sessions], which gives it its session; [Service.Authenticate] then says who is asking, by
// the session cookie or by a bearer token, and [Identity.Enter] puts that into the context. [Service.Require] holds the
// line before every act.
//
// # Administrators
//
// The first administrator comes by [Service.SetupLink]: a link with a one-time code in its fragment, which no server
// and no proxy ever sees in a request line. Everybody else comes by [Service.Invite]. Both lead to
// [Service.BeginWelcome] and [Service.FinishWelcome], which register a discoverable passkey with user verification
// (WebAuthn Level 3, §7.1). There are no passwords anywhere.
//
// A session lives in the store under the hash of its cookie. Role, removal and suspension are read from the store at
// every request, so a change holds from the next request on.
//
// # Tokens
//
// A token is ptn_ followed by 256 random bits and a checksum; the store keeps its SHA-256. It carries scopes, and it
// never allows more than the administrator who made it is allowed today: it dies with that administrator.
package auth

// Package entrasim is an emulated Microsoft Entra tenant in one process: the token endpoints, the part of Microsoft
// Graph that deals with users, groups, passkeys and the authentication methods policy, the security-info and sign-in
// pages, and the sign-in itself. It keeps state, enforces policy, throttles, replicates late and fails on demand.
//
// It is a tool for developing and testing programs that talk to Entra. It is plainly not for real use: it starts with
// fresh keys, its secrets follow from a seed, and its control API under /_entrasim/ asks nobody for a password.
//
// # Getting one
//
//	srv, err := entrasim.Listen(ctx, entrasim.Config{Users: 500})
//	…
//	defer srv.Shutdown(ctx)
//	srv.GraphURL, srv.AuthorityURL, srv.CAPEM, srv.TenantID, srv.ClientID, srv.ClientSecret
//
// [Server] is the handler alone; its zero value works and answers for one default tenant of [DefaultUsers] users.
//
// # What it owns and what it does not
//
// The package owns the directory (state.go and its neighbours), the authority (token_*.go, discovery.go), Graph
// (graph_*.go, batch.go, throttle.go), what Windows computers say to both (windows_*.go) and the levers (levers.go,
// control.go). WebAuthn lives in entrasim/passkey, which is pure; the people's pages live in signin*.go, authorize*.go,
// securityinfo*.go and entrasim/pages. The computer itself is not here.
//
// It imports nothing of the programs it judges, so that one misreading of Entra cannot hide on both sides.
//
// # Faithfulness
//
// Shapes, codes and limits follow the Microsoft Graph and Microsoft identity platform documentation, the published
// Graph schema and permission data, and public captures. Where nothing is published the comment at that line says
// "emulator's choice". Where the service leaves a choice the emulator takes the less convenient one: batches come back
// shuffled, page tokens are opaque, and new objects can be made to appear late.
package entrasim

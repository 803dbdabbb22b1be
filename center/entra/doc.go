// Package entra is one connected Entra tenant: the credential Postern holds there, the tokens it buys, and the Microsoft
// Graph calls Postern makes.
//
// It owns the wire: paging, batches, retries, throttling, the translation of every refusal into a [postern.Error], and
// the redaction of what HTTP Debug writes. It does not own decisions: which user gets a passkey, what is stored first,
// and what happens after a refusal belong to the callers. It keeps nothing on disk.
//
// [Open] makes a [Tenant] without a network call; the first call buys the first token. A Tenant may be used by many
// goroutines at once.
//
// Whoever calls decides two things through the context: how urgent a call is ([WithPriority]) and which
// client-request-id it carries ([WithRequestID]).
//
// Files: credential.go, certificate.go and token.go deal with the identity platform; call.go, retry.go, budget.go,
// transport.go and debug.go are the pipeline that every call goes through; errors.go holds the one table from Microsoft's
// codes to ours, and sentences.go its words; each of the others is one resource of Graph.
package entra

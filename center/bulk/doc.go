// Package bulk owns jobs over thousands of users: one row for each user, done in batches by a durable job, with
// progress, pause, resume, cancelling and trying again what failed.
//
// A row is taken by lease, so that a row whose process died is taken again, and a replica never does what another is
// doing. What a kind does to one user is an [Act], registered from outside; this package knows neither invitations nor
// passkeys. Acts look before they act, or are harmless when repeated, because a row may be begun twice.
package bulk

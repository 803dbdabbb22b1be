// Package lifecycle owns users, invitations and phases, and the membership of the three groups that follows a phase.
//
// One function, [Next], decides the next phase from counted facts; everything that changes a fact calls
// [Service.Settle] in the same transaction. It does not own phones (package device) nor passkeys (package provision).
package lifecycle

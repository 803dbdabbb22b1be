// Package directory keeps a mirror of a tenant's users, so that who is in the tenant, disabled, a guest or privileged is
// known here without asking, and whoever follows users hears of every change once.
//
// It owns the mirror, the place up to which the directory was read, the subscription by which Entra tells of changes, and
// the rule by which a reading that went wrong does not empty the mirror. It reads and never writes the tenant. What
// follows from a change for a user of Postern is not its business: that is [Followers].
package directory

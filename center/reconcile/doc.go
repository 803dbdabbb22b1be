// Package reconcile compares what Entra says with what Postern's books say, mends what is Postern's to mend, and tells
// people of the rest.
//
// A run reads the directory, the three groups, their members and the passkeys of users, in this order. An incremental
// run costs as much as there was change: it follows delta links and the tenant's own audit log, and beside that looks at
// a share of everybody, so that nothing stays unseen for longer than a day. A full run looks at everybody.
//
// The package owns runs, differences and where each listing was left. It does not own what a passkey, a membership or a
// group ought to be: packages provision, lifecycle and integration say so, and do what is to be done.
package reconcile

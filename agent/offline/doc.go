// Package offline is the workstation as a security key of its own, for when no phone can be reached: the passkey that was made
// for this machine, the sheets that know the codes of the user's phone and of the help desk, and the judgement over codes.
//
// A [Passkey] belongs to one pairing and lies in one sealed file; a [Shelf] has them all. It says what comes next on the way to
// a passkey ([Passkey.Stage]) and takes what came of it; who carries requests to phone and control center is package agent,
// which also decides when the key is plugged in. docs/offline.md is the specification.
//
// # Order of writes
//
// Every change is one write of the whole file, and nothing that rests on a change is done before its write has returned.
//
//	a code is typed        the attempt is written, then the code is compared, then its use is written, then the host hears of it
//	power fails between    the attempt counts; the code was not used, and no host got anything for it
//	a write fails          the host hears of a failure; in memory the attempt counts and the code is used
//	an assertion           counter, event and proof are written before the signature is given out
//
// So a code that opened something is used, whatever happened after it.
package offline

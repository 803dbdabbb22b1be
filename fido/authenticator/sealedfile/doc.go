// Package sealedfile keeps one value in one encrypted file: written whole,
// atomically and durably, readable only with its key, open in one process at a
// time. How a key is found is the business of an [Unlock]: one that is given or
// a passphrase here, a TPM in package tpmseal.
//
// # Format
//
// All numbers are big-endian. Layout 1 is that of a given key and of a
// passphrase:
//
//	magic       8   "fidoseal"
//	layout      2   1
//	content     2   version of what is inside, the owner's business
//	scheme      1   0: the key is given; 1: argon2id of a passphrase
//	salt       16   argon2id salt, zero with a given key
//	time        4   argon2id passes
//	memory      4   argon2id memory in KiB
//	threads     1   argon2id lanes
//	nonce      24   random, new at every write
//	content     n   XChaCha20-Poly1305
//
// Layout 2 is that of every other scheme:
//
//	magic       8   "fidoseal"
//	layout      2   2
//	content     2   version of what is inside, the owner's business
//	scheme      1   2: TPM 2.0
//	flags       1   1: marked; 2: nothing has been written yet
//	length      2   of the parameters, at most 4096
//	parameters  n   the scheme's own
//	nonce      24   random, new at every write
//	content     n   XChaCha20-Poly1305; in a marked file of mark ‖ previous mark ‖ content
//
// Everything before the nonce, and the label of the owner, is authenticated:
// neither the parameters nor one kind of file for another can be slipped in.
//
// # Older copies
//
// Encryption does not tell that an older copy of the file was put back, which
// would give back tries at a PIN. A marked file does: every copy carries a random mark of 32
// bytes and that of the copy before it, and a [Marker] keeps the mark of the
// newest where the file's finder cannot change it. [File.Write] puts the file in
// place first and sets the mark second, and returns after both. So whatever
// interrupts it, one of these is found at the next [Open]:
//
//	kept mark     file on disk                 meaning, and what is done
//	its mark      the newest copy              opens
//	its previous  written, mark not yet set    nothing has come of it: the mark is set, opens with the new content
//	its mark      the copy before, put back    nothing has come of the write that failed: opens with the old content
//	              while the mark was not set
//	none          a file that was never        the power failed while it was made: the mark is set, opens empty
//	              written to
//	another one   an older copy                ErrOlderCopy
//	none          a file that was written to   ErrOlderCopy: who keeps the mark has lost it
//
// A plain counter would not do: after a write cut short, the older copy put back
// and written to again, two different files would carry the same value, and one
// could be had for the other. Marks are random, so each names one copy.
//
// An [Unlock] may accept an older copy on purpose, after a backup was restored.
package sealedfile

// Package sealedfile keeps one value in one encrypted file: written whole,
// atomically and durably, readable only with its key, open in one process at a
// time.
//
// # Format
//
// All numbers are big-endian.
//
//	magic       8   "fidoseal"
//	envelope    2   version of this layout: 1
//	content     2   version of what is inside, the owner's business
//	kdf         1   0: the key is given; 1: argon2id of a passphrase
//	salt       16   argon2id salt, zero with a given key
//	time        4   argon2id passes
//	memory      4   argon2id memory in KiB
//	threads     1   argon2id lanes
//	nonce      24   random, new at every write
//	content     n   XChaCha20-Poly1305
//
// Everything before the nonce, and the label of the owner, is authenticated:
// neither the parameters nor one kind of file for another can be slipped in.
// What encryption cannot stop is putting back an older copy of the file.
package sealedfile

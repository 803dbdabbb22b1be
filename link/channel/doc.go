// Package channel is what a phone and a workstation say to each other, and how nobody between them can read or forge
// it: the QR code that introduces them, the Noise handshakes, sealed messages, and the order requests and answers keep.
// docs/link.md is its specification.
//
// It turns bytes into bytes. It owns no connection, no clock, no store and no source of randomness: the caller hands in
// the time and an [io.Reader], moves what comes out, and keeps the keys. Frames, presence and addresses are the relay's
// and unknown here. What a CTAP message means is unknown here too.
//
// To pair, a workstation draws an [Invitation] as a QR code and begins [NewWorkstationPairing]; the phone reads it with
// [ParseInvitation] and begins [NewPhonePairing]. Three messages later both ends have a [Session] whose digits the user
// compares, and whose peer is then stored. Every later session is [NewWorkstationSession] against [NewPhoneSession].
// On top of a session stand [Workstation] and [Phone], which keep requests and answers in order.
//
// Keys are wiped when a session or handshake ends, as far as flynn/noise lets: the copies it keeps of the pre-shared key,
// the chaining key and the cipher keys inside its ciphers have no way to be overwritten, and stay in memory until the
// garbage collector gives it to something else.
package channel

package client

import "context"

// PINPrompt tells what PIN a [Client] asks for. Lengths are in Unicode code
// points; the standard bounds a PIN at 63 bytes of UTF-8 besides (CTAP 2.1
// §6.5.1).
type PINPrompt struct {
	// New asks for a PIN to be set, for an authenticator without one or one
	// that demands a change; else the PIN in force is asked for.
	New bool
	// MinLength and MaxLength bound a new PIN.
	MinLength, MaxLength int
	// Retries is how many attempts are left before the authenticator locks for
	// good; 0 where it is not known.
	Retries int
	// Wrong says that the attempt before was wrong.
	Wrong bool
}

// AskPIN asks a person for a PIN. An error ends the ceremony.
type AskPIN func(ctx context.Context, p PINPrompt) (string, error)

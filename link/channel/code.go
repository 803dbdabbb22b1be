package channel

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"io"
	"strings"
)

// A code to type takes the place of the QR code where there is no camera: twelve letters of Crockford's base 32, of
// which the first four name the pairing and the other eight are the secret.
//
//	pairing id     = first 16 bytes of SHA-256("postern/link/code" ‖ the first four letters)
//	pairing secret = PBKDF2-HMAC-SHA-256(all twelve letters, salt "postern/link/code", 2^18 rounds, 32 bytes)
//
// Forty bits would be few for a secret that may be tried at leisure. They stand for three minutes, behind slow rounds,
// and behind the digits that people compare: whoever puts himself between would have to try 2^39 codes of 2^18 rounds
// each before the phone sends its third message, and then still guess three digits.
const (
	codeName    = "postern/link/code"
	codeLetters = 12
	codeNamed   = 4
	codeRounds  = 1 << 18
)

// base32 is Crockford's alphabet: no I, L, O and U.
const base32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// DrawCode draws a code to type, with dashes for people. The code is a secret: it is shown, and never logged, stored or
// sent.
func DrawCode(random io.Reader) (string, error) {
	raw := make([]byte, codeLetters)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", err
	}
	var b strings.Builder
	for i, c := range raw {
		if i > 0 && i%codeNamed == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(base32[c&31])
	}
	return b.String(), nil
}

// ReadCode gives pairing id and secret of a code that a person typed: case, spaces and dashes do not matter, and O is 0, I
// and L are 1. The workstation's link key is not in it; the control center tells the phone, and the digits vouch for it.
// It takes a good part of a second by design, and fails with [ErrInvitationForeign].
func ReadCode(text string) (Invitation, error) {
	letters := make([]byte, 0, codeLetters)
	for _, c := range []byte(strings.ToUpper(text)) {
		switch c {
		case ' ', '-', '\t':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if strings.IndexByte(base32, c) < 0 || len(letters) == codeLetters {
			return Invitation{}, ErrInvitationForeign
		}
		letters = append(letters, c)
	}
	if len(letters) != codeLetters {
		return Invitation{}, ErrInvitationForeign
	}
	secret, err := pbkdf2.Key(sha256.New, string(letters), []byte(codeName), codeRounds, KeySize)
	if err != nil {
		return Invitation{}, ErrInvitationForeign
	}
	defer clear(secret)
	name := sha256.Sum256(append([]byte(codeName), letters[:codeNamed]...))
	return Invitation{PairingID: [16]byte(name[:16]), Secret: Secret(secret)}, nil
}

package channel

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// The QR code: https://HOST/p#BASE64URL(CBOR map). The fragment never reaches a server.
const (
	invitationVersion = 1

	invitationKeyVersion = 1 // number
	invitationKeyPairing = 2 // 16 bytes
	invitationKeyLink    = 3 // 32 bytes
	invitationKeySecret  = 4 // 32 bytes
	invitationKeyExpires = 5 // seconds since 1970
)

const (
	// MaxInvitation is the length of the text of a QR code, in characters.
	MaxInvitation = 512
	// InvitationLife is how long a code is good for that no phone has opened.
	InvitationLife = time.Minute
	// OpenedInvitationLife is how long a pairing may take, from when the code was drawn, once a phone has opened it.
	OpenedInvitationLife = 3 * time.Minute
	// invitationAhead is how far ahead an expiry may lie: what the life allows, and clocks that differ a little.
	invitationAhead = 5 * time.Minute
)

// What can be wrong with a QR code. The text is for the person holding the phone.
var (
	ErrInvitationForeign = errors.New("this is not a pairing code of Postern; scan the code that the workstation shows for pairing")
	ErrInvitationVersion = errors.New("this code comes from a newer version of Postern; update the app on this phone, then scan again")
	ErrInvitationExpired = errors.New("this code has expired; ask the workstation for a new one and scan that. If it happens again, compare the clocks of phone and workstation")
	ErrInvitationClock   = errors.New("this code says it is good for longer than any code is; set the clocks of phone and workstation, then scan a new code")
)

// Invitation is what a workstation's QR code tells a phone.
type Invitation struct {
	PairingID [16]byte
	LinkKey   PublicKey // the workstation's
	Secret    Secret
	Expires   time.Time // whole seconds
}

// URL is the text of the QR code. The origin is the control center's, such as https://postern.contoso.com; http only on this very machine. The text
// holds the secret: it is shown, and never logged, stored or sent.
func (i Invitation) URL(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || !safe(u) || origin != u.Scheme+"://"+u.Host {
		return "", errors.New("a pairing code needs the origin of the control center: https and a host, nothing else")
	}
	if i.Expires.Unix() <= 0 {
		return "", errors.New("a pairing code needs an expiry")
	}
	data, err := encodeFields(fields{
		invitationKeyVersion: uint64(invitationVersion),
		invitationKeyPairing: i.PairingID[:],
		invitationKeyLink:    i.LinkKey[:],
		invitationKeySecret:  i.Secret[:],
		invitationKeyExpires: uint64(i.Expires.Unix()),
	})
	if err != nil {
		return "", errors.New("the pairing code could not be encoded")
	}
	defer clear(data)
	text := origin + "/p#" + base64.RawURLEncoding.EncodeToString(data)
	if len(text) > MaxInvitation {
		return "", fmt.Errorf("the pairing code is longer than %d characters; the name of the control center is too long", MaxInvitation)
	}
	return text, nil
}

// ParseInvitation reads the text of a QR code and gives the origin it names, which the caller compares with its own.
// It fails with one of the ErrInvitation errors, and then gives nothing.
func ParseInvitation(text string, now time.Time) (origin string, _ Invitation, _ error) {
	if len(text) > MaxInvitation {
		return "", Invitation{}, ErrInvitationForeign
	}
	address, fragment, found := strings.Cut(text, "#")
	u, err := url.Parse(address)
	if !found || err != nil || !safe(u) || address != u.Scheme+"://"+u.Host+"/p" {
		return "", Invitation{}, ErrInvitationForeign
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(fragment)
	if err != nil || strings.ContainsAny(fragment, "\r\n") {
		return "", Invitation{}, ErrInvitationForeign
	}
	defer clear(data)
	m, err := decodeFields(data)
	if err != nil {
		return "", Invitation{}, ErrInvitationForeign
	}
	version, ok := take[uint64](m, invitationKeyVersion)
	switch {
	case !ok || version < invitationVersion:
		return "", Invitation{}, ErrInvitationForeign
	case version > invitationVersion:
		return "", Invitation{}, ErrInvitationVersion
	}
	expires, ok := take[uint64](m, invitationKeyExpires)
	if !ok {
		return "", Invitation{}, ErrInvitationForeign
	}
	var i Invitation
	if !fill(i.PairingID[:], m, invitationKeyPairing) || !fill(i.LinkKey[:], m, invitationKeyLink) ||
		!fill(i.Secret[:], m, invitationKeySecret) {
		return "", Invitation{}, ErrInvitationForeign
	}
	if err := checkExpiry(expires, now); err != nil {
		i.Secret.Wipe()
		return "", Invitation{}, err
	}
	i.Expires = time.Unix(int64(expires), 0).UTC()
	return u.Scheme + "://" + u.Host, i, nil
}

// safe reports whether a code may name the origin: https, or http on this very machine, where a demonstration runs.
func safe(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	return u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && local)
}

func checkExpiry(expires uint64, now time.Time) error {
	seconds := now.Unix()
	switch {
	case seconds < 0 || expires <= uint64(seconds):
		return ErrInvitationExpired
	case expires-uint64(seconds) > uint64(invitationAhead/time.Second):
		return ErrInvitationClock
	}
	return nil
}

// fill moves a byte string of exactly the length of dst, and wipes where it was decoded to.
func fill(dst []byte, m fields, key uint64) bool {
	b, ok := take[[]byte](m, key)
	if !ok || len(b) != len(dst) {
		return false
	}
	copy(dst, b)
	clear(b)
	return true
}

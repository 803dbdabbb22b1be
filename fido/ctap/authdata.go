package ctap

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Flags is the flags byte of authenticator data (WebAuthn §6.1).
type Flags byte

// The flags.
const (
	FlagUP Flags = 0x01 // user present
	FlagUV Flags = 0x04 // user verified
	FlagBE Flags = 0x08 // backup eligible
	FlagBS Flags = 0x10 // backed up
	FlagAT Flags = 0x40 // attested credential data included
	FlagED Flags = 0x80 // extension data included
)

// Sizes of authenticator data (WebAuthn §6.1):
//
//	rpIdHash(32) ‖ flags(1) ‖ signCount(4, big endian)
//	[ aaguid(16) ‖ length(2, big endian) ‖ credential id ‖ COSE key ]   with AT
//	[ extension map ]                                                   with ED
const (
	authDataHeader     = 32 + 1 + 4
	attestedHeader     = 16 + 2
	maxCredentialIDLen = 1023 // WebAuthn §6.5.1
)

// RPIDHash is the SHA-256 of a relying party's id.
type RPIDHash = [sha256.Size]byte

// HashRPID hashes the id of a relying party.
func HashRPID(id string) RPIDHash { return sha256.Sum256([]byte(id)) }

// AuthenticatorData is the data an authenticator signs.
type AuthenticatorData struct {
	RPIDHash  RPIDHash
	Flags     Flags // AT and ED follow from the members below when encoding
	SignCount uint32
	Attested  *AttestedCredential
	// Extensions is the extension output map; nil or an empty map leaves it,
	// and its flag, out.
	Extensions map[string]Raw
}

// AttestedCredential is the attested credential data of a registration
// (WebAuthn §6.5.1). PublicKey is a COSE_Key.
type AttestedCredential struct {
	AAGUID    AAGUID
	ID        []byte
	PublicKey Raw
}

// Encode gives the wire form. Extension outputs come out in canonical order
// whatever order they were set in.
func (d *AuthenticatorData) Encode() ([]byte, error) {
	flags := d.Flags &^ (FlagAT | FlagED)
	if d.Attested != nil {
		flags |= FlagAT
	}
	if len(d.Extensions) > 0 {
		flags |= FlagED
	}
	b := append(make([]byte, 0, 256), d.RPIDHash[:]...)
	b = append(b, byte(flags))
	b = binary.BigEndian.AppendUint32(b, d.SignCount)
	if a := d.Attested; a != nil {
		if len(a.ID) == 0 || len(a.ID) > maxCredentialIDLen {
			return nil, fmt.Errorf("credential id of %d bytes: %w", len(a.ID), ErrInvalidLength)
		}
		b = append(b, a.AAGUID[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(a.ID))) // #nosec G115 -- bounded above
		b = append(b, a.ID...)
		b = append(b, a.PublicKey...)
	}
	if len(d.Extensions) > 0 {
		names := slices.AppendSeq(make([]string, 0, len(d.Extensions)), maps.Keys(d.Extensions))
		slices.SortFunc(names, func(x, y string) int { // the order of CTAP 2.1 §8
			return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
		})
		b = appendHead(b, majorMap, uint64(len(names)))
		for _, name := range names {
			if len(d.Extensions[name]) == 0 {
				return nil, fmt.Errorf("output of extension %q: %w", name, ErrMissingParameter)
			}
			b = append(appendText(b, name), d.Extensions[name]...)
		}
	}
	return b, nil
}

// ParseAuthenticatorData reads the wire form. Flags and content have to agree
// and no byte may be left over.
func ParseAuthenticatorData(b []byte) (*AuthenticatorData, error) {
	if len(b) < authDataHeader {
		return nil, fmt.Errorf("authenticator data of %d bytes: %w", len(b), ErrInvalidLength)
	}
	d := &AuthenticatorData{
		RPIDHash:  [32]byte(b[:32]),
		Flags:     Flags(b[32]),
		SignCount: binary.BigEndian.Uint32(b[33:37]),
	}
	rest := b[authDataHeader:]
	if d.Flags&FlagAT != 0 {
		var err error
		if d.Attested, rest, err = parseAttested(rest); err != nil {
			return nil, err
		}
	}
	if d.Flags&FlagED != 0 {
		n, err := CheckPrefix(rest)
		if err != nil {
			return nil, err
		}
		if d.Extensions, err = mapOf(readRaw)(rest[:n]); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes after the authenticator data: %w", len(rest), ErrInvalidLength)
	}
	return d, nil
}

func parseAttested(b []byte) (*AttestedCredential, []byte, error) {
	if len(b) < attestedHeader {
		return nil, nil, fmt.Errorf("attested credential data cut short: %w", ErrInvalidLength)
	}
	a := &AttestedCredential{AAGUID: AAGUID(b[:16])}
	size := int(binary.BigEndian.Uint16(b[16:18]))
	b = b[attestedHeader:]
	if size == 0 || size > maxCredentialIDLen || size > len(b) {
		return nil, nil, fmt.Errorf("credential id of %d bytes: %w", size, ErrInvalidLength)
	}
	a.ID = append([]byte{}, b[:size]...)
	b = b[size:]
	n, err := CheckPrefix(b)
	if err != nil {
		return nil, nil, err
	}
	if a.PublicKey, err = readRawMap(b[:n]); err != nil {
		return nil, nil, err
	}
	return a, b[n:], nil
}

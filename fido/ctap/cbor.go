package ctap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// Raw is one CBOR item in its encoded form.
type Raw = cbor.RawMessage

// Major types of CBOR (RFC 8949 §3.1).
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Simple values this protocol uses, as whole encoded bytes.
const (
	simpleFalse = 0xF4
	simpleTrue  = 0xF5
)

var encMode = func() cbor.EncMode {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		panic(err) // the library's own preset
	}
	return mode
}()

// Marshal encodes v in CTAP2 canonical form. Integer-keyed Go maps, text-keyed
// Go maps and [Raw] are the building blocks; a Raw is copied as it is.
func Marshal(v any) ([]byte, error) {
	b, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode CBOR: %w", err)
	}
	return b, nil
}

// Check reports whether data is exactly one CBOR item in CTAP2 canonical form
// (CTAP 2.1 §8): shortest heads, definite lengths, no tags, valid UTF-8, map
// keys sorted and unique, at most [MaxNesting] levels, no bytes after it.
func Check(data []byte) error {
	n, err := checkItem(data, 0)
	if err != nil {
		return err
	}
	if n != len(data) {
		return fmt.Errorf("%d bytes after the CBOR item: %w", len(data)-n, ErrInvalidCBOR)
	}
	return nil
}

// CheckPrefix checks the canonical item data begins with and gives its length.
// Authenticator data needs it: a COSE key there is followed by more.
func CheckPrefix(data []byte) (int, error) {
	return checkItem(data, 0)
}

func invalid(what string) error {
	return fmt.Errorf("%s: %w", what, ErrInvalidCBOR)
}

// head reads the initial byte and argument of an item: its major type, its
// argument, and how many bytes they took. It refuses what is not the shortest
// form; for major type 7 the argument is not a number and may be any.
func head(b []byte) (major byte, arg uint64, n int, err error) {
	if len(b) == 0 {
		return 0, 0, 0, invalid("CBOR item missing")
	}
	major, info := b[0]>>5, b[0]&0x1F
	if info < 24 {
		return major, uint64(info), 1, nil
	}
	if info > 27 {
		return 0, 0, 0, invalid("indefinite or reserved length")
	}
	size := 1 << (info - 24)
	if len(b) < 1+size {
		return 0, 0, 0, invalid("CBOR head cut short")
	}
	var wide [8]byte
	copy(wide[8-size:], b[1:1+size])
	arg = binary.BigEndian.Uint64(wide[:])
	if major == majorSimple {
		if size == 1 && arg < 32 {
			return 0, 0, 0, invalid("simple value not in its shortest form")
		}
		return major, arg, 1 + size, nil
	}
	shortest := [4]uint64{24, 1 << 8, 1 << 16, 1 << 32}[info-24]
	if arg < shortest {
		return 0, 0, 0, invalid("number not in its shortest form")
	}
	return major, arg, 1 + size, nil
}

// checkItem walks one item inside depth enclosing maps and arrays. Recursion
// ends at MaxNesting; every loop turn consumes at least one byte, so the work
// is linear in the data whatever counts it claims.
func checkItem(b []byte, depth int) (int, error) {
	major, arg, n, err := head(b)
	if err != nil {
		return 0, err
	}
	switch major {
	case majorUint, majorNegative, majorSimple:
		return n, nil
	case majorBytes, majorText:
		if arg > uint64(len(b)-n) {
			return 0, invalid("string cut short")
		}
		end := n + int(arg) // #nosec G115 -- arg is at most len(b)
		if major == majorText && !utf8.Valid(b[n:end]) {
			return 0, invalid("text is not UTF-8")
		}
		return end, nil
	case majorTag:
		return 0, invalid("tag")
	}
	if depth == MaxNesting {
		return 0, invalid("nested too deeply")
	}
	var previous []byte
	for ; arg > 0; arg-- {
		if major == majorMap {
			k, err := checkItem(b[n:], MaxNesting) // a key is never a map or array
			if err != nil {
				return 0, err
			}
			key := b[n : n+k]
			if previous != nil && !keyLess(previous, key) {
				return 0, invalid("map keys not sorted or not unique")
			}
			previous = key
			n += k
		}
		v, err := checkItem(b[n:], depth+1)
		if err != nil {
			return 0, err
		}
		n += v
	}
	return n, nil
}

// keyLess is the key order of CTAP 2.1 §8: lower major type, then shorter
// encoding, then bytewise.
func keyLess(a, b []byte) bool {
	if ma, mb := a[0]>>5, b[0]>>5; ma != mb {
		return ma < mb
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return bytes.Compare(a, b) < 0
}

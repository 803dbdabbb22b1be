package channel

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// maxDepth bounds the nesting of what arrives; nothing defined here goes deeper than one map, the rest is room to grow.
const maxDepth = 4

var errCBOR = errors.New("not a canonical CBOR map with number keys")

var encoding = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // the library's own preset
	}
	return mode
}()

var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  maxDepth,
		MaxArrayElements: 1024,
		MaxMapPairs:      64,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err) // constants
	}
	return mode
}()

// fields is a CBOR map by its keys. What is not asked for is ignored, so that a newer peer can say more.
type fields map[uint64]any

func encodeFields(m fields) ([]byte, error) { return encoding.Marshal(map[uint64]any(m)) }

// decodeFields accepts exactly one map in canonical form (RFC 8949 §4.2.1). There is one encoding of each value, so
// encoding again what was read shows whether it was that.
func decodeFields(data []byte) (fields, error) {
	var m map[uint64]any
	if err := decoding.Unmarshal(data, &m); err != nil || m == nil {
		return nil, errCBOR
	}
	again, err := encoding.Marshal(m)
	if err != nil || !bytes.Equal(again, data) {
		return nil, errCBOR
	}
	return m, nil
}

// take gives the member of that key, and whether it is there and of that type.
func take[T uint64 | []byte | string](m fields, key uint64) (T, bool) {
	v, ok := m[key].(T)
	return v, ok
}

// MaxLabel is the length of a text for people, in characters.
const MaxLabel = 64

// Label makes any text fit to be shown at the other end: valid UTF-8, at most [MaxLabel] characters, and without what
// could reorder or break the line it is shown in.
func Label(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if !showable(r) {
			continue
		}
		if n++; n > MaxLabel {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

func validLabel(text string) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > MaxLabel {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return !showable(r) }) < 0
}

// showable refuses controls, line separators and the format characters by which a name could pretend to be another
// (Unicode Technical Report 36, §2 and §3).
func showable(r rune) bool {
	return !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

package ctap

import "encoding/binary"

// The functions below write canonical CBOR for the few shapes that are written
// all the time, and for those alone: their members are put in order by hand.
// Everything else goes through [Marshal], which sorts.

// appendHead writes the initial byte and argument of an item.
func appendHead(b []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < 24:
		return append(b, major|byte(arg))
	case arg < 1<<8:
		return append(b, major|24, byte(arg))
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(arg))
	case arg < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), arg)
}

func appendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, majorNegative, uint64(-1-v)) // #nosec G115 -- not negative
	}
	return appendHead(b, majorUint, uint64(v))
}

func appendBytes(b, v []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}

func appendText(b []byte, v string) []byte {
	return append(appendHead(b, majorText, uint64(len(v))), v...)
}

// appendMember writes a text-keyed member of a map, unless it is empty.
func appendMember(b []byte, key, v string) []byte {
	if v == "" {
		return b
	}
	return appendText(appendText(b, key), v)
}

// count counts the members that are present, for the head of a map.
func count(present ...bool) (n uint64) {
	for _, p := range present {
		if p {
			n++
		}
	}
	return n
}

package ctap

import (
	"bytes"
	"fmt"
	"math"
)

// The readers below work on items that Check has passed, so that they only
// need to look at types. Their results are copies or Go values; nothing keeps
// the caller's buffer alive or can be changed through it.

func unexpected(what string) error {
	return fmt.Errorf("%s expected: %w", what, ErrCBORUnexpectedType)
}

func readUint(r Raw) (uint64, error) {
	major, arg, _, err := head(r)
	if err != nil || major != majorUint {
		return 0, unexpected("unsigned integer")
	}
	return arg, nil
}

func readInt(r Raw) (int64, error) {
	major, arg, _, err := head(r)
	if err != nil || major > majorNegative || arg > math.MaxInt64 {
		return 0, unexpected("integer")
	}
	if major == majorNegative {
		return -1 - int64(arg), nil
	}
	return int64(arg), nil
}

func readBytes(r Raw) ([]byte, error) {
	major, _, n, err := head(r)
	if err != nil || major != majorBytes {
		return nil, unexpected("byte string")
	}
	return append([]byte{}, r[n:]...), nil
}

func readText(r Raw) (string, error) {
	major, _, n, err := head(r)
	if err != nil || major != majorText {
		return "", unexpected("text string")
	}
	return string(r[n:]), nil
}

func readBool(r Raw) (bool, error) {
	if len(r) == 1 && r[0] == simpleTrue {
		return true, nil
	}
	if len(r) == 1 && r[0] == simpleFalse {
		return false, nil
	}
	return false, unexpected("boolean")
}

func readRaw(r Raw) (Raw, error) {
	return append(Raw{}, r...), nil
}

func readRawMap(r Raw) (Raw, error) {
	if major, _, _, err := head(r); err != nil || major != majorMap {
		return nil, unexpected("map")
	}
	return readRaw(r)
}

// arrayOf makes a reader of arrays from a reader of their elements.
func arrayOf[T any](element func(Raw) (T, error)) func(Raw) ([]T, error) {
	return func(r Raw) ([]T, error) {
		major, count, n, err := head(r)
		if err != nil || major != majorArray {
			return nil, unexpected("array")
		}
		list := make([]T, 0, min(count, uint64(len(r))))
		for ; count > 0; count-- {
			size, err := checkItem(r[n:], 0)
			if err != nil {
				return nil, err
			}
			v, err := element(r[n : n+size])
			if err != nil {
				return nil, err
			}
			list = append(list, v)
			n += size
		}
		return list, nil
	}
}

// names are the keys that nearly every message has.
var names = map[string]string{
	OptionRK: OptionRK, OptionUP: OptionUP, OptionUV: OptionUV, "credProtect": "credProtect", "hmac-secret": "hmac-secret",
}

// named spares the copy of a common key.
func named(key []byte) string {
	if name, ok := names[string(key)]; ok {
		return name
	}
	return string(key)
}

// mapOf makes a reader of text-keyed maps from a reader of their values. Keys
// of another type are ignored, as unknown members are.
func mapOf[T any](value func(Raw) (T, error)) func(Raw) (map[string]T, error) {
	return func(r Raw) (map[string]T, error) {
		o := openObject(r)
		m := make(map[string]T, o.count)
		for i := range o.count {
			key, item := o.member(i)
			k, ok := textKey(key)
			if !ok {
				continue
			}
			v, err := value(item)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", k, err)
			}
			m[named(k)] = v
		}
		return m, o.err
	}
}

// object is a CBOR map taken apart, with the first error met while reading its
// members. Members nobody asks for are ignored (CTAP 2.1 §8).
//
// It points to nothing of itself and is made by functions small enough to be
// inlined, so that it stays on the stack of who reads a message.
type object struct {
	raw   Raw
	count int
	few   [12]span
	more  []span // members from the thirteenth on
	err   error
}

// span is where a member lies in its map.
type span struct{ key, value, end int32 }

func (o *object) add(s span) {
	if o.count < len(o.few) {
		o.few[o.count] = s
	} else {
		o.more = append(o.more, s)
	}
	o.count++
}

// member gives the key and the value of a member.
func (o *object) member(i int) (key, value Raw) {
	var s span
	if i < len(o.few) {
		s = o.few[i]
	} else {
		s = o.more[i-len(o.few)]
	}
	return o.raw[s.key:s.value], o.raw[s.value:s.end]
}

// decodeObject checks data and takes the map in it apart.
func decodeObject(data []byte) *object {
	o := new(object)
	o.decode(data)
	return o
}

// openObject takes apart a map that has been checked as part of its message.
func openObject(r Raw) *object {
	o := new(object)
	o.open(r)
	return o
}

func (o *object) decode(data []byte) {
	switch {
	case len(data) == 0:
		o.err = fmt.Errorf("no parameters: %w", ErrMissingParameter)
	case len(data) > MaxMessageSize:
		o.err = ErrRequestTooLarge
	default:
		if o.err = Check(data); o.err == nil {
			o.open(data)
		}
	}
}

func (o *object) open(r Raw) {
	major, count, n, err := head(r)
	if err != nil || major != majorMap || len(r) > math.MaxInt32 {
		o.err = unexpected("map")
		return
	}
	o.raw = r
	for ; count > 0; count-- {
		k, err := checkItem(r[n:], 0)
		if err != nil {
			o.err = err
			return
		}
		v, err := checkItem(r[n+k:], 0)
		if err != nil {
			o.err = err
			return
		}
		o.add(span{int32(n), int32(n + k), int32(n + k + v)}) // #nosec G115 -- bounded above
		n += k + v
	}
}

// lookup walks the members: there are a dozen at most that anybody asks for, and
// the message bound keeps the others few.
func lookup[K int64 | string](o *object, key K) (Raw, bool) {
	var buf [24]byte
	wanted := buf[:0]
	switch k := any(key).(type) {
	case int64:
		wanted = appendInt(wanted, k)
	case string:
		wanted = appendText(wanted, k)
	}
	for i := range o.count {
		if key, value := o.member(i); bytes.Equal(key, wanted) {
			return value, true
		}
	}
	return nil, false
}

// textKey gives the text of a key that is one.
func textKey(key Raw) ([]byte, bool) {
	major, _, n, err := head(key)
	if err != nil || major != majorText {
		return nil, false
	}
	return key[n:], true
}

// optional reads a member that may be absent; the zero value stands for that.
func optional[T any, K int64 | string](o *object, key K, read func(Raw) (T, error)) T {
	v, _ := present(o, key, read)
	return v
}

// pointer reads a member whose absence means something else than its zero.
func pointer[T any, K int64 | string](o *object, key K, read func(Raw) (T, error)) *T {
	v, ok := present(o, key, read)
	if !ok {
		return nil
	}
	out := v // of its own, so that an absent member costs nothing
	return &out
}

// mandatory reads a member that must be there.
func mandatory[T any, K int64 | string](o *object, key K, read func(Raw) (T, error)) T {
	v, ok := present(o, key, read)
	if !ok && o.err == nil {
		o.err = fmt.Errorf("member %v: %w", key, ErrMissingParameter)
	}
	return v
}

func present[T any, K int64 | string](o *object, key K, read func(Raw) (T, error)) (T, bool) {
	var zero T
	if o.err != nil {
		return zero, false
	}
	raw, ok := lookup(o, key)
	if !ok {
		return zero, false
	}
	v, err := read(raw)
	if err != nil {
		o.err = fmt.Errorf("member %v: %w", key, err)
		return zero, false
	}
	return v, true
}

// require records a rule a member breaks beyond its type.
func (o *object) require(ok bool, what string, s Status) {
	if o.err == nil && !ok {
		o.err = fmt.Errorf("%s: %w", what, s)
	}
}

// members builds an integer-keyed map for Marshal, leaving out what is absent.
type members map[int64]any

func (m members) set(key int64, present bool, v any) {
	if present {
		m[key] = v
	}
}

func setPointer[T any](m members, key int64, v *T) {
	if v != nil {
		m[key] = *v
	}
}

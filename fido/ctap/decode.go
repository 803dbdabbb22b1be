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

// mapOf makes a reader of text-keyed maps from a reader of their values. Keys
// of another type are ignored, as unknown members are.
func mapOf[T any](value func(Raw) (T, error)) func(Raw) (map[string]T, error) {
	return func(r Raw) (map[string]T, error) {
		o := openObject(r)
		m := make(map[string]T, len(o.members))
		for _, e := range o.members {
			k, ok := textKey(e.key)
			if !ok {
				continue
			}
			v, err := value(e.value)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", k, err)
			}
			m[string(k)] = v
		}
		return m, o.err
	}
}

// object is a CBOR map taken apart, with the first error met while reading its
// members. Members nobody asks for are ignored (CTAP 2.1 §8).
type object struct {
	members []member
	err     error
	few     [8]member // where members lie unless there are more
}

type member struct{ key, value Raw }

// decodeObject checks data and takes the map in it apart.
func decodeObject(data []byte) *object {
	if len(data) == 0 {
		return &object{err: fmt.Errorf("no parameters: %w", ErrMissingParameter)}
	}
	if len(data) > MaxMessageSize {
		return &object{err: ErrRequestTooLarge}
	}
	if err := Check(data); err != nil {
		return &object{err: err}
	}
	return openObject(data)
}

// openObject takes apart a map that has been checked as part of its message.
func openObject(r Raw) *object {
	major, count, n, err := head(r)
	if err != nil || major != majorMap {
		return &object{err: unexpected("map")}
	}
	o := &object{}
	o.members = o.few[:0]
	if count > uint64(len(o.few)) {
		o.members = make([]member, 0, min(count, uint64(len(r)/2)))
	}
	for ; count > 0; count-- {
		k, err := checkItem(r[n:], 0)
		if err != nil {
			return &object{err: err}
		}
		key := r[n : n+k]
		n += k
		v, err := checkItem(r[n:], 0)
		if err != nil {
			return &object{err: err}
		}
		o.members = append(o.members, member{key, r[n : n+v]})
		n += v
	}
	return o
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
	for _, e := range o.members {
		if bytes.Equal(e.key, wanted) {
			return e.value, true
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
	return &v
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

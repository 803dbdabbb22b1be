package entrasim

import (
	"encoding/json"
	"sort"
)

// keyed is something with an id of its own.
type keyed interface{ key() string }

// ordered keeps values in the order they were added and finds them by id. Each has a sequence number that never
// changes and is never used again, so that a page token can name a place which survives additions and deletions.
type ordered[T any] struct {
	index map[string]*entry[T]
	list  []*entry[T]
	next  uint64
	holes int
}

type entry[T any] struct {
	seq   uint64
	value *T // nil once removed
}

func (o *ordered[T]) get(id string) *T {
	if e := o.index[id]; e != nil {
		return e.value
	}
	return nil
}

func (o *ordered[T]) len() int { return len(o.index) }

// add appends a value under an id that is not in use.
func (o *ordered[T]) add(id string, v *T) {
	if o.index == nil {
		o.index = make(map[string]*entry[T])
	}
	o.next++
	e := &entry[T]{seq: o.next, value: v}
	o.index[id] = e
	o.list = append(o.list, e)
}

// remove takes a value out. The list is compacted when half of it is holes.
func (o *ordered[T]) remove(id string) bool {
	e := o.index[id]
	if e == nil {
		return false
	}
	delete(o.index, id)
	e.value = nil
	o.holes++
	if o.holes > 32 && o.holes > len(o.list)/2 {
		kept := make([]*entry[T], 0, len(o.index))
		for _, e := range o.list {
			if e.value != nil {
				kept = append(kept, e)
			}
		}
		o.list, o.holes = kept, 0
	}
	return true
}

// after calls yield for every value with a sequence number above seq, in order, until yield says false.
func (o *ordered[T]) after(seq uint64, yield func(seq uint64, v *T) bool) {
	i := sort.Search(len(o.list), func(i int) bool { return o.list[i].seq > seq })
	for ; i < len(o.list); i++ {
		if e := o.list[i]; e.value != nil && !yield(e.seq, e.value) {
			return
		}
	}
}

// all calls yield for every value in order, until yield says false.
func (o *ordered[T]) all(yield func(v *T) bool) {
	o.after(0, func(_ uint64, v *T) bool { return yield(v) })
}

// MarshalJSON writes the values as an array.
func (o ordered[T]) MarshalJSON() ([]byte, error) {
	values := make([]*T, 0, len(o.index))
	for _, e := range o.list {
		if e.value != nil {
			values = append(values, e.value)
		}
	}
	return json.Marshal(values)
}

// UnmarshalJSON fills an empty collection from an array. T must have a method key on its pointer.
func (o *ordered[T]) UnmarshalJSON(data []byte) error {
	var values []*T
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	for _, v := range values {
		if v != nil {
			o.add(any(v).(keyed).key(), v)
		}
	}
	return nil
}

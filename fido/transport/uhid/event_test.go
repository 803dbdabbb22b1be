package uhid_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/transport/uhid"
)

// event is an event as the kernel gives it: 4380 bytes, fields at their offsets.
func event(kind uint32, fields map[int][]byte) []byte {
	b := make([]byte, 4380)
	binary.NativeEndian.PutUint32(b, kind)
	for at, v := range fields {
		copy(b[at:], v)
	}
	return b
}

func u16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// written is a report as a program writes it to hidraw: 65 bytes with the report
// number.
func written(first byte) []byte {
	return event(6, map[int][]byte{4: append([]byte{0, first}, make([]byte, 63)...), 4100: u16(65), 4102: {1}})
}

func TestParseEvent(t *testing.T) {
	for _, tc := range []struct {
		name  string
		event []byte
		want  uhid.Event
	}{
		{"start", event(2, map[int][]byte{4: {7}}), uhid.Start{}},
		{"stop", event(3, nil), uhid.Stop{}},
		{"open", event(4, nil), uhid.Opened{}},
		{"close", event(5, nil), uhid.Closed{}},
		{"close, no more than it needs", u32(5), uhid.Closed{}},
		{"output", event(6, map[int][]byte{4: {1, 2, 3}, 4100: u16(2), 4102: {1}}), uhid.Output{Type: uhid.OutputReport, Data: []byte{1, 2}}},
		{"output of 4096", event(6, map[int][]byte{4100: u16(4096)}), uhid.Output{Data: make([]byte, 4096)}},
		{"get report", event(9, map[int][]byte{4: u32(77), 8: {5}, 9: {2}}), uhid.GetReport{ID: 77, Number: 5, Type: uhid.InputReport}},
		{
			"set report", event(13, map[int][]byte{4: u32(78), 8: {6}, 9: {0}, 10: u16(3), 12: {9, 8, 7, 6}}),
			uhid.SetReport{ID: 78, Number: 6, Type: uhid.FeatureReport, Data: []byte{9, 8, 7}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := uhid.ParseEvent(tc.event)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "three bytes": {2, 0, 0}, "create": event(11, nil), "unknown": event(99, nil),
		"output, cut":             event(6, nil)[:4102],
		"output of 4097":          event(6, map[int][]byte{4100: u16(4097)}),
		"get report, cut":         event(9, nil)[:9],
		"set report, cut":         event(13, map[int][]byte{10: u16(3)})[:14],
		"set report of 4097":      append(event(13, map[int][]byte{10: u16(4097)}), make([]byte, 9)...),
		"set report, header only": event(13, nil)[:11],
	} {
		if got, err := uhid.ParseEvent(b); got != nil || !errors.Is(err, uhid.ErrEvent) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// FuzzEvent: a failed parse gives nothing, data is no longer than it may be and
// comes from the event, and nothing refers to the buffer afterwards.
func FuzzEvent(f *testing.F) {
	f.Add(written(1))
	f.Add(event(2, nil))
	f.Add(event(9, map[int][]byte{4: u32(1), 9: {2}}))
	f.Add(event(13, map[int][]byte{10: u16(64), 9: {1}}))
	f.Add(event(6, nil)[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := uhid.ParseEvent(b)
		if (got == nil) != (err != nil) || err != nil && !errors.Is(err, uhid.ErrEvent) {
			t.Fatalf("%v, %v", got, err)
		}
		var data []byte
		switch e := got.(type) {
		case uhid.Output:
			data = e.Data
		case uhid.SetReport:
			data = e.Data
		}
		if len(data) > 4096 || !bytes.Contains(b, data) {
			t.Errorf("%d bytes of data: %x", len(data), data)
		}
		before := bytes.Clone(data)
		clear(b)
		if !bytes.Equal(before, data) {
			t.Error("data is part of the buffer")
		}
	})
}

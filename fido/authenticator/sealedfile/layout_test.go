package sealedfile

import (
	"bytes"
	"testing"
)

// FuzzHeader: what is parsed is written back as it was.
func FuzzHeader(f *testing.F) {
	for _, h := range []header{
		{version: 3, lead: Lead{Scheme: SchemeKey, Params: make([]byte, argonParamsSize)}},
		{version: 3, lead: Lead{Scheme: SchemeTPM, Params: []byte("parameters")}, flags: flagMarked | flagBlank},
		{lead: Lead{Scheme: SchemeTPM}},
	} {
		f.Add(append(h.encode(), "rest"...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, written, rest, err := parseHeader(data)
		if err != nil {
			return
		}
		if !bytes.Equal(h.encode(), written) || !bytes.Equal(append(written, rest...), data) {
			t.Errorf("%x: header %x, rest %x, written back %x", data, written, rest, h.encode())
		}
	})
}

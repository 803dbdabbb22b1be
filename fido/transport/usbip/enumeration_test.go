package usbip_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/usbip"
)

const (
	deviceDescriptor        = "12 01 1001 000000 40 0912 5750 0001 01 02 03 01"
	configurationDescriptor = "09 02 2900 01 01 00 80 32" + interfaceDescriptor + hidDescriptor +
		"07 05 81 03 4000 05" + "07 05 01 03 4000 05"
	interfaceDescriptor = "09 04 00 00 02 03 00 00 00"
	hidDescriptor       = "09 21 1101 00 01 22 2200"
	reportDescriptor    = "06d0f1 0901 a101 0920 1500 26ff00 7508 9540 8102 0921 1500 26ff00 7508 9540 9102 c0"
)

func stringDescriptor(s string) string {
	b := []byte{byte(2 + 2*len(s)), 3}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return hex.EncodeToString(b)
}

// control is a transfer on endpoint 0 as a host sends it, and what must come.
type control struct {
	name   string
	setup  string
	length int    // of what the host has room for, or of data
	data   string // for the device
	status int32
	want   string // from the device
}

// linuxEnumeration is what Linux 6.1 sends when a device of USB 1.10 is plugged
// in, up to the point where hidraw is there, and what it sends beside when the
// device is of USB 2.00.
var linuxEnumeration = []control{
	{"device, 64", "80 06 0001 0000 4000", 64, "", 0, deviceDescriptor},
	{"device, 18", "80 06 0001 0000 1200", 18, "", 0, deviceDescriptor},
	{"device qualifier", "80 06 0006 0000 0a00", 10, "", -32, ""},
	{"configuration, 9", "80 06 0002 0000 0900", 9, "", 0, configurationDescriptor[:len("09 02 2900 01 01 00 80 32")]},
	{"configuration", "80 06 0002 0000 2900", 41, "", 0, configurationDescriptor},
	{"languages", "80 06 0003 0000 ff00", 255, "", 0, "04030904"},
	{"product", "80 06 0203 0904 ff00", 255, "", 0, stringDescriptor("Security Key")},
	{"manufacturer", "80 06 0103 0904 ff00", 255, "", 0, stringDescriptor("Postern")},
	{"serial", "80 06 0303 0904 ff00", 255, "", 0, stringDescriptor("0")},
	{"set configuration", "00 09 0100 0000 0000", 0, "", 0, ""},
	{"serial again", "80 06 0303 0904 ff00", 255, "", 0, stringDescriptor("0")},
	{"set idle", "21 0a 0000 0000 0000", 0, "", 0, ""},
	{"report descriptor", "81 06 0022 0000 2200", 34, "", 0, reportDescriptor},
}

// otherControls are requests of other hosts, and some that are none.
var otherControls = []control{
	{"status of the device", "80 00 0000 0000 0200", 2, "", 0, "0000"},
	{"status of the interface", "81 00 0000 0000 0200", 2, "", 0, "0000"},
	{"status of endpoint in", "82 00 0000 8100 0200", 2, "", 0, "0000"},
	{"status of endpoint out", "82 00 0000 0100 0200", 2, "", 0, "0000"},
	{"status of another endpoint", "82 00 0000 8200 0200", 2, "", -32, ""},
	{"clear halt", "02 01 0000 8100 0000", 0, "", 0, ""},
	{"clear halt of another endpoint", "02 01 0000 0200 0000", 0, "", -32, ""},
	{"clear remote wake-up", "00 01 0100 0000 0000", 0, "", -32, ""},
	{"get configuration", "80 08 0000 0000 0100", 1, "", 0, "01"},
	{"set configuration 0", "00 09 0000 0000 0000", 0, "", 0, ""},
	{"get configuration 0", "80 08 0000 0000 0100", 1, "", 0, "00"},
	{"set configuration 2", "00 09 0200 0000 0000", 0, "", -32, ""},
	{"get interface", "81 0a 0000 0000 0100", 1, "", 0, "00"},
	{"set interface", "01 0b 0000 0000 0000", 0, "", 0, ""},
	{"set alternate interface", "01 0b 0100 0000 0000", 0, "", -32, ""},
	{"set idle rate", "21 0a 0005 0000 0000", 0, "", 0, ""},
	{"get idle rate", "a1 02 0000 0000 0100", 1, "", 0, "05"},
	{"HID descriptor", "81 06 0021 0000 0900", 9, "", 0, hidDescriptor},
	{"report descriptor of another interface", "81 06 0022 0100 2200", 34, "", -32, ""},
	{"report descriptor, cut", "81 06 0022 0000 0300", 34, "", 0, "06d0f1"},
	{"report descriptor, small buffer", "81 06 0022 0000 2200", 3, "", 0, "06d0f1"},
	{"string that is not there", "80 06 0403 0904 ff00", 255, "", -32, ""},
	{"Microsoft's string", "80 06 ee03 0000 1200", 18, "", -32, ""},
	{"BOS", "80 06 000f 0000 0500", 5, "", -32, ""},
	{"second configuration", "80 06 0102 0000 0900", 9, "", -32, ""},
	{"get report", "a1 01 0001 0000 4000", 64, "", -32, ""},
	{"get protocol", "a1 03 0000 0000 0100", 1, "", -32, ""},
	{"set feature", "00 03 0100 0000 0000", 0, "", -32, ""},
	{"set address", "00 05 0700 0000 0000", 0, "", -32, ""},
	{"vendor's", "c0 20 0000 0000 1000", 16, "", -32, ""},
	{"data the setup does not announce", "21 09 0002 0000 0000", 4, "01020304", -32, ""},
	{"feature report", "21 09 0003 0000 0100", 1, "01", -32, ""},
	{"output report too short", "21 09 0002 0000 0100", 1, "01", 0, ""},
	{"output report too long", "21 09 0002 0000 4100", 65, strings.Repeat("01", 65), -32, ""},
}

func TestControlTransfers(t *testing.T) {
	h, _ := serve(t, usbip.Server{}).plugIn(t)
	for _, c := range slices.Concat(linuxEnumeration, otherControls) {
		t.Run(c.name, func(t *testing.T) { h.checkControl(t, c) })
	}
}

func (h *host) checkControl(t *testing.T, c control) {
	t.Helper()
	data := unhex(t, c.data)
	in := unhex(t, c.setup)[0]&0x80 != 0
	seq := h.submit(in, 0, c.length, c.setup, data)
	got, want := h.answer(), unhex(t, c.want)
	length := len(want)
	if !in && c.status == 0 {
		length = len(data)
	}
	if got.seq != seq || got.unlink || got.status != c.status || got.length != length || !bytes.Equal(got.data, want) {
		t.Errorf("submit %d got %+v, want status %d and %x", seq, got, c.status, want)
	}
}

// TestSlowHost sends the enumeration a byte at a time.
func TestSlowHost(t *testing.T) {
	h, _ := serve(t, usbip.Server{}).plugIn(t)
	for _, c := range linuxEnumeration {
		for _, b := range h.submitMessage(c.setup[0] == '8', 0, c.length, c.setup, nil) {
			h.write([]byte{b})
		}
		if got := h.answer(); got.status != c.status || !bytes.Equal(got.data, unhex(t, c.want)) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestIdentity(t *testing.T) {
	long := strings.Repeat("ä", 200)
	id := hid.Identity{Vendor: 0x1234, Product: 0xABCD, Version: 0x0203, Manufacturer: "Änderung", Name: long, Serial: ""}
	h, _ := serve(t, usbip.Server{Identity: id}).plugIn(t)
	for _, c := range []control{
		{"device", "80 06 0001 0000 1200", 18, "", 0, "12 01 1001 000000 40 3412 cdab 0302 01 02 03 01"},
		{"manufacturer", "80 06 0103 0904 ff00", 255, "", 0, "1203 c400 6e00 6400 6500 7200 7500 6e00 6700"},
		{"name, cut", "80 06 0203 0904 ff00", 255, "", 0, "fe03" + strings.Repeat("e400", 126)},
		{"no serial", "80 06 0303 0904 ff00", 255, "", 0, "0203"},
	} {
		t.Run(c.name, func(t *testing.T) { h.checkControl(t, c) })
	}
}

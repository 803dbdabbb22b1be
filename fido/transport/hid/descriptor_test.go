package hid_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/transport/hid"
)

// Report descriptors as devices have them.
const (
	fidoDescriptor  = "06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0"
	mouseDescriptor = "05010902a1010901a10005091901290315002501950375018102950175058103" +
		"05010930093109381581257f750895038106c0c0"
	// numberedDescriptor is a vendor's page with two numbered reports.
	numberedDescriptor = "0600ff0901a1018501090275089508810285020903751095049102c0"
)

func TestParseDescriptor(t *testing.T) {
	for _, tc := range []struct {
		name, descriptor string
		want             hid.Interface
		fido             bool
	}{
		{"authenticator", fidoDescriptor, hid.Interface{UsagePage: 0xF1D0, Usage: 1, Input: 64, Output: 64}, true},
		{"mouse", mouseDescriptor, hid.Interface{UsagePage: 1, Usage: 2, Input: 4}, false},
		{"numbered", numberedDescriptor, hid.Interface{UsagePage: 0xFF00, Usage: 1, Input: 8, Output: 8, Numbered: true}, false},
		{"page in the usage", "05010b0100d0f1a101c0", hid.Interface{UsagePage: 0xF1D0, Usage: 1}, true},
		{"first of two usages", "06d0f109010902a101c0", hid.Interface{UsagePage: 0xF1D0, Usage: 1}, true},
		{"second collection", "05010902a101c006d0f10901a101c0", hid.Interface{UsagePage: 1, Usage: 2}, false},
		{"pushed page", "06d0f1a40501b40901a101c0", hid.Interface{UsagePage: 0xF1D0, Usage: 1}, true},
		{"long item", "fe02aabbcc06d0f10901a101c0", hid.Interface{UsagePage: 0xF1D0, Usage: 1}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := hid.ParseDescriptor(unhex(t, tc.descriptor))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.FIDO() != tc.fido {
				t.Errorf("FIDO() = %v", got.FIDO())
			}
		})
	}
}

func TestParseDescriptorRefuses(t *testing.T) {
	for name, descriptor := range map[string]string{
		"empty":             "",
		"cut off":           "06d0",
		"long item cut off": "fe09aa00",
		"open collection":   "06d0f10901a101",
		"no collection":     "06d0f10901",
		"stray end":         "c0",
		"pop without push":  "b4",
		"many pushes":       strings.Repeat("a4", 17),
		"huge reports":      "0901a101" + "77ffffffff" + "97ffffffff" + "8102c0",
		"too long":          strings.Repeat("0901", 2049),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := hid.ParseDescriptor(unhex(t, descriptor))
			if !errors.Is(err, hid.ErrDescriptor) {
				t.Errorf("error %v", err)
			}
			if got != (hid.Interface{}) {
				t.Errorf("got %+v beside the error", got)
			}
		})
	}
}

func TestOwnReportDescriptor(t *testing.T) {
	if got := hex.EncodeToString(hid.ReportDescriptor()); got != fidoDescriptor {
		t.Errorf("descriptor %s", got)
	}
}

// FuzzReportDescriptor: a failed parse gives nothing, what follows a whole
// descriptor cannot make it an authenticator's or stop it being one, and bytes
// beyond the bound are refused.
func FuzzReportDescriptor(f *testing.F) {
	for _, s := range []string{fidoDescriptor, mouseDescriptor, numberedDescriptor, "fe02aabbcc06d0f10901a101c0"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := hid.ParseDescriptor(b)
		if err != nil {
			if got != (hid.Interface{}) {
				t.Errorf("got %+v beside %v", got, err)
			}
			return
		}
		if len(b) > 4096 || got.Input < 0 || got.Output < 0 {
			t.Errorf("%d bytes gave %+v", len(b), got)
		}
		for _, more := range []string{fidoDescriptor, mouseDescriptor} {
			again, err := hid.ParseDescriptor(bytes.Join([][]byte{b, unhex(t, more)}, nil))
			if err == nil && again.FIDO() != got.FIDO() {
				t.Errorf("%x appended changes %+v to %+v", more, got, again)
			}
		}
	})
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

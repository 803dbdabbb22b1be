package ctap_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/postern/postern/fido/ctap"
)

func TestStatusOf(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want ctap.Status
	}{
		{nil, ctap.OK},
		{ctap.ErrNoCredentials, ctap.ErrNoCredentials},
		{fmt.Errorf("member 1: %w", ctap.ErrMissingParameter), ctap.ErrMissingParameter},
		{errors.New("disk full"), ctap.ErrOther},
		{ctap.OK, ctap.ErrOther}, // success is no error
	} {
		if got := ctap.StatusOf(tc.err); got != tc.want {
			t.Errorf("StatusOf(%v) = %v, want %v", tc.err, got, tc.want)
		}
	}
}

func TestStatusNames(t *testing.T) {
	for status, want := range map[ctap.Status]string{
		0x2E: "CTAP2_ERR_NO_CREDENTIALS (0x2e)", 0x33: "CTAP2_ERR_PIN_AUTH_INVALID (0x33)", 0xF0: "CTAP2_ERR(0xf0) (0xf0)",
	} {
		if got := status.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	if _, _, err := ctap.SplitRequest(nil); ctap.StatusOf(err) != ctap.ErrInvalidLength {
		t.Errorf("empty request: %v", err)
	}
	if _, _, err := ctap.SplitRequest(make([]byte, ctap.MaxMessageSize+1)); ctap.StatusOf(err) != ctap.ErrRequestTooLarge {
		t.Errorf("long request: %v", err)
	}
	if _, err := ctap.SplitResponse([]byte{0x2E, 0xA0}); ctap.StatusOf(err) != ctap.ErrNoCredentials {
		t.Errorf("error response: %v", err)
	}
	if _, err := ctap.SplitResponse(nil); err == nil {
		t.Error("empty response accepted")
	}
}

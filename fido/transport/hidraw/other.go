//go:build !linux

package hidraw

import (
	"context"
	"runtime"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// unavailable says what to use on this system.
func unavailable() error {
	u := &hid.Unavailable{
		Message: "Postern does not speak to security keys on this system itself.",
		Next:    "Use the key with a browser here, or this command on Linux.",
	}
	if runtime.GOOS == "windows" {
		u.Message = "On Windows only the system itself may speak to security keys."
	}
	return u
}

// List fails: see the error's next step.
func List(context.Context) ([]Device, error) { return nil, unavailable() }

// Conn does not exist on this system.
type Conn struct{}

// Open fails: see the error's next step.
func Open(string) (*Conn, error) { return nil, unavailable() }

// Read implements [hid.Reports].
func (*Conn) Read(context.Context) (ctaphid.Report, error) { return ctaphid.Report{}, unavailable() }

// Write implements [hid.Reports].
func (*Conn) Write(context.Context, ctaphid.Report) error { return unavailable() }

// Close does nothing.
func (*Conn) Close() error { return nil }

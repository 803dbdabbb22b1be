//go:build !linux && !windows

package agent

import (
	"context"
	"log/slog"

	"github.com/postern/postern/fido/transport/hid"
)

// DefaultSocket is one that says what there is not: such systems let only their own drivers make virtual devices.
func DefaultSocket(*slog.Logger) Socket { return noSocket{} }

type noSocket struct{}

func (noSocket) Name() string       { return "none" }
func (noSocket) MaxMessage() uint64 { return 0 }

func (noSocket) Plug(context.Context, hid.Identity, func(), func(context.Context, hid.Reports) error) error {
	return &hid.Unavailable{
		Message: "This system lets no program make a virtual security key.",
		Next:    "Use the Postern extension in Chrome or Edge: it needs none.",
	}
}

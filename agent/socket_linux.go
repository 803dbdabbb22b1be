package agent

import "log/slog"

// DefaultSocket is where keys are plugged in on this system.
func DefaultSocket(log *slog.Logger) Socket { return UHID{Log: log} }

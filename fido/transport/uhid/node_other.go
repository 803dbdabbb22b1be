//go:build !linux

package uhid

import (
	"io"

	"github.com/postern/postern/fido/transport/hid"
)

func openNode(string) (io.ReadWriteCloser, error) {
	return nil, &hid.Unavailable{
		Message: "Only Linux makes virtual HID devices for programs.",
		Next:    "On Windows export the key with USB/IP and attach it with usbip-win2.",
	}
}

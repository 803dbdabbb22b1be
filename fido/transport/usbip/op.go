package usbip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/transport/hid"
)

// ErrProtocol marks what no USB/IP client sends. The connection is of no more
// use after it.
var ErrProtocol = errors.New("not USB/IP")

// operation reads the header of a request: opDevlist or opImport.
func operation(b [opHeaderSize]byte) (code uint16, err error) {
	if v := binary.BigEndian.Uint16(b[:]); v != protocolVersion {
		return 0, fmt.Errorf("%w: version %#04x, want %#04x", ErrProtocol, v, protocolVersion)
	}
	switch code := binary.BigEndian.Uint16(b[2:]); code {
	case opRequest | opDevlist, opRequest | opImport:
		return code &^ opRequest, nil
	default:
		return 0, fmt.Errorf("%w: operation %#04x", ErrProtocol, code)
	}
}

// importedBusID reads the rest of an import request.
func importedBusID(b [busIDSize]byte) string {
	text, _, _ := bytes.Cut(b[:], []byte{0})
	return string(text)
}

func appendOpHeader(b []byte, code uint16, status uint32) []byte {
	b = binary.BigEndian.AppendUint16(b, protocolVersion)
	b = binary.BigEndian.AppendUint16(b, code)
	return binary.BigEndian.AppendUint32(b, status)
}

// appendDevice adds the 312 bytes that describe the device.
func appendDevice(b []byte, id hid.Identity, busID string) []byte {
	b = appendText(b, devicePath, pathSize)
	b = appendText(b, busID, busIDSize)
	b = binary.BigEndian.AppendUint32(b, busNumber)
	b = binary.BigEndian.AppendUint32(b, deviceNumber)
	b = binary.BigEndian.AppendUint32(b, Speed)
	b = binary.BigEndian.AppendUint16(b, id.Vendor)
	b = binary.BigEndian.AppendUint16(b, id.Product)
	b = binary.BigEndian.AppendUint16(b, id.Version)
	return append(b, 0, 0, 0, configurationValue, 1, 1)
}

func appendText(b []byte, text string, size int) []byte {
	padded := make([]byte, size)
	copy(padded[:size-1], text)
	return append(b, padded...)
}

// devlistReply tells of the device, or with listed false of none.
func devlistReply(id hid.Identity, busID string, listed bool) []byte {
	b := make([]byte, 0, opHeaderSize+4+deviceSize+interfaceSize)
	b = appendOpHeader(b, opDevlist, 0)
	if !listed {
		return binary.BigEndian.AppendUint32(b, 0)
	}
	b = binary.BigEndian.AppendUint32(b, 1)
	b = appendDevice(b, id, busID)
	return append(b, classHID, 0, 0, 0)
}

func importReply(id hid.Identity, busID string, status uint32) []byte {
	b := appendOpHeader(make([]byte, 0, opHeaderSize+deviceSize), opImport, status)
	if status != importOK {
		return b
	}
	return appendDevice(b, id, busID)
}

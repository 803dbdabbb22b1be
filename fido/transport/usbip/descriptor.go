package usbip

import (
	"encoding/binary"
	"unicode/utf16"

	"github.com/postern/postern/fido/transport/hid"
)

// Descriptors (USB 2.0 §9.6, HID 1.11 §6.2). Numbers are little endian.
//
//	device(18)         USB 1.10, class by interface, 64 bytes on endpoint 0, strings 1 to 3
//	configuration(41)  configuration(9) ‖ interface(9) ‖ HID(9) ‖ endpoint in(7) ‖ endpoint out(7)
//	string             length(1) ‖ 3 ‖ UTF-16, at most 126 units; string 0 lists languages
//
// USB 1.10 is what a full-speed device without a high-speed twin says; hosts
// ask one of 2.00 for its device qualifier, several times, to be told no.
const (
	descDevice        = 0x01
	descConfiguration = 0x02
	descString        = 0x03
	descInterface     = 0x04
	descEndpoint      = 0x05
	descHID           = 0x21
	descReport        = 0x22

	bcdUSB = 0x0110
	bcdHID = 0x0111

	classHID           = 0x03
	controlPacketSize  = 64
	configurationValue = 1
	busPowered         = 0x80
	milliamps          = 100
	endpointNumber     = 1
	endpointIn         = 0x80 | endpointNumber
	endpointOut        = endpointNumber
	transferInterrupt  = 0x03
	pollInterval       = 5 // ms at full speed

	stringManufacturer = 1
	stringProduct      = 2
	stringSerial       = 3
	englishUS          = 0x0409
	maxStringUnits     = 126
)

func deviceDescriptor(id hid.Identity) []byte {
	b := []byte{18, descDevice}
	b = binary.LittleEndian.AppendUint16(b, bcdUSB)
	b = append(b, 0, 0, 0, controlPacketSize)
	b = binary.LittleEndian.AppendUint16(b, id.Vendor)
	b = binary.LittleEndian.AppendUint16(b, id.Product)
	b = binary.LittleEndian.AppendUint16(b, id.Version)
	return append(b, stringManufacturer, stringProduct, stringSerial, 1)
}

func hidDescriptor() []byte {
	b := []byte{9, descHID}
	b = binary.LittleEndian.AppendUint16(b, bcdHID)
	b = append(b, 0, 1, descReport) // no country, one descriptor
	return binary.LittleEndian.AppendUint16(b, uint16(len(hid.ReportDescriptor())))
}

func endpointDescriptor(address byte) []byte {
	return []byte{7, descEndpoint, address, transferInterrupt, 64, 0, pollInterval}
}

func configurationDescriptor() []byte {
	b := []byte{
		9, descConfiguration, 0, 0, 1, configurationValue, 0, busPowered, milliamps / 2,
		9, descInterface, 0, 0, 2, classHID, 0, 0, 0,
	}
	b = append(b, hidDescriptor()...)
	b = append(b, endpointDescriptor(endpointIn)...)
	b = append(b, endpointDescriptor(endpointOut)...)
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// stringDescriptor gives string index; nil where there is none.
func stringDescriptor(id hid.Identity, index byte) []byte {
	var units []uint16
	switch index {
	case 0:
		units = []uint16{englishUS}
	case stringManufacturer:
		units = utf16.Encode([]rune(id.Manufacturer))
	case stringProduct:
		units = utf16.Encode([]rune(id.Name))
	case stringSerial:
		units = utf16.Encode([]rune(id.Serial))
	default:
		return nil
	}
	units = units[:min(len(units), maxStringUnits)]
	b := []byte{byte(2 + 2*len(units)), descString}
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

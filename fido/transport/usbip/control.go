package usbip

import (
	"encoding/binary"

	"github.com/postern/postern/fido/transport/hid"
)

// Control transfers begin with a setup packet (USB 2.0 §9.3), little endian:
//
//	type(1) ‖ request(1) ‖ value(2) ‖ index(2) ‖ length(2)
//
// Type is direction (0x80 to the host), kind (0x20 class) and recipient (0
// device, 1 interface, 2 endpoint). Type and request together name what is
// wanted; what is not listed stalls, the device qualifier included.
const (
	getStatusDevice    = 0x8000
	getStatusInterface = 0x8100
	getStatusEndpoint  = 0x8200
	clearFeature       = 0x0201 // of an endpoint
	getDescriptor      = 0x8006 // value: type<<8 | index
	getInterfaceDesc   = 0x8106 // the same, of the interface in index
	getConfiguration   = 0x8008
	setConfiguration   = 0x0009
	getInterface       = 0x810A
	setInterface       = 0x010B
	setReport          = 0x2109 // HID 1.11 §7.2; value: type<<8 | number
	getIdle            = 0xA102
	setIdle            = 0x210A // value: rate<<8 | number

	featureHalt  = 0 // of an endpoint
	reportOutput = 0x0200
)

// control takes a transfer on endpoint 0.
func (d *Device) control(reply []byte, s *Submit) []byte {
	request := binary.BigEndian.Uint16(s.Setup[0:])
	length := int(binary.LittleEndian.Uint16(s.Setup[6:]))
	toHost := request&0x8000 != 0
	if length > 0 && toHost != s.In || !s.In && len(s.Data) != length {
		return appendReturn(reply, s.Seq, StatusStall, 0, nil)
	}
	if request == setReport {
		if !wants(s, reportOutput) {
			return appendReturn(reply, s.Seq, StatusStall, 0, nil)
		}
		return d.output(reply, s.Seq, s.Data)
	}
	data, ok := d.answer(s, request)
	if !ok {
		return appendReturn(reply, s.Seq, StatusStall, 0, nil)
	}
	if room := min(uint64(length), uint64(s.Length)); uint64(len(data)) > room {
		data = data[:room]
	}
	transferred := len(data)
	if !s.In {
		data, transferred = nil, len(s.Data)
	}
	return appendReturn(reply, s.Seq, StatusOK, transferred, data)
}

// wants tells whether s names exactly this value, and index 0: the device or its
// one interface.
func wants(s *Submit, value uint16) bool {
	return binary.LittleEndian.Uint16(s.Setup[2:]) == value && binary.LittleEndian.Uint16(s.Setup[4:]) == 0
}

// answer does a request and gives its whole answer, none for one to the device;
// ok is false where the device stalls.
func (d *Device) answer(s *Submit, request uint16) (data []byte, ok bool) {
	value, index := binary.LittleEndian.Uint16(s.Setup[2:]), binary.LittleEndian.Uint16(s.Setup[4:])
	switch request {
	case getStatusDevice, getStatusInterface:
		return []byte{0, 0}, value == 0 && index == 0
	case getStatusEndpoint:
		return []byte{0, 0}, value == 0 && hasEndpoint(index)
	case clearFeature:
		return nil, value == featureHalt && hasEndpoint(index)
	case getDescriptor:
		return d.descriptor(value)
	case getInterfaceDesc:
		return interfaceDescriptor(value, index)
	case getConfiguration:
		return []byte{d.configuration}, wants(s, 0)
	case setConfiguration:
		if index != 0 || value > configurationValue {
			return nil, false
		}
		d.configuration = byte(value)
		return nil, true
	case getInterface:
		return []byte{0}, wants(s, 0)
	case setInterface:
		return nil, wants(s, 0)
	case getIdle:
		return []byte{d.idleRate}, wants(s, 0)
	case setIdle:
		if index != 0 || value&0xFF != 0 {
			return nil, false
		}
		d.idleRate = byte(value >> 8)
		return nil, true
	}
	return nil, false
}

func hasEndpoint(address uint16) bool {
	return address == 0 || address == 0x80 || address == endpointIn || address == endpointOut
}

func (d *Device) descriptor(value uint16) (data []byte, ok bool) {
	switch kind, index := value>>8, byte(value); {
	case kind == descDevice && index == 0:
		return deviceDescriptor(d.identity), true
	case kind == descConfiguration && index == 0:
		return configurationDescriptor(), true
	case kind == descString:
		data := stringDescriptor(d.identity, index)
		return data, data != nil
	}
	return nil, false
}

func interfaceDescriptor(value, index uint16) (data []byte, ok bool) {
	if index != 0 {
		return nil, false
	}
	switch value {
	case descHID << 8:
		return hidDescriptor(), true
	case descReport << 8:
		return hid.ReportDescriptor(), true
	}
	return nil, false
}

package hidraw

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
)

// Device is a security key that is plugged in.
type Device struct {
	Path            string // what [Open] takes, like /dev/hidraw0
	Name            string // of manufacturer and product, as the kernel has it; may be ""
	Serial          string // may be ""
	Vendor, Product uint16 // USB ids, or those of another bus
}

// describe reads what the kernel tells of a HID device in its uevent file, lines
// of KEY=value:
//
//	HID_ID=0003:00001209:00005057   bus, vendor and product in hexadecimal
//	HID_NAME=…
//	HID_UNIQ=…                      the serial number
//
// What is missing or malformed is left empty.
func describe(uevent []byte) Device {
	var d Device
	for lines := bufio.NewScanner(bytes.NewReader(uevent)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch key {
		case "HID_NAME":
			d.Name = value
		case "HID_UNIQ":
			d.Serial = value
		case "HID_ID":
			if ids := strings.Split(value, ":"); len(ids) == 3 {
				d.Vendor, d.Product = hex16(ids[1]), hex16(ids[2])
			}
		}
	}
	return d
}

func hex16(s string) uint16 {
	v, err := strconv.ParseUint(s, 16, 16)
	if err != nil {
		return 0
	}
	return uint16(v)
}

package sealedfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	magic     = "fidoseal"
	prefix    = len(magic) + 2 + 2 + 1 // to the scheme, in either layout
	maxParams = 4096
)

// Flags of layout 2.
const (
	flagMarked = 1 << iota
	flagBlank  // nothing has been written yet
)

// header is everything before the nonce.
type header struct {
	version uint16
	lead    Lead
	flags   byte
}

var errNotSealed = errors.New("not a sealed file")

// encode gives layout 1 to the schemes that had it first.
func (h *header) encode() []byte {
	old := h.lead.Scheme <= SchemePassphrase
	layout := uint16(2)
	if old {
		layout = 1
	}
	b := append(make([]byte, 0, prefix+3+len(h.lead.Params)), magic...)
	b = binary.BigEndian.AppendUint16(b, layout)
	b = binary.BigEndian.AppendUint16(b, h.version)
	b = append(b, h.lead.Scheme)
	if !old {
		b = append(b, h.flags)
		b = binary.BigEndian.AppendUint16(b, uint16(len(h.lead.Params))) // #nosec G115 -- bounded by maxParams
	}
	return append(b, h.lead.Params...)
}

// parseHeader also gives the header as it is written and what follows it.
func parseHeader(data []byte) (h header, written, rest []byte, err error) {
	if len(data) < prefix || !bytes.HasPrefix(data, []byte(magic)) {
		return h, nil, nil, errNotSealed
	}
	layout := binary.BigEndian.Uint16(data[8:])
	h.version, h.lead.Scheme = binary.BigEndian.Uint16(data[10:]), data[12]
	rest = data[prefix:]
	size := argonParamsSize
	switch {
	case layout != 1 && layout != 2:
		return h, nil, nil, fmt.Errorf("written in layout %d, this program knows 1 and 2: use a newer program", layout)
	case (layout == 1) != (h.lead.Scheme <= SchemePassphrase):
		return h, nil, nil, errNotSealed
	case layout == 2:
		if len(rest) < 3 {
			return h, nil, nil, errNotSealed
		}
		h.flags, size, rest = rest[0], int(binary.BigEndian.Uint16(rest[1:])), rest[3:]
	}
	if size > maxParams || size > len(rest) {
		return h, nil, nil, errNotSealed
	}
	h.lead.Params, rest = bytes.Clone(rest[:size]), rest[size:]
	return h, data[:len(data)-len(rest)], rest, nil
}

package packages

import (
	"bytes"
	"encoding/binary"
)

// forwarder is a Windows library (PE32+, x64) without code: its one function is another library's. Older wine has no
// bcryptprimitives.dll, whose ProcessPrng every program made by Go asks for random numbers; advapi32 has the same under
// another name.
//
// The layout, see "PE Format" of Microsoft: headers of 0x200 bytes, then one section with the export directory, at 0x200 in
// the file and 0x1000 in memory.
func forwarder(library, function, target string) []byte {
	const section, address, fileSize = 0x200, 0x1000, 0x400
	file := make([]byte, fileSize)
	le := binary.LittleEndian
	put := func(at int, b ...byte) { copy(file[at:], b) }
	put16 := func(at int, v uint16) { le.PutUint16(file[at:], v) }
	put32 := func(at int, v uint32) { le.PutUint32(file[at:], v) }

	put(0, 'M', 'Z')
	const pe = 0x40
	put32(0x3c, pe)
	put(pe, 'P', 'E', 0, 0)
	put16(pe+4, 0x8664)  // machine: x64
	put16(pe+6, 1)       // sections
	put16(pe+20, 240)    // size of the optional header
	put16(pe+22, 0x2022) // a library, for addresses beyond 2 GiB
	optional := pe + 24
	put16(optional, 0x20b)   // PE32+
	put32(optional+8, 0x200) // initialized data
	le.PutUint64(file[optional+24:], 0x180000000)
	put32(optional+32, 0x1000) // alignment in memory
	put32(optional+36, 0x200)  // alignment in the file
	put16(optional+40, 6)      // system: 6.0
	put16(optional+48, 6)      // subsystem: 6.0
	put32(optional+56, 0x2000) // size in memory
	put32(optional+60, section)
	put16(optional+68, 2) // Windows
	put16(optional+70, 0x0160)
	le.PutUint64(file[optional+72:], 0x100000) // stack and heap: reserved, committed
	le.PutUint64(file[optional+80:], 0x1000)
	le.PutUint64(file[optional+88:], 0x100000)
	le.PutUint64(file[optional+96:], 0x1000)
	put32(optional+108, 16)      // data directories, the first is of exports
	put32(optional+112, address) // where
	put32(optional+116, 0x180)   // how long: what an address in here points to is a forwarder's name
	header := optional + 240
	copy(file[header:], ".edata")
	put32(header+8, 0x180)
	put32(header+12, address)
	put32(header+16, 0x200)
	put32(header+20, section)
	put32(header+36, 0x40000040) // readable data

	const names = 0x40 // of the section: the export directory and its three tables come first
	at, place := names, map[string]uint32{}
	for _, s := range []string{library, function, target} {
		put(section+at, append([]byte(s), 0)...)
		place[s] = uint32(address + at) // #nosec G115 -- small
		at += len(s) + 1
	}
	put32(section+12, place[library])
	put32(section+16, 1)            // first ordinal
	put32(section+20, 1)            // functions
	put32(section+24, 1)            // names
	put32(section+28, address+0x28) // table of functions
	put32(section+32, address+0x2c) // table of names
	put32(section+36, address+0x30) // table of ordinals
	put32(section+0x28, place[target])
	put32(section+0x2c, place[function])
	return bytes.Clone(file)
}

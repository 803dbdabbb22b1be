package main

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
)

// Fields of the x86 boot header (Documentation/arch/x86/boot.rst), little-endian, by their offset in the file.
const (
	setupSectors  = 0x1f1 // u8: sectors of 512 bytes before the protected-mode code, less one; 0 means 4
	headerMagic   = 0x202 // "HdrS"
	payloadOffset = 0x248 // u32, from the protected-mode code
	payloadLength = 0x24c // u32
	headerEnd     = 0x250
	sizeField     = 4 // behind the compressed kernel, within the payload: its uncompressed size
)

// elfKernel takes the ELF file out of a compressed kernel image. QEMU enters it directly, through the PVH note, and the
// emulated processor need not spend seconds on unpacking it.
func elfKernel(ctx context.Context, image []byte) ([]byte, error) {
	if len(image) < headerEnd || string(image[headerMagic:headerMagic+4]) != "HdrS" {
		return nil, errors.New("this is not a kernel image for x86")
	}
	sectors := uint64(image[setupSectors])
	if sectors == 0 {
		sectors = 4
	}
	start := (sectors+1)*512 + uint64(binary.LittleEndian.Uint32(image[payloadOffset:]))
	end := start + uint64(binary.LittleEndian.Uint32(image[payloadLength:]))
	if end > uint64(len(image)) || end < start+sizeField {
		return nil, errors.New("the kernel image ends before its payload does")
	}
	kernel, err := unpack(ctx, image[start:end-sizeField])
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(kernel, []byte(elf.ELFMAG)) {
		return nil, errors.New("the kernel image holds no ELF file")
	}
	return kernel, nil
}

// unpackers are the programs for the forms in which Debian compresses kernels and modules.
var unpackers = []struct {
	magic   string
	command []string
}{
	{"\xfd7zXZ\x00", []string{"xz", "-dc"}},
	{"\x28\xb5\x2f\xfd", []string{"zstd", "-dcq"}},
}

// unpack decompresses data, or returns it as it is where it is an ELF file already.
func unpack(ctx context.Context, data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
		return data, nil
	}
	for _, u := range unpackers {
		if !bytes.HasPrefix(data, []byte(u.magic)) {
			continue
		}
		var complaint bytes.Buffer
		cmd := exec.CommandContext(ctx, u.command[0], u.command[1:]...) // #nosec G204 -- one of the table above
		cmd.Stdin, cmd.Stderr = bytes.NewReader(data), &complaint
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %s", u.command[0], err, complaint.String())
		}
		return out, nil
	}
	return nil, fmt.Errorf("unknown compression, first bytes % x", data[:min(8, len(data))])
}

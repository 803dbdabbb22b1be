package main

import (
	"fmt"
	"io"
	"io/fs"
)

// archive writes a cpio archive in the "newc" form, the one the Linux kernel unpacks into its first root file system
// (Documentation/driver-api/early-userspace/buffer-format.rst). Names and contents are padded to four bytes.
type archive struct {
	w    io.Writer
	next uint32 // inode number
	err  error
}

const (
	cpioFolder = 0o040000
	cpioFile   = 0o100000
	cpioEnd    = "TRAILER!!!"
)

func (a *archive) folder(name string) { a.entry(name, cpioFolder|0o755, nil) }

func (a *archive) file(name string, mode fs.FileMode, content []byte) {
	a.entry(name, cpioFile|uint32(mode.Perm()), content)
}

func (a *archive) entry(name string, mode uint32, content []byte) {
	if a.err != nil {
		return
	}
	a.next++
	// magic, inode, mode, owner, group, links, time, size, device (2), device of a special file (2), length of the name, sum
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.next, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
	a.write([]byte(header + name + "\x00"))
	a.pad(len(header) + len(name) + 1)
	a.write(content)
	a.pad(len(content))
}

// end writes the last entry and returns the first error.
func (a *archive) end() error {
	a.entry(cpioEnd, 0, nil)
	return a.err
}

func (a *archive) pad(n int) { a.write(make([]byte, (4-n%4)%4)) }

func (a *archive) write(p []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(p)
	}
}

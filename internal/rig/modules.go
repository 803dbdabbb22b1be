package main

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// wanted are the kernel modules the guest needs; what they depend on comes by itself. In this order: the bus of the
// virtual machine, the shared folders, the writable root, the network, and the doors a security key comes in by.
var wanted = []string{"virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_net", "usbhid", "hid_generic", "uhid", "vhci_hcd"}

// moduleFile is a kernel module, uncompressed.
type moduleFile struct {
	name    string
	content []byte
}

// modulesOf reads the wanted modules from an unpacked kernel package, dependencies first. A module that is not there as a
// file is built into the kernel.
func modulesOf(ctx context.Context, root string) ([]moduleFile, error) {
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if base, _, ok := strings.Cut(entry.Name(), ".ko"); ok && err == nil {
			files[moduleName(base)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no kernel modules in %s", root)
	}
	var all []moduleFile
	var add func(name string) error
	add = func(name string) error {
		if slices.ContainsFunc(all, func(m moduleFile) bool { return m.name == name }) {
			return nil
		}
		path, ok := files[name]
		if !ok {
			return nil
		}
		packed, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content, err := unpack(ctx, packed)
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
		needs, err := dependencies(content)
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
		for _, need := range needs {
			if err := add(need); err != nil {
				return err
			}
		}
		all = append(all, moduleFile{name, content})
		return nil
	}
	for _, name := range wanted {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// moduleName spells a module as the kernel does: files and dependency lists mix hyphen and underscore.
func moduleName(s string) string { return strings.ReplaceAll(s, "-", "_") }

// dependencies are what a module names under "depends" in its .modinfo section.
func dependencies(module []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("no .modinfo section")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(line, "depends="); ok && list != "" {
			return strings.Split(moduleName(list), ","), nil
		}
	}
	return nil, nil
}

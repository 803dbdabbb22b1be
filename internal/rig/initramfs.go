package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// writeModules writes the modules and the order in which to load them.
func writeModules(path string, modules []moduleFile) error {
	var out bytes.Buffer
	a := &archive{w: &out}
	a.folder("modules")
	var order strings.Builder
	for _, m := range modules {
		fmt.Fprintln(&order, m.name)
		a.file("modules/"+m.name, 0o644, m.content)
	}
	a.file("modules/order", 0o644, []byte(order.String()))
	if err := a.end(); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644) // #nosec G306 -- nothing secret in it
}

// writeInitramfs writes the guest's first root: the kernel takes several archives one behind the other.
func writeInitramfs(path, cache string) (err error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	start, err := scripts.ReadFile("guest/init")
	if err != nil {
		return err
	}
	program, err := os.ReadFile(busybox) // #nosec G304 -- the machine's own busybox
	if err != nil {
		return err
	}
	out, err := os.Create(path) // #nosec G304 -- in a folder of ours
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	modules, err := os.Open(filepath.Join(cache, modulesFile)) // #nosec G304 -- in our cache
	if err != nil {
		return err
	}
	defer func() { _ = modules.Close() }() // only read
	if _, err := io.Copy(out, modules); err != nil {
		return err
	}
	a := &archive{w: out}
	for _, folder := range []string{"bin", "dev", "proc", "sys", "host", "over", "root"} {
		a.folder(folder)
	}
	a.file("bin/busybox", 0o755, program)
	a.file("init", 0o755, start)
	return a.end()
}

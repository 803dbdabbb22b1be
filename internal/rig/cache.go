package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A cache folder holds what a guest boots from and nothing that was made here can change: "vmlinux", the kernel as an ELF
// file, and "modules.cpio", its modules with "modules/order", the order to load them in. The folder's name has the version of the
// kernel package and a digest of the wanted modules in it, so a folder that exists is right.
const (
	kernelFile  = "vmlinux"
	modulesFile = "modules.cpio"
)

// metaPackage depends on Debian's present kernel. The one for clouds would lack 9p, USB/IP and usbhid.
const metaPackage = "linux-image-amd64"

// cacheFolder returns the folder for Debian's present kernel, made if need be.
func cacheFolder(ctx context.Context) (string, error) {
	base := os.Getenv("POSTERN_RIG_CACHE")
	if base == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(user, "postern", "rig")
	}
	name, version, err := kernelPackage(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(wanted, " ")))
	folder := filepath.Join(base, name+"_"+strings.ReplaceAll(version, ":", "_")+"_"+hex.EncodeToString(sum[:4]))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(base, 0o755); err != nil { // #nosec G301 -- nothing secret in it
		return "", err
	}
	work, err := os.MkdirTemp(base, ".new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }() // what is of worth was renamed away
	if err := unpackKernel(ctx, work, name); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	err = os.Rename(filepath.Join(work, "ready"), folder)
	if _, there := os.Stat(folder); err != nil && there == nil {
		return folder, nil // another run was faster
	}
	return folder, err
}

// kernelPackage asks apt which package the meta package stands for, and in which version.
func kernelPackage(ctx context.Context) (name, version string, err error) {
	depends, err := output(ctx, "", "apt-cache", "depends", "--important", metaPackage)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(depends) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok {
			name = "linux-image-" + p
		}
	}
	if name == "" {
		return "", "", fmt.Errorf("apt knows no package %s: run apt-get update, and use a Debian whose sources are set up", metaPackage)
	}
	shown, err := output(ctx, "", "apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		return "", "", err
	}
	for lines := bufio.NewScanner(strings.NewReader(shown)); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "Version: "); ok {
			return name, v, nil
		}
	}
	return "", "", fmt.Errorf("apt knows no version of %s: run apt-get update", name)
}

// unpackKernel downloads the package into work, unpacks it there without installing it, and leaves the cache folder as "ready".
func unpackKernel(ctx context.Context, work, name string) error {
	if _, err := output(ctx, work, "apt-get", "download", name); err != nil {
		if os.Geteuid() != 0 {
			return err
		}
		// Package lists that are some days old name files that are gone.
		if _, err := output(ctx, work, "apt-get", "update", "-qq"); err != nil {
			return err
		}
		if _, err := output(ctx, work, "apt-get", "download", name); err != nil {
			return err
		}
	}
	packages, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(packages) != 1 {
		return errors.Join(err, fmt.Errorf("apt-get download left %d packages", len(packages)))
	}
	unpacked, ready := filepath.Join(work, "unpacked"), filepath.Join(work, "ready")
	if _, err := output(ctx, work, "dpkg-deb", "-x", packages[0], unpacked); err != nil {
		return err
	}
	if err := os.Mkdir(ready, 0o755); err != nil { // #nosec G301 -- nothing secret in it
		return err
	}
	images, err := filepath.Glob(filepath.Join(unpacked, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return errors.Join(err, fmt.Errorf("the package holds %d kernels", len(images)))
	}
	image, err := os.ReadFile(images[0])
	if err != nil {
		return err
	}
	kernel, err := elfKernel(ctx, image)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(ready, kernelFile), kernel, 0o644); err != nil { // #nosec G306 -- nothing secret in it
		return err
	}
	modules, err := modulesOf(ctx, unpacked)
	if err != nil {
		return err
	}
	return writeModules(filepath.Join(ready, modulesFile), modules)
}

// output runs a program in a folder and returns what it prints; its complaints go into the error.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) // #nosec G204 -- fixed programs
	cmd.Dir = dir
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, complaint.String())
	}
	return string(out), nil
}

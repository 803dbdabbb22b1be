package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	bootTime = 90 * time.Second
	glance   = 20 * time.Millisecond // how often the job folder is looked at
	memory   = "3072"                // MiB; Chromium wants most of it
	hostIP   = "10.0.2.2"            // the guest's name for 127.0.0.1 of this machine
)

// machine is a running guest. It ends with the program that started it.
type machine struct {
	folder  string // scratch; its folder "job" is the guest's /job
	process *exec.Cmd
	exited  chan struct{}
	jobs    int
}

// errGone is returned when the guest ended by itself: its kernel panicked or QEMU gave up.
var errGone = errors.New("the guest is gone")

// boot starts a guest and waits until its agent works. The programs in fill are copied into the job folder first.
func boot(ctx context.Context, cache string, fill func(job string) error) (_ *machine, err error) {
	m := &machine{exited: make(chan struct{})}
	if m.folder, err = os.MkdirTemp("", "rig-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(m.folder)
		}
	}()
	if err := os.Mkdir(m.job(), 0o755); err != nil { // #nosec G301 -- nothing secret in it
		return nil, err
	}
	if err := fill(m.job()); err != nil {
		return nil, err
	}
	initramfs := filepath.Join(m.folder, "initramfs")
	if err := writeInitramfs(initramfs, cache); err != nil {
		return nil, err
	}
	m.process = exec.CommandContext(ctx, "qemu-system-x86_64", append(accelerator(), // #nosec G204 -- fixed arguments and paths of ours
		"-M", "q35", "-smp", "2", "-m", memory, "-nodefaults", "-nographic", "-no-reboot",
		"-kernel", filepath.Join(cache, kernelFile), "-initrd", initramfs,
		"-append", "console=ttyS0 quiet loglevel=4 panic=-1 random.trust_cpu=on mitigations=off nokaslr rdinit=/init",
		"-serial", "file:"+m.console(),
		"-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap", "-device", "virtio-9p-pci,fsdev=host,mount_tag=host",
		"-fsdev", "local,id=job,path="+m.job()+",security_model=none", "-device", "virtio-9p-pci,fsdev=job,mount_tag=job",
		"-netdev", "user,id=net,restrict=off", "-device", "virtio-net-pci,netdev=net,romfile=",
	)...)
	m.process.SysProcAttr = dieWithParent()
	complaints, err := os.Create(filepath.Join(m.folder, "qemu"))
	if err != nil {
		return nil, err
	}
	m.process.Stdout, m.process.Stderr = complaints, complaints
	err = m.process.Start()
	if e := complaints.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	go func() {
		_ = m.process.Wait() // how it ended is in its output
		close(m.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	if _, err := m.run(ctx, "true"); err != nil {
		err = fmt.Errorf("the guest did not come up: %w\n%s", err, m.lastWords())
		m.stop()
		return nil, err
	}
	return m, nil
}

func (m *machine) job() string     { return filepath.Join(m.folder, "job") }
func (m *machine) console() string { return filepath.Join(m.folder, "console") }

// accelerator is the processor's own virtualisation where a module for it is loaded. An openable /dev/kvm says little: behind
// some hypervisors it is there and a kernel crawls on it.
func accelerator() []string {
	for _, module := range []string{"kvm_intel", "kvm_amd"} {
		if _, err := os.Stat("/sys/module/" + module); err != nil {
			continue
		}
		if device, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
			_ = device.Close() // nothing was written
			return []string{"-accel", "kvm", "-cpu", "host"}
		}
	}
	return []string{"-accel", "tcg,thread=multi", "-cpu", "max"}
}

// run lets the guest run a shell script and returns what it prints. An exit status other than 0 is an error.
func (m *machine) run(ctx context.Context, script string) (string, error) {
	m.jobs++
	name := filepath.Join(m.job(), strconv.Itoa(m.jobs))
	if err := os.WriteFile(name+".new", []byte(script), 0o644); err != nil { // #nosec G306 -- the guest's root may be another user
		return "", err
	}
	if err := os.Rename(name+".new", name+".sh"); err != nil {
		return "", err
	}
	for {
		status, err := os.ReadFile(name + ".status")
		if err == nil {
			out, err := os.ReadFile(name + ".out")
			if code := strings.TrimSpace(string(status)); err == nil && code != "0" {
				err = fmt.Errorf("exit status %s", code)
			}
			return string(out), err
		}
		select {
		case <-m.exited:
			err = errGone
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(glance):
			continue
		}
		out, _ := os.ReadFile(name + ".out") // as far as it came
		return string(out), err
	}
}

// alive tells whether the guest still takes scripts: one that had to be given up may never end.
func (m *machine) alive() bool {
	select {
	case <-m.exited:
		return false
	default:
	}
	_, err := os.Stat(filepath.Join(m.job(), strconv.Itoa(m.jobs)+".status"))
	return err == nil
}

// lastWords are the end of the kernel's console and of what QEMU said.
func (m *machine) lastWords() string {
	var text strings.Builder
	for _, path := range []string{filepath.Join(m.folder, "qemu"), m.console()} {
		content, _ := os.ReadFile(path) // #nosec G304 -- ours; what is not there says nothing
		_, said, _ := strings.Cut(string(content), "Booting from ROM..")
		text.WriteString(said[max(0, len(said)-4000):])
	}
	return strings.TrimSpace(text.String())
}

// stop ends the guest and removes its folder. Nothing in it is worth a shutdown.
func (m *machine) stop() {
	_ = m.process.Process.Kill() // it may have ended
	<-m.exited
	_ = os.RemoveAll(m.folder)
}

// Command rig tries the virtual security key on a real Linux kernel with real clients: it boots Debian's kernel in QEMU, plugs
// the key in by USB/IP and by /dev/uhid, and lets libfido2, OpenSSH, python-fido2 and Chromium register and sign in with it. Then it
// is the workstation agent that plugs the key in: the key is a phone outside of the guest, or one inside of it, and where the phone
// and the network are gone it is the agent's own key for signing in offline.
//
// It owns the small virtual machine and what the clients do in it. Nothing of a client or of the kernel is replaced by something of
// ours; the tenant that Chromium signs in to is entrasim. `go run ./internal/rig -list` names the clients, -run picks some,
// -v shows what they print.
//
// main.go holds the flags and the table. cache.go fetches the kernel, with kernel.go, modules.go and cpio.go; machine.go runs
// the guest from it, whose programs are in the folder guest; center.go starts a control center; key.go plugs the key in, phone.go has
// the agent do so, desk.go both in the guest; clients.go lists the clients, whose scripts are in the folder clients; browse.go drives Chromium inside the guest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// wholeTime bounds everything.
const wholeTime = 40 * time.Minute

func main() {
	if len(os.Args) > 2 && os.Args[1] == inGuest {
		if err := browse(context.Background(), filepath.Join("/job", os.Args[2])); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	list := flag.Bool("list", false, "name the clients and end")
	pattern := flag.String("run", ".", "regular expression over the names of clients")
	verbose := flag.Bool("v", false, "show what the clients and the key print")
	bin := flag.String("bin", "bin", "folder with our programs")
	flag.Parse()
	match, err := regexp.Compile(*pattern)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		os.Exit(2)
	}
	var chosen []client
	for _, c := range clients {
		if match.MatchString(c.String()) {
			chosen = append(chosen, c)
		}
	}
	if *list {
		for _, c := range chosen {
			fmt.Println(c)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	if err := run(ctx, chosen, *bin, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		stop()
		os.Exit(1)
	}
}

// run tries the chosen clients and prints the table.
func run(ctx context.Context, chosen []client, bin string, verbose bool) error {
	if len(chosen) == 0 {
		return errors.New("no client has such a name; see -list")
	}
	programs := map[string]string{}
	for _, name := range []string{"postern", "postern-phone", "postern-agent", "entrasim-windows"} {
		programs[name] = filepath.Join(bin, name)
		if err := missing(programs[name]); err != nil {
			return err
		}
	}
	start := time.Now()
	r := &rig{programs: programs, verbose: verbose}
	defer r.end()
	var err error
	if r.cache, err = cacheFolder(ctx); err != nil {
		return err
	}
	fmt.Printf("     %-22s %6.1f s\n", "kernel at hand", time.Since(start).Seconds())
	failed := 0
	for _, c := range chosen {
		if !r.try(ctx, c) {
			failed++
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped before the end: %w", err)
		}
	}
	fmt.Printf("     %-22s %6.1f s\n", "all in all", time.Since(start).Seconds())
	if failed > 0 {
		return fmt.Errorf("%d of %d clients failed", failed, len(chosen))
	}
	return nil
}

// missing says what this machine lacks.
func missing(ours string) error {
	if _, err := os.Stat(ours); err != nil {
		return fmt.Errorf("%s is missing: run make build first", ours)
	}
	for _, program := range []struct{ name, in string }{
		{"apt-get", "Debian itself"},
		{"dpkg-deb", "Debian itself"},
		{"xz", "xz-utils"},
		{"qemu-system-x86_64", "qemu-system-x86"},
		{"busybox", "busybox-static"},
		{"/lib/systemd/systemd-udevd", "udev"},
		{"/usr/sbin/usbip", "usbip"},
		{"fido2-token", "fido2-tools"},
		{"ssh-keygen", "openssh-client"},
		{"/usr/lib/python3/dist-packages/fido2/client.py", "python3-fido2"},
		{"chromium", "chromium"},
	} {
		_, err := exec.LookPath(program.name)
		if program.name[0] == '/' {
			_, err = os.Stat(program.name)
		}
		if err != nil {
			return fmt.Errorf("%s is missing. The rig needs Debian on x86-64 with the packages that scripts/needs lists; this one is in %s", program.name, program.in)
		}
	}
	return nil
}

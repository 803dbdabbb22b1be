package doctor

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf16"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/join"
)

func door(socket string) Door {
	if socket != "usbip" {
		return Door{}
	}
	d := Door{Looked: true, Path: filepath.Join(os.Getenv("ProgramFiles"), "USBip", "usbip.exe")}
	_, err := os.Stat(d.Path)
	d.Missing = err != nil
	return d
}

// readable is not asked: Windows speaks to security keys itself.
func readable(string) bool { return true }

// programTime bounds each program of Windows. The first PowerShell after a start takes long.
const programTime = 40 * time.Second

// devicesScript is a constant of this program, so it needs no execution policy to be relaxed: nothing is read from a file.
//
//go:embed devices.ps1
var devicesScript string

// machine has Windows tell of itself, and makes facts of it.
func machine(ctx context.Context, f *Facts) {
	e := Evidence{User: !f.Inside}
	var err error
	if e.Status, err = join.Text(ctx); err != nil {
		e.StatusError = err.Error()
	}
	for _, key := range slices.Sorted(maps.Keys(RegistryKeys())) {
		args := []string{"query", key}
		if RegistryKeys()[key] {
			args = append(args, "/s")
		}
		out, _ := run(ctx, "reg.exe", args...) // a key that is not there is an error, and says all there is to say
		e.Registry = append(e.Registry, out...)
	}
	if e.Devices, err = powershell(ctx, devicesScript); err != nil {
		e.DevicesError = "PowerShell did not run: " + plain(err)
	}
	if status, err := join.ParseReport(e.Status); err == nil && status.State == postern.JoinHybrid && status.DomainName != "" {
		e.Controller, _ = run(ctx, "nltest.exe", "/dsgetdc:"+status.DomainName, "/keylist", "/kdc") // it prints why not
	}
	e.Facts(f)
}

// run runs a program of the system's own folder, not of the path.
func run(ctx context.Context, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(os.Getenv("SystemRoot"), "System32", program), args...) // #nosec G204 -- a program of Windows
	cmd.Stdout = &out
	if program == "nltest.exe" {
		cmd.Stderr = &out
	}
	err := cmd.Run()
	return out.Bytes(), err
}

// powershell runs a script of this program.
func powershell(ctx context.Context, script string) ([]byte, error) {
	units := utf16.Encode([]rune(script))
	raw := make([]byte, 0, 2*len(units))
	for _, u := range units {
		raw = binary.LittleEndian.AppendUint16(raw, u)
	}
	out, err := run(ctx, `WindowsPowerShell\v1.0\powershell.exe`, "-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand", base64.StdEncoding.EncodeToString(raw))
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return out, nil
}

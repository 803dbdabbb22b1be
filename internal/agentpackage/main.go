// Command agentpackage makes the installers of the desktop client, for x64 and arm64: an MSI with the agent as a Windows
// service, and a package for Debian with it as a service of systemd. The same sources give the same bytes, unless they are
// signed.
//
// It needs wixl and msibuild of msitools, and nfpm of the tools' module; to sign, osslsigncode.
package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"github.com/postern/postern"
)

// architectures are the processors there are packages for, by GOARCH.
var architectures = map[string]postern.Architecture{"amd64": postern.ArchitectureX64, "arm64": postern.ArchitectureARM64}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "agentpackage:", err)
		os.Exit(1)
	}
}

// run makes what the arguments ask for, and says where it lies.
func run(ctx context.Context, args []string, say io.Writer) error {
	flags := flag.NewFlagSet("agentpackage", flag.ContinueOnError)
	out := flags.String("out", "bin/packages", "`folder` for the installers")
	version := flags.String("version", "", "version of the release; the revision if left out")
	processor := flags.String("processor", "", "`GOARCH` to make packages for; amd64 and arm64 if left out")
	var sign signer
	flags.StringVar(&sign.certificate, "certificate", "", "PEM `file` with the certificate to sign with, and those above it")
	flags.StringVar(&sign.key, "key", "", "PEM `file` with its key")
	flags.StringVar(&sign.timestamp, "timestamp", "", "`address` of a time stamping authority (RFC 3161)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if (sign.certificate == "") != (sign.key == "") {
		return fmt.Errorf("-certificate and -key belong together")
	}
	if err := os.MkdirAll(*out, 0o755); err != nil { // #nosec G301 -- everybody may read installers
		return err
	}
	processors := []string{"amd64", "arm64"}
	if *processor != "" {
		processors = []string{*processor}
	}
	for _, goarch := range processors {
		architecture, known := architectures[goarch]
		if !known {
			return fmt.Errorf("there are no packages for %q", goarch)
		}
		paths, err := build(ctx, *out, *version, goarch, architecture, sign)
		if err != nil {
			return fmt.Errorf("%s: %w", goarch, err)
		}
		for _, path := range paths {
			fmt.Fprintln(say, path)
		}
	}
	return nil
}

// build makes the packages for one processor.
func build(ctx context.Context, out, version, goarch string, architecture postern.Architecture, sign signer) ([]string, error) {
	dir, err := os.MkdirTemp("", "agentpackage")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	linux, program := filepath.Join(dir, "postern-agent"), filepath.Join(dir, agentProgram)
	if err := errors.Join(compile(ctx, "linux", goarch, version, linux), compile(ctx, "windows", goarch, version, program)); err != nil {
		return nil, err
	}
	if version == "" {
		version = revisionOf(program)
	}
	if err := sign.file(ctx, program); err != nil {
		return nil, err
	}
	msi := filepath.Join(out, "Postern-"+version+"_"+string(architecture)+".msi")
	if err := pack(ctx, dir, version, architecture, msi); err != nil {
		return nil, err
	}
	if err := sign.file(ctx, msi); err != nil {
		return nil, err
	}
	deb, err := packDeb(ctx, linux, version, goarch, out)
	return []string{msi, deb}, err
}

func compile(ctx context.Context, goos, goarch, version, program string) error {
	flags := "-s -w -buildid="
	if version != "" {
		flags += " -X github.com/postern/postern.version=" + version
	}
	return command(ctx, "", []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0"},
		"go", "build", "-trimpath", "-ldflags", flags, "-o", program, "./cmd/postern-agent")
}

// revisionOf is how a program that was built without a version calls itself; see [postern.Version].
func revisionOf(program string) string {
	if info, err := buildinfo.ReadFile(program); err == nil {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "dev-" + s.Value[:12]
			}
		}
	}
	return "dev"
}

// signer signs, where there is a certificate (Authenticode).
type signer struct{ certificate, key, timestamp string }

func (s signer) file(ctx context.Context, path string) error {
	if s.certificate == "" {
		return nil
	}
	signed := path + ".signed"
	args := []string{"sign", "-h", "sha256", "-certs", s.certificate, "-key", s.key, "-n", "Postern Desktop Client"}
	if s.timestamp != "" {
		args = append(args, "-ts", s.timestamp)
	}
	if err := command(ctx, "", nil, "osslsigncode", append(args, "-in", path, "-out", signed)...); err != nil {
		return err
	}
	return os.Rename(signed, path)
}

// command runs a program, whose words are only heard when it fails.
func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) // #nosec G204 -- of this program's own making
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmp.Or(name, "command"), err, said)
	}
	return nil
}

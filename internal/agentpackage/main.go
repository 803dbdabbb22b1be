// Command agentpackage makes the installers of the desktop client: an MSI each for x64 and arm64, with the agent as a
// Windows service. The same sources give the same bytes, unless they are signed.
//
// It needs wixl and msibuild of msitools; to sign, osslsigncode.
package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"github.com/postern/postern"
)

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
	for goarch, architecture := range map[string]postern.Architecture{"amd64": postern.ArchitectureX64, "arm64": postern.ArchitectureARM64} {
		path, err := build(ctx, *out, *version, goarch, architecture, sign)
		if err != nil {
			return fmt.Errorf("%s: %w", architecture, err)
		}
		fmt.Fprintln(say, path)
	}
	return nil
}

func build(ctx context.Context, out, version, goarch string, architecture postern.Architecture, sign signer) (string, error) {
	dir, err := os.MkdirTemp("", "agentpackage")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, agentProgram)
	flags := "-s -w -buildid="
	if version != "" {
		flags += " -X github.com/postern/postern.version=" + version
	}
	if err := command(ctx, "", []string{"GOOS=windows", "GOARCH=" + goarch, "CGO_ENABLED=0"},
		"go", "build", "-trimpath", "-ldflags", flags, "-o", program, "./cmd/postern-agent"); err != nil {
		return "", err
	}
	if version == "" {
		version = revisionOf(program)
	}
	if err := sign.file(ctx, program); err != nil {
		return "", err
	}
	path := filepath.Join(out, "Postern-"+version+"_"+string(architecture)+".msi")
	if err := pack(ctx, dir, version, architecture, path); err != nil {
		return "", err
	}
	return path, sign.file(ctx, path)
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

package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// packDeb makes the package for Debian of a program, in a folder, and says where it lies. nfpm is one of the tools, which have
// a module of their own.
func packDeb(ctx context.Context, program, version, goarch, out string) (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	config, err := os.ReadFile("deploy/deb/postern-agent.yaml")
	if err != nil {
		return "", err
	}
	filled := os.Expand(string(config), func(name string) string {
		return map[string]string{
			"ARCH": goarch, "VERSION": debVersion(version), "PROGRAM": program, "DEPLOY": filepath.Join(root, "deploy"), "LICENSE": filepath.Join(root, "LICENSE"),
		}[name]
	})
	written := filepath.Join(filepath.Dir(program), "nfpm.yaml")
	if err := os.WriteFile(written, []byte(filled), 0o600); err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(out, "postern-agent_"+debVersion(version)+"_"+goarch+".deb"))
	if err != nil {
		return "", err
	}
	return path, command(ctx, "", nil, "go", "-C", "tools", "tool", "nfpm", "package", "--config", written, "--packager", "deb", "--target", path)
}

// debVersion is a version as dpkg compares it: a pre-release comes before its release, and what is no release before every
// one.
func debVersion(version string) string {
	m := regexp.MustCompile(`^v?(\d+\.\d+\.\d+)(?:-([0-9A-Za-z.]+))?$`).FindStringSubmatch(version)
	switch {
	case m == nil:
		return "0.0.1~" + strings.ReplaceAll(version, "-", ".")
	case m[2] != "":
		return m[1] + "~" + m[2]
	}
	return m[1]
}

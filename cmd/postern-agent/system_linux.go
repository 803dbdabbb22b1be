package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// service is a matter of Windows; other systems run the program as it is.
func service() bool { return false }

// systemName is the name of the distribution (os-release(5)).
func systemName() string {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return "Linux"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		value, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME=")
		if !ok {
			continue
		}
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		if value != "" && len(value) <= 100 {
			return value
		}
	}
	return "Linux"
}

// opener opens an address in the browser.
func opener(address string) []string { return []string{"xdg-open", address} }

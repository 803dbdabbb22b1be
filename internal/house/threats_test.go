package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreatModelNamesTests: every test that docs/threat-model.md says holds something is there, in the package it names.
func TestThreatModelNamesTests(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("((?:`(?:Test|Fuzz)\\w+`(?:, )?)+) ?\\(([a-z/-]+)\\)|\\(`((?:Test|Fuzz)\\w+)`, ([a-z/-]+)\\)")
	found := 0
	for _, m := range named.FindAllStringSubmatch(string(text), -1) {
		tests, folder := m[1]+m[3], m[2]+m[4]
		files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var code strings.Builder
		for _, file := range files {
			one, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(one)
		}
		for _, test := range regexp.MustCompile(`(Test|Fuzz)\w+`).FindAllString(tests, -1) {
			found++
			if !strings.Contains(code.String(), "func "+test+"(") {
				t.Errorf("%s has no %s", folder, test)
			}
		}
	}
	if all := strings.Count(string(text), "`Test") + strings.Count(string(text), "`Fuzz"); found != all || found == 0 {
		t.Errorf("%d of %d tests were looked for: each row ends with their package in parentheses", found, all)
	}
}

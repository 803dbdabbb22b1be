package audit_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/postern/postern/center/audit"
)

// TestEveryEventIsDocumented holds the table of docs/audit.md to the codes.
func TestEveryEventIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		if strings.Count(line, "|") == 4 && strings.Contains(line, "`") && len(line) > 9 && line[2] >= 'A' && line[2] <= 'Z' {
			rows++
		}
	}
	for _, c := range audit.Codes() {
		if row := fmt.Sprintf("| %s | `%s` | %s |", c.Code, c.Name, c.Text); !strings.Contains(string(page), row) {
			t.Errorf("docs/audit.md lacks the row\n%s", row)
		}
	}
	if all := len(audit.Codes()); rows != all {
		t.Errorf("docs/audit.md has %d rows of events, there are %d events", rows, all)
	}
}

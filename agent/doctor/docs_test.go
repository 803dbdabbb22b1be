package doctor_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern/agent/doctor"
	"github.com/postern/postern/agent/doctor/domain"
	"github.com/postern/postern/internal/powershell"
)

// TestDocumented: the page of the doctors has each check, in the order of the code, and no other.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## At the workstation\n")
	if !found {
		t.Fatal("the page has no section about the workstation")
	}
	if before, _, more := strings.Cut(section, "\n## "); more {
		section = before
	}
	var tables [][]string
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		switch {
		case len(cells) < 4 || strings.HasPrefix(cells[1], "---"):
		case strings.TrimSpace(cells[1]) == "check":
			tables = append(tables, nil)
		case strings.TrimSpace(cells[1]) == "machine":
			tables = append(tables, []string{"machine"})
		default:
			tables[len(tables)-1] = append(tables[len(tables)-1], strings.TrimSpace(cells[1]))
		}
	}
	if len(tables) != 3 || !slices.Equal(tables[0], doctor.Checks()) || !slices.Equal(tables[2], domain.Checks()) {
		t.Errorf("the page has %q, the code %q and %q", tables, doctor.Checks(), domain.Checks())
	}
}

// TestDevicesScript: what the script reads are the fields that are read here, and it changes nothing.
func TestDevicesScript(t *testing.T) {
	script, err := os.ReadFile("devices.ps1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/windows11.devices.json")
	if err != nil {
		t.Fatal(err)
	}
	var sample map[string]json.RawMessage
	if err := json.Unmarshal(text, &sample); err != nil {
		t.Fatal(err)
	}
	for name, value := range sample {
		if !strings.Contains(string(script), name) {
			t.Errorf("the script writes no %s", name)
		}
		var objects []map[string]any
		if json.Unmarshal(value, &objects) != nil {
			continue // no list
		}
		for _, o := range objects {
			for field := range o {
				if !strings.Contains(string(script), field) {
					t.Errorf("the script reads no %s of %s", field, name)
				}
			}
		}
	}
	for _, verb := range []string{"Set-", "Remove-", "Invoke-", "Start-", "Stop-", "Enable-", "Disable-"} {
		if strings.Contains(string(script), verb) {
			t.Errorf("the script has %s, and should change nothing", verb)
		}
	}
}

// TestOnly: some checks alone, and their worst state.
func TestOnly(t *testing.T) {
	r := doctor.Judge(well())
	kept, err := doctor.Only(r, doctor.Checks(), []string{"clock", "relay"})
	if err != nil || len(kept.Findings) != 2 || kept.Worst != "ok" {
		t.Errorf("%v, %+v", err, kept)
	}
	if _, err := doctor.Only(r, doctor.Checks(), []string{"clocks"}); err == nil {
		t.Error("a check that there is none is taken")
	}
}

// TestScriptsAreRead: both scripts are ones that PowerShell can read, and call nothing that is not documented.
func TestScriptsAreRead(t *testing.T) {
	devices, err := os.ReadFile("devices.ps1")
	if err != nil {
		t.Fatal(err)
	}
	for list, script := range map[string]string{"testdata/cmdlets.tsv": string(devices), "domain/testdata/cmdlets.tsv": domain.Script} {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		known := powershell.Documented(text)
		problems, used := powershell.Check(script, known)
		for _, p := range problems {
			t.Errorf("the script of %s: %s", list, p)
		}
		for _, c := range powershell.Unused(known, used) {
			t.Errorf("%s is in %s and nothing calls it: the list is too long, or the calls are not found", c, list)
		}
	}
}

package doctor_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"

	"github.com/postern/postern"
)

// Defect is one thing that is wrong.
type Defect struct {
	Name string // what is wrong, as a person says it
	// Break breaks it; mend, where it is not nil, puts everything back as it was.
	Break func(t *testing.T) (mend func())
	// Want are check, state and, where it is given, subject of the finding that names the defect.
	Want postern.Finding
	// WantNext is a part of its next step.
	WantNext string
	// Also are checks that suffer from the same defect and may say so.
	Also []string
}

// Patient is what a doctor examines. Each part of it is well, or as in Healthy, before and after each defect.
type Patient struct {
	Where   string // tenant, server, workstation
	Examine func(t *testing.T) postern.DoctorReport
	Defects []Defect
}

// patients are made one after the other, each with its own test.
var patients = []func(t *testing.T) []Patient{centers}

var defects, named atomic.Int64

// TestMain closes with how many defects were named, as the last line.
func TestMain(m *testing.M) {
	code := m.Run()
	if defects.Load() > 0 {
		fmt.Printf("defects %d, named %d\n", defects.Load(), named.Load())
	}
	os.Exit(code)
}

func TestDoctorTable(t *testing.T) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for _, make := range patients {
		for _, p := range make(t) {
			healthy := p.Examine(t)
			for _, f := range bad(healthy.Findings) {
				t.Errorf("%s: well, and the doctor says %s", p.Where, written(f))
			}
			seen := map[string]bool{}
			for _, d := range p.Defects {
				if seen[d.Name] {
					t.Errorf("%s: the defect %q is in the table twice", p.Where, d.Name)
				}
				seen[d.Name] = true
				ok := t.Run(p.Where+"/"+d.Name, func(t *testing.T) { p.try(t, healthy, d, table) })
				defects.Add(1)
				if ok {
					named.Add(1)
				}
			}
			after := p.Examine(t)
			for _, f := range news(healthy, after) {
				if f.State.Rank() < postern.FindingUnknown.Rank() {
					continue
				}
				t.Errorf("%s: all is mended, and the doctor says %s", p.Where, written(f))
			}
		}
	}
}

// try breaks one thing and holds what the doctor says to the table.
func (p Patient) try(t *testing.T, healthy postern.DoctorReport, d Defect, table *tabwriter.Writer) {
	if mend := d.Break(t); mend != nil {
		defer mend()
	}
	report := p.Examine(t)
	is := func(f postern.Finding) bool {
		return f.Check == d.Want.Check && f.State == d.Want.State && (d.Want.Subject == "" || f.Subject == d.Want.Subject)
	}
	found := news(healthy, report)
	n := slices.IndexFunc(found, is)
	if n < 0 {
		t.Fatalf("nothing says that; the doctor says\n%s", all(found))
	}
	f := found[n]
	if f.Next == "" || !strings.Contains(strings.ToLower(f.Next), strings.ToLower(d.WantNext)) {
		t.Errorf("the next step is %q, and should have %q", f.Next, d.WantNext)
	}
	for _, other := range found {
		if other.State.Rank() >= postern.FindingUnknown.Rank() && other.Check != d.Want.Check && !slices.Contains(d.Also, other.Check) {
			t.Errorf("the doctor also says %s", written(other))
		}
	}
	fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.Where, d.Name, f.State, f.Check, f.Next)
}

// news are the findings that were not there when all was well.
func news(healthy, now postern.DoctorReport) []postern.Finding {
	var all []postern.Finding
	for _, f := range now.Findings {
		if !slices.ContainsFunc(healthy.Findings, func(h postern.Finding) bool {
			return h.Check == f.Check && h.State == f.State && h.Subject == f.Subject && h.Message == f.Message
		}) {
			all = append(all, f)
		}
	}
	return all
}

// bad are those that name something wrong.
func bad(findings []postern.Finding) []postern.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f postern.Finding) bool {
		return f.State.Rank() < postern.FindingWarning.Rank()
	})
}

func written(f postern.Finding) string {
	return fmt.Sprintf("%s %s [%s] %s → %s", f.State, f.Check, f.Subject, f.Message, f.Next)
}

func all(findings []postern.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString("\t" + written(f) + "\n")
	}
	return b.String()
}

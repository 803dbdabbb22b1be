// Command bench prints the table of measurements: one line for each, with a baseline taken in the same run, because
// only the ratio of two figures of one run on one machine says anything.
//
// It owns the table and the measurements of whole programs. Benchmarks of single functions stand beside the functions.
// `go run ./internal/bench -run provision` runs one; -json writes the same as JSON lines.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"text/tabwriter"
)

// figure is one line of the table. Baseline is in the same unit; its name says what it is.
type figure struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Baseline float64 `json:"baseline"`
	Ratio    float64 `json:"ratio"`
	Against  string  `json:"against"`
}

// measurements are run in this order, because a quiet machine measures start and memory best.
var measurements = []struct {
	name string
	run  func(ctx context.Context) ([]figure, error)
}{
	{"start", measureStart},
	{"core", measureCeremonies},
	{"wasm", measureWebAssembly},
	{"store", measureLookups},
	{"ping", measurePings},
	{"link", measureLink},
	{"phones", measurePhones},
	{"agent_key", measureAgent},
	{"agent_pin", measurePIN},
	{"app", measureApp},
	{"extension", measureExtension},
	{"provision", measureProvision},
	{"audit", measureAudit},
	{"revoke", measureRevoke},
	{"reconcile", measureReconcile},
	{"inventory", measureInventory},
	{"bulk", measureBulk},
	{"bulk_writes", measureWrites},
	{"bulk_plain", measurePlainWrites},
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == bareServer {
		serveBare()
		return
	}
	if len(os.Args) == 3 && (os.Args[1] == phonesServer || os.Args[1] == phonesServerBare) {
		if err := servePhones(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	pattern := flag.String("run", ".", "regular expression over the names of measurements")
	asJSON := flag.Bool("json", false, "print JSON lines instead of a table")
	flag.Parse()
	match, err := regexp.Compile(*pattern)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if !*asJSON {
		fmt.Fprintln(table, "name\tvalue\tunit\tbaseline\tratio\tagainst")
	}
	failed := false
	for _, m := range measurements {
		if !match.MatchString(m.name) {
			continue
		}
		figures, err := m.run(ctx)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", m.name, err)
			failed = true
		}
		for _, f := range figures {
			if f.Baseline != 0 {
				f.Ratio = f.Value / f.Baseline
			}
			if *asJSON {
				_ = json.NewEncoder(os.Stdout).Encode(f)
				continue
			}
			fmt.Fprintf(table, "%s\t%.4g\t%s\t%.4g\t%.2f\t%s\n", f.Name, f.Value, f.Unit, f.Baseline, f.Ratio, f.Against)
		}
		if err := table.Flush(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/doctor"
	"github.com/postern/postern/agent/doctor/domain"
	"github.com/postern/postern/internal/cli"
)

// doctorCmd finds out what is wrong.
type doctorCmd struct {
	Check        []string `help:"Tell of these checks only. An unknown name lists all." placeholder:"NAME" sep:","`
	Domain       string   `help:"Judge the file that the script wrote for a domain, instead of this machine." placeholder:"FILE" xor:"what"`
	DomainScript bool     `help:"Print the script that an administrator runs on a domain controller, in PowerShell. It changes nothing." xor:"what"`
}

// Help is below the one line of it.
func (doctorCmd) Help() string {
	return `It changes nothing. Each finding has a state, ok, note, unknown, warning or failure, and a next step; --json has them
for programs.

Exit codes: 0 nothing is known to be wrong, 1 there is a warning, 2 there is a failure. What could not be looked at is no
reason to fail.

For signing in to hybrid joined machines the domain has its part: --domain-script prints what its administrator runs, and
--domain judges the file that comes of it, on any machine.`
}

// Run examines, and the exit code is the answer.
func (c *doctorCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	switch {
	case c.DomainScript:
		_, err := io.WriteString(std.Out, domain.Script)
		return err
	case c.Domain != "":
		report, err := domainReport(c.Domain)
		if err != nil {
			return err
		}
		return c.tell(std, o, report, domain.Checks())
	}
	return o.with(ctx, func(d desk, running bool) error {
		if _, err := doctor.Only(postern.DoctorReport{}, doctor.Checks(), c.Check); err != nil {
			return err
		}
		v, err := d.View(ctx)
		if err != nil {
			return err
		}
		return c.tell(std, o, doctor.Judge(looker.Gather(ctx, v, running)), doctor.Checks())
	})
}

func domainReport(path string) (postern.DoctorReport, error) {
	file, err := os.ReadFile(path) // #nosec G304 -- the file the person names
	if err != nil {
		return postern.DoctorReport{}, postern.FieldErrorf("domain", "The report is not there: %v.", err).
			WithNext("Give the file that the script wrote; postern-agent doctor --domain-script prints the script.").Because(err)
	}
	r, err := domain.Parse(file)
	if err != nil {
		return postern.DoctorReport{}, err
	}
	return domain.Judge(r, time.Now()), nil
}

// tell writes what is asked for of the report, and answers with its exit code.
func (c *doctorCmd) tell(std cli.Streams, o *options, r postern.DoctorReport, known []string) error {
	r, err := doctor.Only(r, known, c.Check)
	if err != nil {
		return err
	}
	if o.JSON {
		err = cli.JSON(std.Out, r)
	} else {
		err = writeReport(std.Out, r)
	}
	if code := r.ExitCode(); err == nil && code != 0 {
		return cli.Answer(code)
	}
	return err
}

// writeReport writes a table: state, check, what was found, and below it what to do.
func writeReport(out io.Writer, r postern.DoctorReport) error {
	width := len("CHECK")
	for _, f := range r.Findings {
		width = max(width, len(f.Check))
	}
	if len(r.Findings) == 0 {
		_, err := io.WriteString(out, "Nothing was found: what was asked for does not apply to this machine as it is now.\n")
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %-*s FOUND\n", "STATE", width, "CHECK")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-8s %-*s %s\n", f.State, width, f.Check, cli.Clean(f.Message))
		for _, line := range []struct{ mark, text string }{{"why: ", f.Why}, {"next: ", f.Next}} {
			if line.text != "" && f.State != postern.FindingOK {
				fmt.Fprintf(&b, "%*s %s%s\n", 9+width, "", line.mark, cli.Clean(line.text))
			}
		}
	}
	fmt.Fprintf(&b, "\nWorst: %s.\n", r.Worst)
	_, err := io.WriteString(out, b.String())
	return err
}

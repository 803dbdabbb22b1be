package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// doctorCmd examines a control center and its tenants.
type doctorCmd struct {
	remote
	Integration []string `arg:"" optional:"" help:"Names or identifiers of integrations. Without one: the server and every integration."`
	ServerOnly  bool     `help:"Only the control center itself."`
	Check       []string `help:"Only this check; may be repeated. docs/doctor.md has all of them." placeholder:"NAME"`
}

// Help is shown below the summary of the command.
func (doctorCmd) Help() string {
	return `It looks at everything and changes nothing: the server's clock, certificates, ways to Entra and to people, database, jobs
and backups; each tenant's token, permissions, licences, passkey policy, Conditional Access, Intune setting, groups and credential.
Each finding that is not ok has a next step.

Exit codes: 0 nothing is known to be wrong, 1 there is a warning, 2 there is a failure; when it cannot examine anything, those
of every other command.`
}

// Run examines and prints what was found.
func (cmd *doctorCmd) Run(ctx context.Context, std cli.Streams) error {
	c, err := cmd.client(std)
	if err != nil {
		return err
	}
	if cmd.ServerOnly && len(cmd.Integration) > 0 {
		return postern.Errorf(postern.CodeInvalid, "Either the server alone or integrations are examined.").WithNext("Leave out --server-only, or the names.")
	}
	reports, err := cmd.examine(ctx, std, c)
	if err != nil {
		return err
	}
	if err := showReports(std, cmd.JSON, reports); err != nil {
		return err
	}
	code := 0
	for _, r := range reports {
		code = max(code, r.ExitCode())
	}
	if code == 0 {
		return nil
	}
	return cli.Answer(code)
}

func (cmd *doctorCmd) examine(ctx context.Context, std cli.Streams, c *postern.Client) ([]postern.DoctorReport, error) {
	ofServer, ofTenant, err := cmd.checks()
	if err != nil {
		return nil, err
	}
	var reports []postern.DoctorReport
	if len(cmd.Integration) == 0 && (len(cmd.Check) == 0 || len(ofServer) > 0) {
		fmt.Fprintln(std.Err, "Examining the server.")
		r, err := c.Doctor(ctx, ofServer...)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	if cmd.ServerOnly || len(cmd.Check) > 0 && len(ofTenant) == 0 {
		return reports, nil
	}
	integrations, err := cmd.integrations(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, i := range integrations {
		fmt.Fprintf(std.Err, "Examining %s.\n", cli.Clean(i.ApplicationName))
		r, err := c.IntegrationDoctor(ctx, i.ID, ofTenant...)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// checks tells the named checks of the server from those of tenants.
func (cmd *doctorCmd) checks() (ofServer, ofTenant []string, err error) {
	for _, name := range cmd.Check {
		switch {
		case slices.Contains(postern.DoctorServerChecks, name) && len(cmd.Integration) == 0:
			ofServer = append(ofServer, name)
		case slices.Contains(postern.DoctorTenantChecks, name) && !cmd.ServerOnly:
			ofTenant = append(ofTenant, name)
		default:
			return nil, nil, postern.FieldErrorf("check", "There is no check %q here.", name).
				WithNext("Those of the server are " + strings.Join(postern.DoctorServerChecks, ", ") + "; those of integrations are " + strings.Join(postern.DoctorTenantChecks, ", ") + ".")
		}
	}
	return ofServer, ofTenant, nil
}

func (cmd *doctorCmd) integrations(ctx context.Context, c *postern.Client) ([]postern.Integration, error) {
	if len(cmd.Integration) == 0 {
		return c.Integrations(ctx)
	}
	var all []postern.Integration
	for _, name := range cmd.Integration {
		i, err := find(ctx, c, name)
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

func showReports(std cli.Streams, asJSON bool, reports []postern.DoctorReport) error {
	if asJSON {
		if reports == nil {
			reports = []postern.DoctorReport{}
		}
		return cli.JSON(std.Out, postern.Page[postern.DoctorReport]{Items: reports})
	}
	for n, r := range reports {
		if n > 0 {
			fmt.Fprintln(std.Out)
		}
		fmt.Fprintf(std.Out, "%s: %s\n", cli.Clean(r.Subject), wordOf(r.Worst))
		w := tabwriter.NewWriter(std.Out, 0, 4, 2, ' ', 0)
		for _, f := range r.Findings {
			fmt.Fprintf(w, "%s\t%s\t%s\n", f.State, f.Check, cli.Clean(f.Message))
			if f.State == postern.FindingOK {
				continue
			}
			for label, text := range indexed("Why: ", f.Why, "Next: ", f.Next, "Where: ", f.Link) {
				fmt.Fprintf(w, "\t\t  %s%s\n", label, cli.Clean(text))
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// indexed yields labels with their texts, in order, without those that have none.
func indexed(pairs ...string) func(yield func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for n := 0; n+1 < len(pairs); n += 2 {
			if strings.TrimSpace(pairs[n+1]) != "" && !yield(pairs[n], pairs[n+1]) {
				return
			}
		}
	}
}

func wordOf(s postern.FindingState) string {
	switch s {
	case postern.FindingOK, postern.FindingNote:
		return "all is well"
	case postern.FindingUnknown:
		return "nothing is known to be wrong; some things could not be looked at"
	case postern.FindingWarning:
		return "some things need attention"
	case postern.FindingFailure:
	}
	return "something does not work"
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// policyCmd is the passkey policy of a tenant as code.
type policyCmd struct {
	remote
	Export    policyExportCmd    `cmd:"" help:"Write the tenant's policy as a document."`
	Plan      policyPlanCmd      `cmd:"" help:"Say what a document would change, and whom that concerns. Exit code 0: nothing; 10: something; 11: somebody would be locked out."`
	Apply     policyApplyCmd     `cmd:"" help:"Apply a plan or a document, wait until Entra shows it, and say what became of each step."`
	Undo      policyUndoCmd      `cmd:"" help:"Plan to take back what a plan changed. Exit codes as of plan."`
	Show      policyShowCmd      `cmd:"" help:"Look at a plan."`
	List      policyListCmd      `cmd:"" help:"List the newest plans."`
	Impact    policyImpactCmd    `cmd:"" help:"List whom a plan concerns, the worst effects first."`
	Drift     policyDriftCmd     `cmd:"" help:"Say what others changed. Exit code 0: nothing; 10: something."`
	Notes     policyNotesCmd     `cmd:"" help:"Say what should be known of the tenant's policy as it is."`
	Strengths policyStrengthsCmd `cmd:"" help:"Authentication strengths, and who demands them."`
}

type policyExportCmd struct {
	named
	Output string `help:"Write to this file instead of standard output." short:"o" placeholder:"FILE"`
}

// Run writes the policy.
func (cmd *policyExportCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	d, err := c.ExportPolicy(ctx, i.ID)
	if err != nil {
		return err
	}
	if cmd.Output != "" && cmd.Output != "-" {
		return os.WriteFile(cmd.Output, []byte(d.Document), 0o644) //nolint:gosec // a policy is no secret, and goes under version control
	}
	if group.JSON {
		return cli.JSON(std.Out, d)
	}
	_, err = io.WriteString(std.Out, d.Document)
	return err
}

// maxPolicy is what the API takes of a document, in bytes.
const maxPolicy = 256 << 10

func readDocument(name string, stdin io.Reader) (string, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", postern.Errorf(postern.CodeInvalid, "%v", err).WithNext("Name a file that can be read, or - for standard input.")
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxPolicy+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxPolicy {
		return "", postern.Errorf(postern.CodePolicyDocument, "%s is larger than %d KiB.", name, maxPolicy>>10)
	}
	return string(data), nil
}

type policyPlanCmd struct {
	within
	File string `arg:"" help:"The policy document; - for standard input."`
	Note string `help:"Why; it goes into the audit trail." placeholder:"TEXT"`
}

// Run plans a document.
func (cmd *policyPlanCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, i, err := named(cmd.within).open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	p, err := planFile(ctx, std, c, i.ID, cmd.File, cmd.Note)
	if err != nil {
		return err
	}
	return showPlan(ctx, std, c, group.JSON, p)
}

func planFile(ctx context.Context, std cli.Streams, c *postern.Client, id postern.IntegrationID, file, note string) (postern.PolicyPlan, error) {
	text, err := readDocument(file, std.In)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	p, err := c.PlanPolicy(ctx, id, postern.PolicyPlanInput{Document: text, Note: note})
	if err != nil {
		return p, err
	}
	return waitForPlan(ctx, std, c, p)
}

// waitForPlan waits until a plan is neither worked out nor applied any more.
func waitForPlan(ctx context.Context, std cli.Streams, c *postern.Client, p postern.PolicyPlan) (postern.PolicyPlan, error) {
	doing := map[postern.PolicyPlanState]string{
		postern.PolicyPlanning: "Working out whom it concerns.", postern.PolicyApplying: "Writing, and waiting until Entra shows it.",
	}
	said := postern.PolicyPlanState("")
	for p.State == postern.PolicyPlanning || p.State == postern.PolicyApplying {
		if p.State != said {
			fmt.Fprintln(std.Err, doing[p.State])
			said = p.State
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(waitEvery / 2):
		}
		var err error
		if p, err = c.PolicyPlan(ctx, p.ID); err != nil {
			return p, err
		}
	}
	return p, nil
}

type policyApplyCmd struct {
	within
	What        string   `arg:"" name:"plan" help:"Identifier of a plan, or a policy document; - for a document on standard input."`
	LockOut     []string `help:"Somebody who may be locked out, by user principal name or object id. May be repeated." placeholder:"NAME"`
	LockOutFile string   `help:"File with such names, one on a line." placeholder:"FILE"`
	Unknown     bool     `help:"Apply although the inventory has gaps, so that more people may be locked out than are known."`
	Note        string   `help:"Why; it goes into the audit trail." placeholder:"TEXT"`
	sure
}

// Run applies a plan.
func (cmd *policyApplyCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	named, err := cmd.names()
	if err != nil {
		return err
	}
	c, err := group.client(std)
	if err != nil {
		return err
	}
	p, err := cmd.plan(ctx, std, c, group.JSON)
	if err != nil {
		return err
	}
	if len(p.Steps) == 0 {
		return nil // showing it has said so
	}
	if p.State == postern.PolicyPlanned {
		if err := cmd.ask(std, cmd.question(p)); err != nil {
			return err
		}
	}
	if p, err = c.ApplyPolicyPlan(ctx, p.ID, postern.PolicyApplyInput{Version: p.Version, LockOut: named, Unknown: cmd.Unknown, Note: cmd.Note}); err != nil {
		return err
	}
	if p, err = waitForPlan(ctx, std, c, p); err != nil {
		return err
	}
	return showOutcome(std, group.JSON, p)
}

// plan finds the plan, or makes one of the document and shows it.
func (cmd *policyApplyCmd) plan(ctx context.Context, std cli.Streams, c *postern.Client, asJSON bool) (postern.PolicyPlan, error) {
	if postern.ValidID(cmd.What, postern.PrefixPolicyPlan) {
		p, err := c.PolicyPlan(ctx, postern.PolicyPlanID(cmd.What))
		if err != nil {
			return p, err
		}
		if p, err = waitForPlan(ctx, std, c, p); err != nil || asJSON {
			return p, err
		}
		return p, printPlan(ctx, std, c, p)
	}
	i, err := find(ctx, c, cmd.Integration)
	if err != nil {
		return postern.PolicyPlan{}, err
	}
	p, err := planFile(ctx, std, c, i.ID, cmd.What, cmd.Note)
	if err != nil {
		return p, err
	}
	if asJSON { // the answer is the plan as it ends
		if len(p.Steps) == 0 {
			return p, cli.JSON(std.Out, p)
		}
		return p, nil
	}
	return p, printPlan(ctx, std, c, p)
}

func (cmd *policyApplyCmd) question(p postern.PolicyPlan) string {
	steps := fmt.Sprintf("%d steps", len(p.Steps))
	if len(p.Steps) == 1 {
		steps = "1 step"
	}
	if n := lockedOut(p.Impact); n > 0 {
		return fmt.Sprintf("Write %s to the tenant? %s", steps, people(n)+" may be locked out.")
	}
	return fmt.Sprintf("Write %s to the tenant?", steps)
}

// names are those who may be locked out.
func (cmd *policyApplyCmd) names() ([]string, error) {
	all := cmd.LockOut
	if cmd.LockOutFile == "" {
		return all, nil
	}
	data, err := os.ReadFile(cmd.LockOutFile)
	if err != nil {
		return nil, postern.Errorf(postern.CodeInvalid, "%v", err).WithNext("Name a file that can be read.")
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all, nil
}

type policyUndoCmd struct {
	PlanID string `arg:"" name:"plan" help:"Identifier of a plan that was applied."`
	Note   string `help:"Why; it goes into the audit trail." placeholder:"TEXT"`
}

// Run plans the way back.
func (cmd *policyUndoCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	p, err := c.UndoPolicyPlan(ctx, postern.PolicyPlanID(cmd.PlanID), postern.PolicyNoteInput{Note: cmd.Note})
	if err != nil {
		return err
	}
	if p, err = waitForPlan(ctx, std, c, p); err != nil {
		return err
	}
	return showPlan(ctx, std, c, group.JSON, p)
}

type policyShowCmd struct {
	PlanID string `arg:"" name:"plan" help:"Identifier of the plan."`
}

// Run shows a plan.
func (cmd *policyShowCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	p, err := c.PolicyPlan(ctx, postern.PolicyPlanID(cmd.PlanID))
	if err != nil {
		return err
	}
	if group.JSON {
		return cli.JSON(std.Out, p)
	}
	return printPlan(ctx, std, c, p)
}

type policyListCmd struct{ named }

// Run lists plans.
func (cmd *policyListCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	all, err := c.PolicyPlans(ctx, i.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "MADE", "BY", "STATE", "STEPS", "LOCKED OUT", "NOTE"}, empty: "Nothing was planned yet."}
	return showList(std, group.JSON, all, t, func(p postern.PolicyPlan) []string {
		note := p.Note
		if p.Undoes != "" && note == "" {
			note = "takes back " + string(p.Undoes)
		}
		return []string{string(p.ID), when(p.CreatedAt), p.CreatedBy, string(p.State), fmt.Sprint(len(p.Steps)), fmt.Sprint(lockedOut(p.Impact)), note}
	})
}

type policyImpactCmd struct {
	PlanID     string `arg:"" name:"plan" help:"Identifier of the plan."`
	CSV        bool   `name:"csv" help:"Everybody, as CSV."`
	Effect     string `help:"Only users with this effect: locked_out, locked_out_somewhere, passkey_lost, registration_lost, postern_lost, strength_unmet, sign_in_gained, registration_gained." placeholder:"EFFECT"`
	Privileged bool   `help:"Only privileged users."`
	OnlyMethod bool   `help:"Only users who have no other method registered."`
	Max        int    `help:"At most that many." default:"200" placeholder:"N"`
}

// Run lists whom a plan concerns.
func (cmd *policyImpactCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	id := postern.PolicyPlanID(cmd.PlanID)
	if cmd.CSV {
		return c.WritePolicyImpact(ctx, id, std.Out)
	}
	const atOnce = 500
	var all []postern.UserImpact
	q := postern.ImpactQuery{Effect: postern.PolicyEffect(cmd.Effect), Privileged: cmd.Privileged, OnlyMethod: cmd.OnlyMethod}
	for {
		q.Offset, q.Limit = len(all), min(atOnce, cmd.Max-len(all))
		if q.Limit <= 0 {
			break
		}
		page, err := c.PolicyImpact(ctx, id, q)
		if err != nil {
			return err
		}
		if all = append(all, page.Items...); page.Next == "" {
			break
		}
	}
	t := table{header: []string{"USER", "EFFECTS", "PRIVILEGED", "ONLY METHOD", "PASSKEYS LOST", "WHY"}, empty: "It concerns nobody."}
	return showList(std, group.JSON, all, t, impactRow)
}

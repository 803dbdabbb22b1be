package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

type policyDriftCmd struct {
	named
	Check  bool          `help:"Look now, instead of saying what was found at the last look." xor:"do"`
	Accept bool          `help:"Accept the policy as it is now." xor:"do"`
	Revert bool          `help:"Plan to take back what others changed." xor:"do"`
	Every  time.Duration `help:"Look that often from now on, between 1m and 24h." xor:"do" placeholder:"TIME"`
	Note   string        `help:"Why; it goes into the audit trail." placeholder:"TEXT"`
	sure
}

// Run says what others changed, and what is to follow from it.
func (cmd *policyDriftCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	var d postern.PolicyDrift
	switch {
	case cmd.Accept:
		if err := cmd.ask(std, "Accept the policy as it is now, whoever made it so?"); err != nil {
			return err
		}
		d, err = c.AcceptPolicyDrift(ctx, i.ID, postern.PolicyNoteInput{Note: cmd.Note})
	case cmd.Revert:
		p, err := c.PlanPolicyBack(ctx, i.ID, postern.PolicyNoteInput{Note: cmd.Note})
		if err != nil {
			return err
		}
		if p, err = waitForPlan(ctx, std, c, p); err != nil {
			return err
		}
		return showPlan(ctx, std, c, group.JSON, p)
	case cmd.Every != 0:
		if d, err = c.PolicyDrift(ctx, i.ID); err == nil {
			d, err = c.SetPolicyDrift(ctx, i.ID, postern.PolicyDriftInput{Version: d.Version, IntervalS: int(cmd.Every / time.Second)})
		}
	case cmd.Check:
		d, err = c.CheckPolicyDrift(ctx, i.ID)
	default:
		d, err = c.PolicyDrift(ctx, i.ID)
	}
	if err != nil {
		return err
	}
	if err := showDrift(std, group.JSON, d); err != nil {
		return err
	}
	if len(d.Steps) > 0 {
		return cli.Answer(cli.ExitChanges)
	}
	return nil
}

func showDrift(std cli.Streams, asJSON bool, d postern.PolicyDrift) error {
	if asJSON {
		return cli.JSON(std.Out, d)
	}
	every := (time.Duration(d.IntervalS) * time.Second).String()
	switch {
	case !d.Watched:
		fmt.Fprintln(std.Out, "Nobody watches: no plan was applied, and the policy was never accepted as it is.")
		fmt.Fprintln(std.Out, "Next: postern policy drift --accept")
		return nil
	case len(d.Steps) == 0:
		fmt.Fprintf(std.Out, "Nothing differs from what was applied or accepted at %s. Looked at every %s, last at %s.\n", whenever(d.BaselineAt), every, whenever(d.CheckedAt))
	default:
		fmt.Fprintf(std.Out, "Somebody changed the policy, found at %s:\n\n", whenever(d.FoundAt))
		printSteps(std, d.Steps)
		fmt.Fprintln(std.Out)
		printEditors(std, d)
		if d.Impact != nil {
			fmt.Fprintf(std.Out, "It locks out %s.\n", people(lockedOut(*d.Impact)))
		}
		fmt.Fprintln(std.Out, "Next: postern policy drift --revert, or postern policy drift --accept")
	}
	if d.Message != "" {
		fmt.Fprintf(std.Err, "The last look failed: %s\n  next: %s\n", cli.Clean(d.Message), cli.Clean(d.Next))
	}
	return nil
}

func printEditors(std cli.Streams, d postern.PolicyDrift) {
	switch {
	case len(d.Who) > 0:
		for _, e := range d.Who {
			from := ""
			if e.Address != "" {
				from = " from " + e.Address
			}
			fmt.Fprintf(std.Out, "%s  %s%s: %s\n", when(e.At), cli.Clean(cmp.Or(e.Name, e.ID)), cli.Clean(from), cli.Clean(e.Activity))
		}
	case d.WhoKnown:
		fmt.Fprintln(std.Out, "Entra's log does not say yet who it was; it is behind by minutes, now and then by hours.")
	default:
		fmt.Fprintln(std.Out, "Who it was is not known: the application may not read Entra's audit log.")
	}
}

type policyNotesCmd struct{ named }

// Run says what should be known of the policy.
func (cmd *policyNotesCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	r, err := c.Policy(ctx, i.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"LEVEL", "FIELD", "DEVIATES", "NOTE", "NEXT"}, empty: "There is nothing to say."}
	return showList(std, group.JSON, r.Notes, t, func(n postern.PolicyNote) []string {
		return []string{string(n.Level), n.Field, yesNo(n.Deviation), n.Message, n.Next}
	})
}

type policyStrengthsCmd struct {
	List  policyStrengthsListCmd  `cmd:"" help:"List authentication strengths."`
	Usage policyStrengthsUsageCmd `cmd:"" help:"List the Conditional Access policies that demand strengths."`
}

type policyStrengthsListCmd struct{ named }

// Run lists strengths.
func (cmd *policyStrengthsListCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	all, err := c.Strengths(ctx, i.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"NAME", "KIND", "COMBINATIONS", "MODELS", "DEMANDED BY", "ID"}, empty: "There are none."}
	return showList(std, group.JSON, all, t, func(s postern.StrengthUse) []string {
		kind, models := "custom", "every"
		if s.Strength.BuiltIn {
			kind = "built-in"
		}
		if n := len(s.Strength.AAGUIDs); n > 0 {
			models = fmt.Sprint(n)
		}
		return []string{s.Strength.Name, kind, strings.Join(s.Strength.Combinations, "; "), models, fmt.Sprint(len(s.Policies)), s.Strength.ID}
	})
}

type policyStrengthsUsageCmd struct{ named }

// Run lists who demands strengths.
func (cmd *policyStrengthsUsageCmd) Run(ctx context.Context, std cli.Streams, group *policyCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	all, err := c.Strengths(ctx, i.ID)
	if err != nil {
		return err
	}
	if group.JSON {
		return showList(std, true, all, table{}, nil)
	}
	t := table{header: []string{"STRENGTH", "CONDITIONAL ACCESS POLICY", "STATE", "ID"}, empty: "No Conditional Access policy demands a strength."}
	for _, s := range all {
		for _, p := range s.Policies {
			t.add(s.Strength.Name, cmp.Or(p.Name, "-"), cmp.Or(string(p.State), "-"), p.ID)
		}
	}
	return t.show(std)
}

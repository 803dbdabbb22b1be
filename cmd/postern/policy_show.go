package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// worstShown is how many users a plan names. postern policy impact lists all.
const worstShown = 20

// lockedOut is how many users are locked out of something, or may be.
func lockedOut(i postern.PolicyImpact) int {
	return i.Effects[postern.EffectLockedOut] + i.Effects[postern.EffectLockedOutSomewhere] + i.Possible
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// showPlan prints a plan and answers with the exit code that says what it would do.
func showPlan(ctx context.Context, std cli.Streams, c *postern.Client, asJSON bool, p postern.PolicyPlan) error {
	if asJSON {
		if err := cli.JSON(std.Out, p); err != nil {
			return err
		}
	} else if err := printPlan(ctx, std, c, p); err != nil {
		return err
	}
	switch {
	case p.State == postern.PolicyFailed:
		return postern.Errorf(p.Code, "%s", p.Message).WithNext(p.Next)
	case len(p.Steps) == 0:
		return nil
	case lockedOut(p.Impact) > 0:
		return cli.Answer(cli.ExitLockOut)
	}
	return cli.Answer(cli.ExitChanges)
}

// printPlan prints a plan for people.
func printPlan(ctx context.Context, std cli.Streams, c *postern.Client, p postern.PolicyPlan) error {
	if len(p.Steps) == 0 {
		fmt.Fprintf(std.Out, "Nothing to do: the tenant is as the document says. (%s)\n", p.ID)
		printNotes(std, p.Notes)
		return nil
	}
	fmt.Fprintf(std.Out, "Plan %s: %d to change, %s.\n\n", p.ID, len(p.Steps), p.State)
	printSteps(std, p.Steps)
	if p.Impact.Basis.InventoryAt != nil || p.Impact.Basis.Users > 0 {
		if err := printImpact(ctx, std, c, p); err != nil {
			return err
		}
	}
	printNotes(std, p.Notes)
	if p.Message != "" {
		fmt.Fprintf(std.Out, "\n%s\n", cli.Clean(p.Message))
	}
	switch p.State {
	case postern.PolicyPlanned:
		fmt.Fprintf(std.Out, "\nNext: %s\n", nextOf(p))
	case postern.PolicyLanded, postern.PolicyPartly:
		fmt.Fprintf(std.Out, "\nTo take it back: postern policy undo %s\n", p.ID)
	}
	return nil
}

func nextOf(p postern.PolicyPlan) string {
	switch {
	case lockedOut(p.Impact) > 0:
		return fmt.Sprintf("keep what these people use, or name them: postern policy apply %s --lock-out NAME", p.ID)
	case !p.Impact.Basis.Complete:
		return "postern inventory read --full --wait; then plan again"
	}
	return "postern policy apply " + string(p.ID)
}

// stepSigns are the first column of a step, as in a diff.
var stepSigns = map[postern.PolicyVerb]string{
	postern.PolicyAdd: "+", postern.PolicyRemove: "-", postern.PolicySet: "~", postern.PolicyCreate: "+", postern.PolicyDelete: "-",
}

// printSteps prints steps like a diff: what changes on one line, what that means below it.
func printSteps(std cli.Streams, steps []postern.PolicyStep) {
	for _, s := range steps {
		what := string(s.Verb) + " "
		switch {
		case s.Field == "":
			what += fmt.Sprintf("%s %q", strings.ReplaceAll(string(s.Object), "_", " "), s.Name)
		case s.Name != "":
			what += fmt.Sprintf("%s of %q", s.Field, s.Name)
		default:
			what += s.Field
		}
		value := ""
		switch {
		case s.Old != "" && s.New != "":
			value = s.Old + " → " + s.New
		case s.New != "":
			value = s.New
		case s.Old != "":
			value = s.Old
		}
		if value != "" {
			what += ": " + value
		}
		if s.Outcome != "" {
			what = string(s.Outcome) + ": " + what
		}
		fmt.Fprintf(std.Out, "  %s %s\n", cmp.Or(stepSigns[s.Verb], " "), cli.Clean(what))
		if s.Sentence != "" {
			fmt.Fprintf(std.Out, "      %s\n", cli.Clean(s.Sentence))
		}
		if s.Message != "" {
			fmt.Fprintf(std.Out, "      %s\n", cli.Clean(s.Message))
		}
		if !s.Reversible && s.Outcome == "" {
			fmt.Fprintln(std.Out, "      Undoing it does not bring back everything.")
		}
	}
}

var effectWords = map[postern.PolicyEffect]string{
	postern.EffectLockedOut: "locked out", postern.EffectLockedOutSomewhere: "locked out of some applications",
	postern.EffectPasskeyLost: "lose a passkey and keep another", postern.EffectRegistrationLost: "can no longer register a passkey",
	postern.EffectPosternLost: "can no longer register a phone with Postern", postern.EffectStrengthUnmet: "will be asked for a passkey they do not have",
	postern.EffectSignInGained: "can sign in with more passkeys", postern.EffectRegistrationGained: "can register what they could not",
}

// printImpact prints whom a plan concerns: how many, and the worst by name.
func printImpact(ctx context.Context, std cli.Streams, c *postern.Client, p postern.PolicyPlan) error {
	i := p.Impact
	at := ""
	if i.Basis.InventoryAt != nil {
		at = ", as of " + when(*i.Basis.InventoryAt)
	}
	fmt.Fprintf(std.Out, "\nImpact, of %d users with %d passkeys%s:\n", i.Basis.Users, i.Basis.Passkeys, at)
	w := tabwriter.NewWriter(std.Out, 0, 4, 2, ' ', 0)
	some := false
	for _, e := range postern.PolicyEffects {
		if n := i.Effects[e]; n > 0 {
			fmt.Fprintf(w, "  %d\t%s\n", n, effectWords[e])
			some = true
		}
	}
	if i.Possible > 0 {
		fmt.Fprintf(w, "  %d\tmay be locked out, depending on conditions that Postern does not judge\n", i.Possible)
		some = true
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !some {
		fmt.Fprintln(std.Out, "  Nobody is concerned.")
	}
	if lockedOut(i) > 0 {
		fmt.Fprintf(std.Out, "  Of those locked out, privileged: %d; without another method: %d.\n", i.Privileged, i.OnlyMethod)
	}
	for _, m := range i.Models {
		fmt.Fprintf(std.Out, "  %s: passkeys that stop to sign in: %d, of users: %d.\n", cli.Clean(m.Name), m.Passkeys, m.Users)
	}
	for _, d := range i.Demands {
		fmt.Fprintf(std.Out, "  %s asks %d users for %s: %d have it, %d have other passkeys, %d have none.\n", cli.Clean(d.Policy), d.Users, cli.Clean(d.Strength), d.Met, d.Unmet, d.Without)
	}
	if !i.Basis.Complete || i.Basis.Unknown > 0 {
		fmt.Fprintf(std.Out, "  The inventory has gaps: of %d users nothing is known. More may be concerned.\n", i.Basis.Unknown)
	}
	if lockedOut(i) == 0 {
		return nil
	}
	page, err := c.PolicyImpact(ctx, p.ID, postern.ImpactQuery{Limit: worstShown})
	if postern.IsCode(err, postern.CodeForbidden) {
		return nil // who may read policies need not read users
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Out, "\nThe worst:")
	t := table{header: []string{"  USER", "EFFECTS", "PRIVILEGED", "ONLY METHOD", "PASSKEYS LOST", "WHY"}}
	for _, u := range page.Items {
		row := impactRow(u)
		row[0] = "  " + row[0]
		t.add(row...)
	}
	if err := t.show(std); err != nil {
		return err
	}
	if page.Next != "" {
		fmt.Fprintf(std.Out, "  … and %d more: postern policy impact %s\n", page.Total-len(page.Items), p.ID)
	}
	return nil
}

func impactRow(u postern.UserImpact) []string {
	effects := make([]string, 0, len(u.Effects)+1)
	for _, e := range u.Effects {
		effects = append(effects, effectWords[e])
	}
	if u.Possible {
		effects = append(effects, "may be locked out")
	}
	var lost, why []string
	for _, k := range u.Passkeys {
		if k.Before && !k.After {
			lost = append(lost, k.Model)
			why = append(why, k.Why)
		}
	}
	return []string{cmp.Or(u.UPN, u.ObjectID), strings.Join(effects, "; "), yesNo(u.Privileged), string(u.OnlyMethod), strings.Join(lost, ", "), strings.Join(why, " ")}
}

// printNotes prints what should be known, the most serious first.
func printNotes(std cli.Streams, notes []postern.PolicyNote) {
	first := true
	for _, level := range []postern.PolicyNoteLevel{postern.PolicyNoteDanger, postern.PolicyNoteWarning, postern.PolicyNoteInfo} {
		for _, n := range notes {
			if n.Level != level {
				continue
			}
			if first {
				fmt.Fprintln(std.Out, "\nTo know:")
				first = false
			}
			sign := map[postern.PolicyNoteLevel]string{postern.PolicyNoteDanger: "!!", postern.PolicyNoteWarning: "! "}[level]
			fmt.Fprintf(std.Out, "  %2s %s\n", cmp.Or(sign, "  "), cli.Clean(n.Message))
			if n.Next != "" && level != postern.PolicyNoteInfo {
				fmt.Fprintf(std.Out, "       %s\n", cli.Clean(n.Next))
			}
		}
	}
}

// showOutcome prints what became of a plan that was applied. One that did not land in full is an error.
func showOutcome(std cli.Streams, asJSON bool, p postern.PolicyPlan) error {
	if asJSON {
		if err := cli.JSON(std.Out, p); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.Out, "\nPlan %s: %s.\n", p.ID, p.State)
		printSteps(std, p.Steps)
	}
	if p.State == postern.PolicyLanded {
		if !asJSON {
			fmt.Fprintf(std.Out, "\nEntra shows all of it. To take it back: postern policy undo %s\n", p.ID)
		}
		return nil
	}
	return postern.Errorf(p.Code, "%s", p.Message).WithNext(p.Next)
}

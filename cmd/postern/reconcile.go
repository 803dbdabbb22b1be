package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// reconcileCmd compares Entra with the books.
type reconcileCmd struct {
	remote
	Run         reconcileRunCmd         `cmd:"" help:"Compare now: mend what is Postern's, and tell of the rest."`
	Status      reconcileStatusCmd      `cmd:"" help:"See when Entra and Postern last agreed, and the last runs."`
	Differences reconcileDifferencesCmd `cmd:"" help:"List what did not agree."`
	Approve     reconcileApproveCmd     `cmd:"" help:"Have a run go on that stopped because too many passkeys were missing."`
}

type reconcileRunCmd struct {
	named
	Full bool `help:"Look at everybody, not only at what changed."`
	Wait bool `help:"Wait until it is through." short:"w"`
}

// waitEvery is how often a waiting command asks.
const waitEvery = time.Second

// Run asks for a run.
func (cmd *reconcileRunCmd) Run(ctx context.Context, std cli.Streams, group *reconcileCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	in := postern.ReconcileInput{Mode: postern.ReconcileIncremental}
	if cmd.Full {
		in.Mode = postern.ReconcileFull
	}
	r, err := c.Reconcile(ctx, i.ID, in)
	if err != nil {
		return err
	}
	if cmd.Wait {
		if r, err = waitForRun(ctx, std, c, r); err != nil {
			return err
		}
	}
	if err := showRun(std, group.JSON, r); err != nil || !cmd.Wait {
		return err
	}
	return outcomeOfRun(r)
}

// waitForRun waits for a run to come to its end, and says what it is at.
func waitForRun(ctx context.Context, std cli.Streams, c *postern.Client, r postern.ReconcileRun) (postern.ReconcileRun, error) {
	var said postern.ReconcileStep
	for r.State == postern.ReconcileRunning {
		if r.Step != said {
			fmt.Fprintf(std.Err, "Comparing: %s.\n", stepName(r.Step))
			said = r.Step
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(waitEvery):
		}
		var err error
		if r, err = c.ReconcileRun(ctx, r.ID); err != nil {
			return r, err
		}
	}
	return r, nil
}

// outcomeOfRun is an error for a run that did not come through, so that scripts notice.
func outcomeOfRun(r postern.ReconcileRun) error {
	switch r.State {
	case postern.ReconcileStopped:
		return postern.Errorf(postern.CodeConflict, "%s", r.Message).WithNext("Look at some of the users at Entra. Then run: postern reconcile approve " + string(r.ID))
	case postern.ReconcileFailed:
		return postern.Errorf(r.Code, "%s", r.Message).WithNext(r.Next)
	}
	return nil
}

func stepName(s postern.ReconcileStep) string {
	switch s {
	case postern.ReconcileDirectory:
		return "users of the tenant"
	case postern.ReconcileGroups:
		return "the three groups"
	case postern.ReconcileMembers:
		return "members of the groups"
	case postern.ReconcilePasskeys:
		return "passkeys"
	case postern.ReconcileConfirm:
		return "a second look at passkeys that were not listed"
	}
	return string(s)
}

func showRun(std cli.Streams, asJSON bool, r postern.ReconcileRun) error {
	return showFields(std, asJSON, r,
		field{"ID", string(r.ID)}, field{"Mode", string(r.Mode)}, field{"State", string(r.State)},
		field{"Users looked at", fmt.Sprintf("%d of %d", r.Users, max(r.Users, r.UsersPlanned))},
		field{"Mended", fmt.Sprint(r.Mended)}, field{"Reported", fmt.Sprint(r.Reported)}, field{"Waiting", fmt.Sprint(r.Waiting)},
		field{"Still open", fmt.Sprint(r.Open)}, field{"Why", r.Message}, field{"Next", r.Next},
	)
}

type reconcileStatusCmd struct{ named }

// Run shows how an integration stands.
func (cmd *reconcileStatusCmd) Run(ctx context.Context, std cli.Streams, group *reconcileCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	s, err := c.ReconcileStatus(ctx, i.ID)
	if err != nil || group.JSON {
		return showFields(std, group.JSON, s)
	}
	if err := showFields(std, false, s,
		field{"Agreed", whenever(s.AgreedAt)}, field{"Everybody looked at", whenever(s.FullAt)}, field{"Open differences", fmt.Sprint(s.Open)},
		field{"Next", whenever(s.NextAt)}, field{"Next of everybody", whenever(s.NextFullAt)},
	); err != nil {
		return err
	}
	fmt.Fprintln(std.Out)
	t := table{header: []string{"ID", "BEGAN", "MODE", "STATE", "USERS", "MENDED", "REPORTED", "WAITING", "BY"}, empty: "Nothing was compared yet."}
	return showList(std, false, s.Runs, t, func(r postern.ReconcileRun) []string {
		return []string{
			string(r.ID), when(r.CreatedAt), string(r.Mode), string(r.State), fmt.Sprint(r.Users), fmt.Sprint(r.Mended), fmt.Sprint(r.Reported),
			fmt.Sprint(r.Waiting), r.RequestedBy,
		}
	})
}

type reconcileDifferencesCmd struct {
	named
	Open bool `help:"Only what is not gone."`
	Max  int  `help:"At most that many." default:"200" placeholder:"N"`
}

// Run lists differences.
func (cmd *reconcileDifferencesCmd) Run(ctx context.Context, std cli.Streams, group *reconcileCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	var all []postern.Difference
	for d, err := range c.Differences(ctx, i.ID, cmd.Open) {
		if err != nil {
			return err
		}
		if all = append(all, d); len(all) >= cmd.Max {
			break
		}
	}
	t := table{header: []string{"FOUND", "KIND", "WHO", "OUTCOME", "OPEN", "WHAT", "NEXT"}, empty: "Nothing differs."}
	if !cmd.Open {
		t.empty = "Nothing differed within the last 30 days."
	}
	return showList(std, group.JSON, all, t, func(d postern.Difference) []string {
		who := d.UserName
		if who == "" {
			who = d.ObjectName
		}
		return []string{when(d.FoundAt), string(d.Kind), who, string(d.Outcome), yesNo(d.ClosedAt == nil), d.Why + " " + d.Done, d.Next}
	})
}

type reconcileApproveCmd struct {
	RunID string `arg:"" name:"run" help:"Identifier of the run."`
	sure
}

// Run has a stopped run go on.
func (cmd *reconcileApproveCmd) Run(ctx context.Context, std cli.Streams, group *reconcileCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	r, err := c.ReconcileRun(ctx, postern.ReconcileRunID(cmd.RunID))
	if err != nil {
		return err
	}
	if err := cmd.ask(std, fmt.Sprintf("Revoke the passkeys that Entra does not list, %d at the last look?", r.Missing)); err != nil {
		return err
	}
	if r, err = c.ApproveReconcile(ctx, r.ID); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "It goes on: a second look is taken, and what is missing still is revoked.")
	return showRun(std, group.JSON, r)
}

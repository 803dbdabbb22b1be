package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// because is the reason that a person gives.
type because struct {
	Reason string `help:"Why; kept in the audit trail." placeholder:"TEXT"`
}

type usersSuspendCmd struct {
	who
	because
}

// Run suspends a user.
func (cmd *usersSuspendCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if u, err = c.SuspendUser(ctx, u.ID, postern.UserActInput{Note: cmd.Reason}); err != nil {
		return err
	}
	return showPhase(std, group.JSON, u)
}

type usersResumeCmd struct {
	who
	because
}

// Run ends a suspension.
func (cmd *usersResumeCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if u, err = c.ResumeUser(ctx, u.ID, postern.UserActInput{Note: cmd.Reason}); err != nil {
		return err
	}
	return showPhase(std, group.JSON, u)
}

type usersRevokeCmd struct {
	who
	because
	sure
}

// Run takes everything of a user away.
func (cmd *usersRevokeCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Take every phone and managed passkey of %s away?", u.UPN)); err != nil {
		return err
	}
	if u, err = c.RevokeUser(ctx, u.ID, postern.UserActInput{Note: cmd.Reason}); err != nil {
		return err
	}
	return showPhase(std, group.JSON, u)
}

func showPhase(std cli.Streams, asJSON bool, u postern.User) error {
	fields := []field{{"ID", string(u.ID)}, {"User principal name", u.UPN}, {"Phase", string(u.Phase)}}
	return showFields(std, asJSON, u, append(fields, suspensionFields(u)...)...)
}

// suspensionFields say who holds a user back, and why.
func suspensionFields(u postern.User) []field {
	if u.Suspension == nil {
		return nil
	}
	s := u.Suspension
	fields := []field{{"Suspended", fmt.Sprintf("by %s, %s (%s)", s.By, when(s.At), strings.ReplaceAll(string(s.Cause), "_", " "))}}
	if s.Note != "" {
		fields = append(fields, field{"Reason", s.Note})
	}
	return fields
}

type passkeysReplaceCmd struct {
	Passkey string `arg:"" help:"Identifier of a managed passkey on a phone."`
	sure
}

// Run provisions a passkey again.
func (cmd *passkeysReplaceCmd) Run(ctx context.Context, std cli.Streams, group *passkeysCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Revoke the passkey %s and ask for another on the same phone?", cmd.Passkey)); err != nil {
		return err
	}
	p, err := c.ReplacePasskey(ctx, postern.PasskeyID(cmd.Passkey))
	if err != nil {
		return err
	}
	return showFields(std, group.JSON, p, field{"ID", string(p.ID)}, field{"State", string(p.State)}, field{"Display name", p.DisplayName})
}

type entraRevokeAllCmd struct {
	named
	because
	Confirm string `help:"The application name of the integration, as a confirmation." placeholder:"NAME"`
}

// Run takes everything of an integration away.
func (cmd *entraRevokeAllCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if cmd.Confirm != i.ApplicationName {
		return postern.Errorf(postern.CodeInvalid, "This disables %q and takes every phone and managed passkey of its users away. It cannot be undone.", i.ApplicationName).
			WithNext(fmt.Sprintf("If that is what you want, repeat the command with --confirm %q.", i.ApplicationName))
	}
	i, err = c.RevokeIntegration(ctx, i.ID, postern.IntegrationRevocation{ApplicationName: cmd.Confirm, Note: cmd.Reason})
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "The integration is disabled. Its users follow one by one; postern users count shows how far it is.")
	return showFields(std, group.JSON, i, field{"ID", string(i.ID)}, field{"Application name", i.ApplicationName}, field{"State", string(i.State)})
}

type entraGroupsCmd struct{ named }

// Run looks at the three groups.
func (cmd *entraGroupsCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	found, err := c.CheckGroups(ctx, i.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"PHASE", "NAME", "FOUND", "MENDED", "WHAT", "NEXT"}, empty: "The groups are as they were left."}
	return showList(std, group.JSON, found, t, func(f postern.GroupFinding) []string {
		return []string{string(f.Phase), f.Name, string(f.Kind), yesNo(f.Mended), f.Message, f.Next}
	})
}

type entraLeaversCmd struct {
	named
	Disabled string `help:"When an account is disabled: report, suspend or revoke." enum:",report,suspend,revoke" default:"" placeholder:"ACT"`
	Deleted  string `help:"When an account is deleted: report, suspend or revoke." enum:",report,suspend,revoke" default:"" placeholder:"ACT"`
	Grace    int    `help:"How many minutes to wait first; 0 to 43200." default:"-1" placeholder:"MINUTES"`
}

// Run shows or changes the policy for leavers.
func (cmd *entraLeaversCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	p, err := c.LeaverPolicy(ctx, i.ID)
	if err != nil {
		return err
	}
	changed := p
	if cmd.Disabled != "" {
		changed.Disabled = postern.LeaverAct(cmd.Disabled)
	}
	if cmd.Deleted != "" {
		changed.Deleted = postern.LeaverAct(cmd.Deleted)
	}
	if cmd.Grace >= 0 {
		changed.GraceMinutes = cmd.Grace
	}
	if changed != p {
		if p, err = c.SetLeaverPolicy(ctx, i.ID, changed); err != nil {
			return err
		}
	}
	return showFields(std, group.JSON, p, field{"Account disabled", string(p.Disabled)}, field{"Account deleted", string(p.Deleted)},
		field{"After", fmt.Sprintf("%d minutes", p.GraceMinutes)})
}

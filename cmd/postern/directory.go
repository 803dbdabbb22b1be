package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// directoryCmd is everything about the mirror of a tenant's directory.
type directoryCmd struct {
	remote
	List    directoryListCmd    `cmd:"" help:"List the tenant's users, from Postern's copy of the directory."`
	Status  directoryStatusCmd  `cmd:"" help:"Show how current that copy is."`
	Sync    directorySyncCmd    `cmd:"" help:"Have the directory read again."`
	Confirm directoryConfirmCmd `cmd:"" help:"Confirm that users who were missing from the directory are gone."`
}

type directoryListCmd struct {
	within
	Search     string `help:"Part of the display name, user principal name or mail address." placeholder:"TEXT"`
	Account    string `help:"Only accounts in this state." enum:",enabled,disabled" default:"" placeholder:"STATE"`
	Guest      *bool  `help:"Only guests, or with --no-guest nobody who is one." negatable:""`
	Privileged *bool  `help:"Only holders of a role that can take over the tenant, or with --no-privileged nobody who is one." negatable:""`
	Phase      string `help:"Only users in this phase." enum:",none,eligible,paired,active,suspended,revoked" default:"" placeholder:"PHASE"`
	Group      string `help:"Only direct members of the group with this object id." placeholder:"ID"`
	Limit      int    `help:"At most that many." default:"1000"`
}

// Run lists users of the directory.
func (cmd *directoryListCmd) Run(ctx context.Context, std cli.Streams, group *directoryCmd) error {
	c, i, err := named(cmd.within).open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	users, err := collect(c.Directory(ctx, i.ID, postern.DirectoryFilter{
		Search: cmd.Search, Account: postern.AccountState(cmd.Account), Guest: cmd.Guest, Privileged: cmd.Privileged,
		Phase: postern.Phase(cmd.Phase), Group: cmd.Group,
	}), cmd.Limit)
	if err != nil {
		return err
	}
	t := table{header: []string{"USER PRINCIPAL NAME", "DISPLAY NAME", "OBJECT ID", "PHASE", "NOTES"}, empty: "The directory has nobody like that."}
	return showList(std, group.JSON, users, t, func(e postern.DirectoryEntry) []string {
		return []string{e.UPN, e.DisplayName, e.ObjectID, string(e.Phase), directoryNotes(e)}
	})
}

func directoryNotes(e postern.DirectoryEntry) string {
	var notes []string
	for note, on := range map[string]bool{"disabled": !e.Enabled, "guest": e.Guest, "privileged": e.Privileged, "not found": e.Missing} {
		if on {
			notes = append(notes, note)
		}
	}
	slices.Sort(notes)
	return strings.Join(notes, ", ")
}

type directoryStatusCmd struct{ named }

// Run shows the status.
func (cmd *directoryStatusCmd) Run(ctx context.Context, std cli.Streams, group *directoryCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	s, err := c.DirectoryStatus(ctx, i.ID)
	if err != nil {
		return err
	}
	return showDirectory(std, group.JSON, s)
}

func showDirectory(std cli.Streams, asJSON bool, s postern.DirectoryStatus) error {
	changes := "looked for every 15 minutes"
	if s.Notified {
		changes = "told of by Entra until " + whenever(s.NotifiedUntil)
	}
	fields := []field{
		{"State", string(s.State)},
		{"Users", strconv.Itoa(s.Users)},
		{"Last read", whenever(s.FinishedAt)},
		{"Last read in full", whenever(s.FullAt)},
		{"Changed then", strconv.Itoa(s.Changed)},
		{"Removed then", strconv.Itoa(s.Removed)},
		{"Changes", changes},
	}
	if s.Missing > 0 {
		fields = append(fields, field{"Not found", strconv.Itoa(s.Missing) + " users; postern directory confirm takes them for gone"})
	}
	if s.Message != "" {
		fields = append(fields, field{"Problem", s.Message}, field{"Next", s.Next})
	}
	return showFields(std, asJSON, s, fields...)
}

type directorySyncCmd struct {
	named
	Full bool `help:"Read the whole directory instead of what changed."`
}

// Run has the directory read.
func (cmd *directorySyncCmd) Run(ctx context.Context, std cli.Streams, group *directoryCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	s, err := c.SyncDirectory(ctx, i.ID, postern.DirectorySyncInput{Full: cmd.Full})
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "The directory is being read in the background; postern directory status shows how far it is. Until now:")
	return showDirectory(std, group.JSON, s)
}

type directoryConfirmCmd struct {
	named
	sure
}

// Run confirms removals.
func (cmd *directoryConfirmCmd) Run(ctx context.Context, std cli.Streams, group *directoryCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	s, err := c.DirectoryStatus(ctx, i.ID)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Take %d of %d users for gone? What the policy says about leavers happens to their passkeys.", s.Missing, s.Users)); err != nil {
		return err
	}
	if s, err = c.ConfirmDirectoryRemovals(ctx, i.ID); err != nil {
		return err
	}
	return showDirectory(std, group.JSON, s)
}

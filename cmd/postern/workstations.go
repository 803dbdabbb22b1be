package main

import (
	"context"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// workstationsCmd is everything about workstations.
type workstationsCmd struct {
	remote
	List     workstationsListCmd    `cmd:"" help:"List the workstations of an integration."`
	Revoke   workstationsRevokeCmd  `cmd:"" help:"Revoke a workstation and end its pairings."`
	Client   desktopClientCmd       `cmd:"" help:"Download the desktop client: the installer, and the file that goes with it."`
	Tokens   installTokensCmd       `cmd:"" help:"Everything about install tokens, which let desktop clients enrol."`
	Settings workstationSettingsCmd `cmd:"" help:"Show how desktop clients are taken in and may sign in offline, or change what is given."`
	Offline  workstationsOfflineCmd `cmd:"" help:"Show the offline passkeys of a workstation, or take one away."`
}

type workstationsListCmd struct{ named }

// Run lists workstations.
func (cmd *workstationsListCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	all, err := c.Workstations(ctx, i.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "NAME", "KIND", "OS", "JOIN STATE", "STATE", "PAIRED", "SEEN"}, empty: i.ApplicationName + " has no workstation."}
	return showList(std, group.JSON, all, t, func(w postern.Workstation) []string {
		return []string{string(w.ID), w.Name, string(w.Kind), w.OS, w.JoinState.Name(), string(w.State), whenever(w.PairedAt), whenever(w.LastSeenAt)}
	})
}

type workstationsRevokeCmd struct {
	Workstation string `arg:"" help:"Identifier of the workstation."`
	sure
}

// Run revokes a workstation.
func (cmd *workstationsRevokeCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Revoke the workstation %s and end its pairings?", cmd.Workstation)); err != nil {
		return err
	}
	w, err := c.RevokeWorkstation(ctx, postern.WorkstationID(cmd.Workstation))
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "The workstation is cut off. Phones and passkeys stay as they are.")
	return showFields(std, group.JSON, w, field{"ID", string(w.ID)}, field{"Name", w.Name}, field{"State", string(w.State)})
}

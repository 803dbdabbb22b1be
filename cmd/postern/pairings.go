package main

import (
	"context"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// pairingsCmd is everything about pairings.
type pairingsCmd struct {
	remote
	List pairingsListCmd `cmd:"" help:"List the workstations that the phones of a user are paired with."`
	End  pairingsEndCmd  `cmd:"" help:"End a pairing."`
}

type pairingsListCmd struct{ who }

// Run lists pairings.
func (cmd *pairingsListCmd) Run(ctx context.Context, std cli.Streams, group *pairingsCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	all, err := c.Pairings(ctx, u.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "PHONE", "WORKSTATION", "KIND", "JOIN STATE", "PAIRED", "SEEN"}, empty: "No phone of " + u.UPN + " is paired with a workstation."}
	return showList(std, group.JSON, all, t, func(p postern.UserPairing) []string {
		w := p.Workstation
		return []string{string(p.Pairing.ID), p.Phone, w.Name, string(w.Kind), w.JoinState.Name(), whenever(p.Pairing.ConfirmedAt), whenever(w.LastSeenAt)}
	})
}

type pairingsEndCmd struct {
	Pairing string `arg:"" help:"Identifier of the pairing; write -- before one that begins with a dash."`
	sure
}

// Run ends a pairing.
func (cmd *pairingsEndCmd) Run(ctx context.Context, std cli.Streams, group *pairingsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("End the pairing %s?", cmd.Pairing)); err != nil {
		return err
	}
	p, err := c.EndPairing(ctx, postern.PairingID(cmd.Pairing))
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "The two can no longer talk to each other. Phone, workstation and passkeys stay as they are.")
	return showFields(std, group.JSON, p, field{"ID", string(p.ID)}, field{"State", string(p.State)}, field{"Ended", whenever(p.EndedAt)})
}

package main

import (
	"context"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// phonesCmd is everything about phones.
type phonesCmd struct {
	remote
	List   phonesListCmd   `cmd:"" help:"List the phones of a user."`
	Show   phonesShowCmd   `cmd:"" help:"Show a phone."`
	Revoke phonesRevokeCmd `cmd:"" help:"Revoke a phone and its passkeys."`
}

type phonesListCmd struct{ who }

// Run lists phones.
func (cmd *phonesListCmd) Run(ctx context.Context, std cli.Streams, group *phonesCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	phones, err := c.Phones(ctx, u.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "NAME", "PLATFORM", "STATE", "ASSURANCE", "SEEN"}, empty: u.UPN + " has no phone."}
	return showList(std, group.JSON, phones, t, func(p postern.Phone) []string {
		return []string{string(p.ID), p.Name, p.Platform, string(p.State), string(p.Assurance), whenever(p.LastSeenAt)}
	})
}

type phonesShowCmd struct {
	Phone string `arg:"" help:"Identifier of the phone."`
}

// Run shows a phone.
func (cmd *phonesShowCmd) Run(ctx context.Context, std cli.Streams, group *phonesCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	p, err := c.Phone(ctx, postern.PhoneID(cmd.Phone))
	if err != nil {
		return err
	}
	return showFields(std, group.JSON, p,
		field{"ID", string(p.ID)}, field{"User", string(p.UserID)}, field{"Name", p.Name}, field{"Platform", p.Platform},
		field{"State", string(p.State)}, field{"Assurance", string(p.Assurance)}, field{"Enrolled", when(p.CreatedAt)},
		field{"Seen", whenever(p.LastSeenAt)}, field{"Revoked", whenever(p.RevokedAt)})
}

type phonesRevokeCmd struct {
	Phone string `arg:"" help:"Identifier of the phone."`
	sure
}

// Run revokes a phone.
func (cmd *phonesRevokeCmd) Run(ctx context.Context, std cli.Streams, group *phonesCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Revoke the phone %s and its passkeys?", cmd.Phone)); err != nil {
		return err
	}
	p, err := c.RevokePhone(ctx, postern.PhoneID(cmd.Phone))
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "The phone is cut off. Its passkeys are being taken out of Entra.")
	return showFields(std, group.JSON, p, field{"ID", string(p.ID)}, field{"Name", p.Name}, field{"State", string(p.State)})
}

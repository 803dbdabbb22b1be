package main

import (
	"context"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// adminsCmd is everything about administrators.
type adminsCmd struct {
	remote
	List   adminsListCmd   `cmd:"" help:"List administrators."`
	Show   adminsShowCmd   `cmd:"" help:"Show an administrator and their passkeys."`
	Invite adminsInviteCmd `cmd:"" help:"Make a one-time link for a further administrator."`
	Update adminsUpdateCmd `cmd:"" help:"Change an administrator's name, role or access."`
	Remove adminsRemoveCmd `cmd:"" help:"Remove an administrator with their sessions and tokens."`
	Me     adminsMeCmd     `cmd:"" help:"Show whose token this is and what it may do."`
}

type adminsListCmd struct{}

// Run lists administrators.
func (adminsListCmd) Run(ctx context.Context, std cli.Streams, group *adminsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	all, err := c.Administrators(ctx)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "NAME", "ROLE", "ACCESS", "PASSKEYS", "SIGNED IN"}, empty: "There are no administrators."}
	return showList(std, group.JSON, all, t, func(a postern.Administrator) []string {
		return []string{string(a.ID), a.Name, string(a.Role), access(a), fmt.Sprint(a.Passkeys), whenever(a.LastSignIn)}
	})
}

func access(a postern.Administrator) string {
	if a.DisabledAt != nil {
		return "disabled"
	}
	return "enabled"
}

// whom names one administrator.
type whom struct {
	Administrator string `arg:"" help:"Identifier of the administrator."`
}

func (w whom) open(ctx context.Context, r *remote, std cli.Streams) (*postern.Client, postern.Administrator, error) {
	c, err := r.client(std)
	if err != nil {
		return nil, postern.Administrator{}, err
	}
	a, err := c.Administrator(ctx, postern.AdministratorID(w.Administrator))
	return c, a, err
}

func showAdministrator(std cli.Streams, asJSON bool, a postern.Administrator, more ...field) error {
	return showFields(std, asJSON, a, append([]field{
		{"ID", string(a.ID)},
		{"Name", a.Name},
		{"Role", string(a.Role)},
		{"Access", access(a)},
		{"Since", when(a.CreatedAt)},
		{"Signed in", whenever(a.LastSignIn)},
	}, more...)...)
}

type adminsShowCmd struct{ whom }

// Run shows an administrator.
func (cmd *adminsShowCmd) Run(ctx context.Context, std cli.Streams, group *adminsCmd) error {
	c, a, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	passkeys, err := c.AdministratorPasskeys(ctx, a.ID)
	if err != nil {
		return err
	}
	var more []field
	for _, k := range passkeys {
		more = append(more, field{"Passkey", fmt.Sprintf("%s, made %s, used %s", k.Name, when(k.CreatedAt), whenever(k.LastUsed))})
	}
	return showAdministrator(std, group.JSON, a, more...)
}

type adminsInviteCmd struct {
	Name string `arg:"" help:"Name of the person."`
	Role string `help:"owner, administrator, helpdesk or auditor." enum:"owner,administrator,helpdesk,auditor" required:"" placeholder:"ROLE"`
}

// Run invites an administrator. The link goes to standard output alone.
func (cmd *adminsInviteCmd) Run(ctx context.Context, std cli.Streams, group *adminsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	made, err := c.InviteAdministrator(ctx, postern.AdministratorInvitationInput{Name: cmd.Name, Role: postern.Role(cmd.Role)})
	if err != nil {
		return err
	}
	if group.JSON {
		return cli.JSON(std.Out, made)
	}
	fmt.Fprintf(std.Err, "Whoever opens this link first, until %s, becomes %s (%s). It cannot be shown again:\n", when(made.ExpiresAt), made.Name, made.Role)
	_, err = fmt.Fprintln(std.Out, made.Link)
	return err
}

type adminsUpdateCmd struct {
	whom
	Name     string  `help:"New name." placeholder:"NAME"`
	Role     string  `help:"New role: owner, administrator, helpdesk or auditor." enum:",owner,administrator,helpdesk,auditor" default:"" placeholder:"ROLE"`
	Disabled *bool   `negatable:"" help:"Keep the administrator from signing in."`
	Mail     *string `help:"Where owners and administrators are written to when something needs them; empty forgets it." placeholder:"ADDRESS"`
}

// Run changes an administrator.
func (cmd *adminsUpdateCmd) Run(ctx context.Context, std cli.Streams, group *adminsCmd) error {
	c, a, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	in := postern.AdministratorInput{Version: a.Version, Name: a.Name, Role: a.Role, Disabled: a.DisabledAt != nil, Mail: cmd.Mail}
	give(&in.Name, cmd.Name)
	if cmd.Role != "" {
		in.Role = postern.Role(cmd.Role)
	}
	if cmd.Disabled != nil {
		in.Disabled = *cmd.Disabled
	}
	if a, err = c.UpdateAdministrator(ctx, a.ID, in); err != nil {
		return err
	}
	return showAdministrator(std, group.JSON, a)
}

type adminsRemoveCmd struct {
	whom
	sure
}

// Run removes an administrator.
func (cmd *adminsRemoveCmd) Run(ctx context.Context, std cli.Streams, group *adminsCmd) error {
	c, a, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if err := cmd.ask(std, fmt.Sprintf("Remove %s (%s)?", a.Name, a.Role)); err != nil {
		return err
	}
	if err := c.RemoveAdministrator(ctx, a.ID, a.Version); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%s is removed.\n", a.Name)
	return nil
}

type adminsMeCmd struct{}

// Run shows whose token this is.
func (adminsMeCmd) Run(ctx context.Context, std cli.Streams, group *adminsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	me, err := c.Me(ctx)
	if err != nil {
		return err
	}
	owner := ""
	if me.Administrator != nil {
		owner = me.Administrator.Name
	}
	return showFields(std, group.JSON, me,
		field{"Token", me.Actor.Name}, field{"ID", me.Actor.ID}, field{"Of", owner}, field{"May", join(me.Permissions)})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

type installTokensCmd struct {
	List   installTokensListCmd   `cmd:"" help:"List install tokens, never with their values."`
	Create installTokensCreateCmd `cmd:"" help:"Make an install token and print its value."`
	Revoke installTokensRevokeCmd `cmd:"" help:"Revoke an install token. Workstations it enrolled stay."`
}

type installTokensListCmd struct{ named }

// Run lists install tokens.
func (cmd *installTokensListCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	all, err := c.InstallTokens(ctx, i.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "NAME", "STATE", "USES", "EXPIRES", "USED"}, empty: i.ApplicationName + " has no install token."}
	return showList(std, group.JSON, all, t, func(k postern.InstallToken) []string {
		return []string{string(k.ID), k.Name, string(k.State), fmt.Sprintf("%d of %d", k.Uses, k.MaxUses), when(k.ExpiresAt), whenever(k.LastUsedAt)}
	})
}

// newInstallToken is what can be said of a token that is made.
type newInstallToken struct {
	Name string `help:"What the install token is for; the day if left out."`
	Days int    `help:"How many days it is valid." default:"30"`
	Uses int    `help:"How many workstations it enrols at most." default:"100000"`
}

func (n newInstallToken) input() postern.InstallTokenInput {
	return postern.InstallTokenInput{Name: n.Name, ValidDays: n.Days, MaxUses: n.Uses}
}

type installTokensCreateCmd struct {
	named
	newInstallToken
}

// Run makes an install token. The value goes to standard output alone, so that a script can take it.
func (cmd *installTokensCreateCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	made, err := c.CreateInstallToken(ctx, i.ID, cmd.input())
	if err != nil {
		return err
	}
	if group.JSON {
		return cli.JSON(std.Out, made)
	}
	fmt.Fprintf(std.Err, "%s (%s) is valid until %s. The value cannot be shown again:\n", made.Token.Name, made.Token.ID, when(made.Token.ExpiresAt))
	_, err = fmt.Fprintln(std.Out, made.Value)
	return err
}

type installTokensRevokeCmd struct {
	Token       string `arg:"" help:"Identifier of the install token."`
	Integration string `arg:"" optional:"" help:"Identifier or application name; may be left out when there is only one."`
	sure
}

// Run revokes an install token.
func (cmd *installTokensRevokeCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, i, err := named{cmd.Integration}.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if err := cmd.ask(std, fmt.Sprintf("Revoke the install token %s? No further workstation enrols with it.", cmd.Token)); err != nil {
		return err
	}
	k, err := c.RevokeInstallToken(ctx, i.ID, postern.InstallTokenID(cmd.Token))
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "No further workstation enrols with it. Those that did stay.")
	return showFields(std, group.JSON, k, field{"ID", string(k.ID)}, field{"Name", k.Name}, field{"State", string(k.State)}, field{"Uses", strconv.Itoa(k.Uses)})
}

type desktopClientCmd struct {
	named
	newInstallToken
	Output       string `help:"Archive to write; one that is there is not replaced." short:"o" required:"" placeholder:"FILE"`
	Architecture string `help:"x64 or arm64." default:"x64" placeholder:"KIND"`
}

// Run downloads the desktop client. The archive holds an install token: only its owner may read it, and what broke off is
// not left lying.
func (cmd *desktopClientCmd) Run(ctx context.Context, std cli.Streams, group *workstationsCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Clean(cmd.Output), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	in := postern.DesktopClientInput{InstallTokenInput: cmd.input(), Architecture: postern.Architecture(cmd.Architecture)}
	err = c.WriteDesktopClient(ctx, i.ID, in, file)
	size, seekErr := file.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seekErr, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	fmt.Fprintf(std.Err, "The desktop client for %s is in %s (%d bytes). It holds an install token: keep it among those who install.\n",
		i.ApplicationName, file.Name(), size)
	return nil
}

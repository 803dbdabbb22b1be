package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// tokensCmd is everything about API tokens.
type tokensCmd struct {
	remote
	List   tokensListCmd   `cmd:"" help:"List tokens, never with their values."`
	Create tokensCreateCmd `cmd:"" help:"Make a token and print its value."`
	Revoke tokensRevokeCmd `cmd:"" help:"Revoke a token."`
}

type tokensListCmd struct{}

// Run lists tokens.
func (tokensListCmd) Run(ctx context.Context, std cli.Streams, group *tokensCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	tokens, err := c.Tokens(ctx)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "NAME", "STATE", "SCOPES", "EXPIRES", "USED"}, empty: "There are no tokens."}
	return showList(std, group.JSON, tokens, t, func(k postern.APIToken) []string {
		state := "live"
		switch {
		case k.RevokedAt != nil:
			state = "revoked"
		case !time.Now().Before(k.ExpiresAt):
			state = "expired"
		}
		return []string{string(k.ID), k.Name, state, join(k.Scopes), when(k.ExpiresAt), whenever(k.LastUsed)}
	})
}

type tokensCreateCmd struct {
	Name  string   `arg:"" help:"What the token is for."`
	Scope []string `help:"Permission the token has; may be given several times, or * for all you have." required:"" placeholder:"PERMISSION"`
	Days  int      `help:"How many days it is valid." default:"90"`
}

// Run makes a token. The value goes to standard output alone, so that a script can take it.
func (cmd *tokensCreateCmd) Run(ctx context.Context, std cli.Streams, group *tokensCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	in := postern.APITokenInput{Name: cmd.Name, ValidDays: cmd.Days}
	for _, scope := range cmd.Scope {
		if scope != "*" {
			in.Scopes = append(in.Scopes, postern.Permission(scope))
			continue
		}
		me, err := c.Me(ctx)
		if err != nil {
			return err
		}
		in.Scopes = append(in.Scopes, me.Permissions...)
	}
	made, err := c.CreateToken(ctx, in)
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

type tokensRevokeCmd struct {
	Token string `arg:"" help:"Identifier of the token."`
	sure
}

// Run revokes a token.
func (cmd *tokensRevokeCmd) Run(ctx context.Context, std cli.Streams, group *tokensCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Revoke the token %s?", cmd.Token)); err != nil {
		return err
	}
	k, err := c.RevokeToken(ctx, postern.TokenID(cmd.Token))
	if err != nil {
		return err
	}
	return showFields(std, group.JSON, k, field{"ID", string(k.ID)}, field{"Name", k.Name}, field{"Revoked", whenever(k.RevokedAt)})
}

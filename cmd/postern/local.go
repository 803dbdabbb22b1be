package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/internal/cli"
)

// localCmd is what only somebody with a shell on the server can do: it works on the database itself, asks nobody for
// a token, and is audited like everything else.
type localCmd struct {
	OwnerLink localOwnerLinkCmd `cmd:"" help:"Print a one-time link for a further owner, when no owner has a passkey left."`
	Token     localTokenCmd     `cmd:"" help:"Make an API token, for setting a server up without a browser."`
}

// localConfig finds the database.
type localConfig struct {
	Config string `help:"The server's configuration file; the environment counts too." short:"c" type:"existingfile"`
}

// open wires a control center that does not serve.
func (c localConfig) open(ctx context.Context) (*center.Center, error) {
	config, err := center.ReadConfig(c.Config)
	if err != nil {
		return nil, err
	}
	return center.New(ctx, config, center.Options{Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil))})
}

type localOwnerLinkCmd struct{ localConfig }

func (c *localOwnerLinkCmd) Run(ctx context.Context, io cli.Streams) (err error) {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	link, err := s.Auth.OwnerLink(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(io.Out, link)
	return nil
}

type localTokenCmd struct {
	localConfig
	Name  string               `arg:"" help:"What the token is for."`
	Scope []postern.Permission `help:"A permission the token has; all of them unless given."`
	Days  int                  `help:"How long it is valid." default:"30"`
}

func (c *localTokenCmd) Run(ctx context.Context, io cli.Streams) (err error) {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if len(c.Scope) == 0 {
		c.Scope = postern.Permissions
	}
	made, err := s.Auth.CreateToken(ctx, postern.APITokenInput{Name: c.Name, Scopes: c.Scope, ValidDays: c.Days})
	if err != nil {
		return err
	}
	fmt.Fprintln(io.Out, made.Value)
	return nil
}

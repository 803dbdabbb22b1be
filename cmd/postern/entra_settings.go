package main

import (
	"context"
	"maps"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

type entraEnableCmd struct{ named }

// Run enables an integration.
func (cmd *entraEnableCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	return setState(ctx, std, group, cmd.named, postern.StateEnabled)
}

type entraDisableCmd struct{ named }

// Run disables an integration.
func (cmd *entraDisableCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	return setState(ctx, std, group, cmd.named, postern.StateDisabled)
}

func setState(ctx context.Context, std cli.Streams, group *entraCmd, n named, state postern.State) error {
	c, i, err := n.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if i.State != state {
		if i, err = c.SetIntegrationState(ctx, i.ID, postern.StateInput{Version: i.Version, State: state}); err != nil {
			return err
		}
	}
	return showFields(std, group.JSON, i, field{"Application name", i.ApplicationName}, field{"State", string(i.State)})
}

// switches turns flags on and off.
type switches struct {
	On  []string `help:"Flag to switch on; may be given several times." placeholder:"FLAG"`
	Off []string `help:"Flag to switch off; may be given several times." placeholder:"FLAG"`
}

// apply returns the set after the switches, and whether they change anything.
func (s switches) apply(set postern.FlagSet) (postern.FlagSet, bool) {
	after := postern.FlagSet{}
	maps.Copy(after, set)
	for _, flag := range s.On {
		after[postern.Flag(flag)] = true
	}
	for _, flag := range s.Off {
		after[postern.Flag(flag)] = false
	}
	return after, !maps.Equal(set, after)
}

func showFlags(std cli.Streams, asJSON bool, set postern.FlagSet) error {
	if asJSON {
		return cli.JSON(std.Out, set)
	}
	t := table{header: []string{"FLAG", "STATE", "MEANING"}}
	for _, info := range postern.Flags {
		if set[info.Flag] {
			t.add(string(info.Flag), "on", info.On)
		} else {
			t.add(string(info.Flag), "off", info.Off)
		}
	}
	return t.show(std)
}

type entraFlagsCmd struct {
	named
	switches
}

// Run shows or switches the flags of an integration.
func (cmd *entraFlagsCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if set, changed := cmd.apply(i.Flags); changed {
		if i, err = c.SetIntegrationFlags(ctx, i.ID, postern.FlagsInput{Version: i.Version, Flags: set}); err != nil {
			return err
		}
	}
	return showFlags(std, group.JSON, i.Flags)
}

type entraOfferedCmd struct{ switches }

// Run shows or switches the flags of new integrations.
func (cmd *entraOfferedCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	offered, err := c.OfferedFlags(ctx)
	if err != nil {
		return err
	}
	if set, changed := cmd.apply(offered.Flags); changed {
		if offered, err = c.SetOfferedFlags(ctx, set); err != nil {
			return err
		}
	}
	return showFlags(std, group.JSON, offered.Flags)
}

type entraLoginCmd struct {
	named
	Restrict *bool    `negatable:"" help:"Whether only the domains listed may register and authenticate."`
	Domain   []string `help:"Domain that may; may be given several times, and replaces the list." placeholder:"DOMAIN"`
}

// Run shows or changes login settings.
func (cmd *entraLoginCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if cmd.Restrict != nil || len(cmd.Domain) > 0 {
		in := postern.LoginSettings{Version: i.Version, RestrictDomains: i.RestrictDomains, Domains: i.Domains}
		if cmd.Restrict != nil {
			in.RestrictDomains = *cmd.Restrict
		}
		if len(cmd.Domain) > 0 {
			in.Domains = cmd.Domain
		}
		if in.Domains == nil {
			in.Domains = []string{}
		}
		if i, err = c.SetLoginSettings(ctx, i.ID, in); err != nil {
			return err
		}
	}
	return showFields(std, group.JSON, postern.LoginSettings{Version: i.Version, RestrictDomains: i.RestrictDomains, Domains: i.Domains},
		field{"Application name", i.ApplicationName}, field{"Domains", domainsOf(i)})
}

type entraDebugCmd struct {
	named
	On  bool `help:"Switch it on; it switches itself off after a while." xor:"switch" required:""`
	Off bool `help:"Switch it off." xor:"switch" required:""`
}

// Run switches HTTP Debug.
func (cmd *entraDebugCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	if i, err = c.SetHTTPDebug(ctx, i.ID, postern.HTTPDebugInput{Version: i.Version, On: cmd.On}); err != nil {
		return err
	}
	state := "off"
	if i.HTTPDebugUntil != nil {
		state = "on until " + when(*i.HTTPDebugUntil)
	}
	return showFields(std, group.JSON, i, field{"Application name", i.ApplicationName}, field{"HTTP Debug", state})
}

type entraMetadataCmd struct{ named }

// Run prints the metadata statement. It is JSON with and without --json, for that is what reads it.
func (cmd *entraMetadataCmd) Run(ctx context.Context, std cli.Streams, group *entraCmd) error {
	c, i, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	statement, err := c.MetadataStatement(ctx, i.ID)
	if err != nil {
		return err
	}
	return cli.JSON(std.Out, statement)
}

package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/internal/cli"
)

// enrollCmd makes the workstation known.
type enrollCmd struct {
	Server      string `xor:"from" required:"" help:"Address of the control center." env:"POSTERN_SERVER" placeholder:"URL"`
	InstallFile string `xor:"from" required:"" help:"The postern.json that came with the installer. Its install token is erased once this workstation is known." placeholder:"FILE"`
	Integration string `help:"Identifier or application name of the integration; not needed where there is only one." placeholder:"NAME"`
	Name        string `help:"Name of this workstation; the machine's own if left out." placeholder:"NAME"`
}

// Run enrols.
func (c *enrollCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	in := agent.Enrolment{Server: c.Server, Integration: c.Integration}
	if c.InstallFile != "" {
		file, err := agent.ReadInstallFile(c.InstallFile)
		if err != nil {
			return err
		}
		if in = agent.EnrolmentOf(file); c.Integration != "" {
			in.Integration = c.Integration
		}
	}
	in.Name = c.Name
	return o.with(ctx, func(d desk, running bool) error {
		if err := d.Enrol(ctx, in); err != nil {
			return err
		}
		if c.InstallFile != "" {
			if err := agent.ForgetInstallToken(c.InstallFile); err != nil {
				fmt.Fprintf(std.Err, "The install token could not be erased from %s: %v. Delete the file.\n", c.InstallFile, err)
			}
		}
		v, err := d.View(ctx)
		if err != nil {
			return err
		}
		if o.JSON {
			return cli.JSON(std.Out, map[string]string{"id": v.ID, "name": v.Name, "server": v.Server})
		}
		if _, err := fmt.Fprintf(std.Out, "This workstation is known to %s as %s.\n", v.Server, cli.Clean(v.Name)); err != nil {
			return err
		}
		if in.InstallToken == "" {
			fmt.Fprintln(std.Err, "Pair a phone within a day, or it is forgotten again: postern-agent pair.")
		}
		if !running {
			fmt.Fprintln(std.Err, "The service does not run yet. Start it: systemctl enable --now postern-agent, or postern-agent run.")
		}
		return nil
	})
}

// leaveCmd gives the workstation up.
type leaveCmd struct {
	Local bool `help:"Forget the keys without telling the control center. Revoke the workstation in the console then."`
}

// Run leaves.
func (c *leaveCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return o.with(ctx, func(d desk, _ bool) error {
		if err := d.Leave(ctx, c.Local); err != nil {
			return err
		}
		if o.JSON {
			return cli.JSON(std.Out, map[string]bool{"revoked": !c.Local})
		}
		_, err := fmt.Fprintln(std.Out, "This workstation is given up: its pairings have ended and its keys are forgotten.")
		return err
	})
}

// renameCmd gives the workstation another name.
type renameCmd struct {
	Name string `arg:"" help:"The new name, at most 64 characters."`
}

// Run renames.
func (c *renameCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return o.with(ctx, func(d desk, _ bool) error {
		if err := d.Rename(ctx, c.Name); err != nil {
			return err
		}
		if o.JSON {
			return cli.JSON(std.Out, map[string]string{"name": c.Name})
		}
		_, err := fmt.Fprintf(std.Out, "This workstation is now called %s.\n", cli.Clean(c.Name))
		return err
	})
}

// unpairCmd ends a pairing.
type unpairCmd struct {
	Phone string `arg:"" help:"Name or account of the phone, or the pairing, as postern-agent phones shows them."`
}

// Run unpairs.
func (c *unpairCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return o.with(ctx, func(d desk, _ bool) error {
		v, err := d.View(ctx)
		if err != nil {
			return err
		}
		phone, err := findPhone(v.Phones, c.Phone)
		if err != nil {
			return err
		}
		if err := d.Unpair(ctx, phone.Pairing); err != nil {
			return err
		}
		if o.JSON {
			return cli.JSON(std.Out, map[string]any{"pairing": phone.Pairing, "phone": phone.ID})
		}
		_, err = fmt.Fprintf(std.Out, "%s (%s) is no longer paired with this workstation.\n", cli.Clean(phone.Name), cli.Clean(phone.UPN))
		return err
	})
}

// findPhone finds the one phone that is meant.
func findPhone(phones []agent.Phone, meant string) (agent.Phone, error) {
	var found []agent.Phone
	for _, p := range phones {
		if slices.Contains([]string{string(p.Pairing), string(p.ID)}, meant) || strings.EqualFold(p.Name, meant) || strings.EqualFold(p.UPN, meant) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return agent.Phone{}, postern.Errorf(postern.CodeNotFound, "No phone here is called %q.", meant).WithNext("See postern-agent phones.")
	}
	return agent.Phone{}, postern.Errorf(postern.CodeConflict, "Several phones are called %q.", meant).WithNext("Give the pairing, the last column of postern-agent phones.")
}

// openCmd opens the local page.
type openCmd struct {
	Print bool `help:"Print the address, and open nothing. It is good once, for a minute."`
}

// Run opens it.
func (c *openCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	address, err := client.Address(ctx)
	if err != nil {
		return err
	}
	if o.JSON {
		return cli.JSON(std.Out, map[string]string{"url": address})
	}
	if !c.Print {
		command := opener(address)
		if err := exec.CommandContext(ctx, command[0], command[1:]...).Run(); err == nil { // #nosec G204 -- the system's own opener
			return nil
		}
		fmt.Fprintln(std.Err, "The browser could not be opened from here. Open this address in it within a minute:")
	}
	_, err = fmt.Fprintln(std.Out, address)
	return err
}

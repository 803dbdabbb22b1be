package main

import (
	"context"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// passkeysCmd is everything about passkeys.
type passkeysCmd struct {
	remote
	List      passkeysListCmd      `cmd:"" help:"List the passkeys of a user, managed and unmanaged."`
	Provision passkeysProvisionCmd `cmd:"" help:"Give a user a passkey, on their phone or on a hardware security key."`
	Revoke    passkeysRevokeCmd    `cmd:"" help:"Revoke a managed passkey."`
	Replace   passkeysReplaceCmd   `cmd:"" help:"Revoke a passkey that no longer signs in and ask for another on the same phone."`
}

type passkeysListCmd struct{ who }

// Run lists passkeys.
func (cmd *passkeysListCmd) Run(ctx context.Context, std cli.Streams, group *passkeysCmd) error {
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	passkeys, err := c.Passkeys(ctx, u.ID)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "DISPLAY NAME", "STATE", "MANAGED", "ON", "MODEL", "CREATED", "PROBLEM"}, empty: u.UPN + " has no passkey."}
	return showList(std, group.JSON, passkeys, t, func(k postern.Passkey) []string {
		id := string(k.ID)
		if id == "" {
			id = "-"
		}
		return []string{id, k.DisplayName, string(k.State), yesNo(k.Managed), carrier(k), k.Model, when(k.CreatedAt), k.Problem}
	})
}

// carrier is what a passkey lies on, as far as Postern knows.
func carrier(k postern.Passkey) string {
	switch k.Carrier {
	case postern.CarrierPhone:
		return "phone"
	case postern.CarrierSecurityKey:
		return "security key"
	}
	return "-"
}

type passkeysProvisionCmd struct {
	who
	Phone string        `help:"Identifier of the phone, when the user has several." placeholder:"ID"`
	Wait  bool          `help:"Wait until the passkey is active or the provisioning has failed, and show the steps."`
	Every time.Duration `help:"How often to look while waiting." default:"1s" hidden:""`
	onKey
}

// Help tells what the flags do not.
func (*passkeysProvisionCmd) Help() string {
	return `With --security-key the passkey is made on a hardware FIDO2 security key that is plugged into this machine, for any
user of the directory: they need no invitation and no phone. The key's PIN is asked for, and set if it has none.`
}

// Run begins a provisioning.
func (cmd *passkeysProvisionCmd) Run(ctx context.Context, std cli.Streams, group *passkeysCmd) error {
	if key, err := cmd.wanted(); key || err != nil {
		if err != nil {
			return err
		}
		return cmd.provisionKey(ctx, std, group)
	}
	c, u, err := cmd.open(ctx, &group.remote, std)
	if err != nil {
		return err
	}
	id := postern.PhoneID(cmd.Phone)
	if id == "" {
		if id, err = onlyPhone(ctx, c, u); err != nil {
			return err
		}
	}
	p, err := c.BeginProvisioning(ctx, id)
	if err != nil {
		return err
	}
	if cmd.Wait {
		if p, err = cmd.watch(ctx, c, std, p); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.Err, "%s is asked on the phone.\n", u.UPN)
	}
	err = showFields(std, group.JSON, p,
		field{"ID", string(p.ID)}, field{"State", string(p.State)}, field{"Display name", p.DisplayName}, field{"Message", p.Message})
	if err == nil && cmd.Wait && p.State != postern.ProvisioningActive {
		return ended(p)
	}
	return err
}

// onlyPhone is the phone of a user who has exactly one.
func onlyPhone(ctx context.Context, c *postern.Client, u postern.User) (postern.PhoneID, error) {
	phones, err := c.Phones(ctx, u.ID)
	if err != nil {
		return "", err
	}
	var active []postern.PhoneID
	for _, p := range phones {
		if p.State == postern.PhoneActive {
			active = append(active, p.ID)
		}
	}
	switch len(active) {
	case 0:
		return "", postern.Errorf(postern.CodeNotFound, "%s has no phone.", u.UPN).WithNext("Invite the user: postern users invite " + u.UPN)
	case 1:
		return active[0], nil
	}
	return "", postern.Errorf(postern.CodeInvalid, "%s has %d phones.", u.UPN, len(active)).
		WithNext("Name one with --phone; postern phones list shows them.")
}

// steps is what people read of a state.
var steps = map[postern.ProvisioningState]string{
	postern.ProvisioningRequested:  "asking Entra for a challenge",
	postern.ProvisioningOffered:    "waiting for the user to accept on the phone",
	postern.ProvisioningSubmitted:  "the phone made the passkey; registering it with Entra",
	postern.ProvisioningRegistered: "Entra registered it; reading it back",
	postern.ProvisioningActive:     "active",
}

func stepOf(p postern.Provisioning) string {
	if p.Carrier == postern.CarrierSecurityKey && p.State == postern.ProvisioningSubmitted {
		return "the security key made the passkey; registering it with Entra"
	}
	return steps[p.State]
}

// watch shows each step until the last one.
func (cmd *passkeysProvisionCmd) watch(ctx context.Context, c *postern.Client, std cli.Streams, p postern.Provisioning) (postern.Provisioning, error) {
	tick := time.NewTicker(cmd.Every)
	defer tick.Stop()
	shown := ""
	for {
		line := stepOf(p)
		if line == "" {
			line = string(p.State)
		}
		if p.Message != "" {
			line += ": " + p.Message
		}
		if line != shown {
			fmt.Fprintln(std.Err, cli.Clean(line))
			shown = line
		}
		if p.State.Final() {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-tick.C:
		}
		var err error
		if p, err = c.Provisioning(ctx, p.ID); err != nil {
			return p, err
		}
	}
}

// ended is the error of a provisioning that ended without a passkey.
func ended(p postern.Provisioning) error {
	code := p.Code
	if code == "" {
		code = postern.CodeProvisioningState
	}
	message := p.Message
	if message == "" {
		message = fmt.Sprintf("The provisioning ended in the state %s.", p.State)
	}
	e := postern.Errorf(code, "%s", message)
	if p.Next != "" {
		e = e.WithNext(p.Next)
	}
	return e
}

type passkeysRevokeCmd struct {
	Passkey string `arg:"" help:"Identifier of a managed passkey."`
	sure
}

// Run revokes a passkey.
func (cmd *passkeysRevokeCmd) Run(ctx context.Context, std cli.Streams, group *passkeysCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	if err := cmd.askPerson(std, fmt.Sprintf("Revoke the passkey %s?", cmd.Passkey)); err != nil {
		return err
	}
	k, err := c.RevokePasskey(ctx, postern.PasskeyID(cmd.Passkey))
	if err != nil {
		return err
	}
	return showFields(std, group.JSON, k, field{"ID", string(k.ID)}, field{"Display name", k.DisplayName}, field{"State", string(k.State)})
}

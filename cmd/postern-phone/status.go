package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/internal/cli"
)

// statusCmd shows what the control center knows of this phone.
type statusCmd struct{}

// Run shows the status.
func (statusCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	p, err := v.phone()
	if err != nil {
		return err
	}
	self, err := p.Sync(ctx)
	if err != nil {
		return err
	}
	if err := v.tellUses(ctx, p, self); err != nil {
		return err
	}
	if o.JSON {
		return cli.JSON(std.Out, self)
	}
	table := [][]string{
		{"Phone", self.Phone.Name},
		{"ID", string(self.Phone.ID)},
		{"State", string(self.Phone.State)},
		{"Assurance", string(self.Phone.Assurance)},
		{"User", self.User.UPN},
		{"Phase", string(self.User.Phase)},
		{"Integration", fmt.Sprintf("%s (%s)", self.Integration.ApplicationName, self.Integration.State)},
		{"Server", p.State.Server},
	}
	for _, k := range self.Passkeys {
		table = append(table, []string{"Passkey", fmt.Sprintf("%s, %s", k.DisplayName, k.State)})
	}
	for _, r := range self.Provisionings {
		table = append(table, []string{"Under way", fmt.Sprintf("%s, %s %s", r.DisplayName, r.State, r.Message)})
	}
	if err := rows(std.Out, table...); err != nil {
		return err
	}
	notice(std, self.Notice)
	return nil
}

// forgetCmd ends this phone.
type forgetCmd struct {
	Local bool `help:"Delete the files without telling the control center. Revoke the phone in the console then."`
}

// Run revokes the phone and deletes its files.
func (c *forgetCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	v, err := o.open()
	if err != nil {
		return err
	}
	if !c.Local {
		p, err := v.phone()
		if err == nil {
			err = p.Forget(ctx)
		}
		if err != nil {
			return errors.Join(err, v.close())
		}
	}
	id := v.content.Phone.ID
	if err := v.remove(); err != nil {
		return err
	}
	if o.JSON {
		return cli.JSON(std.Out, map[string]any{"id": id, "revoked": !c.Local})
	}
	_, err = fmt.Fprintln(std.Out, "This phone is forgotten, with all its passkeys.")
	return err
}

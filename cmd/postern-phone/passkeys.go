package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// passkeysCmd lists the passkeys on this phone.
type passkeysCmd struct{}

// passkey is one passkey as it is listed.
type passkey struct {
	RPID         string        `json:"rp_id"`
	UserName     string        `json:"user_name"`
	DisplayName  string        `json:"user_display_name"`
	CredentialID postern.Bytes `json:"credential_id"`
	Algorithm    string        `json:"algorithm"`
	SignCount    uint32        `json:"sign_count"`
	CreatedAt    time.Time     `json:"created_at"`
}

// Run lists passkeys.
func (passkeysCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	all, err := v.passkeys.List(ctx)
	if err != nil {
		return err
	}
	list := make([]passkey, len(all))
	for i, c := range all {
		list[i] = passkey{c.RP.ID, c.User.Name, c.User.DisplayName, c.ID, c.Algorithm.String(), c.SignCount, c.Created}
	}
	if o.JSON {
		return cli.JSON(std.Out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(std.Out, "There are no passkeys on this phone.")
		return err
	}
	table := [][]string{{"FOR", "USER", "MADE", "USED", "CREDENTIAL"}}
	for i, k := range list {
		table = append(table, []string{k.RPID, k.UserName, when(k.CreatedAt), fmt.Sprintf("%d times", k.SignCount), fmt.Sprintf("%x", all[i].ID[:min(8, len(all[i].ID))])})
	}
	return rows(std.Out, table...)
}

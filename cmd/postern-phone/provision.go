package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
	"github.com/postern/postern/phone"
)

// provisionCmd makes the passkey that is asked for.
type provisionCmd struct {
	Wait      time.Duration `help:"How long to wait until Entra has the passkey; 0 hands it in and does not wait." default:"2m"`
	OfferWait time.Duration `help:"How long to wait for Entra's options." default:"1m"`
}

// Run provisions.
func (c *provisionCmd) Run(ctx context.Context, std cli.Streams, o *options) (err error) {
	v, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	p, err := v.phone()
	if err != nil {
		return err
	}
	if err := missing(ctx, std, p.API); err != nil {
		return err
	}
	record, err := p.Provision(ctx, phone.Provisioning{
		OfferWait: max(c.OfferWait, c.Wait), Wait: c.Wait,
		Accept: func(_ context.Context, ask phone.Offer) error {
			fmt.Fprintf(std.Err, "accepting a passkey for %s at %s\n", cli.Clean(ask.Account), cli.Clean(ask.RPID))
			return nil
		},
		Step: func(r postern.Provisioning) { fmt.Fprintf(std.Err, "%s: %s\n", r.ID, r.State) },
	})
	if err != nil {
		return err
	}
	if o.JSON {
		if err := cli.JSON(std.Out, record); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.Out, "%s: %s\n", cli.Clean(record.DisplayName), record.State)
	}
	return c.outcome(record)
}

// outcome is the error of a record: nil where there is a passkey, or where nobody wanted to wait for one.
func (c *provisionCmd) outcome(r postern.Provisioning) error {
	handedIn := r.State == postern.ProvisioningSubmitted || r.State == postern.ProvisioningRegistered
	switch {
	case handedIn && c.Wait == 0:
		return nil
	case !r.State.Final() && r.Message != "":
		return fmt.Errorf("the passkey is not there yet: %s %s: %w", cli.Clean(r.Message), cli.Clean(r.Next), cli.ErrWaiting)
	case !r.State.Final():
		return fmt.Errorf("the passkey is not there yet, it is %s: %w", r.State, cli.ErrWaiting)
	}
	return phone.Outcome(r)
}

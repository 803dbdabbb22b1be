package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/internal/cli"
)

// offlineCmd is about signing in without a network.
type offlineCmd struct {
	Status offlineStatusCmd `cmd:"" default:"1" help:"Show how it stands for each phone: codes left, how long they are good, what to do."`
	Issue  offlineIssueCmd  `cmd:"" help:"Set it up with a phone. The phone asks its user."`
	Try    offlineTryCmd    `cmd:"" help:"Have the offline key in place of the phone's for ten minutes, so that Windows sees it once while there is a network."`
	Forget offlineForgetCmd `cmd:"" help:"Take it away: the passkey here and at Microsoft, and the codes on the phone."`
}

// offlineStatusCmd shows how it stands.
type offlineStatusCmd struct{}

// Run shows it.
func (offlineStatusCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return o.with(ctx, func(d desk, _ bool) error {
		v, err := d.View(ctx)
		if err != nil {
			return err
		}
		type row struct {
			Pairing postern.PairingID `json:"pairing"`
			Phone   string            `json:"phone"`
			UPN     string            `json:"user_principal_name"`
			*agent.Offline
		}
		rows := []row{}
		for _, p := range v.Phones {
			if p.Offline != nil {
				rows = append(rows, row{p.Pairing, p.Name, p.UPN, p.Offline})
			}
		}
		if o.JSON {
			return cli.JSON(std.Out, rows)
		}
		if len(rows) == 0 {
			_, err := fmt.Fprintln(std.Out, "Signing in without a network is not offered here. An administrator switches it on under Workstation Settings of the integration.")
			return err
		}
		for i, r := range rows {
			if i > 0 {
				fmt.Fprintln(std.Out)
			}
			if err := writeOffline(std.Out, r.Phone, r.UPN, *r.Offline); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeOffline(out io.Writer, phone, upn string, o agent.Offline) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	line("Phone", fmt.Sprintf("%s (%s)", cli.Clean(phone), cli.Clean(upn)))
	line("State", map[agent.OfflineStep]string{
		agent.OfflineOffered: "not set up", agent.OfflineAsking: "the phone is asked", agent.OfflineRegistering: "Entra is being told",
		agent.OfflineReady: "set up", agent.OfflineBroken: "does not open",
	}[o.Step])
	if s := o.Standing; s != nil && o.Step == agent.OfflineReady {
		line("Codes", fmt.Sprintf("%d of %d left, good until %s", s.Left, s.Codes, s.Expires.Local().Format(time.DateOnly)))
		if s.Recovery {
			line("Help desk", fmt.Sprintf("%d recovery codes known", s.RecoveryLeft))
		}
		line("Tries", fmt.Sprintf("%d wrong codes until it locks", s.TriesLeft))
		proven := "no: sign in with it once while there is a network"
		if s.ProvenAt != nil {
			proven = "since " + s.ProvenAt.Local().Format(time.DateOnly)
		}
		line("Proven", proven)
		line("Kept", s.Seal.Text)
	}
	line("Key", map[agent.KeyState]string{agent.KeyIn: "plugged in", agent.KeyFailed: "failing"}[o.Key])
	if o.TryUntil != nil {
		line("Tried", "until "+o.TryUntil.Local().Format(time.TimeOnly))
	}
	for _, p := range []*agent.Problem{o.Why, o.Problem} {
		if p != nil {
			line("Problem", p.Message)
			line("", p.Next)
		}
	}
	if o.Why == nil && o.Problem == nil {
		line("Next", o.Next)
	}
	return t.Flush()
}

// phoneArg is the phone that is meant; it may be left out where there is one.
type phoneArg struct {
	Phone string `arg:"" optional:"" help:"Name or account of the phone, or the pairing; may be left out where there is only one."`
}

func (a phoneArg) find(ctx context.Context, d desk) (agent.Phone, error) {
	v, err := d.View(ctx)
	if err != nil {
		return agent.Phone{}, err
	}
	if a.Phone == "" && len(v.Phones) == 1 {
		return v.Phones[0], nil
	}
	return findPhone(v.Phones, a.Phone)
}

// change does something with the phone that is meant, and says so.
func (a phoneArg) change(ctx context.Context, std cli.Streams, o *options, do func(desk, agent.Phone) error, said string) error {
	return o.with(ctx, func(d desk, _ bool) error {
		phone, err := a.find(ctx, d)
		if err != nil {
			return err
		}
		if err := do(d, phone); err != nil {
			return err
		}
		if o.JSON {
			return cli.JSON(std.Out, map[string]any{"pairing": phone.Pairing, "phone": phone.ID})
		}
		_, err = fmt.Fprintf(std.Out, said+"\n", cli.Clean(phone.Name))
		return err
	})
}

// offlineIssueCmd sets it up.
type offlineIssueCmd struct {
	phoneArg
	NoWait bool `help:"Do not wait until it is set up; offline status tells then."`
}

// Run sets it up, and waits for what comes of it.
func (c *offlineIssueCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return c.change(ctx, std, o, func(d desk, phone agent.Phone) error {
		if err := d.IssueOffline(ctx, phone.Pairing); err != nil || c.NoWait {
			return err
		}
		fmt.Fprintf(std.Err, "Look at %s: it asks whether you want to sign in here without a network.\n", cli.Clean(phone.Name))
		var failed *agent.Problem
		err := d.Watch(ctx, func(v agent.View) bool {
			for _, p := range v.Phones {
				if p.Pairing == phone.Pairing && p.Offline != nil {
					failed = p.Offline.Problem
					return p.Offline.Step != agent.OfflineReady && failed == nil
				}
			}
			return false
		})
		if err == nil && failed != nil {
			return postern.Errorf(failed.Code, "%s", failed.Message).WithNext(failed.Next)
		}
		return err
	}, map[bool]string{
		false: "Signing in without a network is set up with %s. Try it once while there is one: postern-agent offline try.",
		true:  "%s is asked.",
	}[c.NoWait])
}

// offlineTryCmd has it tried.
type offlineTryCmd struct{ phoneArg }

// Run puts the offline key in.
func (c *offlineTryCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return c.change(ctx, std, o, func(d desk, p agent.Phone) error { return d.TryOffline(ctx, p.Pairing) },
		"For ten minutes the offline key is in place of that of %s. Lock Windows, choose the security key, and type the code that the phone shows.")
}

// offlineForgetCmd takes it away.
type offlineForgetCmd struct{ phoneArg }

// Run takes it away.
func (c *offlineForgetCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return c.change(ctx, std, o, func(d desk, p agent.Phone) error { return d.ForgetOffline(ctx, p.Pairing) },
		"%s no longer opens this machine without a network.")
}

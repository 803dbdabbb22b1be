package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/postern/postern/agent"
	"github.com/postern/postern/internal/cli"
)

// phonesCmd lists the phones.
type phonesCmd struct{}

// Run lists them.
func (phonesCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return o.with(ctx, func(d desk, running bool) error {
		v, err := d.View(ctx)
		if err != nil {
			return err
		}
		if o.JSON {
			return cli.JSON(std.Out, v.Phones)
		}
		if len(v.Phones) == 0 {
			_, err := fmt.Fprintln(std.Out, "No phone is paired. Pair one with postern-agent pair.")
			return err
		}
		t := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "PHONE\tACCOUNT\tSECURITY KEY\tPAIRED\tPAIRING")
		for _, p := range v.Phones {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", cli.Clean(p.Name), cli.Clean(p.UPN), keyWords(p, running), day(p.Paired), p.Pairing)
		}
		return t.Flush()
	})
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateOnly)
}

// keyWords is the state of a phone's key in words.
func keyWords(p agent.Phone, running bool) string {
	words := map[agent.KeyState]string{
		agent.KeyOut: "not plugged in", agent.KeyAsking: "phone is asked", agent.KeyIn: "plugged in",
		agent.KeyAway: "plugged in, phone away", agent.KeyFailed: "failing",
	}[p.Key]
	if !running {
		words = "service does not run"
	}
	if p.Incomplete {
		words += ", pairing incomplete"
	}
	return words
}

// statusCmd shows how the workstation stands.
type statusCmd struct{}

// Run shows it.
func (statusCmd) Run(ctx context.Context, std cli.Streams, o *options) error {
	return o.with(ctx, func(d desk, running bool) error {
		v, err := d.View(ctx)
		if err != nil {
			return err
		}
		if v.Pairing != nil { // a code is good for whoever has it
			v.Pairing.URL, v.Pairing.Code = "", ""
		}
		if o.JSON {
			return cli.JSON(std.Out, struct {
				Running bool `json:"running"`
				agent.View
			}{running, v})
		}
		return writeStatus(std.Out, v, running)
	})
}

func writeStatus(out io.Writer, v agent.View, running bool) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) { fmt.Fprintf(t, "%s\t%s\n", name, value) }
	problem := func(name string, p *agent.Problem) {
		if p != nil {
			line(name, p.Message)
			line("", p.Next)
		}
	}
	line("Service", map[bool]string{true: "runs", false: "does not run"}[running])
	line("Workstation", cli.Clean(v.Name))
	if v.Enrolled {
		line("ID", v.ID)
		line("Server", v.Server)
		line("Integration", cli.Clean(v.Application))
		line("Relay", map[bool]string{true: "connected", false: "not connected"}[v.Connected])
	} else {
		line("Server", "none: run postern-agent enroll")
	}
	problem("Problem", v.Problem)
	problem("Notice", v.Notice)
	line("System", v.System)
	line("Join state", v.Join.Name)
	line("State", v.Seal.Text)
	line("Keys by", v.Socket)
	problem("Remote", v.Remote)
	for _, p := range v.Phones {
		line("Phone", fmt.Sprintf("%s (%s): %s", cli.Clean(p.Name), cli.Clean(p.UPN), keyWords(p, running)))
		problem("", p.Problem)
	}
	return t.Flush()
}

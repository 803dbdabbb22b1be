package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// streamsCmd is everything about streams of the audit trail.
type streamsCmd struct {
	List   streamsListCmd   `cmd:"" help:"List streams, and how far each is behind."`
	Add    streamsAddCmd    `cmd:"" help:"Send the trail to a syslog receiver or a webhook."`
	Pause  streamsPauseCmd  `cmd:"" help:"Pause a stream; nothing is lost."`
	Resume streamsResumeCmd `cmd:"" help:"Let a paused stream go on."`
	Rotate streamsRotateCmd `cmd:"" help:"Give a webhook a new signing secret."`
	Test   streamsTestCmd   `cmd:"" help:"Send a test message."`
	Remove streamsRemoveCmd `cmd:"" help:"Remove a stream."`
}

type streamsListCmd struct{}

// Run lists streams.
func (streamsListCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	all, err := c.AuditStreams(ctx)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "NAME", "KIND", "FORMAT", "ADDRESS", "STATE", "BEHIND", "PROBLEM"}, empty: "The audit trail is sent nowhere."}
	return showList(std, group.JSON, all, t, func(s postern.AuditStream) []string {
		return []string{string(s.ID), s.Name, s.Kind, s.Format, s.Address, s.State, fmt.Sprint(s.Lag), s.Problem}
	})
}

type streamsAddCmd struct {
	Name       string `arg:"" help:"What to call it."`
	Address    string `arg:"" help:"tls://HOST:PORT for syslog, https://… for a webhook."`
	Kind       string `help:"syslog or webhook." enum:"syslog,webhook" required:""`
	Format     string `help:"jsonl, ocsf or cef." enum:"jsonl,ocsf,cef" default:"jsonl"`
	CA         string `name:"ca" help:"PEM file with the authority of the sink's certificate." placeholder:"FILE"`
	ClientCert string `help:"PEM file with a client certificate." placeholder:"FILE"`
	ClientKey  string `help:"PEM file with its private key." placeholder:"FILE"`
	Beginning  bool   `help:"Send the whole trail first, not only what comes."`
}

// Run sets a stream up.
func (cmd *streamsAddCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	in := postern.AuditStreamInput{Name: cmd.Name, Kind: cmd.Kind, Format: cmd.Format, Address: cmd.Address, Beginning: cmd.Beginning}
	for path, into := range map[string]*string{cmd.CA: &in.CA, cmd.ClientCert: &in.ClientCertificate, cmd.ClientKey: &in.ClientKey} {
		if path == "" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		*into = string(text)
	}
	c, err := group.client(std)
	if err != nil {
		return err
	}
	made, err := c.CreateAuditStream(ctx, in)
	if err != nil {
		return err
	}
	return showSecret(std, group.JSON, made)
}

func showSecret(std cli.Streams, asJSON bool, s postern.AuditStreamSecret) error {
	fields := []field{{"ID", string(s.Stream.ID)}, {"Name", s.Stream.Name}, {"Address", s.Stream.Address}, {"State", s.Stream.State}}
	if s.Secret != "" {
		fields = append(fields, field{"Secret", s.Secret + " (not shown again)"})
	}
	return showFields(std, asJSON, s, fields...)
}

// stream names one stream.
type stream struct {
	Stream string `arg:"" help:"Identifier or name of the stream."`
}

func (s stream) open(ctx context.Context, group *auditCmd, std cli.Streams) (*postern.Client, postern.AuditStream, error) {
	c, err := group.client(std)
	if err != nil {
		return nil, postern.AuditStream{}, err
	}
	all, err := c.AuditStreams(ctx)
	if err != nil {
		return nil, postern.AuditStream{}, err
	}
	at := slices.IndexFunc(all, func(one postern.AuditStream) bool { return string(one.ID) == s.Stream || one.Name == s.Stream })
	if at < 0 {
		return nil, postern.AuditStream{}, postern.Errorf(postern.CodeNotFound, "There is no stream %q.", s.Stream).WithNext("See postern audit streams list.")
	}
	return c, all[at], nil
}

func (s stream) show(std cli.Streams, asJSON bool, one postern.AuditStream) error {
	return showSecret(std, asJSON, postern.AuditStreamSecret{Stream: one})
}

type streamsPauseCmd struct{ stream }

// Run pauses a stream.
func (cmd *streamsPauseCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, one, err := cmd.open(ctx, group, std)
	if err != nil {
		return err
	}
	if one, err = c.PauseAuditStream(ctx, one.ID, one.Version); err != nil {
		return err
	}
	return cmd.show(std, group.JSON, one)
}

type streamsResumeCmd struct{ stream }

// Run lets a stream go on.
func (cmd *streamsResumeCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, one, err := cmd.open(ctx, group, std)
	if err != nil {
		return err
	}
	if one, err = c.ResumeAuditStream(ctx, one.ID, one.Version); err != nil {
		return err
	}
	return cmd.show(std, group.JSON, one)
}

type streamsRotateCmd struct{ stream }

// Run gives a webhook a new secret.
func (cmd *streamsRotateCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, one, err := cmd.open(ctx, group, std)
	if err != nil {
		return err
	}
	made, err := c.RotateAuditStreamSecret(ctx, one.ID, one.Version)
	if err != nil {
		return err
	}
	return showSecret(std, group.JSON, made)
}

type streamsTestCmd struct{ stream }

// Run sends a test message. A sink that does not take it is a failure of the command.
func (cmd *streamsTestCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, one, err := cmd.open(ctx, group, std)
	if err != nil {
		return err
	}
	t, err := c.TestAuditStream(ctx, one.ID)
	if err != nil {
		return err
	}
	if err := showFields(std, group.JSON, t, field{"Message", t.Message}); err != nil {
		return err
	}
	if !t.OK {
		return postern.Errorf(postern.CodeUnavailable, "%s", t.Message)
	}
	return nil
}

type streamsRemoveCmd struct{ stream }

// Run removes a stream.
func (cmd *streamsRemoveCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, one, err := cmd.open(ctx, group, std)
	if err != nil {
		return err
	}
	if err := c.RemoveAuditStream(ctx, one.ID, one.Version); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, "The stream was removed.")
	return err
}

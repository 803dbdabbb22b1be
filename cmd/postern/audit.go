package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// auditCmd is everything about the audit trail.
type auditCmd struct {
	remote
	List       auditListCmd       `cmd:"" help:"Read the audit trail, newest first."`
	Export     auditExportCmd     `cmd:"" help:"Write the audit trail as JSON lines, oldest first."`
	Verify     auditVerifyCmd     `cmd:"" help:"Verify that nothing was changed or taken out."`
	Checkpoint auditCheckpointCmd `cmd:"" help:"Print a signed note over the head of the trail, to be kept elsewhere."`
	Codes      auditCodesCmd      `cmd:"" help:"List every event there is."`
}

// which chooses entries.
type which struct {
	Integration string `help:"Only entries of this integration." short:"i" placeholder:"NAME"`
	Target      string `help:"Only entries about this identifier." placeholder:"ID"`
	Name        string `help:"Only this event, or a family with a dot at its end: passkey." placeholder:"NAME"`
	Actor       string `help:"Only what this administrator, token or phone did." placeholder:"ID"`
	Failures    bool   `help:"Only what failed."`
	After       int64  `help:"Only entries with a higher sequence." placeholder:"SEQUENCE"`
}

func (w which) filter(ctx context.Context, c *postern.Client) (postern.AuditFilter, error) {
	f := postern.AuditFilter{Target: w.Target, Name: w.Name, Actor: w.Actor, FailuresOnly: w.Failures, After: w.After}
	if w.Integration != "" {
		i, err := find(ctx, c, w.Integration)
		if err != nil {
			return f, err
		}
		f.IntegrationID = i.ID
	}
	return f, nil
}

type auditListCmd struct {
	which
	Limit int `help:"At most that many." default:"50"`
}

// Run lists entries.
func (cmd *auditListCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	filter, err := cmd.filter(ctx, c)
	if err != nil {
		return err
	}
	events, err := collect(c.AuditEvents(ctx, filter), cmd.Limit)
	if err != nil {
		return err
	}
	t := table{header: []string{"SEQUENCE", "TIME", "CODE", "EVENT", "WHO", "WHAT", "MESSAGE"}, empty: "No entries."}
	return showList(std, group.JSON, events, t, func(e postern.AuditEvent) []string {
		return []string{fmt.Sprint(e.Sequence), when(e.At), e.Code, e.Name, first(e.Actor.Name, e.Actor.ID, e.Actor.Kind), first(e.TargetName, e.Target), e.Message}
	})
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

type auditExportCmd struct{ which }

// Run exports entries.
func (cmd *auditExportCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	filter, err := cmd.filter(ctx, c)
	if err != nil {
		return err
	}
	out := json.NewEncoder(std.Out)
	for e, err := range c.ExportAudit(ctx, filter) {
		if err != nil {
			return err
		}
		if err := out.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

type auditVerifyCmd struct{}

// Run verifies the trail. A trail that does not verify is a failure of the command.
func (auditVerifyCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	v, err := c.VerifyAudit(ctx)
	if err != nil {
		return err
	}
	err = showFields(std, group.JSON, v,
		field{"Trail", map[bool]string{true: "intact", false: "BROKEN"}[v.OK]}, field{"Entries", fmt.Sprint(v.Entries)},
		field{"Head", v.Head}, field{"Message", v.Message})
	if err == nil && !v.OK {
		return postern.Errorf(postern.CodeAuditBroken, "The audit trail does not verify from entry %d on.", v.BrokenAt)
	}
	return err
}

type auditCheckpointCmd struct{}

// Run prints a checkpoint.
func (auditCheckpointCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	note, err := c.AuditCheckpoint(ctx)
	if err != nil {
		return err
	}
	if group.JSON {
		return cli.JSON(std.Out, postern.AuditCheckpoint{Checkpoint: note})
	}
	_, err = fmt.Fprint(std.Out, note)
	return err
}

type auditCodesCmd struct{}

// Run lists events.
func (auditCodesCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	codes, err := c.AuditCodes(ctx)
	if err != nil {
		return err
	}
	t := table{header: []string{"CODE", "EVENT", "MEANING"}}
	return showList(std, group.JSON, codes, t, func(code postern.AuditCode) []string {
		return []string{code.Code, code.Name, code.Text}
	})
}

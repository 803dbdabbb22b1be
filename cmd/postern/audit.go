package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// auditCmd is everything about the audit trail.
type auditCmd struct {
	remote
	List       auditListCmd       `cmd:"" help:"Read the audit trail, newest first."`
	Show       auditShowCmd       `cmd:"" help:"Show one entry with its place in the chain."`
	Export     auditExportCmd     `cmd:"" help:"Write the audit trail as JSON Lines, CSV, OCSF or CEF, oldest first."`
	Verify     auditVerifyCmd     `cmd:"" help:"Verify that nothing was changed or taken out."`
	Checkpoint auditCheckpointCmd `cmd:"" help:"Print a signed note over the head of the trail, to be kept elsewhere."`
	Codes      auditCodesCmd      `cmd:"" help:"List every event there is."`
	Streams    streamsCmd         `cmd:"" help:"Where the trail is sent while it grows."`
	Retention  auditRetentionCmd  `cmd:"" help:"Show or change how long entries are kept."`
}

// which chooses entries.
type which struct {
	Integration string   `help:"Only entries of this integration." short:"i" placeholder:"NAME"`
	Target      string   `help:"Only entries about this identifier." placeholder:"ID"`
	Name        string   `help:"Only this event, or a family with a dot at its end: passkey." placeholder:"NAME"`
	Actor       string   `help:"Only what this administrator, token or phone did." placeholder:"ID"`
	Failures    bool     `help:"Only what failed."`
	Text        string   `help:"Words in the message, in names, identifiers, codes or fields." placeholder:"WORDS"`
	Event       []string `help:"Any of these codes, names or families: KEY002I, passkey.revoked, passkey." placeholder:"EVENT"`
	User        string   `help:"Everything about this user, by identifier." placeholder:"ID"`
	Outcome     string   `help:"Only what worked (success) or did not (failure)." enum:",success,failure" default:"" placeholder:"OUTCOME"`
	From        string   `help:"Not before this time, as 2026-01-31 or 2026-01-31T12:00:00Z." placeholder:"TIME"`
	To          string   `help:"Before this time." placeholder:"TIME"`
	After       int64    `help:"Only entries with a higher sequence." placeholder:"SEQUENCE"`
}

func (w which) filter(ctx context.Context, c *postern.Client) (postern.AuditFilter, error) {
	f := postern.AuditFilter{
		Target: w.Target, Name: w.Name, Actor: w.Actor, FailuresOnly: w.Failures, After: w.After, Text: w.Text, Events: w.Event,
		User: postern.UserID(w.User), Outcome: w.Outcome,
	}
	var err error
	if f.From, err = moment("from", w.From); err != nil {
		return f, err
	}
	if f.To, err = moment("to", w.To); err != nil {
		return f, err
	}
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

// moment reads a time, or a day, which begins at midnight UTC.
func moment(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, postern.FieldErrorf(field, "%q is no time.", text).WithNext("Write 2026-01-31 or 2026-01-31T12:00:00Z.")
}

type auditExportCmd struct {
	which
	Format string `help:"jsonl, csv, ocsf or cef." enum:"jsonl,csv,ocsf,cef" default:"jsonl"`
}

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
	return c.WriteAudit(ctx, filter, cmd.Format, std.Out)
}

type auditShowCmd struct {
	Sequence int64 `arg:"" help:"Number of the entry."`
}

// Run shows one entry.
func (cmd *auditShowCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	d, err := c.AuditEvent(ctx, cmd.Sequence)
	if err != nil {
		return err
	}
	e := d.Event
	fields := []field{
		{"Entry", fmt.Sprint(e.Sequence)},
		{"ID", string(e.ID)},
		{"Time", when(e.At)},
		{"Event", e.Code + " " + e.Name},
		{"Meaning", d.Text},
		{"Outcome", map[bool]string{true: "success", false: "failure " + string(e.ErrorCode)}[e.Success]},
		{"By", first(e.Actor.Name, e.Actor.ID, e.Actor.Kind)},
		{"From", e.Actor.Addr},
		{"About", first(e.TargetName, e.Target)},
		{"Message", e.Message},
	}
	for _, change := range d.Changes {
		fields = append(fields, field{change.Name, fmt.Sprintf("%q -> %q", change.Before, change.After)})
	}
	for _, key := range slices.Sorted(maps.Keys(e.Fields)) {
		if !strings.HasPrefix(key, "before.") && !strings.HasPrefix(key, "after.") {
			fields = append(fields, field{key, e.Fields[key]})
		}
	}
	fields = append(fields, field{"Previous", e.Previous}, field{"Hash", e.Hash}, field{"Fits", map[bool]string{true: "yes", false: "NO"}[d.Verifies]})
	return showFields(std, group.JSON, d, fields...)
}

type auditRetentionCmd struct {
	Days       *int  `help:"Keep entries that long; 0 keeps everything, otherwise at least 30." placeholder:"DAYS"`
	NeedExport *bool `help:"Remove nothing that was not exported." negatable:""`
}

// Run shows or changes how long entries are kept.
func (cmd *auditRetentionCmd) Run(ctx context.Context, std cli.Streams, group *auditCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	r, err := c.AuditRetention(ctx)
	if err != nil {
		return err
	}
	if cmd.Days != nil || cmd.NeedExport != nil {
		in := postern.AuditRetentionInput{Version: r.Version, Days: r.Days, NeedExport: r.NeedExport}
		if cmd.Days != nil {
			in.Days = *cmd.Days
		}
		if cmd.NeedExport != nil {
			in.NeedExport = *cmd.NeedExport
		}
		if r, err = c.SetAuditRetention(ctx, in); err != nil {
			return err
		}
	}
	kept := fmt.Sprintf("%d days", r.Days)
	if r.Days == 0 {
		kept = "for ever"
	}
	return showFields(std, group.JSON, r, field{"Entries are kept", kept}, field{"Only after an export", map[bool]string{true: "yes", false: "no"}[r.NeedExport]},
		field{"Removed up to", fmt.Sprint(r.RemovedThrough)}, field{"Exported up to", fmt.Sprint(r.ExportedThrough)}, field{"Held", r.HeldBy})
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

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// jobsCmd is everything about jobs over many users.
type jobsCmd struct {
	remote
	Start  jobsStartCmd  `cmd:"" help:"Act on many users: those of a CSV file, a group or a phase."`
	List   jobsListCmd   `cmd:"" help:"List jobs, newest first."`
	Show   jobsShowCmd   `cmd:"" help:"Show how far a job is."`
	Rows   jobsRowsCmd   `cmd:"" help:"List the users of a job, with what became of each."`
	Pause  jobsPauseCmd  `cmd:"" help:"Begin nobody else; those being acted on are finished."`
	Resume jobsResumeCmd `cmd:"" help:"Have a paused job go on."`
	Cancel jobsCancelCmd `cmd:"" help:"End a job; users who had no turn are left alone."`
	Retry  jobsRetryCmd  `cmd:"" help:"Try the failed users again, and no others."`
	Codes  jobsCodesCmd  `cmd:"" help:"Take the one-time codes of an invite job as CSV. They can be had once."`
}

type jobsListCmd struct {
	within
	State string `help:"Only jobs in this state." enum:",running,paused,done,cancelled" default:"" placeholder:"STATE"`
	Limit int    `help:"At most that many." default:"50"`
}

// Run lists jobs.
func (cmd *jobsListCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	filter := postern.BulkFilter{State: postern.BulkState(cmd.State)}
	if cmd.Integration != "" {
		i, err := find(ctx, c, cmd.Integration)
		if err != nil {
			return err
		}
		filter.IntegrationID = i.ID
	}
	jobs, err := collect(c.BulkJobs(ctx, filter), cmd.Limit)
	if err != nil {
		return err
	}
	t := table{header: []string{"ID", "KIND", "STATE", "FINISHED", "FAILED", "OF", "BY", "STARTED"}, empty: "No jobs."}
	return showList(std, group.JSON, jobs, t, func(j postern.BulkJob) []string {
		return []string{
			string(j.ID), string(j.Kind), string(j.State), strconv.Itoa(j.Counts.Finished()), strconv.Itoa(j.Counts.Failed),
			strconv.Itoa(j.Counts.Total), j.StartedBy, when(j.CreatedAt),
		}
	})
}

// oneJob names one job.
type oneJob struct {
	Job string `arg:"" help:"Identifier of the job."`
}

type jobsShowCmd struct {
	oneJob
	Wait bool `help:"Wait for its end, and show progress until then."`
}

// Run shows a job.
func (cmd *jobsShowCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	j, err := c.BulkJob(ctx, postern.BulkJobID(cmd.Job))
	if err == nil && cmd.Wait {
		j, err = waitForJob(ctx, c, std, j)
	}
	if err != nil {
		return err
	}
	return showJob(std, group.JSON, j)
}

func showJob(std cli.Streams, asJSON bool, j postern.BulkJob) error {
	fields := []field{
		{"ID", string(j.ID)},
		{"Kind", string(j.Kind)},
		{"State", string(j.State)},
		{"Users", j.Source},
		{"Reason", j.Note},
		{"Started by", j.StartedBy},
		{"Started", when(j.CreatedAt)},
	}
	for _, s := range postern.BulkRowStates {
		if n := j.Counts.Of(s); n > 0 {
			fields = append(fields, field{strings.ToUpper(string(s)[:1]) + string(s)[1:], strconv.Itoa(n)})
		}
	}
	fields = append(fields, field{"Total", strconv.Itoa(j.Counts.Total)}, field{"Waits", strings.TrimSpace(j.Message + " " + j.Next)})
	if j.PerMinute > 0 {
		fields = append(fields, field{"Pace", fmt.Sprintf("%.0f a minute, %s left", j.PerMinute, time.Duration(j.SecondsLeft)*time.Second)})
	}
	if j.CodesUntil != nil {
		fields = append(fields, field{"Codes", "postern jobs codes " + string(j.ID) + ", once, until " + when(*j.CodesUntil)})
	}
	return showFields(std, asJSON, j, fields...)
}

// jobPoll is how often a job is looked at by who waits for it.
const jobPoll = time.Second

// waitForJob waits until a job has ended or stands still, and shows on a terminal how far it is.
func waitForJob(ctx context.Context, c *postern.Client, std cli.Streams, j postern.BulkJob) (postern.BulkJob, error) {
	file, ok := std.Err.(*os.File)
	terminal := ok && atTerminal(file)
	for {
		if terminal {
			fmt.Fprintf(std.Err, "\r\x1b[K%s", progressLine(j))
		}
		if j.EndedAt != nil || j.State == postern.BulkPaused {
			break
		}
		select {
		case <-time.After(jobPoll):
		case <-ctx.Done():
			return j, ctx.Err()
		}
		var err error
		if j, err = c.BulkJob(ctx, j.ID); err != nil {
			return j, err
		}
	}
	if terminal {
		fmt.Fprintln(std.Err)
	}
	return j, nil
}

const barWidth = 24

func progressLine(j postern.BulkJob) string {
	filled := barWidth
	if j.Counts.Total > 0 {
		filled = barWidth * j.Counts.Finished() / j.Counts.Total
	}
	line := fmt.Sprintf("[%s%s] %d of %d", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), j.Counts.Finished(), j.Counts.Total)
	if j.Counts.Failed > 0 {
		line += fmt.Sprintf(", %d failed", j.Counts.Failed)
	}
	if j.Counts.Waiting > 0 {
		line += fmt.Sprintf(", %d wait for the phone", j.Counts.Waiting)
	}
	if j.SecondsLeft > 0 {
		line += fmt.Sprintf(", about %s left", time.Duration(j.SecondsLeft)*time.Second)
	}
	return line
}

type jobsRowsCmd struct {
	oneJob
	State string `help:"Only users in this state." enum:",pending,running,waiting,done,skipped,failed" default:"" placeholder:"STATE"`
	Limit int    `help:"At most that many." default:"1000"`
	CSV   bool   `name:"csv" help:"Write all of them as CSV."`
}

// Run lists rows.
func (cmd *jobsRowsCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	id := postern.BulkJobID(cmd.Job)
	if cmd.CSV {
		return c.ExportBulkRows(ctx, id, std.Out)
	}
	rows, err := collect(c.BulkRows(ctx, id, postern.BulkRowState(cmd.State)), cmd.Limit)
	if err != nil {
		return err
	}
	t := table{header: []string{"ROW", "USER", "STATE", "CODE", "WHY"}, empty: "No users."}
	return showList(std, group.JSON, rows, t, func(r postern.BulkRow) []string {
		return []string{strconv.Itoa(r.Number), first(r.UPN, r.Given), string(r.State), string(r.Code), strings.TrimSpace(r.Message + " " + r.Next)}
	})
}

type jobsPauseCmd struct{ oneJob }

// Run pauses a job.
func (cmd *jobsPauseCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	return cmd.steer(ctx, std, &group.remote, (*postern.Client).PauseBulkJob)
}

type jobsResumeCmd struct{ oneJob }

// Run resumes a job.
func (cmd *jobsResumeCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	return cmd.steer(ctx, std, &group.remote, (*postern.Client).ResumeBulkJob)
}

type jobsRetryCmd struct{ oneJob }

// Run tries failed rows again.
func (cmd *jobsRetryCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	return cmd.steer(ctx, std, &group.remote, (*postern.Client).RetryBulkJob)
}

type jobsCancelCmd struct {
	oneJob
	sure
}

// Run cancels a job.
func (cmd *jobsCancelCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	if err := cmd.askPerson(std, "Cancel the job? What was done stays done."); err != nil {
		return err
	}
	return cmd.steer(ctx, std, &group.remote, (*postern.Client).CancelBulkJob)
}

// steer acts on the job as it stands now.
func (o oneJob) steer(ctx context.Context, std cli.Streams, r *remote, act func(c *postern.Client, ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error)) error {
	c, err := r.client(std)
	if err != nil {
		return err
	}
	j, err := c.BulkJob(ctx, postern.BulkJobID(o.Job))
	if err != nil {
		return err
	}
	if j, err = act(c, ctx, j.ID, j.Version); err != nil {
		return err
	}
	return showJob(std, r.JSON, j)
}

type jobsCodesCmd struct{ oneJob }

// Run takes one-time codes. They go to standard output alone.
func (cmd *jobsCodesCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	c, err := group.client(std)
	if err != nil {
		return err
	}
	return c.TakeBulkCodes(ctx, postern.BulkJobID(cmd.Job), std.Out)
}

type usersProvisionCmd struct {
	within
	many
}

// Run asks the phones of many users for passkeys.
func (cmd *usersProvisionCmd) Run(ctx context.Context, std cli.Streams, group *usersCmd) error {
	in, err := cmd.input(postern.BulkProvision, std.In)
	if err != nil {
		return err
	}
	return cmd.start(ctx, std, &group.remote, cmd.within, in, sure{Yes: true})
}

type jobsStartCmd struct {
	within
	Act  string `arg:"" enum:"invite,provision,remind,suspend,resume,revoke_phones,revoke_user" help:"What to do: invite, provision, remind, suspend, resume, revoke_phones or revoke_user."`
	Mail string `help:"For invite: write to the users; code sends the one-time code as well, in a message of its own." enum:",invitation,code" default:"" placeholder:"WHAT"`
	many
	sure
}

// Run starts a job of any kind.
func (cmd *jobsStartCmd) Run(ctx context.Context, std cli.Streams, group *jobsCmd) error {
	in, err := cmd.input(postern.BulkKind(cmd.Act), std.In)
	if err != nil {
		return err
	}
	in.Mail = postern.InvitationMail(cmd.Mail)
	return cmd.start(ctx, std, &group.remote, cmd.within, in, cmd.sure)
}

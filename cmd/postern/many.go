package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// many names the users of a job in one way, and says what to do once it is started.
type many struct {
	File  string `help:"CSV file with the users, - for standard input." placeholder:"FILE"`
	Group string `help:"Object ID of a group, for its members." placeholder:"ID"`
	Phase string `help:"Everybody in this phase." enum:",none,eligible,paired,active,suspended,revoked" default:"" placeholder:"PHASE"`
	because
	Wait bool `help:"Wait for the end of the job."`
	Plan bool `help:"Say what would happen, and do nothing."`
}

func (m many) given() bool { return m.File != "" || m.Group != "" || m.Phase != "" }

func (m many) input(kind postern.BulkKind, stdin io.Reader) (postern.BulkInput, error) {
	in := postern.BulkInput{Kind: kind, GroupID: m.Group, Phase: postern.Phase(m.Phase), Note: m.Reason}
	ways := 0
	for _, way := range []string{m.File, m.Group, m.Phase} {
		if way != "" {
			ways++
		}
	}
	if ways != 1 {
		return in, postern.Errorf(postern.CodeInvalid, "Name the users in one way: with --file, --group or --phase.")
	}
	if m.File == "" {
		return in, nil
	}
	from := stdin
	if m.File != "-" {
		file, err := os.Open(m.File)
		if err != nil {
			return in, err
		}
		defer file.Close()
		from = file
	}
	data, err := io.ReadAll(io.LimitReader(from, postern.MaxBulkCSV+1))
	if err != nil {
		return in, fmt.Errorf("read %s: %w", m.File, err)
	}
	if len(data) > postern.MaxBulkCSV {
		return in, postern.Errorf(postern.CodeTooLarge, "%s is larger than %d MB.", m.File, postern.MaxBulkCSV>>20)
	}
	in.CSV, err = textOf(data)
	if err != nil {
		return in, postern.Errorf(postern.CodeInvalid, "%s is neither UTF-8 nor UTF-16 text.", m.File).WithNext("Save it as “CSV UTF-8”.")
	}
	return in, nil
}

var errNotText = errors.New("not text")

// textOf brings a file into UTF-8, which is all that JSON can carry. Spreadsheets write “Unicode text” as UTF-16 with a
// byte order mark.
func textOf(data []byte) (string, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		order = binary.BigEndian
	case utf8.Valid(data):
		return string(data), nil
	default:
		return "", errNotText
	}
	data = data[2:]
	if len(data)%2 != 0 {
		return "", errNotText
	}
	units := make([]uint16, 0, len(data)/2)
	for ; len(data) > 0; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	return string(utf16.Decode(units)), nil
}

// start plans a job, asks where something is taken away, and starts it.
func (m many) start(ctx context.Context, std cli.Streams, r *remote, w within, in postern.BulkInput, s sure) error {
	c, i, err := named(w).open(ctx, r, std)
	if err != nil {
		return err
	}
	plan, err := c.PlanBulkJob(ctx, i.ID, in)
	if err != nil {
		return err
	}
	if m.Plan && r.JSON {
		return cli.JSON(std.Out, plan)
	}
	fmt.Fprintln(std.Err, cli.Clean(plan.Sentence))
	for _, skip := range plan.Skips {
		fmt.Fprintf(std.Err, "Left out: %d. %s\n", skip.Rows, cli.Clean(skip.Message))
	}
	if plan.Duplicates > 0 {
		fmt.Fprintf(std.Err, "Named more than once: %d; each is done once.\n", plan.Duplicates)
	}
	if m.Plan {
		return nil
	}
	if plan.Destructive {
		if err := s.ask(std, fmt.Sprintf("Do this to %d users?", plan.Acts)); err != nil {
			return err
		}
	}
	in.Expect = plan.Acts
	j, err := c.StartBulkJob(ctx, i.ID, in)
	if err == nil && m.Wait {
		j, err = waitForJob(ctx, c, std, j)
	}
	if err != nil {
		return err
	}
	if err := showJob(std, r.JSON, j); err != nil {
		return err
	}
	if m.Wait && j.Counts.Failed > 0 {
		return postern.Errorf(postern.CodeConflict, "%d users failed.", j.Counts.Failed).
			WithNext("postern jobs rows " + string(j.ID) + " --state failed says why; postern jobs retry tries them again.")
	}
	return nil
}

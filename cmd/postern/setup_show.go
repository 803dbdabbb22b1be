package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/cli"
)

// setupStepWords are the states of a step in words.
var setupStepWords = map[postern.SetupStepState]string{
	postern.SetupStepTodo: "to do", postern.SetupStepThere: "there already", postern.SetupStepWriting: "writing",
	postern.SetupStepReading: "waiting until Entra shows it", postern.SetupStepDone: "done and read back", postern.SetupStepFailed: "failed",
	postern.SetupStepUndone: "taken back", postern.SetupStepKept: "kept",
}

// show says how a set-up stands, as JSON where that is asked for.
func (r *setupRun) show(requests bool) error {
	if r.json {
		return cli.JSON(r.std.Out, r.s)
	}
	return r.print(requests)
}

// print says how a set-up stands, for people. Under JSON, standard output is for the end alone.
func (r *setupRun) print(requests bool) error {
	if r.json {
		return nil
	}
	s := r.s
	fields := []field{{"Set-up", string(s.ID)}, {"State", string(s.State)}, {"Application name", s.Input.ApplicationName}}
	if s.TenantID != "" {
		fields = append(fields, field{"Tenant", strings.TrimSpace(s.TenantName + " " + s.TenantID)})
	}
	if s.ClientID != "" {
		fields = append(fields, field{"Client ID", s.ClientID})
	}
	fields = append(fields, field{"Permission set", string(s.Input.PermissionSet)})
	if s.Certificate != nil {
		fields = append(fields, field{"Certificate", s.Certificate.Thumbprint + ", until " + when(s.Certificate.NotAfter)})
	}
	if s.IntegrationID != "" {
		fields = append(fields, field{"Integration", string(s.IntegrationID)})
	}
	if err := showFields(r.std, false, nil, fields...); err != nil {
		return err
	}
	for n, step := range s.Steps {
		fmt.Fprintf(r.std.Out, "\n%d. %s: %s\n", n+1, step.Title, setupStepWords[step.State])
		for _, text := range []string{step.Found, step.Outcome} {
			if text != "" {
				fmt.Fprintf(r.std.Out, "   %s\n", cli.Clean(text))
			}
		}
		if step.Problem != nil {
			fmt.Fprintf(r.std.Out, "   %s %s\n", cli.Clean(step.Problem.Message), cli.Clean(step.Problem.Next))
		}
		if !requests {
			continue
		}
		for _, q := range step.Requests {
			fmt.Fprintf(r.std.Out, "   %s %s\n", q.Method, cli.Clean(q.URL))
			for line := range strings.Lines(q.Body) {
				fmt.Fprintf(r.std.Out, "     %s\n", cli.Clean(strings.TrimRight(line, "\n")))
			}
		}
	}
	for n, note := range s.Notes {
		if n == 0 {
			fmt.Fprintln(r.std.Out)
		}
		fmt.Fprintf(r.std.Out, "%s: %s %s\n", note.Level, cli.Clean(note.Message), cli.Clean(note.Next))
	}
	return nil
}

// list lists set-ups.
func (r *setupRun) list(ctx context.Context) error {
	all, err := r.c.Setups(ctx)
	if err != nil {
		return err
	}
	return showList(r.std, r.json, all, table{header: []string{"SET-UP", "NAME", "STATE", "TENANT", "BEGUN"}, empty: "There is no set-up."}, func(s postern.Setup) []string {
		return []string{string(s.ID), s.Input.ApplicationName, string(s.State), s.TenantName, when(s.CreatedAt)}
	})
}

package recipe

import (
	"context"

	"github.com/postern/postern"
)

// Complete checks what a person chose and fills in what they left open.
func Complete(in postern.SetupInput) (postern.SetupInput, error) { return in, nil }

// Look reads what of a recipe a tenant has.
func Look(ctx context.Context, a Asker, w Want) (Seen, error) { return Seen{}, ctx.Err() }

// Steps are what a tenant needs, in order. Nothing of it depends on more than its arguments.
func Steps(w Want, s Seen) []Step { return nil }

// Undo takes a set-up back, last step first: was has what [Step.Was] said before each step.
func Undo(w Want, was map[string][]byte, s Seen) []Step { return nil }

// Notes are what a person should know about a tenant.
func Notes(w Want, s Seen) []postern.PolicyNote { return nil }

// Values are those of the values in braces that a look tells.
func Values(w Want, s Seen) map[string]string { return nil }

// With fills values in. A value that is not there is an error.
func (r Request) With(values map[string]string) (Request, error) { return r, nil }

// Captured reads the values that an answer gives.
func (r Request) Captured(a Answer) (map[string]string, error) { return nil, nil }

// Shown is the request as people see it: values in braces, no secrets.
func (r Request) Shown() postern.SetupRequest { return postern.SetupRequest{} }

// Outcome is what an answer means for a request.
type Outcome int

// The outcomes.
const (
	Refused Outcome = iota
	Accepted
	Later // not yet: ask again in a moment
)

// Outcome judges an answer.
func (r Request) Outcome(a Answer) Outcome { return Refused }

// Curl is a shell script of the steps, for bash, curl and jq.
func Curl(w Want, steps []Step) string { return "" }

// PowerShell is a script of the steps for the module Microsoft.Graph.
func PowerShell(w Want, steps []Step) string { return "" }

// Portal is the way through the admin centers, in Markdown.
func Portal(w Want, steps []Step) string { return "" }

package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern/postern"
)

// Steps are what a tenant needs, in order, each with what is there and what is still to be sent. Of a tenant that nobody
// looked at they are the whole path.
func Steps(w Want, s Seen) []Step {
	steps := []Step{w.applicationStep(s), w.principalStep(s), w.permissionsStep(s), w.consentStep(s)}
	if w.Input.Credential == postern.CredentialCertificate {
		steps = append(steps, w.certificateStep(s))
	} else {
		steps = append(steps, w.secretStep(s))
	}
	if w.legacy() {
		steps = append(steps, w.accountStep(s))
	}
	if w.Input.Policy {
		steps = append(steps, w.policyStep(s))
	}
	if w.Input.Windows != postern.SetupWindowsOff {
		steps = append(steps, w.windowsStep(s), w.assignmentStep(s))
	}
	steps = append(steps, Step{
		Key: StepIntegration, Title: "Connect the tenant to Postern",
		Why: "Postern keeps the tenant id, the client id and the credential, sealed, under the application name that people see on their phones. The integration starts disabled.",
	})
	if w.Input.PermissionSet != postern.PermissionsPasskeys {
		steps = append(steps, Step{
			Key: StepGroups, Title: "Make the three groups",
			Why: "Three security groups show in Entra who may get a passkey, who paired a phone and who has a passkey in use. Postern makes them and keeps their members.",
		})
	}
	values := Values(w, s)
	for i := range steps {
		steps[i].Known = values
		if steps[i].Done || steps[i].Problem != nil {
			steps[i].Requests = nil
		}
		for n, r := range steps[i].Requests {
			steps[i].Requests[n] = r.known(values)
		}
	}
	return steps
}

// Values are those of the values in braces that a look tells.
func Values(w Want, s Seen) map[string]string {
	out := make(map[string]string)
	give := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	give(ValueApplicationID, w.ApplicationID)
	if s.Application != nil {
		give(ValueApplicationID, s.Application.ID)
		give(ValueClientID, s.Application.ClientID)
	}
	give(ValueServicePrincipal, s.ServicePrincipal)
	give(ValueGraph, s.Graph.ID)
	give(ValueDomain, s.InitialDomain)
	if s.Grant != nil {
		give(ValueGrant, s.Grant.ID)
	}
	if s.Account != nil {
		give(ValueAccount, s.Account.ID)
	}
	if s.Windows != nil {
		give(ValueWindows, s.Windows.ID)
	}
	if g, problem := s.group(w); problem == nil {
		give(ValueWindowsGroup, g.ID)
	}
	return out
}

func isGUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

func problem(code postern.Code, next, format string, args ...any) *postern.SetupProblem {
	return &postern.SetupProblem{Code: code, Message: fmt.Sprintf(format, args...), Next: next}
}

// and joins names as a sentence does.
func and(names []string) string {
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func sameSet(a, b []string) bool { return len(a) == len(b) && holdsAll(a, b) }

// holdsAll reports whether a list has everything of another.
func holdsAll(a, b []string) bool {
	return !slices.ContainsFunc(b, func(v string) bool { return !slices.Contains(a, v) })
}

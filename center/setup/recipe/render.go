package recipe

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// secretFile is where scripts put a client secret, for nobody but whoever runs them.
const secretFile = "postern-client-secret.txt"

// commandLineTools is the client id of Microsoft Graph Command Line Tools, an application of Microsoft's that every tenant
// knows.
const commandLineTools = "14d82eec-204b-4c2f-b7e8-296a70dab67e"

// valueName is the name of the application, which scripts have as a variable.
const valueName = "application_name"

// toSend are the steps that a script has something to do for, with the name of the application as a value.
func toSend(steps []Step) []Step {
	var out []Step
	for _, step := range steps {
		if len(step.Requests) == 0 {
			continue
		}
		step.Requests = slices.Clone(step.Requests)
		for i, r := range step.Requests {
			if step.Key != StepApplication || r.Method != http.MethodPost {
				continue
			}
			var body object
			_ = json.Unmarshal(r.Body, &body)
			body["displayName"] = "{" + valueName + "}"
			step.Requests[i].Body = marshal(body)
		}
		out = append(out, step)
	}
	return out
}

// blocked are the steps that wait for a person.
func blocked(steps []Step) (out []Step) {
	for _, step := range steps {
		if step.Problem != nil {
			out = append(out, step)
		}
	}
	return out
}

// known are the values that a look told.
func known(steps []Step) map[string]string {
	if len(steps) == 0 {
		return nil
	}
	return steps[0].Known
}

// gives reports whether a script comes to know a value by an answer.
func gives(steps []Step, name string) bool {
	return slices.ContainsFunc(steps, func(step Step) bool {
		return slices.ContainsFunc(step.Requests, func(r Request) bool {
			_, answered := r.Capture[name]
			return answered || r.Find != nil && r.Find.Capture[name] != ""
		})
	})
}

// takes reports whether a script needs a value that no answer gives.
func takes(steps []Step, name string) bool {
	return slices.ContainsFunc(steps, func(step Step) bool {
		return slices.ContainsFunc(step.Requests, func(r Request) bool { return slices.Contains(r.needs(), name) })
	})
}

// names sorts the names of values, so that a rendering is always the same.
func names(capture map[string]string) []string { return slices.Sorted(maps.Keys(capture)) }

// late reports whether a refusal may mean that something does not show yet.
func late(r Request) bool { return r.Late }

// finish is the command that tells Postern what a script made. tenant, client and domain are how the script writes these.
func (w Want) finish(tenant, client, domain string) string {
	c := "postern entra setup --finish " + string(w.Setup) + " --tenant-id " + tenant + " --client-id " + client
	if w.Input.Credential == postern.CredentialSecret {
		c += " --client-secret-file " + secretFile
	}
	if w.legacy() {
		c += " --service-account-username " + w.Input.ServiceAccountUsername + "@" + domain + " --service-account-password-file -"
	}
	return c
}

// domainIn is the tenant's own domain where a look told it, and otherwise how a script writes it.
func domainIn(steps []Step, otherwise string) string {
	return orElse(known(steps)[ValueDomain], otherwise)
}

// wrap breaks a text into lines, each after a prefix.
func wrap(prefix, text string) string {
	const width = 110
	var out, line strings.Builder
	flush := func() {
		out.WriteString(prefix + line.String() + "\n")
		line.Reset()
	}
	for word := range strings.FieldsSeq(text) {
		if line.Len() > 0 && line.Len()+1+len(word) > width {
			flush()
		}
		if line.Len() > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(word)
	}
	flush()
	return out.String()
}

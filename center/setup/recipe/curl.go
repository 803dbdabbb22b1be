package recipe

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

//go:embed curl.sh
var curlFunctions string

// Curl is a shell script of the steps, for bash, curl and jq. It can be run again: what it made it finds again.
func Curl(w Want, steps []Step) string {
	work := toSend(steps)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("#!/usr/bin/env bash")
	b.WriteString(wrap("# ", "Sets a Microsoft Entra tenant up for Postern: the Microsoft Graph requests of the set-up "+string(w.Setup)+", with curl and jq. It may be run again; what is there already is left as it is. It needs bash 4."))
	line("#")
	for _, step := range work {
		line("#   %s", step.Title)
	}
	line("set -euo pipefail\numask 077\n")
	line("# What you may change.")
	line("application_name=%s", shell(w.Input.RegistrationName))
	line("tenant=%s", shell(orElse(w.Input.TenantID, "organizations")))
	line("graph=${GRAPH:-%s}", strings.TrimSuffix(graph, "/"))
	line("authority=${AUTHORITY:-https://login.microsoftonline.com}")
	line("client=${CLIENT:-%s} # Microsoft Graph Command Line Tools", commandLineTools)
	line("pause=${PAUSE:-2} tries=${TRIES:-60} # seconds between tries, and how many, until Entra shows everywhere what was made\n")
	b.WriteString(curlFunctions)
	line("# --- the steps %s\n", strings.Repeat("-", 100))
	line("say 'Sign in'\nsign_in %s", shell(strings.Join(Scopes(w.Input, true), " ")))
	line("get '/v1.0/organization?$select=id,displayName'\npick '.value[]' || fail 'Graph does not say which organisation this is'")
	line(`tenant_id=$(take id)`)
	line(`note "Tenant $(jq -r '.displayName // "without a name"' "$work/answer") ($tenant_id)"`)
	if isGUID(w.Input.TenantID) {
		line("[[ ${tenant_id,,} == %s ]] || fail 'you signed in to another tenant than the set-up is for'", shell(w.Input.TenantID))
	}
	if id := known(steps)[ValueClientID]; id != "" && !gives(work, ValueClientID) {
		line("client_id=%s", shell(id))
	}
	for _, step := range blocked(steps) {
		line("\n# %s", step.Title)
		b.WriteString(wrap("# ", "Not in this script: "+step.Problem.Message+" "+step.Problem.Next))
	}
	for _, step := range work {
		line("\n# %s", step.Title)
		b.WriteString(wrap("# ", step.Why))
		line("say %s", shell(step.Title))
		for _, r := range step.Requests {
			b.WriteString(curlRequest(r))
		}
	}
	line("\nsay 'Done. Tell Postern, which then connects the tenant:'")
	line(`echo "%s"`, w.finish("$tenant_id", "$client_id", domainIn(steps, "$initial_domain")))
	return b.String()
}

func curlRequest(r Request) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if r.Method == http.MethodGet {
		read, filter := curlFind(r.Find, r.Version, r.Path)
		line("%s", read)
		line("pick %s || fail %s", filter, shell("could not "+r.Doing))
		take(&b, "", r.Find.Capture, nil)
		return b.String()
	}
	indent := ""
	if r.Find != nil {
		read, filter := curlFind(r.Find, r.Version, r.Find.Path)
		line("%s", read)
		line("if pick %s; then", filter)
		line("  note %s", shell(there(r)))
		take(&b, "  ", r.Find.Capture, nil)
		line("else")
		indent = "  "
	}
	if g := r.Guard; g != nil {
		line("get %s", word("/"+r.Version+g.Path))
		first := "if"
		if len(g.When) > 0 {
			not := "! "
			if g.Otherwise {
				not = ""
			}
			line("if %sis %s; then\n  : # the other request is for it", not, shell(jqAll(g.When)))
			first = "elif"
		}
		line("%s is %s; then\n  note 'It is so already.'\nelse", first, shell(jqAll(g.Done)))
		indent = "  "
		for _, c := range g.Only {
			line("  only %s %s", shell(c.Member), shell(jqAll([]Compare{c})))
		}
	}
	if slices.Contains(r.needs(), ValueAccountPassword) {
		line(`%sservice_account_password=${SERVICE_ACCOUNT_PASSWORD:-}`, indent)
		line(`%sif [[ -z $service_account_password ]]; then`, indent)
		line(`%s  read -rsp 'Password for the service account, long and kept for Postern alone: ' service_account_password`, indent)
		line("%s  echo\n%sfi", indent, indent)
	}
	words := ""
	if r.There != "" {
		words = " " + shell(r.There)
	}
	if late(r) {
		words = " late" + words
	} else if words != "" {
		words = " ''" + words
	}
	line("%ssend %s %s%s <<JSON", indent, r.Method, word("/"+r.Version+r.Path), words)
	line("%s\nJSON", heredoc(r.Body))
	take(&b, indent, r.Capture, r.Secret)
	if indent != "" {
		line("fi")
	}
	return b.String()
}

// there says that what a request would make is there.
func there(r Request) string {
	if len(r.Find.Capture) == 0 && len(r.Secret) > 0 {
		return "There is one already. If nobody has its value any more, remove it under Certificates & secrets and run this again."
	}
	return "It is there already."
}

// take puts members of the answer into variables, and secrets into a file that nobody else can read.
func take(b *strings.Builder, indent string, capture map[string]string, secret []string) {
	for _, name := range names(capture) {
		if slices.Contains(secret, name) {
			fmt.Fprintf(b, "%stake %s >%s\n%snote 'The client secret is in the file %s. Entra does not show it again; delete the file once Postern has it.'\n",
				indent, capture[name], secretFile, indent, secretFile)
			continue
		}
		fmt.Fprintf(b, "%s%s=$(take %s)\n", indent, name, capture[name])
	}
}

// curlFind is how a thing is read, and the options and filter that pick it.
func curlFind(f *Find, version, path string) (read, filter string) {
	read, items := "get ", "."
	if f.In != "" {
		items = "." + f.In + "[]"
		if f.In == "value" {
			read = "list "
		}
	}
	var options, conditions []string
	for _, m := range f.Match {
		value := string(marshal(m.Value))
		if text, ok := m.Value.(string); ok {
			if ref := reference.FindStringSubmatch(text); ref != nil && ref[0] == text {
				value = "$" + ref[1]
				options = append(options, fmt.Sprintf(`--arg %s "$%s"`, ref[1], ref[1]))
			}
		}
		conditions = append(conditions, fmt.Sprintf(".%s == %s", m.Name, value))
	}
	if len(conditions) > 0 {
		items += " | select(" + strings.Join(conditions, " and ") + ")"
	}
	return read + word("/"+version+path), strings.Join(append(options, shell(items)), " ")
}

// jqAll is a filter that is true if all comparisons hold.
func jqAll(all []Compare) string {
	parts := make([]string, len(all))
	for i, c := range all {
		path := "." + c.Member
		if strings.Contains(path, "[]") {
			path = "([" + strings.ReplaceAll(path, "[]", "[]?") + " | tostring] | sort)"
		}
		values := make([]string, len(c.Values))
		for n, v := range c.Values {
			values[n] = path + " == " + string(v)
		}
		parts[i] = "(" + strings.Join(values, " or ") + ")"
	}
	return strings.Join(parts, " and ")
}

// shell quotes a text for a shell.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

var inDoubleQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")

// word is a text with values for a shell.
func word(s string) string {
	if !reference.MatchString(s) {
		return shell(s)
	}
	return `"` + reference.ReplaceAllString(inDoubleQuotes.Replace(s), "$${$1}") + `"`
}

var jsonString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

var inHeredoc = strings.NewReplacer(`\`, `\\`, "$", `\$`, "`", "\\`")

// heredoc is a body with values for a here-document of a shell.
func heredoc(body json.RawMessage) string {
	var pretty bytes.Buffer
	_ = json.Indent(&pretty, body, "", "  ") // of our own bodies, which are JSON
	text := pretty.String()
	var b strings.Builder
	at := 0
	for _, span := range jsonString.FindAllStringIndex(text, -1) {
		var value string
		_ = json.Unmarshal([]byte(text[span[0]:span[1]]), &value)
		if !reference.MatchString(value) {
			continue
		}
		b.WriteString(inHeredoc.Replace(text[at:span[0]]))
		b.WriteString("$(json " + word(value) + ")")
		at = span[1]
	}
	b.WriteString(inHeredoc.Replace(text[at:]))
	return b.String()
}

package document_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

var withoutLines = cmpopts.IgnoreUnexported(document.Document{})

// examples returns the YAML examples of the reference.
func examples(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, part := range strings.Split(string(page), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		all = append(all, text)
	}
	if len(all) != 2 {
		t.Fatalf("the reference has %d examples, not one for each schema", len(all))
	}
	return all
}

func parse(t *testing.T, text string) document.Document {
	t.Helper()
	d, err := document.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return d
}

func ptr[T any](v T) *T { return &v }

func TestParseReadsTheReferencesExamples(t *testing.T) {
	got := parse(t, examples(t)[0])
	want := document.Document{
		Version: 1,
		Passkeys: &document.Passkeys{
			State: ptr(true), SelfService: ptr(true), EnforceAttestation: ptr(false),
			Include: []document.Target{{Group: document.AllUsers}},
			Exclude: []document.Target{{Group: "id:7b9de1e2-5f5c-4a3c-9c3e-2d6d0a9b7c11"}},
			Restrictions: &document.Restrictions{
				Enforce: ptr(true), Block: ptr(false),
				Models: []string{"Postern", "Microsoft Authenticator", "2fc0579f-8113-47ea-b116-bb5a8db9202a"},
			},
		},
		Strengths: []document.Strength{{
			Name: "Passkey on a phone", Description: ptr("Only passkeys of these apps"),
			Combinations: []string{"fido2"}, Models: []string{"Postern", "Microsoft Authenticator"},
		}},
		ConditionalAccess: []document.ConditionalAccess{{
			Name: "Passkeys for the pilot", State: postern.ConditionalAccessReportOnly, Strength: ptr("Passkey on a phone"),
			Include:      document.People{Groups: []string{"Pilot"}},
			Exclude:      document.People{Users: []string{"breakglass@contoso.com"}},
			Applications: document.Applications{Include: []string{document.AllResources}},
		}},
	}
	if diff := cmp.Diff(want, got, withoutLines); diff != "" {
		t.Error(diff)
	}
	wantReferences := []document.Reference{
		{Kind: document.ReferenceGroup, Text: "id:7b9de1e2-5f5c-4a3c-9c3e-2d6d0a9b7c11"},
		{Kind: document.ReferenceGroup, Text: "Pilot"},
		{Kind: document.ReferenceUser, Text: "breakglass@contoso.com"},
	}
	if diff := cmp.Diff(wantReferences, got.References()); diff != "" {
		t.Error(diff)
	}
	if line := got.Line("passkeys.restrictions.models[1]"); line != 15 {
		t.Errorf("Microsoft Authenticator stands on line %d, not 15", line)
	}
	if line := got.Line("strengths[0].id"); line != 19 {
		t.Errorf("what is not written is said to be on line %d, not on that of what is around it", line)
	}

	second := parse(t, examples(t)[1]).Passkeys
	if !second.UsesProfiles() || second.UsesTenant() {
		t.Error("the second example is not taken for one with profiles")
	}
	wantTarget := document.Target{Group: "Administrators", Profiles: []string{"Keys only"}, RegistrationRequired: ptr(true)}
	if diff := cmp.Diff(wantTarget, second.Include[1]); diff != "" {
		t.Error(diff)
	}
	if models := second.Profiles[0].Restrictions.Models; models == nil || len(models) != 0 {
		t.Errorf("an empty list that is written is read as %#v", models)
	}
	if second.Exclude != nil || second.State != nil {
		t.Error("what is not written is read as something")
	}
}

func TestParseNamesLineFieldAndWhatWasExpected(t *testing.T) {
	for name, c := range map[string]struct{ text, field, want string }{
		"nothing":          {"", "", "The document is empty."},
		"only a comment":   {"# nothing\n", "", "The document is empty."},
		"no YAML":          {"version: 1\n\tstate: on\n", "", "Line 2: this is not YAML: found a tab character that violates indentation."},
		"two documents":    {"version: 1\n---\nversion: 1\n", "", "Line 2: a second YAML document begins; a file holds one."},
		"no mapping":       {"- version\n", "", `Line 1: expected a mapping of conditional_access, passkeys, strengths, version, found a list.`},
		"no version":       {"passkeys:\n  state: on\n", "version", "Line 1, version: expected the version of the document, which is 1."},
		"another version":  {"version: 2\n", "version", `Line 1, version: expected 1, found "2".`},
		"version as text":  {"version: \"1\"\n", "version", `Line 1, version: expected 1, found "1".`},
		"unknown field":    {"version: 1\npasskeys:\n  attestation: true\n", "passkeys", `Line 3, passkeys: unknown field "attestation"; expected enforce_attestation, profiles, restrictions, self_service, state, targets.`},
		"merge key":        {"version: 1\npasskeys:\n  <<: {state: on}\n", "passkeys", `Line 3, passkeys: unknown field "<<"; expected enforce_attestation, profiles, restrictions, self_service, state, targets.`},
		"twice":            {"version: 1\npasskeys:\n  state: on\n  state: off\n", "passkeys.state", "Line 4, passkeys.state: written twice."},
		"not a word":       {"version: 1\npasskeys:\n  state: enabled\n", "passkeys.state", `Line 3, passkeys.state: expected off or on, found "enabled".`},
		"truth for a word": {"version: 1\npasskeys:\n  state: true\n", "passkeys.state", `Line 3, passkeys.state: expected off or on, found "true"; put it in quotes if it is meant as text.`},
		"word for a truth": {"version: 1\npasskeys:\n  self_service: \"true\"\n", "passkeys.self_service", `Line 3, passkeys.self_service: expected true or false, found "true".`},
		"nothing as list":  {"version: 1\npasskeys:\n  restrictions:\n    models:\n", "passkeys.restrictions.models", "Line 4, passkeys.restrictions.models: expected a list of models, found nothing."},
		"number as name":   {"version: 1\nstrengths:\n  - name: 2024\n", "strengths[0].name", `Line 3, strengths[0].name: expected a name, found "2024"; put it in quotes if it is meant as text.`},
		"no name":          {"version: 1\nstrengths:\n  - models: []\n", "strengths[0].name", "Line 3, strengths[0].name: expected a name."},
		"same name":        {"version: 1\nstrengths:\n  - name: A\n  - name: a\n", "strengths[1]", `Line 4, strengths[1]: "a" is described twice.`},
		"same model":       {"version: 1\npasskeys:\n  restrictions:\n    models:\n      - DE1E552D-DB1D-4423-A619-566B625CDC84\n      - de1e552d-db1d-4423-a619-566b625cdc84\n", "passkeys.restrictions.models[1]", `Line 6, passkeys.restrictions.models[1]: "de1e552d-db1d-4423-a619-566b625cdc84" is listed twice.`},
		"same target":      {"version: 1\npasskeys:\n  targets:\n    include: [Sales, sales]\n", "passkeys.targets.include[1]", `Line 4, passkeys.targets.include[1]: "sales" is listed twice.`},
		"bad id":           {"version: 1\npasskeys:\n  targets:\n    include: [\"id:a b\"]\n", "passkeys.targets.include[0]", `Line 4, passkeys.targets.include[0]: expected an id after "id:", found "a b".`},
		"group and user":   {"version: 1\npasskeys:\n  targets:\n    include: [{group: A, user: b}]\n", "passkeys.targets.include[0]", "Line 4, passkeys.targets.include[0]: expected either a group or a user."},
		"excluded profile": {"version: 1\npasskeys:\n  targets:\n    exclude: [{group: A, profiles: [B]}]\n", "passkeys.targets.exclude[0]", `Line 4, passkeys.targets.exclude[0]: unknown field "profiles"; expected group, user.`},
		"both schemas":     {"version: 1\npasskeys:\n  enforce_attestation: true\n  profiles: []\n", "passkeys", "Line 3, passkeys: profiles exclude enforce_attestation and restrictions beside them: a tenant has one or the other."},
		"no types":         {"version: 1\npasskeys:\n  profiles: [{name: A, types: []}]\n", "passkeys.profiles[0].types", "Line 3, passkeys.profiles[0].types: expected device-bound, synced or both: a profile for no type of passkey does not exist."},
		"two defaults":     {"version: 1\npasskeys:\n  profiles:\n    - {name: A, default: true}\n    - {name: B, default: true}\n", "passkeys.profiles[1].default", "Line 5, passkeys.profiles[1].default: another profile is the default already; there is one."},
		"alias":            {"version: 1\npasskeys:\n  targets:\n    include: &all [A]\n    exclude: *all\n", "passkeys.targets.include", "The policy document has 2 faults: line 4, passkeys.targets.include: expected a list of targets, found an anchor; documents have none; line 5, passkeys.targets.exclude: expected a list of targets, found an alias; documents have none, write the value out."},
		"tag":              {"version: 1\nstrengths:\n  - name: !!str 5\n", "strengths[0].name", "Line 3, strengths[0].name: expected a name, found a tag; documents have none."},
		"combination":      {"version: 1\nstrengths:\n  - name: A\n    combinations: [\"password,,sms\"]\n", "strengths[0].combinations[0]", `Line 4, strengths[0].combinations[0]: expected methods as Microsoft Graph names them, joined by commas, such as "password,softwareOath", found "password,,sms".`},
		"CA state":         {"version: 1\nconditional_access:\n  - name: A\n    state: enabled\n", "conditional_access[0].state", `Line 4, conditional_access[0].state: expected report-only, on or off, found "enabled".`},
		"all users group":  {"version: 1\nconditional_access:\n  - name: A\n    users: {include: {groups: [all users]}}\n", "conditional_access[0].users.include.groups[0]", "Line 4, conditional_access[0].users.include.groups[0]: all users belongs under users, not groups."},
		"user action":      {"version: 1\nconditional_access:\n  - name: A\n    applications: {user_actions: [register]}\n", "conditional_access[0].applications.user_actions[0]", `Line 4, conditional_access[0].applications.user_actions[0]: expected register security info or register or join devices, found "register".`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := document.Parse([]byte(c.text))
			if !postern.IsCode(err, postern.CodePolicyDocument) {
				t.Fatalf("got %v", err)
			}
			e := postern.AsError(err)
			if e.Message != c.want {
				t.Errorf("got  %s\nwant %s", e.Message, c.want)
			}
			if e.Field != c.field {
				t.Errorf("the field is %q, not %q", e.Field, c.field)
			}
		})
	}
}

func TestParseListsTenFaults(t *testing.T) {
	_, err := document.Parse([]byte("version: 1\n" + strings.Repeat("x: 1\n", 14)))
	e := postern.AsError(err)
	if !strings.HasPrefix(e.Message, "The policy document has 14 faults: line 2: unknown field") || strings.Count(e.Message, "line ") != 10 || !strings.HasSuffix(e.Message, "and 4 more.") {
		t.Error(e.Message)
	}
}

// What is large or deep or refers to itself is refused, or read without more work than its length asks for: a product of lengths would not end here.
func TestParseIsBounded(t *testing.T) {
	if _, err := document.Parse([]byte("version: 1\n#" + strings.Repeat("x", document.MaxSize))); !postern.IsCode(err, postern.CodePolicyDocument) {
		t.Errorf("a document beyond the limit gives %v", err)
	}
	bomb := "version: 1\na0: &a0 [x]\n"
	for i := range 30 {
		bomb += "a" + string(rune('a'+i%26)) + ": [*a0, *a0]\n"
	}
	models := "version: 1\npasskeys:\n  restrictions:\n    models: [" + strings.Repeat("a, ", 80000) + "b]\n"
	named := "version: 1\nstrengths: [" + strings.Repeat("{}, ", 60000) + "{}]\n"
	for name, text := range map[string]string{
		"aliases": bomb, "depth": "version: 1\npasskeys: " + strings.Repeat("[", 100000), "block depth": "version: 1\n" + strings.Repeat("- ", 100000),
		"list": models, "nameless": named,
	} {
		if _, err := document.Parse([]byte(text)); !postern.IsCode(err, postern.CodePolicyDocument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range examples(f) {
		f.Add([]byte(text))
	}
	f.Add([]byte("version: 1\npasskeys: {targets: {include: [{user: \"id:A-1\", registration: optional}], exclude: []}, profiles: []}\n"))
	f.Add([]byte("version: 1\nconditional_access: [{id: X, absent: true}, {name: \"\\0 \\\" # x\", controls: [mfa], require: all, strength: \"\"}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := document.Parse(text)
		if err != nil {
			if e := postern.AsError(err); e.Code != postern.CodePolicyDocument || e.Message == "" || e.Next == "" {
				t.Fatalf("refused with %#v", e)
			}
			return
		}
		d.References()
		again, err := document.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		d2, err := document.Parse(again)
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		if diff := cmp.Diff(d, d2, withoutLines); diff != "" {
			t.Fatalf("%s\n%s", diff, again)
		}
		if third, _ := document.Marshal(d2); string(third) != string(again) {
			t.Fatalf("written differently the second time:\n%s\n%s", again, third)
		}
	})
}

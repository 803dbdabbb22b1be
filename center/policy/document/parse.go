package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/postern/postern"
)

// Parse reads a document. What is wrong with it is a [postern.Error] of [postern.CodePolicyDocument] that lists up to ten
// faults, each with its line and the path of its field.
func Parse(text []byte) (Document, error) {
	if len(text) > MaxSize {
		return Document{}, Refuse([]Fault{{Text: fmt.Sprintf("The document has %d bytes, and %d are the most", len(text), MaxSize)}})
	}
	root, fault := load(text)
	if fault != nil {
		return Document{}, Refuse([]Fault{*fault})
	}
	r := &reader{lines: map[string]int{}}
	d := Document{lines: r.lines}
	if r.mapping(root, "", map[string]field{
		"version":  r.version(&d.Version),
		"passkeys": func(n *yaml.Node, path string) { d.Passkeys = r.passkeys(n, path) },
		"strengths": func(n *yaml.Node, path string) {
			r.list(n, path, "strengths", func(n *yaml.Node, path string) { d.Strengths = append(d.Strengths, r.strength(n, path)) })
		},
		"conditional_access": func(n *yaml.Node, path string) {
			r.list(n, path, "Conditional Access policies", func(n *yaml.Node, path string) {
				d.ConditionalAccess = append(d.ConditionalAccess, r.conditionalAccess(n, path))
			})
		},
	}) && d.lines["version"] == 0 {
		r.fault(root, "version", "expected the version of the document, which is %d", Version)
	}
	r.unique(d)
	if err := Refuse(r.faults); err != nil {
		return Document{}, err
	}
	return d, nil
}

var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// load reads the one YAML document of a text.
func load(text []byte) (*yaml.Node, *Fault) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	switch err := dec.Decode(&root); {
	case errors.Is(err, io.EOF) || err == nil && len(root.Content) == 0:
		return nil, &Fault{Text: "The document is empty", Next: "Begin with version: 1, or export the policy of the tenant and change it."}
	case err != nil:
		fault := &Fault{Text: "this is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
		if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
			fault.Line, _ = strconv.Atoi(m[1])
			fault.Text = "this is not YAML: " + m[2]
		}
		return nil, fault
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, &Fault{Line: second.Line, Text: "a second YAML document begins; a file holds one"}
	}
	return root.Content[0], nil
}

func (r *reader) version(into *int) field {
	return func(n *yaml.Node, path string) {
		*into = Version
		if r.plain(n, path, "1") && (n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Value != strconv.Itoa(Version)) {
			r.fault(n, path, "expected %d, found %s", Version, found(n))
		}
	}
}

func (r *reader) passkeys(n *yaml.Node, path string) *Passkeys {
	p := &Passkeys{}
	if !r.mapping(n, path, map[string]field{
		"state":        r.choice(&p.State, "off", "on"),
		"self_service": r.boolean(&p.SelfService),
		"targets": func(n *yaml.Node, path string) {
			r.mapping(n, path, map[string]field{
				"include": r.targets(&p.Include, true),
				"exclude": r.targets(&p.Exclude, false),
			})
		},
		"enforce_attestation": r.boolean(&p.EnforceAttestation),
		"restrictions":        func(n *yaml.Node, path string) { p.Restrictions = r.restrictions(n, path) },
		"profiles": func(n *yaml.Node, path string) {
			p.Profiles = []Profile{}
			r.list(n, path, "profiles", func(n *yaml.Node, path string) { p.Profiles = append(p.Profiles, r.profile(n, path)) })
		},
	}) {
		return nil
	}
	if p.UsesProfiles() && (p.EnforceAttestation != nil || p.Restrictions != nil) {
		r.fault(n, path, "profiles exclude enforce_attestation and restrictions beside them: a tenant has one or the other")
	}
	return p
}

// UsesProfiles reports whether the section is of a tenant that opted in to passkey profiles.
func (p *Passkeys) UsesProfiles() bool {
	return p.Profiles != nil || slices.ContainsFunc(p.Include, func(t Target) bool { return t.Profiles != nil })
}

// UsesTenant reports whether the section is of a tenant without passkey profiles.
func (p *Passkeys) UsesTenant() bool { return p.EnforceAttestation != nil || p.Restrictions != nil }

func (r *reader) restrictions(n *yaml.Node, path string) *Restrictions {
	k := &Restrictions{}
	if !r.mapping(n, path, map[string]field{
		"enforce": r.boolean(&k.Enforce),
		"type":    r.choice(&k.Block, "allow", "block"),
		"models":  r.texts(&k.Models, "models", model),
	}) {
		return nil
	}
	return k
}

func (r *reader) profile(n *yaml.Node, path string) Profile {
	var p Profile
	r.mapping(n, path, map[string]field{
		"name":    r.name(&p.Name, "a name"),
		"id":      r.id(&p.ID),
		"absent":  r.truth(&p.Absent),
		"default": r.boolean(&p.Default),
		"types": r.texts(&p.Types, DeviceBound+" or "+Synced, func(text string) (string, string) {
			if text != DeviceBound && text != Synced {
				return "", fmt.Sprintf("expected %s or %s, found %q", DeviceBound, Synced, text)
			}
			return text, ""
		}),
		"enforce_attestation": r.boolean(&p.EnforceAttestation),
		"restrictions":        func(n *yaml.Node, path string) { p.Restrictions = r.restrictions(n, path) },
	})
	if p.Types != nil && len(p.Types) == 0 && r.lines[path+".types"] != 0 && !r.faulty(path+".types") {
		r.fault(n, path+".types", "expected %s, %s or both: a profile for no type of passkey does not exist", DeviceBound, Synced)
	}
	slices.Sort(p.Types)
	return p
}

func (r *reader) strength(n *yaml.Node, path string) Strength {
	var s Strength
	r.mapping(n, path, map[string]field{
		"name":         r.name(&s.Name, "a name"),
		"id":           r.id(&s.ID),
		"absent":       r.truth(&s.Absent),
		"description":  r.optional(&s.Description, "text"),
		"combinations": r.texts(&s.Combinations, "combinations of methods", Combination),
		"models":       r.texts(&s.Models, "models", model),
	})
	return s
}

func (r *reader) conditionalAccess(n *yaml.Node, path string) ConditionalAccess {
	var c ConditionalAccess
	r.mapping(n, path, map[string]field{
		"name":             r.name(&c.Name, "a name"),
		"id":               r.id(&c.ID),
		"absent":           r.truth(&c.Absent),
		"state":            r.state(&c.State),
		"skip_report_only": r.truth(&c.SkipReportOnly),
		"strength":         r.optional(&c.Strength, "the name of a strength"),
		"controls": r.texts(&c.Controls, "grant controls", func(text string) (string, string) {
			if !mode.MatchString(text) {
				return "", fmt.Sprintf("expected a grant control as Microsoft Graph names it, such as mfa or compliantDevice, found %q", text)
			}
			return text, ""
		}),
		"require": r.choice(&c.RequireAll, "one", "all"),
		"users": func(n *yaml.Node, path string) {
			r.mapping(n, path, map[string]field{"include": r.people(&c.Include), "exclude": r.people(&c.Exclude)})
		},
		"applications": func(n *yaml.Node, path string) {
			r.mapping(n, path, map[string]field{
				"include":      r.texts(&c.Applications.Include, "applications", r.reference(ReferenceApplication)),
				"exclude":      r.texts(&c.Applications.Exclude, "applications", r.reference(ReferenceApplication)),
				"user_actions": r.texts(&c.Applications.UserActions, "user actions", userAction),
			})
		},
	})
	return c
}

// states are how a document names what Graph names otherwise.
var states = map[string]postern.ConditionalAccessState{
	"on": postern.ConditionalAccessOn, "off": postern.ConditionalAccessOff, "report-only": postern.ConditionalAccessReportOnly,
}

func (r *reader) state(into *postern.ConditionalAccessState) field {
	return func(n *yaml.Node, path string) {
		const expected = "report-only, on or off"
		if text, ok := r.text(n, path, expected); ok {
			if *into = states[text]; *into == "" {
				r.fault(n, path, "expected %s, found %q", expected, text)
			}
		}
	}
}

func (r *reader) people(into *People) field {
	return func(n *yaml.Node, path string) {
		r.mapping(n, path, map[string]field{
			"users": r.texts(&into.Users, "users", r.reference(ReferenceUser)),
			"groups": r.texts(&into.Groups, "groups", func(text string) (string, string) {
				text, wrong := r.reference(ReferenceGroup)(text)
				if text == AllUsers {
					return "", AllUsers + " belongs under users, not groups"
				}
				return text, wrong
			}),
			"roles": r.texts(&into.Roles, "roles", r.reference(ReferenceRole)),
		})
	}
}

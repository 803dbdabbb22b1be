package document

import (
	"bytes"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/postern/postern"
)

// Marshal writes the document in the order of its reference. Comments are not part of a document and are lost.
func Marshal(d Document) ([]byte, error) { return marshal(d, nil, "") }

func marshal(d Document, comments map[string]string, head string) ([]byte, error) {
	w := &writer{comments}
	root := w.object("")
	root.set("version", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: "1"})
	if d.Passkeys != nil {
		p := w.object("passkeys")
		d.Passkeys.write(p)
		root.set("passkeys", orEmpty(p.node))
	}
	list(root, "strengths", d.Strengths, func(path string, s Strength) *yaml.Node { return s.node(w.object(path)) })
	list(root, "conditional_access", d.ConditionalAccess, func(path string, c ConditionalAccess) *yaml.Node { return c.node(w.object(path)) })
	var out bytes.Buffer
	out.WriteString(head)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root.node); err != nil {
		return nil, err
	}
	return out.Bytes(), enc.Close()
}

// orEmpty writes a mapping without fields on one line.
func orEmpty(node *yaml.Node) *yaml.Node {
	if len(node.Content) == 0 {
		node.Style = yaml.FlowStyle
	}
	return node
}

func (p *Passkeys) write(o object) {
	o.choice("state", "off", "on", p.State)
	o.boolean("self_service", p.SelfService)
	o.child("targets", func(o object) {
		list(o, "include", p.Include, func(path string, t Target) *yaml.Node { return t.node(o.w.object(path)) })
		list(o, "exclude", p.Exclude, func(path string, t Target) *yaml.Node { return t.node(o.w.object(path)) })
	})
	o.boolean("enforce_attestation", p.EnforceAttestation)
	p.Restrictions.write(o)
	list(o, "profiles", p.Profiles, func(path string, p Profile) *yaml.Node { return p.node(o.w.object(path)) })
}

func (t Target) node(o object) *yaml.Node {
	if t.User == "" && t.RegistrationRequired == nil && t.Profiles == nil {
		return text(t.Group)
	}
	o.text("group", t.Group)
	o.text("user", t.User)
	o.choice("registration", "optional", "required", t.RegistrationRequired)
	o.texts("profiles", t.Profiles)
	return o.node
}

func (k *Restrictions) write(o object) {
	if k == nil {
		return
	}
	r := o.w.object(under(o.path, "restrictions"))
	r.boolean("enforce", k.Enforce)
	r.choice("type", "allow", "block", k.Block)
	r.texts("models", k.Models)
	o.set("restrictions", orEmpty(r.node))
}

func (p Profile) node(o object) *yaml.Node {
	o.text("name", p.Name)
	o.text("id", p.ID)
	o.truth("absent", p.Absent)
	o.boolean("default", p.Default)
	o.texts("types", p.Types)
	o.boolean("enforce_attestation", p.EnforceAttestation)
	p.Restrictions.write(o)
	return o.node
}

func (s Strength) node(o object) *yaml.Node {
	o.text("name", s.Name)
	o.text("id", s.ID)
	o.truth("absent", s.Absent)
	o.optional("description", s.Description)
	o.texts("combinations", s.Combinations)
	o.texts("models", s.Models)
	return o.node
}

func (c ConditionalAccess) node(o object) *yaml.Node {
	o.text("name", c.Name)
	o.text("id", c.ID)
	o.truth("absent", c.Absent)
	o.text("state", StateWord(c.State))
	o.truth("skip_report_only", c.SkipReportOnly)
	o.optional("strength", c.Strength)
	o.texts("controls", c.Controls)
	o.choice("require", "one", "all", c.RequireAll)
	o.child("users", func(o object) {
		o.child("include", c.Include.write)
		o.child("exclude", c.Exclude.write)
	})
	o.child("applications", func(o object) {
		o.texts("include", c.Applications.Include)
		o.texts("exclude", c.Applications.Exclude)
		o.texts("user_actions", c.Applications.UserActions)
	})
	return o.node
}

func (p People) write(o object) {
	o.texts("users", p.Users)
	o.texts("groups", p.Groups)
	o.texts("roles", p.Roles)
}

// StateWord returns the word of a state; "" of one that no document can name.
func StateWord(state postern.ConditionalAccessState) string {
	for _, word := range slices.Sorted(maps.Keys(states)) {
		if states[word] == state {
			return word
		}
	}
	return ""
}

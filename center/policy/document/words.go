package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/postern/postern"
)

// targets reads a list of targets. Those of an exclusion are nothing but a group or user.
func (r *reader) targets(into *[]Target, include bool) field {
	return func(n *yaml.Node, path string) {
		all, seen := []Target{}, map[[2]string]bool{}
		if !r.list(n, path, "targets", func(n *yaml.Node, path string) {
			t := r.target(n, path, include)
			if t.Group == "" && t.User == "" {
				return
			}
			key := [2]string{strings.ToLower(t.Group), strings.ToLower(t.User)}
			if seen[key] {
				r.fault(n, path, "%q is listed twice", t.Group+t.User)
				return
			}
			seen[key] = true
			all = append(all, t)
		}) {
			return
		}
		*into = all
	}
}

func (r *reader) target(n *yaml.Node, path string, include bool) Target {
	var t Target
	group := r.named(&t.Group, ReferenceGroup, "a group, or "+AllUsers)
	if n.Kind != yaml.MappingNode {
		group(n, path)
		return t
	}
	fields := map[string]field{"group": group, "user": r.named(&t.User, ReferenceUser, "a user")}
	if include {
		fields["registration"] = r.choice(&t.RegistrationRequired, "optional", "required")
		fields["profiles"] = r.texts(&t.Profiles, "profiles", func(text string) (string, string) { return normal(text), "" })
	}
	faults := len(r.faults)
	if r.mapping(n, path, fields) && (t.Group == "") == (t.User == "") && len(r.faults) == faults {
		r.fault(n, path, "expected either a group or a user")
		return Target{}
	}
	return t
}

// named reads one reference.
func (r *reader) named(into *string, kind ReferenceKind, expected string) field {
	return func(n *yaml.Node, path string) {
		var text string
		if r.name(&text, expected)(n, path); text == "" {
			return
		}
		text, wrong := r.reference(kind)(text)
		if wrong != "" {
			r.fault(n, path, "%s", wrong)
			return
		}
		*into = text
	}
}

// reference puts a reference into its one form: words and ids in lower case.
func (r *reader) reference(kind ReferenceKind) func(string) (string, string) {
	return func(text string) (string, string) {
		if lower := strings.ToLower(text); special(kind, lower) {
			return lower, ""
		}
		text = normal(text)
		if id, ok := strings.CutPrefix(text, idPrefix); ok && !token.MatchString(id) {
			return "", fmt.Sprintf("expected an id after %q, found %q", idPrefix, id)
		}
		return text, ""
	}
}

// normal puts an id into lower case where it is a GUID, and its prefix in any case.
func normal(text string) string {
	if len(text) < len(idPrefix) || !strings.EqualFold(text[:len(idPrefix)], idPrefix) {
		return text
	}
	id := strings.TrimSpace(text[len(idPrefix):])
	if guid.MatchString(id) {
		id = strings.ToLower(id)
	}
	return idPrefix + id
}

// id reads the id of the thing itself, which stands without a prefix.
func (r *reader) id(into *string) field {
	return func(n *yaml.Node, path string) {
		text, ok := r.text(n, path, "an id")
		switch {
		case !ok:
		case !token.MatchString(text):
			r.fault(n, path, "expected an id, found %q", text)
		default:
			*into = strings.TrimPrefix(normal(idPrefix+text), idPrefix)
		}
	}
}

// model puts AAGUIDs into lower case. Whether there is a model or bundle of another text is for the list of models to say.
func model(text string) (string, string) {
	if guid.MatchString(text) {
		return strings.ToLower(text), ""
	}
	return text, ""
}

// Combination puts methods that are needed together into the order of their names, joined by commas. The second result says
// what is wrong with them.
func Combination(text string) (string, string) {
	modes := strings.Split(text, ",")
	for i, m := range modes {
		if modes[i] = strings.TrimSpace(m); !mode.MatchString(modes[i]) {
			return "", fmt.Sprintf("expected methods as Microsoft Graph names them, joined by commas, such as \"password,softwareOath\", found %q", text)
		}
	}
	slices.Sort(modes)
	return strings.Join(slices.Compact(modes), ","), ""
}

// userActions are how a document names what Graph names otherwise.
var userActions = map[string]string{
	"register security info":   postern.UserActionRegister,
	"register or join devices": "urn:user:registerdevice",
}

func userAction(text string) (string, string) {
	if _, ok := userActions[strings.ToLower(text)]; ok {
		return strings.ToLower(text), ""
	}
	for word, urn := range userActions {
		if text == urn {
			return word, ""
		}
	}
	if !strings.HasPrefix(text, "urn:") {
		return "", fmt.Sprintf("expected register security info or register or join devices, found %q", text)
	}
	return text, ""
}

// UserAction returns Graph's spelling of a user action.
func UserAction(word string) string {
	if urn, ok := userActions[word]; ok {
		return urn
	}
	return word
}

// Word returns Graph's spelling of a word such as all users; false if the text is a name or an id.
func Word(kind ReferenceKind, text string) (string, bool) {
	spelling, ok := words[kind][text]
	return spelling, ok
}

// WordFor is the reverse of [Word].
func WordFor(kind ReferenceKind, spelling string) (string, bool) {
	for word, s := range words[kind] {
		if s == spelling {
			return word, true
		}
	}
	return "", false
}

// UserActionWord is the reverse of [UserAction].
func UserActionWord(urn string) string {
	word, _ := userAction(urn)
	return cmp.Or(word, urn)
}

// unique refuses two profiles, strengths or Conditional Access policies that mean the same, and those that mean none.
func (r *reader) unique(d Document) {
	type thing struct{ list, name, id string }
	var all []thing
	if d.Passkeys != nil {
		defaults := 0
		for i, p := range d.Passkeys.Profiles {
			all = append(all, thing{fmt.Sprintf("passkeys.profiles[%d]", i), p.Name, p.ID})
			if p.Default != nil && *p.Default {
				if defaults++; defaults > 1 {
					path := fmt.Sprintf("passkeys.profiles[%d].default", i)
					r.add(Fault{Line: r.lines[path], Path: path, Text: "another profile is the default already; there is one"})
				}
			}
		}
	}
	for i, s := range d.Strengths {
		all = append(all, thing{fmt.Sprintf("strengths[%d]", i), s.Name, s.ID})
	}
	for i, c := range d.ConditionalAccess {
		all = append(all, thing{fmt.Sprintf("conditional_access[%d]", i), c.Name, c.ID})
	}
	seen := map[string]bool{}
	for _, t := range all {
		list, _, _ := strings.Cut(t.list, "[")
		if t.name == "" && t.id == "" {
			if !r.faulty(t.list) {
				r.add(Fault{Line: r.lines[t.list], Path: t.list + ".name", Text: "expected a name"})
			}
			continue
		}
		key := list + " id " + t.id
		if t.id == "" {
			key = list + " name " + strings.ToLower(t.name)
		}
		if seen[key] {
			r.add(Fault{Line: r.lines[t.list], Path: t.list, Text: fmt.Sprintf("%q is described twice", t.name+t.id)})
		}
		seen[key] = true
	}
}

// faulty reports whether something is wrong at or under a path, so that what follows from it need not be told.
func (r *reader) faulty(path string) bool {
	return slices.ContainsFunc(r.faults, func(f Fault) bool { return strings.HasPrefix(f.Path, path) })
}

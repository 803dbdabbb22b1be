package audit

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// The names of fields that tell what a setting was and what it is now.
const (
	BeforePrefix = "before."
	AfterPrefix  = "after."
)

// FieldGraphRequests holds the request ids that Microsoft Graph gave the calls of an act, oldest first, with spaces
// between them. [Log.Record] fills it in.
const FieldGraphRequests = "graph_requests"

// Withheld stands for a value that is kept out of the trail.
const Withheld = "[withheld]"

// housekeeping are members that change with every change and say nothing.
var housekeeping = []string{"version", "updated_at", "updated_by"}

// Changes returns the fields of an entry about changed settings: for every member whose value differs between before
// and after, in JSON, "before." and "after." with the member's name. Members of members are named with dots. A member
// that is absent has an empty value. Texts whose name says that they are secret are withheld; that they changed shows.
// Either may be nil for settings that did not exist, or no longer do. Values that JSON cannot express give no fields.
func Changes(before, after any) map[string]string {
	was, now := flat(before), flat(after)
	fields := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(merged(was, now))) {
		if was[name] == now[name] || slices.Contains(housekeeping, name) {
			continue
		}
		fields[BeforePrefix+name] = shown(name, was[name])
		fields[AfterPrefix+name] = shown(name, now[name])
	}
	if len(fields) == 0 {
		return nil
	}
	return fields
}

// With returns fields with more of them; what is in both is taken from more.
func With(fields, more map[string]string) map[string]string { return merged(fields, more) }

func merged(a, b map[string]string) map[string]string {
	out := make(map[string]string, len(a)+len(b))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// flat lists the leaves of v's JSON by their path.
func flat(v any) map[string]string {
	leaves := make(map[string]string)
	raw, err := json.Marshal(v)
	if err != nil {
		return leaves
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return leaves
	}
	walkLeaves("", tree, leaves)
	return leaves
}

func walkLeaves(path string, v any, leaves map[string]string) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for name, inner := range v {
			if path != "" {
				name = path + "." + name
			}
			walkLeaves(name, inner, leaves)
		}
	case string:
		leaves[path] = v
	case []any:
		if len(v) > 0 {
			leaves[path] = listText(v)
		}
	default:
		raw, _ := json.Marshal(v) // a number or a truth value
		leaves[path] = string(raw)
	}
}

// listText writes a list: texts with commas between them, anything else as JSON.
func listText(v []any) string {
	texts := make([]string, 0, len(v))
	for _, item := range v {
		text, ok := item.(string)
		if !ok {
			raw, _ := json.Marshal(v) // it was decoded from JSON
			return string(raw)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// secretNames are the parts of a name that mark a secret.
var secretNames = []string{"secret", "password", "passphrase", "private", "token", "signing"}

func shown(name, value string) string {
	if value == "" || value == "true" || value == "false" {
		return value
	}
	lower := strings.ToLower(name)
	leaf := lower[strings.LastIndexByte(lower, '.')+1:]
	if leaf == "pin" || leaf == "code" || leaf == "key" || slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(lower, part) }) {
		return Withheld
	}
	return value
}

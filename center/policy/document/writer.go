package document

import (
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// writer makes the nodes of a document. Comments are by field path; a comment of a mapping or list stands above its key,
// that of a value behind it.
type writer struct {
	comments map[string]string
}

// object is a mapping under construction. Fields that are not set do not appear.
type object struct {
	w    *writer
	path string
	node *yaml.Node
}

func (w *writer) object(path string) object {
	return object{w, path, &yaml.Node{Kind: yaml.MappingNode}}
}

func (o object) set(key string, value *yaml.Node) {
	name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}
	path := under(o.path, key)
	if value.Kind == yaml.ScalarNode {
		value.LineComment = o.w.comment(path)
	} else {
		name.HeadComment = o.w.comment(path)
	}
	o.node.Content = append(o.node.Content, name, value)
}

// child sets an object that has any field.
func (o object) child(key string, fill func(object)) {
	c := o.w.object(under(o.path, key))
	if fill(c); len(c.node.Content) > 0 {
		o.set(key, c.node)
	}
}

func (o object) text(key, value string) {
	if value != "" {
		o.set(key, text(value))
	}
}

func (o object) optional(key string, value *string) {
	if value != nil {
		o.set(key, text(*value))
	}
}

func (o object) boolean(key string, value *bool) {
	if value != nil {
		o.set(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(*value)})
	}
}

func (o object) truth(key string, value bool) {
	if value {
		o.boolean(key, &value)
	}
}

func (o object) choice(key, no, yes string, value *bool) {
	switch {
	case value == nil:
	case *value:
		o.text(key, yes)
	default:
		o.text(key, no)
	}
}

func (o object) texts(key string, values []string) {
	list(o, key, values, func(_ string, value string) *yaml.Node { return text(value) })
}

// list sets a list that was written, each element a node.
func list[T any](o object, key string, values []T, element func(path string, value T) *yaml.Node) {
	if values == nil {
		return
	}
	node := &yaml.Node{Kind: yaml.SequenceNode}
	if len(values) == 0 {
		node.Style = yaml.FlowStyle
	}
	for i, value := range values {
		path := under(o.path, key) + "[" + strconv.Itoa(i) + "]"
		item := element(path, value)
		if item.Kind == yaml.ScalarNode {
			item.LineComment = o.w.comment(path)
		} else {
			item.HeadComment = o.w.comment(path)
		}
		node.Content = append(node.Content, item)
	}
	o.set(key, node)
}

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// comment returns a comment in one line, whatever the name in it holds: a line break would end it.
func (w *writer) comment(path string) string {
	c := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, w.comments[path])
	if c = strings.Join(strings.Fields(c), " "); c == "" {
		return ""
	}
	return "# " + c
}

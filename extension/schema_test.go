package extension

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestSchema holds the schema to the form browsers take ("Manifest for storage areas", Chrome for Developers: JSON Schema
// with a type for every property, no required and no additionalProperties), and to what is read.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile("web/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type property struct {
		Title, Description, Type string
		Items                    *struct{ Type string }
		Enum                     []string
	}
	var schema struct {
		Type       string
		Properties map[string]property
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&schema); err != nil {
		t.Fatal(err)
	}
	if schema.Type != "object" {
		t.Errorf("the schema is of type %q", schema.Type)
	}
	policy := reflect.TypeFor[Policy]()
	for i := range policy.NumField() {
		name, _, _ := strings.Cut(policy.Field(i).Tag.Get("json"), ",")
		p, ok := schema.Properties[name]
		if !ok {
			t.Errorf("the schema does not have %q, so browsers leave it out", name)
			continue
		}
		delete(schema.Properties, name)
		kind := policy.Field(i).Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		want := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Slice: "array"}[kind.Kind()]
		if p.Type != want || p.Title == "" || p.Description == "" {
			t.Errorf("%q is %+v, and read as %s", name, p, kind)
		}
		if want == "array" && (p.Items == nil || p.Items.Type != "string") {
			t.Errorf("%q holds %+v", name, p.Items)
		}
		if name == "fallback" && !slices.Equal(p.Enum, []string{FallbackAsk, FallbackNever}) {
			t.Errorf("%q may be %q", name, p.Enum)
		}
	}
	for name := range schema.Properties {
		t.Errorf("the schema has %q, which nothing reads", name)
	}
}

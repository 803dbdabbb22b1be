package postern

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestCatalogueIsComplete reads the source, so that a code without a sentence cannot be forgotten.
func TestCatalogueIsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "catalogue.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		declared++
		entry, ok := catalogue[Code(value)]
		if !ok {
			t.Errorf("%s has no entry", spec.Names[0].Name)
			return true
		}
		for _, text := range []string{entry.Message, entry.Next} {
			if !strings.HasSuffix(text, ".") || !(text[0] == '"' || 'A' <= text[0] && text[0] <= 'Z') {
				t.Errorf("%s: %q is not a sentence", value, text)
			}
		}
		if entry.Status < 400 || entry.Status > 599 {
			t.Errorf("%s: status %d", value, entry.Status)
		}
		return true
	})
	if declared != len(catalogue) {
		t.Errorf("%d codes are declared, %d are in the catalogue", declared, len(catalogue))
	}
}

func TestAsErrorHidesForeignText(t *testing.T) {
	foreign := errors.New("pq: password authentication failed for user root")
	e := AsError(fmt.Errorf("store: %w", foreign))
	if e.Code != CodeInternal || strings.Contains(e.Message, "password") || strings.Contains(e.Next, "password") || !errors.Is(e, foreign) {
		t.Errorf("%+v", e)
	}
	own := FieldErrorf("user", "No.")
	if AsError(fmt.Errorf("deeper: %w", own)) != own {
		t.Error("an own error is not found in the tree")
	}
}

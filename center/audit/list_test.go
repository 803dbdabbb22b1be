package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// TestCodesListsEveryEvent reads the source, so that an event cannot be declared and left out of the list, and that no
// code or name is given twice.
func TestCodesListsEveryEvent(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || len(literal.Elts) != 3 {
			return true
		}
		code, err := strconv.Unquote(literal.Elts[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if declared[code] {
			t.Errorf("%s is declared twice", code)
		}
		declared[code] = true
		return true
	})
	names := make(map[string]bool)
	for _, c := range Codes() {
		if !declared[c.Code] {
			t.Errorf("%s is listed twice, or not declared", c.Code)
		}
		delete(declared, c.Code)
		if names[c.Name] {
			t.Errorf("the name %s is given twice", c.Name)
		}
		names[c.Name] = true
	}
	for code := range declared {
		t.Errorf("%s is not listed", code)
	}
}

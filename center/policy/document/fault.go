package document

import (
	"fmt"
	"strings"

	"github.com/postern/postern"
)

// maxFaults is how many faults one error lists.
const maxFaults = 10

// Fault is one thing that is wrong with a document.
type Fault struct {
	Code postern.Code // "" means postern.CodePolicyDocument
	Line int          // 0 if unknown
	Path string       // of the field, such as passkeys.restrictions.models[2]
	Text string       // what is wrong, in words, without a full stop
	Next string       // "" means the catalogue's
}

func (f Fault) String() string {
	where := f.Path
	if f.Line > 0 {
		where = strings.TrimSuffix(fmt.Sprintf("line %d, %s", f.Line, f.Path), ", ")
	}
	if where == "" {
		return f.Text
	}
	return where + ": " + f.Text
}

// Refuse returns the error that tells the faults, or nil if there are none. Its field is the path of the first one, its code
// the one that all have, or else postern.CodePolicyDocument.
func Refuse(faults []Fault) error {
	if len(faults) == 0 {
		return nil
	}
	first := faults[0]
	code := first.Code
	for _, f := range faults {
		if f.Code != code {
			code = postern.CodePolicyDocument
		}
	}
	if code == "" {
		code = postern.CodePolicyDocument
	}
	var e *postern.Error
	if len(faults) == 1 {
		e = postern.Errorf(code, "%s.", capital(first.String()))
	} else {
		lines := make([]string, 0, maxFaults+1)
		for _, f := range faults[:min(len(faults), maxFaults)] {
			lines = append(lines, f.String())
		}
		if more := len(faults) - maxFaults; more > 0 {
			lines = append(lines, fmt.Sprintf("and %d more", more))
		}
		e = postern.Errorf(code, "The policy document has %d faults: %s.", len(faults), strings.Join(lines, "; "))
	}
	if first.Next != "" && (len(faults) == 1 || first.Code == code) {
		e = e.WithNext(first.Next)
	}
	return e.OnField(first.Path)
}

func capital(s string) string {
	if strings.HasPrefix(s, "line ") {
		return "L" + s[1:]
	}
	return s
}

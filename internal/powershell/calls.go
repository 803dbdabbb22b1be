package powershell

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

var keywords = []string{"if", "else", "elseif", "foreach", "while", "function", "param", "return", "throw", "try", "catch", "in"}

// call is a call of a cmdlet or function.
type call struct {
	name       string
	parameters []string
	line       int
}

// level is what stands between two brackets.
type level struct {
	call  int  // the call that parameters belong to; -1 where there is none
	table bool // a hash table: what a line begins with is a key
}

// reader finds the calls of a script.
type reader struct {
	calls     []call
	functions map[string][]string // parameters by name in lower case
	levels    []level
	begins    bool // a statement, or a pipeline in it, begins here
	value     bool // of a key: a pipeline, in a hash table too
}

func (r *reader) top() *level { return &r.levels[len(r.levels)-1] }

// read finds the calls: a word where a statement, or a pipeline in it, begins. Parameters are those up to where the pipeline
// ends, on the same level.
func read(tokens []token) *reader {
	r := &reader{functions: make(map[string][]string), levels: []level{{call: -1}}, begins: true}
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.kind == aWord && r.begins && strings.EqualFold(t.text, "function") && i+1 < len(tokens) {
			i++
			r.functions[strings.ToLower(tokens[i].text)] = parametersOf(tokens[i+1:])
			r.begins = false
			continue
		}
		r.take(t)
	}
	return r
}

func (r *reader) take(t token) {
	begins, value := r.begins, r.value
	r.begins, r.value = false, false
	switch t.kind {
	case anEnd:
		r.begins, r.top().call = true, -1
	case aPipe:
		r.begins, r.value, r.top().call = true, true, -1
	case anOpening:
		r.levels = append(r.levels, level{call: -1, table: t.text == "@{"})
		r.begins = t.text != "["
	case aClosing:
		if len(r.levels) > 1 {
			r.levels = r.levels[:len(r.levels)-1]
		}
	case aWord:
		name := strings.ToLower(t.text)
		switch {
		case slices.Contains(keywords, name):
			r.begins = name == "return" || name == "else" || name == "try" || name == "throw"
		case begins && (value || !r.top().table):
			r.calls = append(r.calls, call{name: t.text, line: t.line})
			r.top().call = len(r.calls) - 1
		}
	case anOperator:
		r.begins, r.value = t.text == "=", t.text == "="
	case aParameter:
		if r.top().call < 0 {
			r.calls = append(r.calls, call{name: "-" + t.text, line: t.line}) // a parameter of nothing
			break
		}
		c := &r.calls[r.top().call]
		c.parameters = append(c.parameters, t.text)
	}
}

// parametersOf reads the parameters of a function: in brackets behind its name, or in the param block that it begins with.
func parametersOf(tokens []token) (names []string) {
	depth := 0
	if len(tokens) > 0 && tokens[0].text == "(" {
		depth = 1
	}
	for i, t := range tokens {
		switch {
		case t.kind == aWord && t.text == "param" && depth == 0:
			depth = 1
		case depth == 0 && i > 3:
			return names
		case depth > 0 && t.kind == anOpening && t.text == "(":
			depth++
		case depth > 0 && t.kind == aClosing && t.text == ")":
			if depth--; depth == 1 {
				return names
			}
		case depth == 2 && t.kind == aVariable:
			names = append(names, t.text[1:])
		}
	}
	return names
}

// Documented reads a list of cmdlets: a line for each, with its name, the parameters that scripts may use, and where both
// are documented, with tabs between. A line that is none of that is a remark.
func Documented(list []byte) map[string][]string {
	out := make(map[string][]string)
	for line := range bytes.Lines(list) {
		if fields := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t"); len(fields) == 3 {
			out[fields[0]] = strings.Fields(fields[1])
		}
	}
	return out
}

// Check says what is wrong with a script: what PowerShell could not read, and commands and parameters that are neither
// known nor the script's own. Used are the known commands that it calls.
func Check(script string, known map[string][]string) (problems []string, used map[string]bool) {
	tokens, err := lex(script)
	if err != nil {
		return []string{err.Error()}, nil
	}
	used = make(map[string]bool)
	r := read(tokens)
	for _, c := range r.calls {
		parameters, ok := known[c.name]
		if ok {
			used[c.name] = true
		} else {
			parameters, ok = r.functions[strings.ToLower(c.name)]
		}
		if !ok {
			problems = append(problems, fmt.Sprintf("line %d: no command %q", c.line, c.name))
			continue
		}
		for _, p := range c.parameters {
			if !slices.Contains(parameters, p) {
				problems = append(problems, fmt.Sprintf("line %d: %s has no parameter %s", c.line, c.name, p))
			}
		}
	}
	return problems, used
}

// Unused are the known commands that no script used.
func Unused(known map[string][]string, used ...map[string]bool) (names []string) {
	for name := range known {
		if !slices.ContainsFunc(used, func(u map[string]bool) bool { return u[name] }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

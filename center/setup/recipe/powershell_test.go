package recipe_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
)

// The kinds of tokens of a script, after the lexical grammar of the PowerShell language specification (§2).
type psKind int

const (
	psWord      psKind = iota // a command, an argument, a keyword, a member
	psParameter               // -Name
	psVariable
	psString
	psNumber
	psOperator
	psOpen  // ( { [ and their forms with @ or $
	psClose // ) } ]
	psEnd   // of a statement: a new line or ;
	psPipe
)

type psToken struct {
	kind psKind
	text string
	line int
	// spaced says that white space stands before it.
	spaced bool
}

// psLexer cuts a script into tokens. It knows what scripts of this package may use, and refuses the rest.
type psLexer struct {
	text   []rune
	at     int
	line   int
	tokens []psToken
	open   []rune
}

const (
	psSingle = "'\u2018\u2019\u201a\u201b"
	psDouble = "\"\u201c\u201d\u201e"
)

func lexPowerShell(text string) ([]psToken, error) {
	l := &psLexer{text: []rune(text), line: 1}
	for l.at < len(l.text) {
		if err := l.next(); err != nil {
			return l.tokens, fmt.Errorf("line %d: %w", l.line, err)
		}
	}
	if len(l.open) > 0 {
		return l.tokens, fmt.Errorf("%q is not closed", string(l.open))
	}
	l.add(psEnd, "", false)
	return l.tokens, nil
}

func (l *psLexer) peek(n int) rune {
	if l.at+n < len(l.text) {
		return l.text[l.at+n]
	}
	return 0
}

func (l *psLexer) has(s string) bool {
	return strings.HasPrefix(string(l.text[l.at:min(len(l.text), l.at+len(s))]), s)
}

func (l *psLexer) add(k psKind, text string, spaced bool) {
	l.tokens = append(l.tokens, psToken{k, text, l.line, spaced})
}

var closes = map[rune]rune{'(': ')', '{': '}', '[': ']'}

func (l *psLexer) next() error {
	spaced := l.at == 0 || unicode.IsSpace(l.text[l.at-1])
	c := l.peek(0)
	switch {
	case c == '\n' || c == ';':
		l.at++
		// Within ( and [ a new line ends nothing.
		if c == ';' || len(l.open) == 0 || l.open[len(l.open)-1] != '[' {
			l.add(psEnd, string(c), spaced)
		}
		if c == '\n' {
			l.line++
		}
		return nil
	case unicode.IsSpace(c):
		l.at++
		return nil
	case l.has("<#"):
		end := strings.Index(string(l.text[l.at:]), "#>")
		if end < 0 {
			return fmt.Errorf("a comment is not closed")
		}
		comment := []rune(string(l.text[l.at:])[:end+2])
		l.line += strings.Count(string(comment), "\n")
		l.at += len(comment)
		return nil
	case c == '#':
		for l.peek(0) != '\n' && l.at < len(l.text) {
			l.at++
		}
		return nil
	case c == '@' && strings.ContainsRune(psSingle+psDouble, l.peek(1)):
		return l.hereString(spaced)
	case strings.ContainsRune(psSingle, c):
		return l.single(spaced)
	case strings.ContainsRune(psDouble, c):
		return l.double(spaced)
	case (c == '@' || c == '$') && (l.peek(1) == '(' || l.peek(1) == '{') && !(c == '$' && l.peek(1) == '{'):
		l.open = append(l.open, l.peek(1))
		l.add(psOpen, string(l.text[l.at:l.at+2]), spaced)
		l.at += 2
		return nil
	case closes[c] != 0:
		l.open = append(l.open, c)
		l.add(psOpen, string(c), spaced)
		l.at++
		return nil
	case c == ')' || c == '}' || c == ']':
		if len(l.open) == 0 || closes[l.open[len(l.open)-1]] != c {
			return fmt.Errorf("%q closes nothing", string(c))
		}
		l.open = l.open[:len(l.open)-1]
		l.add(psClose, string(c), spaced)
		l.at++
		return nil
	case c == '$' || c == '@':
		return l.variable(spaced)
	case c == '|':
		l.at++
		l.add(psPipe, "|", spaced)
		return nil
	case c == '-' && spaced && unicode.IsLetter(l.peek(1)):
		return l.dash(spaced)
	case unicode.IsDigit(c):
		text := l.run(func(r rune) bool { return unicode.IsDigit(r) || r == '.' })
		l.add(psNumber, text, spaced)
		return nil
	case unicode.IsLetter(c) || c == '_' || c == '.' && spaced:
		l.add(psWord, l.run(func(r rune) bool {
			return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == '.'
		}), spaced)
		return nil
	case strings.ContainsRune("=,.:&+-*/!<>", c):
		l.at++
		l.add(psOperator, string(c), spaced)
		return nil
	}
	return fmt.Errorf("%q has no business here", string(c))
}

func (l *psLexer) run(in func(rune) bool) string {
	from := l.at
	for l.at < len(l.text) && in(l.text[l.at]) {
		l.at++
	}
	return string(l.text[from:l.at])
}

var psOperators = []string{"eq", "ne", "ge", "gt", "le", "lt", "is", "not", "and", "or", "ceq", "ccontains", "cnotcontains", "join", "split", "match", "replace"}

// dash is an operator or a parameter, by its name.
func (l *psLexer) dash(spaced bool) error {
	l.at++
	name := l.run(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	if slices.Contains(psOperators, strings.ToLower(name)) {
		l.add(psOperator, "-"+name, spaced)
	} else {
		l.add(psParameter, name, spaced)
	}
	return nil
}

func (l *psLexer) variable(spaced bool) error {
	from := l.at
	l.at++
	if l.peek(0) == '_' {
		l.at++
	} else if l.run(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == ':' }) == "" {
		return fmt.Errorf("a variable without a name")
	}
	l.add(psVariable, string(l.text[from:l.at]), spaced)
	return nil
}

// single is a verbatim string: a quotation mark in it is doubled.
func (l *psLexer) single(spaced bool) error {
	from := l.at
	for l.at++; l.at < len(l.text); l.at++ {
		if l.text[l.at] == '\n' {
			return fmt.Errorf("a string runs over its line")
		}
		if !strings.ContainsRune(psSingle, l.text[l.at]) {
			continue
		}
		if strings.ContainsRune(psSingle, l.peek(1)) && l.at+1 < len(l.text) {
			l.at++
			continue
		}
		l.at++
		l.add(psString, string(l.text[from:l.at]), spaced)
		return nil
	}
	return fmt.Errorf("a string is not closed")
}

// double is an expandable string; expressions in it are cut into tokens too.
func (l *psLexer) double(spaced bool) error {
	from := l.at
	for l.at++; l.at < len(l.text); {
		switch c := l.text[l.at]; {
		case c == '\n':
			return fmt.Errorf("a string runs over its line")
		case c == '`':
			l.at += 2
		case c == '$' && l.peek(1) == '(':
			depth := len(l.open)
			l.open = append(l.open, '(')
			l.add(psOpen, "$(", true)
			for l.at += 2; len(l.open) > depth; {
				if l.at >= len(l.text) {
					return fmt.Errorf("an expression in a string is not closed")
				}
				if err := l.next(); err != nil {
					return err
				}
			}
		case c == '$' && (unicode.IsLetter(l.peek(1)) || l.peek(1) == '_'):
			l.at++
			l.run(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' })
		case c == '$':
			return fmt.Errorf("a dollar sign in a string is not escaped")
		case strings.ContainsRune(psDouble, c):
			l.at++
			l.add(psString, string(l.text[from:l.at]), spaced)
			return nil
		default:
			l.at++
		}
	}
	return fmt.Errorf("a string is not closed")
}

// hereString begins after @' or @" at the end of a line and ends with '@ or "@ at the beginning of one.
func (l *psLexer) hereString(spaced bool) error {
	quote := l.peek(1)
	if l.peek(2) != '\n' {
		return fmt.Errorf("text after the beginning of a here-string")
	}
	rest := string(l.text[l.at+2:])
	end := strings.Index(rest, "\n"+string(quote)+"@")
	if end < 0 {
		return fmt.Errorf("a here-string is not closed")
	}
	l.add(psString, rest[:end], spaced)
	l.line += strings.Count(rest[:end], "\n") + 1
	l.at += 2 + len([]rune(rest[:end])) + 3
	return nil
}

var psKeywords = []string{"if", "else", "elseif", "foreach", "while", "function", "param", "return", "throw", "try", "catch", "in"}

// command is a call of a cmdlet or function.
type command struct {
	name       string
	parameters []string
	line       int
}

// commands finds the calls: a word where a statement, or a pipeline in it, begins. Parameters are those up to where the
// pipeline ends, on the same level.
func commands(tokens []psToken) (calls []command, functions map[string][]string) {
	functions = make(map[string][]string)
	begin := true
	var stack []*command // the call of each level that is open; nil where none is
	stack = append(stack, nil)
	hash := []bool{false}
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		top := len(stack) - 1
		switch t.kind {
		case psEnd, psPipe:
			begin, stack[top] = true, nil
		case psOpen:
			// A key of a hash table is no command.
			stack, hash = append(stack, nil), append(hash, t.text == "@{")
			begin = t.text != "["
			continue
		case psClose:
			if len(stack) > 1 {
				stack, hash = stack[:top], hash[:top]
			}
			begin = false
		case psWord:
			word := strings.ToLower(t.text)
			switch {
			case begin && word == "function":
				name := tokens[i+1].text
				functions[strings.ToLower(name)] = parametersOf(tokens[i+2:])
				i++
				begin = false
			case slices.Contains(psKeywords, word):
				begin = word == "return" || word == "else" || word == "try" || word == "throw"
			case begin && !hash[top]:
				calls = append(calls, command{name: t.text, line: t.line})
				stack[top] = &calls[len(calls)-1]
				begin = false
			}
		case psOperator:
			begin = t.text == "="
		case psParameter:
			if stack[top] != nil {
				for n := range calls {
					if calls[n].line == stack[top].line && calls[n].name == stack[top].name {
						calls[n].parameters = append(calls[n].parameters, t.text)
						break
					}
				}
			} else {
				calls = append(calls, command{name: "-" + t.text, line: t.line}) // a parameter of nothing
			}
		default:
			begin = false
		}
	}
	return calls, functions
}

// parametersOf reads the param block that a function begins with.
func parametersOf(tokens []psToken) (names []string) {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.kind == psWord && t.text == "param" && depth == 0:
			depth = 1
		case depth == 0 && i > 3:
			return names
		case depth > 0 && t.kind == psOpen && t.text == "(":
			depth++
		case depth > 0 && t.kind == psClose && t.text == ")":
			if depth--; depth == 1 {
				return names
			}
		case depth == 2 && t.kind == psVariable:
			names = append(names, t.text[1:])
		}
	}
	return names
}

// documented are the cmdlets and parameters of Microsoft's documentation.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/cmdlets.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]string)
	for line := range strings.Lines(string(b)) {
		if fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(fields) == 3 {
			out[fields[0]] = strings.Fields(fields[1])
		}
	}
	return out
}

// check says what is wrong with a script.
func checkPowerShell(script string, known map[string][]string) (problems []string, used map[string]bool) {
	tokens, err := lexPowerShell(script)
	if err != nil {
		return []string{err.Error()}, nil
	}
	used = make(map[string]bool)
	calls, functions := commands(tokens)
	for _, c := range calls {
		parameters, ok := known[c.name]
		if !ok {
			parameters, ok = functions[strings.ToLower(c.name)]
		}
		if !ok {
			problems = append(problems, fmt.Sprintf("line %d: no command %q", c.line, c.name))
			continue
		}
		used[c.name] = true
		for _, p := range c.parameters {
			if !slices.Contains(parameters, p) {
				problems = append(problems, fmt.Sprintf("line %d: %s has no parameter %s", c.line, c.name, p))
			}
		}
	}
	return problems, used
}

// Every script is one that PowerShell can read, and calls nothing that is not documented.
func TestPowerShell(t *testing.T) {
	known := documented(t)
	all := make(map[string]bool)
	for name, in := range inputs() {
		in.WindowsGroup = map[postern.SetupWindows]string{postern.SetupWindowsCatalog: "The ‘pilot’ devices"}[in.Windows]
		if in.RegistrationName != "" {
			in.RegistrationName = "Contoso’s \"$gate\" `'\u201e"
		}
		in, err := recipe.Complete(in)
		if err != nil {
			t.Fatal(err)
		}
		w := recipe.Want{Setup: "sup_test1", Input: in, Certificate: certificate(t), Now: now}
		half := recipe.Seen{
			TenantID: "5d0b4e30-0d5c-4f6e-8a55-1f2b6a6bd1a0", InitialDomain: "contoso.onmicrosoft.com",
			Graph:            recipe.Graph{ID: "graph", Roles: map[string]string{}, Scopes: map[string]string{}},
			Application:      &recipe.Application{ID: "object", ClientID: "client", Name: "Postern", Passwords: []recipe.Password{{ID: "lost", Name: "Postern sup_test1"}}},
			ServicePrincipal: "principal", Grant: &recipe.DelegatedGrant{ID: "grant", Scope: "User.Read"},
		}
		for _, g := range postern.Grants(in.PermissionSet) {
			half.Graph.Roles[g.Name], half.Graph.Scopes[g.Name] = "role", "scope"
		}
		for from, seen := range map[string]recipe.Seen{"draft": {}, "half": half} {
			script := recipe.PowerShell(w, recipe.Steps(w, seen))
			problems, used := checkPowerShell(script, known)
			if len(problems) > 0 {
				t.Errorf("%s, %s: %s\n%s", name, from, strings.Join(problems, "\n"), script)
			}
			for c := range used {
				all[c] = true
			}
			if strings.Contains(script, "client_secret}") || !strings.Contains(script, "postern entra setup --finish sup_test1") {
				t.Errorf("%s, %s:\n%s", name, from, script)
			}
		}
	}
	for c := range known {
		if !all[c] {
			t.Errorf("%s is documented and nothing calls it: the list is too long, or the calls are not found", c)
		}
	}
}

// What PowerShell would not read, and what is not documented, is found.
func TestPowerShellCheckFinds(t *testing.T) {
	known := documented(t)
	for _, good := range []string{
		"Write-Host 'it''s'", "$a = @'\nfree ' text\n'@\nWrite-Host $a", "if ($a -eq 1) { Write-Host \"$($a.b) `$5\" }", "<# a { comment #> Write-Host 'x' # }",
		"function Do-It { param([string] $Name) Write-Host $Name }\nDo-It -Name 'x'", "$x = @{ 'Key' = Get-Date; b = 2 }\nConnect-MgGraph @x", "Write-Host 'a’’b'",
	} {
		if problems, _ := checkPowerShell(good, known); len(problems) > 0 {
			t.Errorf("%q: %v", good, problems)
		}
	}
	for _, bad := range []string{
		"Write-Host 'open", "Write-Host 'it's'", "Write-Host \"open", "if ($a) { Write-Host 'x'", "Write-Host 'x' }", "$a = @('x'", "($a]", "Write-Host \"$ \"", "<# open",
		"$a = @'\nopen", "$a = @' x\n'@", "New-MgNothing -BodyParameter $b", "New-MgUser -Body $b", "$x = Get-Nothing", "foreach ($a in $b) { Remove-Everything }",
		"Invoke-MgGraphRequest -Methode GET", "function Do-It { param([string] $Name) Write-Host $Name }\nDo-It -Nam 'x'", "$y = (Frobnicate 'x')", "Write-Host 'a’b'", "~", "Write-Host \"$(Frob)\"",
	} {
		if problems, _ := checkPowerShell(bad, known); len(problems) == 0 {
			t.Errorf("%q passes", bad)
		}
	}
}

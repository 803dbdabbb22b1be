package powershell

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The kinds of tokens of a script, after the lexical grammar of the PowerShell language specification (§2).
type kind int

const (
	aWord      kind = iota // a command, an argument, a keyword, a member
	aParameter             // -Name
	aVariable
	aString
	aNumber
	anOperator
	anOpening // ( { [ and their forms with @ or $
	aClosing  // ) } ]
	anEnd     // of a statement: a new line or ;
	aPipe
)

type token struct {
	kind kind
	text string
	line int
	// spaced says that white space stands before it.
	spaced bool
}

// lexer cuts a script into tokens. It knows what scripts of this house may use, and refuses the rest.
type lexer struct {
	text   []rune
	at     int
	line   int
	tokens []token
	open   []rune
}

const (
	singleQuotes = "'\u2018\u2019\u201a\u201b"
	doubleQuotes = "\"\u201c\u201d\u201e"
)

func lex(text string) ([]token, error) {
	l := &lexer{text: []rune(text), line: 1}
	for l.at < len(l.text) {
		if err := l.next(); err != nil {
			return l.tokens, fmt.Errorf("line %d: %w", l.line, err)
		}
	}
	if len(l.open) > 0 {
		return l.tokens, fmt.Errorf("%q is not closed", string(l.open))
	}
	l.add(anEnd, "", false)
	return l.tokens, nil
}

func (l *lexer) peek(n int) rune {
	if l.at+n < len(l.text) {
		return l.text[l.at+n]
	}
	return 0
}

func (l *lexer) has(s string) bool {
	return strings.HasPrefix(string(l.text[l.at:min(len(l.text), l.at+len(s))]), s)
}

func (l *lexer) add(k kind, text string, spaced bool) {
	l.tokens = append(l.tokens, token{k, text, l.line, spaced})
}

var closes = map[rune]rune{'(': ')', '{': '}', '[': ']'}

func (l *lexer) next() error {
	spaced := l.at == 0 || unicode.IsSpace(l.text[l.at-1])
	c := l.peek(0)
	switch {
	case c == '\n' || c == ';':
		l.at++
		// Within ( and [ a new line ends nothing.
		if c == ';' || len(l.open) == 0 || l.open[len(l.open)-1] != '[' {
			l.add(anEnd, string(c), spaced)
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
	case c == '@' && strings.ContainsRune(singleQuotes+doubleQuotes, l.peek(1)):
		return l.hereString(spaced)
	case strings.ContainsRune(singleQuotes, c):
		return l.single(spaced)
	case strings.ContainsRune(doubleQuotes, c):
		return l.double(spaced)
	case (c == '@' || c == '$') && (l.peek(1) == '(' || l.peek(1) == '{') && !(c == '$' && l.peek(1) == '{'):
		l.open = append(l.open, l.peek(1))
		l.add(anOpening, string(l.text[l.at:l.at+2]), spaced)
		l.at += 2
		return nil
	case closes[c] != 0:
		l.open = append(l.open, c)
		l.add(anOpening, string(c), spaced)
		l.at++
		return nil
	case c == ')' || c == '}' || c == ']':
		if len(l.open) == 0 || closes[l.open[len(l.open)-1]] != c {
			return fmt.Errorf("%q closes nothing", string(c))
		}
		l.open = l.open[:len(l.open)-1]
		l.add(aClosing, string(c), spaced)
		l.at++
		return nil
	case c == '$' || c == '@':
		return l.variable(spaced)
	case c == '|':
		l.at++
		l.add(aPipe, "|", spaced)
		return nil
	case c == '-' && spaced && unicode.IsLetter(l.peek(1)):
		return l.dash(spaced)
	case unicode.IsDigit(c):
		text := l.run(func(r rune) bool { return unicode.IsDigit(r) || r == '.' })
		l.add(aNumber, text, spaced)
		return nil
	case unicode.IsLetter(c) || c == '_' || c == '.' && spaced:
		l.add(aWord, l.run(func(r rune) bool {
			return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == '.'
		}), spaced)
		return nil
	case strings.ContainsRune("=,.:&+-*/!<>", c):
		l.at++
		l.add(anOperator, string(c), spaced)
		return nil
	}
	return fmt.Errorf("%q has no business here", string(c))
}

func (l *lexer) run(in func(rune) bool) string {
	from := l.at
	for l.at < len(l.text) && in(l.text[l.at]) {
		l.at++
	}
	return string(l.text[from:l.at])
}

var operators = []string{"eq", "ne", "ge", "gt", "le", "lt", "is", "not", "and", "or", "ceq", "ccontains", "cnotcontains", "join", "split", "match", "replace", "contains", "like"}

// dash is an operator or a parameter, by its name.
func (l *lexer) dash(spaced bool) error {
	l.at++
	name := l.run(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	if slices.Contains(operators, strings.ToLower(name)) {
		l.add(anOperator, "-"+name, spaced)
	} else {
		l.add(aParameter, name, spaced)
	}
	return nil
}

func (l *lexer) variable(spaced bool) error {
	from := l.at
	l.at++
	if l.peek(0) == '_' {
		l.at++
	} else if l.run(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == ':' }) == "" {
		return fmt.Errorf("a variable without a name")
	}
	l.add(aVariable, string(l.text[from:l.at]), spaced)
	return nil
}

// single is a verbatim string: a quotation mark in it is doubled.
func (l *lexer) single(spaced bool) error {
	from := l.at
	for l.at++; l.at < len(l.text); l.at++ {
		if l.text[l.at] == '\n' {
			return fmt.Errorf("a string runs over its line")
		}
		if !strings.ContainsRune(singleQuotes, l.text[l.at]) {
			continue
		}
		if strings.ContainsRune(singleQuotes, l.peek(1)) && l.at+1 < len(l.text) {
			l.at++
			continue
		}
		l.at++
		l.add(aString, string(l.text[from:l.at]), spaced)
		return nil
	}
	return fmt.Errorf("a string is not closed")
}

// double is an expandable string; expressions in it are cut into tokens too.
func (l *lexer) double(spaced bool) error {
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
			l.add(anOpening, "$(", true)
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
		case strings.ContainsRune(doubleQuotes, c):
			l.at++
			l.add(aString, string(l.text[from:l.at]), spaced)
			return nil
		default:
			l.at++
		}
	}
	return fmt.Errorf("a string is not closed")
}

// hereString begins after @' or @" at the end of a line and ends with '@ or "@ at the beginning of one.
func (l *lexer) hereString(spaced bool) error {
	quote := l.peek(1)
	if l.peek(2) != '\n' {
		return fmt.Errorf("text after the beginning of a here-string")
	}
	rest := string(l.text[l.at+2:])
	end := strings.Index(rest, "\n"+string(quote)+"@")
	if end < 0 {
		return fmt.Errorf("a here-string is not closed")
	}
	l.add(aString, rest[:end], spaced)
	l.line += strings.Count(rest[:end], "\n") + 1
	l.at += 2 + len([]rune(rest[:end])) + 3
	return nil
}

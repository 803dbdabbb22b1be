package entrasim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A filter is the tree of a $filter expression (OData 4.01 part 2, §5.1.1), as far as Graph's directory and reports know
// it:
//
//	or      = and *( "or" and )
//	and     = unary *( "and" unary )
//	unary   = [ "not" ] ( "(" or ")" / function / comparison )
//	function = ( "startswith" / "endswith" / "contains" ) "(" path "," literal ")"
//	         / path "/any(" name ":" or ")"
//	comparison = path ( "eq" / "ne" / "gt" / "ge" / "lt" / "le" ) literal / path "in" "(" literal *( "," literal ) ")"
type filter struct {
	op    string // "and", "or", "not", "eq" …, "in", "startswith" …, "any"
	left  *filter
	right *filter
	path  string // of the property, "/" between its parts
	name  string // of the variable of any
	value []literal
}

// literal is a constant of a filter: text holds its form without quotes, kind tells what it was written as.
type literal struct {
	text string
	kind literalKind
}

type literalKind int

const (
	textLiteral  literalKind = iota // 'quoted'
	plainLiteral                    // a GUID, number or date
	wordLiteral                     // true, false
	nullLiteral
)

const (
	maxFilter      = 8 << 10 // bytes
	maxFilterDepth = 20
	maxFilterTerms = 100
)

// parseFilter reads a $filter.
func parseFilter(text string) (*filter, error) {
	if len(text) > maxFilter {
		return nil, errors.New("Invalid filter clause: it is too long.")
	}
	p := &filterParser{text: text}
	p.next()
	f, err := p.or(0)
	if err == nil && p.token != "" {
		err = p.unexpected()
	}
	if err != nil {
		return nil, fmt.Errorf("Invalid filter clause: %w", err)
	}
	return f, nil
}

type filterParser struct {
	text   string
	at     int
	start  int
	token  string // current token; empty at the end
	quoted bool
	bad    error
	terms  int
}

// next reads a token: a quoted literal, one of ( ) , : or a word.
func (p *filterParser) next() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	p.start, p.token, p.quoted = p.at, "", false
	if p.at >= len(p.text) {
		return
	}
	switch c := p.text[p.at]; {
	case c == '\'':
		var b strings.Builder
		for i := p.at + 1; i < len(p.text); i++ {
			if p.text[i] != '\'' {
				b.WriteByte(p.text[i])
				continue
			}
			if i+1 < len(p.text) && p.text[i+1] == '\'' {
				b.WriteByte('\'')
				i++
				continue
			}
			p.at, p.token, p.quoted = i+1, b.String(), true
			return
		}
		p.bad = errors.New("there is an unterminated string literal")
		p.at = len(p.text)
	case strings.IndexByte("(),", c) >= 0:
		p.token = string(c)
		p.at++
	default:
		end := p.at
		for end < len(p.text) && strings.IndexByte(" (),'", p.text[end]) < 0 {
			end++
			if p.text[end-1] == ':' && !wordIsDate(p.text[p.at:end]) {
				break
			}
		}
		p.token = p.text[p.at:end]
		p.at = end
	}
}

// wordIsDate tells 2026-01-02T03:04:05Z from the variable of a lambda.
func wordIsDate(w string) bool { return len(w) > 0 && w[0] >= '0' && w[0] <= '9' }

func (p *filterParser) unexpected() error {
	if p.bad != nil {
		return p.bad
	}
	return fmt.Errorf("Syntax error at position %d in '%s'.", p.start, p.text)
}

func (p *filterParser) word(w string) bool { return !p.quoted && strings.EqualFold(p.token, w) }

func (p *filterParser) or(depth int) (*filter, error) {
	return p.chain(depth, "or", func() (*filter, error) {
		return p.chain(depth, "and", func() (*filter, error) { return p.unary(depth) })
	})
}

func (p *filterParser) chain(depth int, op string, operand func() (*filter, error)) (*filter, error) {
	if depth > maxFilterDepth {
		return nil, errors.New("The filter is nested too deeply.")
	}
	left, err := operand()
	for err == nil && p.word(op) {
		p.next()
		var right *filter
		if right, err = operand(); err == nil {
			left = &filter{op: op, left: left, right: right}
		}
	}
	return left, err
}

func (p *filterParser) unary(depth int) (*filter, error) {
	if p.terms++; p.terms > maxFilterTerms {
		return nil, errors.New("Too many child clauses specified in search filter expression.")
	}
	switch {
	case p.word("not"):
		p.next()
		if depth > maxFilterDepth {
			return nil, errors.New("The filter is nested too deeply.")
		}
		inner, err := p.unary(depth + 1)
		return &filter{op: "not", left: inner}, err
	case p.word("("):
		p.next()
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	}
	name := p.token
	if name == "" || p.quoted || strings.IndexByte("(),", name[0]) >= 0 {
		return nil, p.unexpected()
	}
	p.next()
	if p.word("(") {
		return p.function(name, depth)
	}
	return p.comparison(name)
}

func (p *filterParser) expect(token string) error {
	if !p.word(token) {
		return p.unexpected()
	}
	p.next()
	return nil
}

func (p *filterParser) function(name string, depth int) (*filter, error) {
	lower := strings.ToLower(name)
	// The suffix is cut off the name itself: lower-casing may change lengths outside ASCII.
	if n := len(name) - len("/any"); n > 0 && strings.EqualFold(name[n:], "/any") {
		path := name[:n]
		p.next()
		variable, ok := strings.CutSuffix(p.token, ":")
		if !ok || p.quoted || variable == "" {
			return nil, p.unexpected()
		}
		p.next()
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return &filter{op: "any", path: path, name: variable, left: inner}, p.expect(")")
	}
	if lower != "startswith" && lower != "endswith" && lower != "contains" {
		return nil, fmt.Errorf("An unknown function with name '%s' was found.", name)
	}
	p.next()
	path := p.token
	if path == "" || p.quoted {
		return nil, p.unexpected()
	}
	p.next()
	if err := p.expect(","); err != nil {
		return nil, err
	}
	v, err := p.literal()
	if err != nil {
		return nil, err
	}
	return &filter{op: lower, path: path, value: []literal{v}}, p.expect(")")
}

func (p *filterParser) comparison(path string) (*filter, error) {
	op := strings.ToLower(p.token)
	switch {
	case p.quoted:
		return nil, p.unexpected()
	case op == "in":
		p.next()
		if err := p.expect("("); err != nil {
			return nil, err
		}
		f := &filter{op: "in", path: path}
		for {
			v, err := p.literal()
			if err != nil {
				return nil, err
			}
			if f.value = append(f.value, v); len(f.value) > maxFilterTerms {
				return nil, errors.New("Too many values in the 'in' clause.")
			}
			if !p.word(",") {
				return f, p.expect(")")
			}
			p.next()
		}
	case op == "eq" || op == "ne" || op == "gt" || op == "ge" || op == "lt" || op == "le":
		p.next()
		v, err := p.literal()
		return &filter{op: op, path: path, value: []literal{v}}, err
	}
	return nil, p.unexpected()
}

func (p *filterParser) literal() (literal, error) {
	v := literal{text: p.token}
	switch {
	case p.bad != nil:
		return v, p.bad
	case p.quoted:
	case p.token == "" || strings.IndexByte("(),", p.token[0]) >= 0:
		return v, p.unexpected()
	case strings.EqualFold(p.token, "true") || strings.EqualFold(p.token, "false"):
		v.kind, v.text = wordLiteral, strings.ToLower(p.token)
	case p.token == "null":
		v.kind = nullLiteral
	default:
		v.kind = plainLiteral
	}
	p.next()
	return v, nil
}

// walk calls visit for every node.
func (f *filter) walk(visit func(*filter)) {
	if f == nil {
		return
	}
	visit(f)
	f.left.walk(visit)
	f.right.walk(visit)
}

// source yields the value of a property path: nil, string, bool, int, time.Time, a slice of strings or of objects.
type source func(path string) any

// match evaluates the filter. Strings compare without regard to case, as the directory does.
func (f *filter) match(get source) bool {
	switch f.op {
	case "and":
		return f.left.match(get) && f.right.match(get)
	case "or":
		return f.left.match(get) || f.right.match(get)
	case "not":
		return !f.left.match(get)
	case "any":
		return f.matchAny(get(f.path))
	case "startswith", "endswith", "contains":
		s, ok := get(f.path).(string)
		if !ok {
			return false
		}
		s, v := strings.ToLower(s), strings.ToLower(f.value[0].text)
		switch f.op {
		case "startswith":
			return strings.HasPrefix(s, v)
		case "endswith":
			return strings.HasSuffix(s, v)
		}
		return strings.Contains(s, v)
	case "in":
		v := get(f.path)
		for _, l := range f.value {
			if c, ok := compare(v, l); ok && c == 0 {
				return true
			}
		}
		return false
	}
	c, ok := compare(get(f.path), f.value[0])
	switch f.op {
	case "eq":
		return ok && c == 0
	case "ne":
		return !ok || c != 0
	case "gt":
		return ok && c > 0
	case "ge":
		return ok && c >= 0
	case "lt":
		return ok && c < 0
	}
	return ok && c <= 0
}

func (f *filter) matchAny(v any) bool {
	switch list := v.(type) {
	case []string:
		return slices.ContainsFunc(list, func(s string) bool { return f.matchItem(s) })
	case []object:
		return slices.ContainsFunc(list, func(o object) bool { return f.matchItem(o) })
	case []any:
		return slices.ContainsFunc(list, f.matchItem)
	}
	return false
}

// matchItem evaluates the inside of any() for one item, a value or an object.
func (f *filter) matchItem(v any) bool {
	return f.left.match(func(path string) any {
		if path == f.name {
			return v
		}
		o, _ := v.(object)
		if rest, ok := strings.CutPrefix(path, f.name+"/"); ok {
			return lookup(o, rest)
		}
		return nil
	})
}

// lookup finds a value in nested objects by a path.
func lookup(o object, path string) any {
	first, rest, more := strings.Cut(path, "/")
	for k, v := range o {
		if strings.EqualFold(k, first) {
			if !more {
				return v
			}
			if inner, ok := v.(object); ok {
				return lookup(inner, rest)
			}
		}
	}
	return nil
}

// compare orders a value against a literal; ok is false if they cannot be compared.
func compare(v any, l literal) (c int, ok bool) {
	if v == nil || l.kind == nullLiteral {
		return 0, v == nil && l.kind == nullLiteral
	}
	switch v := v.(type) {
	case string:
		if l.kind == wordLiteral {
			return 0, false
		}
		return strings.Compare(strings.ToLower(v), strings.ToLower(l.text)), true
	case bool:
		if l.kind != wordLiteral {
			return 0, false
		}
		if strconv.FormatBool(v) == l.text {
			return 0, true
		}
		return 1, true
	case int:
		n, err := strconv.Atoi(l.text)
		return v - n, err == nil
	case time.Time:
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if t, err := time.Parse(layout, l.text); err == nil {
				return v.Compare(t), true
			}
		}
	}
	return 0, false
}

package impact_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
)

// Cases of a run that nobody says otherwise of, of a full run, and what a full run must have seen of every rule.
const (
	someCases = "40"
	fullRun   = 500
	decisive  = 24 // sign-ins and registrations that the rule decided
)

// TestMain hands CASES and SEED on, and closes with what was tried.
func TestMain(m *testing.M) {
	flag.Parse()
	for _, s := range []struct{ env, name, otherwise string }{
		{"CASES", "rapid.checks", someCases}, {"SEED", "rapid.seed", "1"}, {"", "rapid.nofailfile", "true"},
	} {
		value := s.otherwise
		if v := os.Getenv(s.env); s.env != "" && v != "" {
			value = v
		}
		if err := flag.Set(s.name, value); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.env, err)
			os.Exit(2)
		}
	}
	code := m.Run()
	if total.cases > 0 {
		total.print()
		fmt.Printf("cases %d, predicted = refused in %d\n", total.cases, total.right)
	}
	os.Exit(code)
}

// counts are what was tried and what it showed.
type counts struct {
	signIns, refused, nowRefused, nowAllowed, possible int
	registrations, unregistered                        int
	rules                                              map[string]rule
}

// rule is how often a judge without it was wrong, and in how many cases that shows in what is predicted.
type rule struct{ wrong, found int }

func (n *counts) try(f *fact, sure bool) {
	for _, allowed := range []bool{f.was, f.is} {
		switch {
		case f.key >= 0 && allowed:
			n.signIns++
		case f.key >= 0:
			n.signIns++
			n.refused++
		case allowed:
			n.registrations++
		default:
			n.registrations++
			n.unregistered++
		}
	}
	switch {
	case f.key < 0:
	case !sure:
		n.possible++
	case f.was && !f.is:
		n.nowRefused++
	case !f.was && f.is:
		n.nowAllowed++
	}
}

func (n *counts) mistaken(name string, wrong int, found bool) {
	if n.rules == nil {
		n.rules = make(map[string]rule)
	}
	r := n.rules[name]
	r.wrong += wrong
	if found {
		r.found++
	}
	n.rules[name] = r
}

// tally counts over all cases of a run.
type tally struct {
	counts
	cases, right int
}

var total tally

func (t *tally) add(n counts) {
	t.right++
	t.signIns += n.signIns
	t.refused += n.refused
	t.nowRefused += n.nowRefused
	t.nowAllowed += n.nowAllowed
	t.possible += n.possible
	t.registrations += n.registrations
	t.unregistered += n.unregistered
	for name, r := range n.rules {
		t.mistaken(name, 0, false)
		sum := t.rules[name]
		t.rules[name] = rule{sum.wrong + r.wrong, sum.found + r.found}
	}
}

// cover holds a full run to have seen every rule decide, and every mistake found.
func (t *tally) cover(tt *testing.T) {
	for _, m := range mistakes {
		r := t.rules[m.name]
		if t.cases >= fullRun && r.wrong < decisive {
			tt.Errorf("the rule against %q decided %d times; %d is the least", m.name, r.wrong, decisive)
		}
		if t.cases >= fullRun && r.found == 0 {
			tt.Errorf("the mistake %q was not found", m.name)
		}
	}
}

func (t *tally) print() {
	names := make([]string, 0, len(mistakes))
	for _, m := range mistakes {
		names = append(names, m.name)
	}
	slices.SortStableFunc(names, func(a, b string) int { return t.rules[a].found - t.rules[b].found })
	fmt.Printf("%-48s %8s %6s\n", "a judge who thinks that", "is wrong", "cases")
	found := 0
	for _, name := range names {
		r := t.rules[name]
		fmt.Printf("%-48s %8d %6d\n", name, r.wrong, r.found)
		if r.found > 0 {
			found++
		}
	}
	fmt.Printf("mistakes %d, found %d\n", len(names), found)
	fmt.Printf("sign-ins tried %d, refused %d; allowed before the change and refused after %d, the reverse %d, possible %d\n",
		t.signIns, t.refused, t.nowRefused, t.nowAllowed, t.possible)
	fmt.Printf("registrations tried %d, refused %d\n", t.registrations, t.unregistered)
}

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/internal/cli"
)

// steps is a desk at which a phone comes, and waits to hear whether the digits are the same.
type steps struct {
	desk

	said chan bool
}

func (s *steps) Compared(_ context.Context, same bool) error {
	s.said <- same
	return nil
}

func (s *steps) Watch(ctx context.Context, see func(agent.View) bool) error {
	show := func(p agent.Pairing) bool { return see(agent.View{Pairing: &p}) }
	if !show(agent.Pairing{Step: agent.PairingOpen, Code: "K7QF-01AB-CDEF"}) || !show(agent.Pairing{Step: agent.PairingCompare, Name: "Pixel", Digits: "417"}) {
		return nil
	}
	select {
	case same := <-s.said:
		if same {
			show(agent.Pairing{Step: agent.PairingDone})
		} else {
			show(agent.Pairing{Step: agent.PairingFailed, Problem: &agent.Problem{Code: postern.CodeConflict, Message: "different"}})
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestCompare: nothing but a yes, or with --compare the phone's own digits, pairs a phone.
func TestCompare(t *testing.T) {
	for name, tc := range map[string]struct {
		compare bool
		in      string
		paired  bool
	}{
		"yes":                  {false, "y\n", true},
		"no":                   {false, "n\n", false},
		"nothing typed":        {false, "\n", false},
		"digits, not asked":    {false, "417\n", false},
		"nobody there":         {false, "", false},
		"the phone's digits":   {true, "417\n", true},
		"without a line's end": {true, "417", true},
		"other digits":         {true, "418\n", false},
		"yes is no digits":     {true, "y\n", false},
		"no digits":            {true, "", false},
	} {
		for _, asJSON := range []bool{false, true} {
			var out, errs bytes.Buffer
			std := cli.Streams{In: strings.NewReader(tc.in), Out: &out, Err: &errs}
			p := newPairing(std, asJSON, tc.compare, &steps{said: make(chan bool, 1)})
			err := p.follow(t.Context())
			if (err == nil) != tc.paired {
				t.Errorf("%s: %v", name, err)
			}
			if !strings.Contains(out.String(), "K7QF-01AB-CDEF") {
				t.Errorf("%s: the code is not shown: %q", name, out.String())
			}
			if tc.compare && strings.Contains(out.String()+errs.String(), "417") {
				t.Errorf("%s: the digits to compare with are given away: %q", name, out.String())
			}
		}
	}
}

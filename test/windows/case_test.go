package windows

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	computer "github.com/postern/postern/entrasim/windows"
)

// stage is where a case plays: a world, and computers that are made for it.
type stage struct {
	*testing.T
	w     *world
	print *strings.Builder
}

// pc is a computer of the case.
type pc struct {
	*stage
	state string
}

// computer makes one, joined as it is told.
func (s *stage) computer(args ...string) *pc {
	s.Helper()
	w := s.w
	state := filepath.Join(s.TempDir(), "computer")
	w.run(w.tenant.Administrator.Password+"\n", "entrasim-windows", append([]string{
		"join", "--state", state, "--authority", strings.TrimSuffix(w.tenant.Authority, "/"), "--ca", w.tenant.CAFile, "--tenant", w.tenant.Domain,
		"--user", w.tenant.Administrator.UPN, "--password-file", "-",
	}, args...)...)
	return &pc{s, state}
}

// does runs a command at the computer.
func (p *pc) does(command string) {
	p.Helper()
	p.w.run("", "entrasim-windows", command, "--state", p.state)
}

// want is how a sign-in is to end.
type want struct {
	mode computer.Mode // empty: refused
	step int           // at which it is refused
	code string
	says string // in the reason
}

func in(mode computer.Mode) want { return want{mode: mode} }

func refused(step int, code, says string) want { return want{step: step, code: code, says: says} }

// What whoever holds the phone types when it asks.
const (
	accepts = "\n"
	refuses = "n\n"
)

// signIn signs in at the computer with the key of a desk, prints the steps, and holds the end to what is wanted. hand is what
// is typed at the phone; empty where the phone is not to be asked.
func (p *pc) signIn(what string, d *desk, hand string, end want, args ...string) {
	p.Helper()
	if hand != "" {
		d.phone.says(hand)
	}
	p.signInWith(what, d.key, d.user, end, "", args...)
}

// signInWith signs in with the key at a place. pin goes to standard input.
func (p *pc) signInWith(what, key string, user person, end want, pin string, args ...string) computer.Result {
	p.Helper()
	out, said, _ := p.w.try(pin, "entrasim-windows", append([]string{"signin", "--json", "--state", p.state, "--key", key, "--wait", "2s"}, args...)...)
	var r computer.Result
	if err := json.Unmarshal(out, &r); err != nil {
		p.Fatalf("%s: %v\n%s%s", what, err, out, said)
	}
	fmt.Fprintf(p.print, "   %s\n", what)
	for _, step := range r.Steps {
		fmt.Fprintf(p.print, "     %s\n", step)
	}
	got := want{mode: r.Mode}
	if f := r.Refusal; f != nil {
		got.step, got.code, got.says = f.Step, f.Code, f.Reason
		fmt.Fprintf(p.print, "     Windows says: %s %s\n", f.Windows, strings.TrimSpace(f.Code+" "+f.Status))
	}
	if got.mode != end.mode || got.step != end.step || got.code != end.code || !strings.Contains(got.says, end.says) || r.SignedIn && r.User != user.UPN {
		p.Fatalf("%s: %+v, wanted %+v, as %s", what, got, end, user.UPN)
	}
	return r
}

// noNetwork cuts the computer off from Entra. The phone stays reachable, by a relay in the building.
const noNetwork = "--network=none"

// TestWindows plays every case and prints what happened.
func TestWindows(t *testing.T) {
	worlds := map[bool]*world{}
	expected := 0
	for _, c := range cases {
		w := worlds[c.codes]
		if w == nil {
			w = newWorld(t, c.codes)
			worlds[c.codes] = w
		}
		t.Run(c.name, func(t *testing.T) {
			s, done := &stage{t, w, new(strings.Builder)}, false
			defer func() {
				verdict := "NOT as expected"
				if done && !t.Failed() {
					verdict = "as expected"
					expected++
				}
				fmt.Printf("-- %s\n%s   %s\n", c.name, s.print, verdict)
			}()
			c.play(s)
			done = true
		})
	}
	fmt.Printf("cases %d, as expected %d\n", len(cases), expected)
}

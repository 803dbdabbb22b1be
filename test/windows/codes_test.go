package windows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/join"
	"github.com/postern/postern/agent/remote"
	computer "github.com/postern/postern/entrasim/windows"
)

// standing is how signing in offline stands at a desk, as postern-agent tells it.
func (d *desk) standing(out []byte) (o agent.Offline, there bool) {
	var all []agent.Offline
	if json.Unmarshal(out, &all) != nil || len(all) != 1 {
		return o, false
	}
	return all[0], true
}

// offline waits until it stands so.
func (d *desk) offline(what string, so func(agent.Offline) bool) agent.Offline {
	d.Helper()
	var last agent.Offline
	d.until(what, func(out []byte) bool {
		o, there := d.standing(out)
		last = o
		return there && so(o)
	}, "postern-agent", "--json", "offline", "status")
	return last
}

// issued waits until Entra has the offline passkey. The phone's user agrees.
func (d *desk) issued() {
	d.Helper()
	d.phone.says(accepts)
	d.offline("signing in offline is set up", func(o agent.Offline) bool { return o.Step == agent.OfflineReady && o.Why == nil })
}

// leaves takes the computer and the phone where there is no network: the agent starts there.
func (d *desk) leaves() {
	d.Helper()
	d.phone.stop()
	d.agent.stop()
	d.cable.pull()
	d.boot()
	d.offline("the offline key", func(o agent.Offline) bool { return o.Key == agent.KeyIn })
}

// returns is back.
func (d *desk) returns() {
	d.Helper()
	d.cable.plug()
	d.connected()
	d.answer()
}

// code has the phone show the next code. The phone is not to be answering then.
func (d *desk) code() string {
	d.Helper()
	return strings.TrimSpace(string(d.run("", "postern-phone", "offline", "code", d.name)))
}

// wrong is a code that is none.
func wrong(code string) string {
	digits := []byte(code)
	digits[0] = '0' + (digits[0]-'0'+5)%10
	return string(digits)
}

// types signs in by a code.
func (p *pc) types(what string, d *desk, code string, end want, args ...string) computer.Result {
	p.Helper()
	return p.signInWith(what, d.key, d.user, end, code+"\n", append([]string{"--pin-file", "-"}, args...)...)
}

// guess types a code that is not to sign in, and gives the key's answer.
func (p *pc) guess(d *desk, code string) string {
	p.Helper()
	out, said, _ := p.w.try(code+"\n", "entrasim-windows", "signin", "--json", "--state", p.state, "--key", d.key, "--pin-file", "-", "--wait", "5s", noNetwork)
	var r computer.Result
	if err := json.Unmarshal(out, &r); err != nil || r.Refusal == nil {
		p.Fatalf("a wrong code: %v\n%s%s", err, out, said)
	}
	if r.SignedIn {
		p.Fatal("a wrong code signs in")
	}
	return r.Refusal.Code
}

func offlinePIN(s *stage) {
	d := s.w.desk("lea")
	d.issued()
	known, other := s.computer(), s.computer()
	known.signIn("online, with the phone", d, accepts, in(computer.Online))
	d.phone.stop() // its file belongs to one program at a time
	once := d.code()
	d.run("", "postern-agent", "offline", "try")
	d.offline("the offline key is tried", func(o agent.Offline) bool { return o.Key == agent.KeyIn && o.TryUntil != nil })
	if r := known.types("online, with a code, once", d, once, in(computer.Online)); r.Model != postern.WorkstationAAGUID {
		s.Errorf("it is a key of model %s", r.Model)
	}
	d.offline("the offline key is proven and gone", func(o agent.Offline) bool { return o.Key == agent.KeyOut && o.Standing.ProvenAt != nil })
	d.answer()

	d.leaves()
	other.types("offline, at a computer that never saw the passkey", d, d.code(), refused(7, "", "the first sign-in needs Entra"), noNetwork)
	used := d.code()
	known.types("offline, with a code", d, used, in(computer.Cached), noNetwork)
	known.types("offline, with that code again", d, used, refused(5, "CTAP 31", "PIN is wrong"), noNetwork)
	var codes []string
	for left := 7; left > 0; {
		d.offline("the offline key is there again", func(o agent.Offline) bool { return o.Key == agent.KeyIn })
		code := known.guess(d, wrong(used))
		// A key that is about to be plugged in anew says so to everybody, and counts none of it.
		if now := d.offline("how many tries are left", func(agent.Offline) bool { return true }).Standing.TriesLeft; now < left {
			left = now
			codes = append(codes, code)
			fmt.Fprintf(s.print, "   a wrong code: %s, %d tries are left\n", code, left)
		}
	}
	if want := []string{"CTAP 31", "CTAP 34", "CTAP 31", "CTAP 31", "CTAP 34", "CTAP 31", "CTAP 32"}; !slices.Equal(codes, want) {
		s.Errorf("seven wrong codes more were answered by %v, wanted %v", codes, want)
	}
	if o := d.offline("the offline key is locked and gone", func(o agent.Offline) bool { return o.Standing.Locked && o.Key == agent.KeyOut }); o.Why == nil {
		s.Error("nobody is told why")
	}
	known.types("offline, locked", d, d.code(), refused(1, "", "No security key"), noNetwork)

	d.returns()
	known.signIn("back, with the phone", d, accepts, in(computer.Online))
	d.offline("it is unlocked", func(o agent.Offline) bool { return !o.Standing.Locked && o.Why == nil })
}

// clockSetBack runs the agent in this process, on the desk's own state, for its clock alone is wrong.
func clockSetBack(s *stage) {
	d, pc := s.w.desk("lea"), s.computer()
	pc.signIn("online, with the phone", d, accepts, in(computer.Online))
	d.phone.stop()
	d.agent.stop()
	d.cable.pull()
	a, err := agent.New(agent.Config{
		Dir: d.dir + "/agent", Software: "postern-agent", System: "test", Socket: agent.UDP{Address: strings.TrimPrefix(d.key, "udp:")},
		Now:  func() time.Time { return time.Now().Add(-time.Hour) },
		Join: func(context.Context) (join.Status, error) { return join.Status{State: postern.JoinEntra}, nil }, Remote: func() remote.Session { return remote.Session{} },
		TPM: func() (transport.TPMCloser, error) { return nil, errors.New("none is used here") },
	})
	if err != nil {
		s.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	late := time.After(patience)
	for there := false; !there; {
		changed := a.Changed()
		for _, p := range a.View().Phones {
			there = there || p.Offline != nil && p.Offline.Standing != nil && p.Offline.Standing.ClockSetBack && p.Offline.Why != nil
		}
		select {
		case <-changed:
		case <-late:
			s.Fatalf("nobody notices the clock: %+v", a.View())
		case <-time.After(100 * time.Millisecond):
		}
	}
	pc.types("offline, an hour back", d, d.code(), refused(1, "", "No security key"), noNetwork, "--wait=25s") // a key would come after 20 s
	stop()
	if err := errors.Join(<-ended, a.Close()); err != nil && !errors.Is(err, context.Canceled) {
		s.Fatal(err)
	}
	d.boot()
	d.returns()
	d.offline("the clock is right again", func(o agent.Offline) bool { return !o.Standing.ClockSetBack && o.Why == nil })
}

func offlinePINRevoked(s *stage) {
	d, pc := s.w.desk("lea"), s.computer()
	pc.signIn("online, with the phone", d, accepts, in(computer.Online))
	s.w.run("", "postern", "phones", "revoke", s.phoneOf(d), "--yes")
	d.until("the offline passkey is gone", func(out []byte) bool { return strings.TrimSpace(string(out)) == "[]" }, "postern-agent", "--json", "offline", "status")
	d.until("Entra lists no passkey", func(out []byte) bool { return !strings.Contains(string(out), `"active"`) }, "postern", "passkeys", "list", d.user.UPN, "--json")
	pc.signIn("after the phone was revoked", d, "", refused(1, "", "No security key"))
	pc.signIn("and offline", d, "", refused(1, "", "No security key"), noNetwork)
}

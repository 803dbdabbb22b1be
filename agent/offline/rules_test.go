package offline

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	codes "github.com/postern/postern/link/offline"
)

// TestCutAnywhere cuts the power before and after every write of an attempt, and holds what is left to three promises: a code
// that opened something is used, a code that was judged was counted, and nothing but the attempt is lost.
func TestCutAnywhere(t *testing.T) {
	for name, pin := range map[string]func(*bench) string{
		"right": func(b *bench) string { return b.code(2) }, "wrong": func(*bench) string { return "00000000" },
	} {
		for at := 1; at <= 3; at++ {
			for _, after := range []bool{false, true} {
				b := newBench(t)
				typed := pin(b)
				first := b.disk.writes
				cut := false
				b.disk.cut = func(n int, late bool) bool {
					cut = cut || n == first+at && late == after
					return cut
				}
				right, err := b.try(typed)
				if right && err != nil {
					t.Fatalf("%s, write %d: both %v and right", name, at, err)
				}
				again, failed := b.try(typed) // the same process goes on, on a disk that takes nothing any more
				if cut && (again || failed == nil) {
					t.Errorf("%s, write %d, after %v: without a disk codes are judged", name, at, after)
				}
				b.restart()
				s := b.p.Standing()
				if right && s.Left != 17 {
					t.Errorf("write %d, after %v: a code opened the key and %d are left", at, after, s.Left)
				}
				if !right && s.Left == 20 && s.TriesLeft > 7 && (err == nil || at > 1) {
					t.Errorf("%s, write %d, after %v: a code was judged and not counted", name, at, after)
				}
				if name == "right" && s.Left == 17 {
					if again, _ := b.try(typed); again {
						t.Errorf("write %d, after %v: a used code is good again", at, after)
					}
				}
				if next, err := b.try(b.code(3)); !next || err != nil {
					t.Errorf("%s, write %d, after %v: the next code is not good: %v", name, at, after, err)
				}
			}
		}
	}
}

// TestAssertionCut: a signature whose counter could not be kept is not given out.
func TestAssertionCut(t *testing.T) {
	for _, after := range []bool{false, true} {
		b := newBench(t)
		first := b.disk.writes
		b.disk.cut = func(n int, late bool) bool { return n == first+3 && late == after }
		if _, err := b.signIn(b.code(0)); err == nil {
			t.Error("signed in on a disk that failed")
		}
		b.restart()
		if _, err := b.signIn(b.code(0)); err == nil {
			t.Error("the code is good again")
		}
		if a, err := b.signIn(b.code(1)); err != nil || !b.holds(a) {
			t.Errorf("the next code: %v", err)
		}
	}
}

// TestModel types right, wrong and used codes, turns the power off, moves the clock and signs in with the phone, in any order,
// and holds the passkey to a model of what is written of it.
func TestModel(t *testing.T) {
	made := newBench(t)
	rapid.Check(t, func(r *rapid.T) {
		b := &bench{TB: t, disk: &disk{data: slices.Clone(made.disk.data)}, now: made.now, phone: made.phone}
		b.restart()
		next, failures, latest, setBack := 0, 0, b.now, false
		expires := b.p.content.Batch.Expires
		see := func() {
			if b.now.Add(setBackAfter).Before(latest) {
				setBack = true
			} else if b.now.After(latest) {
				latest = b.now
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"type": func(r *rapid.T) {
				i := rapid.IntRange(0, 19).Draw(r, "code")
				see()
				open := failures < 8 && !setBack && b.now.Before(expires) && next < 20
				want := open && i >= next && i <= next+codes.Ahead
				right, err := b.try(b.code(i))
				if right != want || (err == nil) != open {
					r.Fatalf("code %d is %v, %v; next %d, failures %d, set back %v", i, right, err, next, failures, setBack)
				}
				switch {
				case right:
					next, failures = i+1, 0
				case open:
					failures++
				}
			},
			"wrong": func(r *rapid.T) {
				see()
				open := failures < 8 && !setBack && b.now.Before(expires) && next < 20
				if right, err := b.try("12"); right || (err == nil) != open {
					r.Fatalf("a wrong code is %v, %v", right, err)
				}
				if open {
					failures++
				}
			},
			"power": func(*rapid.T) {
				b.restart()
				latest = b.p.latest // the last minutes may be forgotten, but no write
			},
			"clock": func(r *rapid.T) {
				b.now = b.now.Add(time.Duration(rapid.IntRange(-600, 200000).Draw(r, "seconds")) * time.Second)
			},
			"online": func(*rapid.T) {
				b.p.Online(true, b.now)
				b.p.Online(false, b.now)
				if setBack = false; b.now.After(latest) || latest.Sub(b.now) > setBackAfter {
					latest = b.now
				}
			},
			"phone": func(r *rapid.T) {
				if err := b.p.SignedInByPhone(); err != nil {
					r.Fatal(err)
				}
				failures = 0
			},
			"": func(r *rapid.T) {
				see()
				s := b.p.Standing()
				if s.Left != 20-next || s.TriesLeft != 8-failures || s.ClockSetBack != setBack || s.Locked != (failures == 8) {
					r.Fatalf("it stands as %+v; next %d, failures %d, set back %v", s, next, failures, setBack)
				}
				if n := len(b.p.Report().Events); n > maxEvents {
					r.Fatalf("%d events are kept", n)
				}
			},
		})
	})
}

// TestClock: two minutes are forgiven, more is not, until the control center has told the time.
func TestClock(t *testing.T) {
	b := newBench(t)
	start := b.now
	b.p.Standing()
	b.now = start.Add(-2 * time.Minute)
	if why := b.p.Standing().Why; why != nil {
		t.Errorf("two minutes: %v", why)
	}
	b.now = start.Add(-2*time.Minute - time.Second)
	if s := b.p.Standing(); !s.ClockSetBack || s.Why == nil {
		t.Errorf("more: %+v", s)
	}
	b.now = start.Add(time.Hour)
	b.restart()
	if s := b.p.Standing(); !s.ClockSetBack {
		t.Error("set right again without a network it is forgotten")
	}
	if _, err := b.try(b.code(0)); err == nil {
		t.Error("a code is judged")
	}
	b.p.Online(true, start.Add(2*time.Hour)) // the control center's time; this clock is an hour behind
	if s := b.p.Standing(); s.ClockSetBack || s.Why != nil {
		t.Errorf("online: %+v", s)
	}
	b.p.Online(false, b.now)
	if s := b.p.Standing(); !s.ClockSetBack {
		t.Error("offline the clock is behind what the control center said, and nobody minds")
	}
	if got := kinds(b.p); !slices.Equal(got, []postern.OfflineEventKind{postern.OfflineClockSetBack, postern.OfflineClockSetBack}) {
		t.Errorf("events %v", got)
	}
	b.p.Online(true, b.now)
	b.p.Online(false, b.now)
	b.now = b.p.content.Batch.Expires
	if s := b.p.Standing(); s.Why == nil || s.ClockSetBack {
		t.Errorf("on the last day: %+v", s)
	}
}

// TestRecovery: a code of the help desk opens the same door where the phone's codes do not, and each is good once.
func TestRecovery(t *testing.T) {
	b := newBench(t)
	help, err := codes.NewBatch(b.env().Random, 10, 6, b.now.AddDate(1, 0, 0))
	b.ok(err)
	sheet, err := json.Marshal(help.Sheet(codes.Cost{Time: 1, Memory: 8}))
	b.ok(err)
	r := b.p.Report()
	b.ok(b.p.Reported(r, postern.OfflineAnswer{Recovery: sheet}))
	if !b.p.Unsaid() {
		t.Error("the control center does not hear which sheet is here")
	}
	b.ok(b.p.Reported(b.p.Report(), postern.OfflineAnswer{}))
	b.now = b.now.AddDate(0, 2, 0) // the phone's have run out
	if a, err := b.signIn(help.Code(1)); err != nil || !b.holds(a) {
		t.Fatalf("a code of the help desk: %v", err)
	}
	if right, _ := b.try(help.Code(0)); right {
		t.Error("the one before is good")
	}
	if got := b.p.Report(); got.RecoveryNext != 2 || !bytes.Equal(got.RecoveryID, help.ID) || len(got.Events) != 2 || got.Events[0].Kind != postern.OfflineRecovered {
		t.Errorf("report %+v", got)
	}
	b.ok(b.p.Reported(b.p.Report(), postern.OfflineAnswer{Recovery: sheet})) // the same sheet again, unused
	if right, _ := b.try(help.Code(1)); right {
		t.Error("a sheet that came again makes used codes good")
	}
	b.ok(b.p.Reported(b.p.Report(), postern.OfflineAnswer{Recovery: json.RawMessage(`{"id":"AA=="}`)}))
	b.ok(b.p.DropRecovery())
	if s := b.p.Standing(); s.Recovery || s.Why == nil {
		t.Errorf("switched off: %+v", s)
	}
}

// TestRenewal: the old codes are good until the phone has the new ones, whoever loses the answer.
func TestRenewal(t *testing.T) {
	b := newBench(t)
	if b.p.Wearing(settings, b.now) {
		t.Error("a new batch wears out")
	}
	if b.now = b.now.AddDate(0, 0, 16); !b.p.Wearing(settings, b.now) {
		t.Error("after half of the days nothing is renewed")
	}
	b.now = b.now.AddDate(0, 0, -10)
	if right, _ := b.try(b.code(10)); !right || b.p.Wearing(settings, b.now) {
		t.Error("with nine left it is renewed")
	}
	if right, _ := b.try(b.code(14)); !right || !b.p.Wearing(settings, b.now) {
		t.Error("with five left it is not renewed")
	}
	old := b.phone
	b.ok(b.p.Draw(settings, b.now))
	if right, _ := b.try(old.Batch.Code(15)); !right {
		t.Error("a batch that nobody has ends the one in use")
	}
	b.send()
	if b.phone.What != codes.Refill {
		t.Errorf("a renewal is sent as %d", b.phone.What)
	}
	b.restart()
	b.ok(b.p.Draw(settings, b.now))
	first := b.phone
	if b.send(); !bytes.Equal(first.Batch.Seed, b.phone.Batch.Seed) {
		t.Error("after a cut another batch is sent")
	}
	if right, _ := b.try(old.Batch.Code(16)); !right {
		t.Error("while it is on its way the old codes are not good")
	}
	if a, err := b.signIn(b.code(0)); err != nil || !b.holds(a) {
		t.Fatalf("the phone has it, its answer was lost: %v", err)
	}
	if right, _ := b.try(old.Batch.Code(17)); right {
		t.Error("after a code of the new batch the old ones are good")
	}
	if b.p.content.Next != nil || !bytes.Equal(b.p.Report().BatchID, b.phone.Batch.ID) || bytes.Contains(b.disk.data, []byte(`"seed"`)) {
		t.Error("the new batch is not the one in use")
	}
}

// TestIssueResumes loads the passkey anew after every step of the issue, and finds it where it was; the seed is gone once the
// phone has it, and what the control center was told once it is active.
func TestIssueResumes(t *testing.T) {
	b := &bench{TB: t, disk: new(disk), now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)}
	b.restart()
	for _, step := range []struct {
		do   func() error
		want Stage
		seed bool
	}{
		{func() error { return b.p.Draw(settings, b.now) }, Drawn, true},
		{func() error { return b.p.Answered() }, Asked, true},
		{func() error { b.send(); return nil }, Asked, true},
		{func() error { return b.p.Accepted() }, Taken, false},
		{func() error { return b.p.Make(t.Context(), options) }, Made, false},
		{func() error { return b.p.Remake() }, Taken, false},
		{func() error { return b.p.Make(t.Context(), options) }, Made, false},
		{func() error { return b.p.Registering() }, Told, false},
		{func() error { return b.p.Activate() }, Active, false},
	} {
		if why := b.p.Standing().Why; why == nil {
			t.Errorf("before %s it can be used", step.want)
		}
		b.ok(step.do())
		b.restart()
		if got := b.p.Stage(); got != step.want {
			t.Fatalf("it is %s, not %s", got, step.want)
		}
		if seed := bytes.Contains(b.disk.data, []byte(`"seed"`)); seed != step.seed {
			t.Errorf("%s: the seed is there: %v", step.want, seed)
		}
		if step.want == Made {
			c, err := b.p.Credential()
			if err != nil || len(c.CredentialID) != 32 || !bytes.Contains(c.ClientDataJSON, []byte(`"origin":"https://login.microsoft.com"`)) ||
				!bytes.Contains(c.AttestationObject, []byte("none")) || !bytes.Contains(c.AttestationObject, aaguid()) {
				t.Errorf("the passkey is told as %+v, %v", c, err)
			}
		}
	}
	if bytes.Contains(b.disk.data, []byte("attestation_object")) || !b.p.Unsaid() {
		t.Error("what was told is still kept, or nothing is to be reported")
	}
	if b.p.Remake() != nil || b.p.Restart() != nil || b.p.Stage() != Active {
		t.Error("an active passkey was given up")
	}
}

func aaguid() []byte { a := model(); return a[:] }

// TestRefusal: the user who said no is left alone for a day.
func TestRefusal(t *testing.T) {
	b := &bench{TB: t, disk: new(disk), now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)}
	b.restart()
	b.ok(b.p.Draw(settings, b.now))
	b.ok(b.p.Declined(b.now))
	b.restart()
	if b.now = b.now.Add(refusedFor - time.Second); !b.p.LeftAlone(b.now) {
		t.Error("asked again within the day")
	}
	if b.now = b.now.Add(time.Second); b.p.LeftAlone(b.now) {
		t.Error("left alone for ever")
	}
}

// TestBarred: what the control center said last holds without it.
func TestBarred(t *testing.T) {
	b := newBench(t)
	b.p.Bar(true)
	b.restart()
	if why := b.p.Standing().Why; why == nil || why.Code != postern.CodeOfflineOff {
		t.Errorf("barred: %v", why)
	}
	if right, err := b.try(b.code(0)); right || err == nil {
		t.Error("a code is judged")
	}
	b.p.Bar(false)
	if right, err := b.try(b.code(0)); !right || err != nil {
		t.Errorf("let in again: %v", err)
	}
}

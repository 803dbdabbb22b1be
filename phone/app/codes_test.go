package app_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/offline"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone/app"
	"github.com/postern/postern/phone/vault"
)

// batch is one whose codes all come from a byte.
func batch(id, seed byte) offline.Batch {
	return offline.Batch{
		ID: bytes.Repeat([]byte{id}, offline.IDSize), Seed: bytes.Repeat([]byte{seed}, offline.SeedSize), Length: 8, Count: 6,
		Expires: time.Now().Add(24 * time.Hour).Truncate(time.Second),
	}
}

// offline sends a message about codes, and gives the status that answers it. The control center is asked for codes first, as
// workstations do.
func (c *computer) offline(what offline.What, b offline.Batch) ctap.Status {
	c.w.Helper()
	if what == offline.Issue {
		c.ask(b)
	}
	request, err := (offline.Message{What: what, Batch: b, Display: 30 * time.Second, WarnAt: 4}).Encode()
	if err != nil {
		c.w.Fatal(err)
	}
	answer, err := c.request(c.w.Context(), request)
	if err != nil || len(answer) != 1 {
		c.w.Fatalf("answered %x, %v", answer, err)
	}
	return ctap.Status(answer[0])
}

// ask asks the control center for codes.
func (c *computer) ask(b offline.Batch) {
	c.w.Helper()
	_, err := c.AskOffline(c.w.Context(), c.pairing(), postern.OfflineRequest{BatchID: b.ID, Length: b.Length, Codes: b.Count, ExpiresAt: b.Expires, Seal: "tpm"})
	if err != nil {
		c.w.Fatal(err)
	}
}

func (c *computer) pairing() postern.PairingID {
	for _, p := range c.Status().Phones {
		if p.ID == c.phone {
			return p.Pairing
		}
	}
	return ""
}

// agent is a machine that people sign in to, where that works without a network.
func (w *world) agent(name string) *computer {
	w.Helper()
	w.allow(true)
	return w.computerOf(name, postern.WorkstationAgent)
}

func (w *world) allow(on bool) {
	w.Helper()
	s, err := w.admin.WorkstationSettings(w.Context(), w.integration.ID)
	if err != nil {
		w.Fatal(err)
	}
	s.Offline = postern.OfflineSettings{Enabled: on, Length: 8, Codes: 6, DisplaySeconds: 30, Days: 30, WarnAt: 4}
	if _, err := w.admin.SetWorkstationSettings(w.Context(), w.integration.ID, s); err != nil {
		w.Fatal(err)
	}
}

// consents are what the phone tells the control center of codes.
type consents struct {
	mu   sync.Mutex
	told []string // method and body
	away bool     // its answers do not arrive
}

func (d *device) consents() *consents {
	k := &consents{}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.alters = func(r signed.Request, answer *signed.Response) {
		if !strings.HasSuffix(r.URL, "/offline") {
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.told = append(k.told, r.Method+" "+string(r.Body))
		if k.away {
			answer.Status, answer.Body = http.StatusServiceUnavailable, []byte(`{"code":"unavailable","detail":"Away.","next":"Wait."}`)
		}
	}
	return k
}

func (k *consents) lost(away bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.away = away
}

func (k *consents) heard() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.told...)
}

// codes are what the screen lists for the only computer.
func (d *device) codes(what string, there func(*app.Codes) bool) app.Computer {
	d.w.Helper()
	return d.await(what, func(v app.View) bool { return len(v.Computers) == 1 && there(v.Computers[0].Offline) }).Computers[0]
}

// next shows the next code.
func (d *device) next(id postern.PairingID) app.Code {
	d.w.Helper()
	before := d.screen().Code
	d.do(app.CommandCode, app.ShowCode{Computer: id})
	return *d.await("a code", func(v app.View) bool { return v.Code != nil && (before == nil || v.Code.Code != before.Code) }).Code
}

// notes gives how many secrets of codes are in the storage, beside the mailbox's.
func (d *device) notes() (n int) {
	d.w.Helper()
	records, err := d.backing.Read(d.w.Context())
	if err != nil {
		d.w.Fatal(err)
	}
	for name := range records {
		if strings.HasPrefix(name, "note/") {
			n++
		}
	}
	return n - 1
}

// TestCodes: one yes with one biometric, the control center is told before the computer, and then every code once, without a
// network, by whatever window of the app.
func TestCodes(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.agent("PC-7")
	d.pair(c, false)
	p := d.person()
	k := d.consents()
	one := batch(1, 1)
	p.costs(t, "codes", 1, 1, func() error {
		if got := c.offline(offline.Issue, one); got != ctap.OK {
			return got
		}
		return nil
	})
	if told := k.heard(); len(told) != 1 || told[0] != `PUT {"batch_id":"AQEBAQEBAQEBAQEBAQEBAQ"}` {
		t.Errorf("the control center heard %q", told)
	}
	p.mu.Lock()
	asked := p.asked[0]
	p.mu.Unlock()
	if asked.Kind != app.ApproveOffline || asked.Workstation != "PC-7" || len(asked.Number) != 2 || !asked.Biometric || asked.Terms == nil ||
		asked.Terms.Codes != 6 || asked.Terms.Seconds != 30 || asked.Terms.Expires.Sub(one.Expires).Abs() > time.Minute {
		t.Errorf("asked %+v, terms %+v", asked, asked.Terms)
	}
	at := d.codes("the codes", func(c *app.Codes) bool { return c != nil && c.State == app.CodesReady && c.Left == 6 })
	p.costs(t, "the same once more", 0, 0, func() error {
		if got := c.offline(offline.Issue, one); got != ctap.OK {
			return got
		}
		return nil
	})
	if got := c.offline(offline.Issue, batch(1, 9)); got != ctap.ErrOther {
		t.Errorf("another seed under the same name: %v", got)
	}
	p.leave()
	d.setDown(true)
	for i := range 2 {
		if got := d.next(at.ID); got.Code != one.Code(i) || got.Left != 5-i || got.Workstation != "PC-7" || got.Until.Sub(got.Shown) != 30*time.Second {
			t.Errorf("code %d is %+v, want %s", i, got, one.Code(i))
		}
	}
	d.codes("a warning", func(c *app.Codes) bool { return c.State == app.CodesLow && c.Left == 4 })
	d.do(app.CommandHide, app.HideCode{})
	d.await("no code", func(v app.View) bool { return v.Code == nil })
	d.open()
	d.await("the computer", func(v app.View) bool { return len(v.Computers) == 1 && v.Code == nil })
	for i := 2; i < 6; i++ {
		if got := d.next(at.ID); got.Code != one.Code(i) {
			t.Errorf("code %d is %+v, want %s", i, got, one.Code(i))
		}
	}
	d.codes("none", func(c *app.Codes) bool { return c.State == app.CodesNone })
	if problem := d.try(app.CommandCode, app.ShowCode{Computer: at.ID}); problem == nil || problem.Code != app.CodeCodesNone || !strings.Contains(problem.Next, "near PC-7") {
		t.Errorf("a code too many: %+v", problem)
	}
	if told := k.heard(); len(told) != 1 {
		t.Errorf("showing codes was told to the control center: %q", told)
	}
	v := d.await("the log", func(v app.View) bool { return len(v.Activity) > 6 })
	if v.Activity[0].Kind != "code" || v.Activity[0].Workstation != "PC-7" || strings.Contains(v.Activity[0].Account, one.Code(5)) {
		t.Errorf("the log has %+v", v.Activity[0])
	}
	// What this phone's clock says changes what the list says, and no code.
	d.setAhead(48 * time.Hour)
	d.do(app.CommandVisible, app.Visible{Visible: true})
	d.codes("expired", func(c *app.Codes) bool { return c.State == app.CodesExpired })
}

// TestBiometricOpensCodes: what another finger gives shows no code, and uses none up.
func TestBiometricOpensCodes(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.agent("PC-7")
	d.pair(c, false)
	p := d.person()
	d.consents()
	if got := c.offline(offline.Issue, batch(1, 1)); got != ctap.OK {
		t.Fatal(got)
	}
	p.leave()
	at := d.codes("the codes", func(c *app.Codes) bool { return c != nil })
	right := d.gate
	d.gate = bytes.Repeat([]byte{7}, 32)
	if problem := d.try(app.CommandCode, app.ShowCode{Computer: at.ID}); problem == nil || problem.Code != app.CodeGateWrong {
		t.Errorf("the wrong gate: %+v", problem)
	}
	d.gate = nil
	if problem := d.try(app.CommandCode, app.ShowCode{Computer: at.ID}); problem == nil {
		t.Error("a code without the gate")
	}
	d.gate = right
	if got, want := d.next(at.ID).Code, batch(1, 1).Code(0); got != want {
		t.Errorf("the first code is %s, want %s", got, want)
	}
}

// TestCodeIsKeptBeforeItIsShown: at the moment a code is on the screen, what is in the storage gives the one after it, whatever
// happens to the app from then on; and where it cannot be kept, none is shown.
func TestCodeIsKeptBeforeItIsShown(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	memory := new(vault.Memory)
	failing := &fails{Memory: memory}
	d.backing = failing
	d.enrol()
	c := w.agent("PC-7")
	d.pair(c, false)
	p := d.person()
	d.consents()
	one := batch(1, 1)
	if got := c.offline(offline.Issue, one); got != ctap.OK {
		t.Fatal(got)
	}
	p.leave()
	at := d.codes("the codes", func(c *app.Codes) bool { return c != nil })
	d.setDown(true)
	var copied *vault.Memory
	d.watch(func(v app.View) {
		if v.Code != nil && copied == nil {
			copied = vault.LoadMemory(memory.Content())
		}
	})
	if got := d.next(at.ID).Code; got != one.Code(0) {
		t.Fatalf("the first code is %s", got)
	}
	d.app.Stop()
	other := w.device()
	other.backing, other.gate = copied, d.gate
	other.setDown(true)
	other.open()
	other.await("the computer", func(v app.View) bool { return len(v.Computers) == 1 })
	if got := other.next(at.ID).Code; got != one.Code(1) {
		t.Errorf("after the app died at that moment the next code is %s, want %s", got, one.Code(1))
	}
	// Whatever write it dies at, no code comes twice.
	seen := map[string]bool{one.Code(0): true}
	for at := range 4 {
		d := w.device()
		d.backing, d.gate = failing, other.gate
		d.setDown(true)
		failing.from(-1)
		d.open()
		v := d.await("the computer", func(v app.View) bool { return len(v.Computers) == 1 })
		failing.from(at)
		id := v.Computers[0].ID
		if problem := d.try(app.CommandCode, app.ShowCode{Computer: id}); problem == nil {
			v := d.await("a code", func(v app.View) bool { return v.Code != nil })
			if seen[v.Code.Code] {
				t.Errorf("code %s came twice", v.Code.Code)
			}
			seen[v.Code.Code] = true
		}
		d.app.Stop()
	}
	if len(seen) < 2 {
		t.Error("no code was shown at all")
	}
}

// fails is a storage whose writes fail after so many.
type fails struct {
	*vault.Memory
	mu   sync.Mutex
	left int // -1: none fails
	set  bool
}

func (f *fails) from(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.set = n, n >= 0
}

func (f *fails) Replace(ctx context.Context, changes ...vault.Change) error {
	f.mu.Lock()
	dead := f.set && f.left == 0
	if f.set && f.left > 0 {
		f.left--
	}
	f.mu.Unlock()
	if dead {
		return errors.New("the disk is gone")
	}
	return f.Memory.Replace(ctx, changes...)
}

// TestCodesRefused: denied, the control center hears nothing; refused by the control center, the computer does not get its yes,
// and nothing is kept.
func TestCodesRefused(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.agent("PC-7")
	d.pair(c, false)
	p := d.person()
	k := d.consents()
	p.answer = func(a app.Approval) { _ = d.try(app.CommandDeny, app.Deny{ID: a.ID}) }
	if got := c.offline(offline.Issue, batch(1, 1)); got != ctap.ErrOperationDenied {
		t.Errorf("denied: %v", got)
	}
	if told := k.heard(); len(told) != 0 || d.notes() > 0 {
		t.Errorf("after a no the control center heard %q, and there are %d notes", told, d.notes())
	}
	// Switched off between the question and the answer.
	p.mu.Lock()
	p.answer = func(a app.Approval) {
		w.allow(false)
		_ = d.try(app.CommandApprove, app.Approve{ID: a.ID})
	}
	p.mu.Unlock()
	if got := c.offline(offline.Issue, batch(1, 1)); got != ctap.ErrOther {
		t.Errorf("refused by the control center: %v", got)
	}
	v := d.await("why", func(v app.View) bool { return len(v.Notices) == 1 })
	if n := v.Notices[0]; n.Code != postern.CodeOfflineOff || !strings.Contains(n.Message, "PC-7") || !strings.Contains(n.Message, "switched off") {
		t.Errorf("the notice is %+v", n)
	}
	if v.Computers[0].Offline != nil || d.notes() != 0 {
		t.Errorf("the phone has %+v and %d notes", v.Computers[0].Offline, d.notes())
	}
	if got := c.offline(offline.Refill, batch(2, 2)); got != ctap.ErrOperationDenied {
		t.Errorf("a refill of nothing: %v", got)
	}
	for _, request := range [][]byte{{0x50}, {0x50, 0xFF}, {0x51}, {0x40, 0xA0}, append([]byte{0x50}, bytes.Repeat([]byte{0x9F}, 200)...)} {
		if answer, err := c.request(t.Context(), request); err != nil || len(answer) != 1 || answer[0] == 0 {
			t.Errorf("%x is answered %x, %v", request, answer, err)
		}
	}
}

// TestOneYesIsEnough: what is cut off between the yes and the control center's word goes on without another question.
func TestOneYesIsEnough(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.agent("PC-7")
	d.pair(c, false)
	p := d.person()
	k := d.consents()
	c.ask(batch(1, 1))
	k.lost(true)
	c.deadline = 8 * time.Second
	request, err := (offline.Message{What: offline.Issue, Batch: batch(1, 1), Display: 30 * time.Second}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := c.request(t.Context(), request); err == nil && (len(answer) != 1 || answer[0] == 0) {
		t.Errorf("answered %x before the control center took it", answer)
	}
	if told := k.heard(); len(told) < 2 {
		t.Errorf("the control center was asked %d times", len(told))
	}
	if v := d.screen(); v.Computers[0].Offline != nil {
		t.Errorf("codes count that nobody took: %+v", v.Computers[0].Offline)
	}
	k.lost(false)
	c.deadline = time.Minute
	p.costs(t, "the same again", 0, 0, func() error { return c.status(t.Context(), request, ctap.OK) })
	d.codes("the codes", func(c *app.Codes) bool { return c != nil })
}

// TestRefill: codes are replaced without a question and while the vault is locked, by the computer whose they are and no other.
func TestRefill(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	mine, other := w.agent("PC-7"), w.agent("PC-8")
	d.pair(mine, false)
	d.pair(other, false)
	p := d.person()
	k := d.consents()
	one, two := batch(1, 1), batch(2, 2)
	if got := mine.offline(offline.Issue, one); got != ctap.OK {
		t.Fatal(got)
	}
	find := func(name string) app.Computer {
		t.Helper()
		for _, c := range d.screen().Computers {
			if c.Name == name {
				return c
			}
		}
		t.Fatalf("there is no %s", name)
		return app.Computer{}
	}
	id := find("PC-7").ID
	p.costs(t, "hostile refills", 0, 0, func() error {
		for _, b := range []offline.Batch{one, two, batch(1, 3)} {
			if got := other.offline(offline.Refill, b); got != ctap.ErrOperationDenied {
				t.Errorf("a refill of a computer without codes: %v", got)
			}
		}
		if got := other.offline(offline.Forget, one); got != ctap.OK {
			t.Errorf("forgetting nothing: %v", got)
		}
		return nil
	})
	if got := d.next(id).Code; got != one.Code(0) {
		t.Errorf("the code is %s, want %s", got, one.Code(0))
	}
	p.costs(t, "a refill", 0, 0, func() error {
		if got := mine.offline(offline.Refill, two); got != ctap.OK {
			return got
		}
		if got := mine.offline(offline.Refill, two); got != ctap.OK {
			return got
		}
		return nil
	})
	if got := d.next(id).Code; got != two.Code(0) {
		t.Errorf("after a refill the code is %s, want %s", got, two.Code(0))
	}
	if got := mine.offline(offline.Refill, batch(2, 7)); got != ctap.ErrOther {
		t.Errorf("a refill that would begin the same batch anew: %v", got)
	}
	if d.notes() != 1 || len(k.heard()) != 1 {
		t.Errorf("there are %d notes; the control center heard %q", d.notes(), k.heard())
	}
	if got := mine.offline(offline.Forget, two); got != ctap.OK {
		t.Errorf("forget: %v", got)
	}
	d.await("nothing", func(v app.View) bool { return v.Code == nil })
	if find("PC-7").Offline != nil || d.notes() != 0 {
		t.Errorf("after forgetting there are %+v, and %d notes", find("PC-7").Offline, d.notes())
	}
	if problem := d.try(app.CommandCode, app.ShowCode{Computer: id}); problem == nil || problem.Code != app.CodeRequestOver {
		t.Errorf("a code of nothing: %+v", problem)
	}
}

// TestCodesEnd: what the control center takes away is forgotten with a notice, and what the user ends is ended there first.
func TestCodesEnd(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.agent("PC-7")
	d.pair(c, false)
	d.person()
	k := d.consents()
	issue := func(id byte) app.Computer {
		t.Helper()
		if got := c.offline(offline.Issue, batch(id, id)); got != ctap.OK {
			t.Fatal(got)
		}
		return d.codes("the codes", func(c *app.Codes) bool { return c != nil })
	}
	at := issue(1)
	d.setDown(true)
	if problem := d.try(app.CommandNoCodes, app.ForgetCodes{Computer: at.ID}); problem == nil || d.screen().Computers[0].Offline == nil {
		t.Errorf("ended without the control center: %+v", problem)
	}
	d.setDown(false)
	d.do(app.CommandNoCodes, app.ForgetCodes{Computer: at.ID})
	d.codes("none", func(c *app.Codes) bool { return c == nil })
	if told := k.heard(); told[len(told)-1] != "DELETE " || len(d.screen().Notices) > 0 || d.notes() != 0 {
		t.Errorf("ended here: heard %q, notices %+v, %d notes", told, d.screen().Notices, d.notes())
	}
	at = issue(2)
	d.next(at.ID)
	if _, err := w.admin.EndOffline(t.Context(), at.ID, postern.UserActInput{Note: "lost machine"}); err != nil {
		t.Fatal(err)
	}
	v := d.await("the end", func(v app.View) bool { return v.Computers[0].Offline == nil && len(v.Notices) == 1 })
	if v.Code != nil || v.Notices[0].Code != app.CodeCodesGone || d.notes() != 0 {
		t.Errorf("after the end: code %+v, notices %+v, %d notes", v.Code, v.Notices, d.notes())
	}
}

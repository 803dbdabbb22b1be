package agent_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/transport/hid"
	codes "github.com/postern/postern/link/offline"
)

func signIn(ctx context.Context, host *hid.Channel, pins ...string) (*client.Assertion, error) {
	platform := &client.Client{Channel: host, Random: rand.Reader, PIN: func(context.Context, client.PINPrompt) (string, error) {
		if len(pins) == 0 {
			return "", errors.New("the person gave up")
		}
		pin := pins[0]
		pins = pins[1:]
		return pin, nil
	}}
	return platform.Get(ctx, &client.RequestOptions{Challenge: []byte("a challenge of sixteen bytes"), RPID: "login.microsoft.com", UserVerification: "required"}, site)
}

// TestOffline is the whole way: paired, issued by itself, tried once, the network goes, a code signs in, the network comes and
// the control center hears of it, and everything is taken away with the passkey.
func TestOffline(t *testing.T) {
	w, desk, p, app := offlineWorld(t)
	desk.set(func(d *offlineDesk) { d.offer.Settings.WarnAt = 1 }) // so that nothing is renewed in between
	p.person.accepts(t.Context())
	p.pair(false)
	o := w.offline(p, "an active passkey", ready)
	sent, n := app.last()
	if o.Standing.Left != 6 || o.Standing.ProvenAt != nil || n != 1 || sent.What != codes.Issue || len(desk.made) != 1 || !o.Standing.Expires.Equal(sent.Batch.Expires) {
		t.Errorf("issued as %+v, the phone was sent %d", o.Standing, n)
	}
	w.key(p, agent.KeyIn) // of the phone, for it is there
	var id postern.PairingID
	for _, one := range w.agent.View().Phones {
		id = one.Pairing
	}
	// Tried once, in the place of the phone's.
	if err := w.agent.TryOffline(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	host := w.plugged(p)
	if a, err := signIn(t.Context(), host, sent.Batch.Code(0)); err != nil || string(a.UserHandle) != "alex" {
		t.Fatalf("%+v, %v", a, err)
	}
	w.later(10*time.Second, p, "the phone's key", func(p agent.Phone) bool { return p.Key == agent.KeyIn })
	if o := w.offline(p, "that it is proven", func(p agent.Phone) bool { return p.Offline.Standing.ProvenAt != nil }); o.TryUntil != nil || o.Key != agent.KeyOut {
		t.Errorf("after the trial: %+v", o)
	}
	// Without the network.
	w.cut()
	w.pass(30 * time.Second)
	if o := w.offline(p, "the phone", func(agent.Phone) bool { return true }); o.Key != agent.KeyOut {
		t.Error("the offline key is there after half a minute")
	}
	w.pass(31 * time.Second)
	host = w.plugged(p)
	if _, err := signIn(t.Context(), host, sent.Batch.Code(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := signIn(t.Context(), host, sent.Batch.Code(2)); err == nil {
		t.Error("a used code signs in")
	}
	desk.network(true)
	w.await("the network", func(v agent.View) bool { return v.Connected })
	w.pass(10 * time.Second)
	w.key(p, agent.KeyIn)
	w.await("the report", func(agent.View) bool {
		desk.mu.Lock()
		defer desk.mu.Unlock()
		last := desk.reports[len(desk.reports)-1]
		return last.CodesLeft == 3 && last.ProvenAt != nil
	})
	var events []postern.OfflineEventKind
	last := int64(0)
	desk.set(func(d *offlineDesk) {
		for _, r := range d.reports {
			for _, e := range r.Events {
				if e.Number > last {
					last = e.Number
					events = append(events, e.Kind)
				}
			}
		}
	})
	if !slices.Equal(events, []postern.OfflineEventKind{postern.OfflineSignedIn, postern.OfflineSignedIn, postern.OfflineWrongCode}) {
		t.Errorf("the control center heard of %v", events)
	}
	// A phone signs in through its own key, and that of the app is never reached by a program.
	before := len(app.got)
	for _, c := range []byte{0x40, 0x41, 0x50, 0xbf} {
		if answer, err := w.channel(p).CBOR(t.Context(), []byte{c, 0xa0}); err != nil || !bytes.Equal(answer, []byte{byte(ctap.ErrInvalidCommand)}) {
			t.Errorf("%#x answers %x, %v", c, answer, err)
		}
	}
	if len(app.got) != before {
		t.Error("a program reached the app")
	}
	desk.set(func(d *offlineDesk) { d.state(postern.OfflineEnding) })
	if err := w.agent.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.gone(p)
}

// TestOfflineAtEntra is the same before a control center that does its part: the passkey stands at Entra, the phone's word alone
// lets it be made, the codes of the help desk come with it, and an administrator takes it away.
func TestOfflineAtEntra(t *testing.T) {
	desk := newOfflineDesk()
	desk.real = true
	w := newWorldWith(t, desk)
	settings, err := w.admin.WorkstationSettings(t.Context(), w.integration.ID)
	if err != nil {
		t.Fatal(err)
	}
	settings.Offline.Enabled, settings.Offline.Codes, settings.Offline.WarnAt, settings.Recovery.Enabled = true, 6, 2, true
	if _, err := w.admin.SetWorkstationSettings(t.Context(), w.integration.ID, settings); err != nil {
		t.Fatal(err)
	}
	w.enrol()
	p := w.phone("Alex's phone")
	app := &offlinePhone{consent: func(m codes.Message, id postern.PairingID) error {
		return p.caller.Call(w.Context(), http.MethodPut, "/pairings/"+string(id)+"/offline", nil, postern.OfflineConsent{BatchID: m.Batch.ID}, nil)
	}}
	p.vendor = app.handle
	p.pair(false)
	o := w.offline(p, "an active passkey", ready)
	if !o.Standing.Recovery || o.Standing.RecoveryLeft == 0 {
		t.Errorf("it stands as %+v", o.Standing)
	}
	id := w.agent.View().Phones[0].Pairing
	list := func() postern.OfflineSignIn {
		t.Helper()
		all, err := w.admin.OfflineOfUser(t.Context(), p.user.ID)
		if err != nil || len(all) == 0 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0]
	}
	if r := list(); r.State != postern.OfflineActive || r.PasskeyID == "" || r.Seal != "key file" || r.Pairing != id {
		t.Errorf("the control center lists %+v", r)
	}
	sent, _ := app.last()
	w.cut()
	w.pass(61 * time.Second)
	host := w.plugged(p)
	if _, err := signIn(t.Context(), host, sent.Batch.Code(0)); err != nil {
		t.Fatal(err)
	}
	if _, err := signIn(t.Context(), host, sent.Batch.Code(0)); err == nil {
		t.Error("a used code signs in")
	}
	desk.network(true)
	w.await("the report", func(agent.View) bool { return list().CodesLeft == 5 })
	if _, err := w.admin.EndOffline(t.Context(), id, postern.UserActInput{Note: "The user has left the team."}); err != nil {
		t.Fatal(err)
	}
	w.gone(p)
	// Somebody presses the button: another passkey, once Entra has let go of the first.
	w.await("that Entra let go of it", func(agent.View) bool { return list().State == postern.OfflineEnded })
	if err := w.agent.IssueOffline(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.offline(p, "another passkey", ready)
}

// TestOfflineResumes loses the answer of every call once, and has the agent start anew in between; one passkey comes of it.
func TestOfflineResumes(t *testing.T) {
	w, desk, p, app := offlineWorld(t)
	app.mute.Store(true) // the phone's word takes its time
	desk.registered = postern.OfflineRegistering
	lost := func(what string) {
		w.await("the answer to "+what+" lost", func(agent.View) bool {
			desk.mu.Lock()
			defer desk.mu.Unlock()
			return desk.lose == ""
		})
	}
	desk.set(func(d *offlineDesk) { d.lose = "POST" })
	p.pair(true)
	lost("POST")
	w.pass(dutyPause)
	w.offline(p, "what waits for the phone's word", func(p agent.Phone) bool { return p.Offline.Step == agent.OfflineRegistering })
	for _, what := range []string{"POST/options", "POST/credential"} {
		w.stop()
		desk.set(func(d *offlineDesk) {
			if d.lose = what; what == "POST/options" {
				d.state(postern.OfflineConsented)
			}
		})
		w.start()
		w.key(p, agent.KeyIn)
		lost(what)
	}
	w.pass(dutyPause)
	w.offline(p, "that Entra is told", func(p agent.Phone) bool { return p.Offline.Step == agent.OfflineRegistering })
	desk.set(func(d *offlineDesk) { d.state(postern.OfflineActive) })
	if err := w.agent.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.offline(p, "an active passkey", ready)
	desk.mu.Lock()
	defer desk.mu.Unlock()
	first := desk.made[0]
	for _, c := range desk.made {
		if !bytes.Equal(c.CredentialID, first.CredentialID) {
			t.Error("two passkeys were made")
		}
	}
	for _, r := range desk.asked {
		if !bytes.Equal(r.BatchID, desk.asked[0].BatchID) {
			t.Error("two batches were asked for")
		}
	}
	if r := desk.asked[0]; r.Seal != "key file" || r.Codes != 6 || r.Length != 8 {
		t.Errorf("asked as %+v", r)
	}
}

const dutyPause = 6 * time.Second

// TestOfflineRefused: the user says no and is asked again the next day, or when somebody presses the button; an old app and a
// control center that says no are told as what they are.
func TestOfflineRefused(t *testing.T) {
	w, desk, p, app := offlineWorld(t)
	app.status.Store(uint32(ctap.ErrOperationDenied))
	p.pair(false)
	o := w.later(time.Second, p, "the refusal", func(p agent.Phone) bool { // a phone that is busy with its key is asked again
		return p.Offline.Problem != nil && p.Offline.Problem.Code == postern.CodeOfflineConsent
	})
	if _, n := app.last(); n != 1 || o.Next == "" && o.Problem.Next == "" {
		t.Errorf("asked %d times: %+v", n, o.Problem)
	}
	w.pass(23 * time.Hour)
	w.agent.Look()
	if err := w.agent.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, n := app.last(); n != 1 {
		t.Errorf("asked %d times within a day", n)
	}
	id := w.agent.View().Phones[0].Pairing
	app.status.Store(uint32(ctap.ErrInvalidCommand))
	if err := w.agent.IssueOffline(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.offline(p, "the old app", func(p agent.Phone) bool {
		return p.Offline.Problem != nil && p.Offline.Problem.Code == postern.CodeUnavailable
	})
	app.status.Store(0)
	desk.set(func(d *offlineDesk) { d.refuse["POST"] = postern.CodeOfflineSeal })
	w.stop() // the batch that was asked for is forgotten with a new setting
	desk.set(func(d *offlineDesk) { d.offer.Settings.Length = 10 })
	w.start()
	w.key(p, agent.KeyIn)
	w.pass(25 * time.Hour)
	if err := w.agent.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.offline(p, "that the control center wants a TPM", func(p agent.Phone) bool {
		return p.Offline.Problem != nil && p.Offline.Problem.Code == postern.CodeOfflineSeal
	})
	desk.set(func(d *offlineDesk) { d.refuse = map[string]postern.Code{} })
	if err := w.agent.IssueOffline(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.offline(p, "an active passkey", ready)
	if err := w.agent.IssueOffline(t.Context(), id); !postern.IsCode(err, postern.CodeConflict) {
		t.Errorf("issued twice: %v", err)
	}
	if err := w.agent.ForgetOffline(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if m, _ := app.last(); m.What != codes.Forget {
		t.Errorf("the phone was last told %d", m.What)
	}
	if err := w.agent.TryOffline(t.Context(), id); !postern.IsCode(err, postern.CodeOfflineState) {
		t.Errorf("tried without a passkey: %v", err)
	}
}

// TestOfflineRenewal: few codes are left, so the phone is sent new ones without asking anybody; and the codes of the help desk
// come with a report.
func TestOfflineRenewal(t *testing.T) {
	w, desk, p, app := offlineWorld(t)
	help, err := codes.NewBatch(rand.Reader, 10, 3, time.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if desk.recovery, err = json.Marshal(help.Sheet(codes.Cost{Time: 1, Memory: 8})); err != nil {
		t.Fatal(err)
	}
	p.pair(false)
	if o := w.offline(p, "an active passkey", ready); !o.Standing.Recovery || o.Standing.RecoveryLeft != 3 {
		t.Errorf("without the help desk: %+v", o.Standing)
	}
	first, _ := app.last()
	id := w.agent.View().Phones[0].Pairing
	if err := w.agent.TryOffline(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := signIn(t.Context(), w.plugged(p), first.Batch.Code(1)); err != nil {
		t.Fatal(err)
	}
	w.later(10*time.Second, p, "new codes", func(agent.Phone) bool { m, _ := app.last(); return m.What == codes.Refill })
	second, _ := app.last()
	o := w.offline(p, "them in use", func(p agent.Phone) bool { return p.Offline.Standing.Left == 6 && !p.Offline.Standing.Renewing })
	if bytes.Equal(first.Batch.ID, second.Batch.ID) || !o.Standing.Expires.Equal(second.Batch.Expires) {
		t.Error("the batch is the old one")
	}
	w.later(10*time.Second, p, "the control center to hear", func(agent.Phone) bool {
		desk.mu.Lock()
		defer desk.mu.Unlock()
		return bytes.Equal(desk.reports[len(desk.reports)-1].BatchID, second.Batch.ID)
	})
}

// TestOfflineLocked: after three wrong codes the key is taken out and put back by itself, after eight it is gone, and the phone
// brings it back.
func TestOfflineLocked(t *testing.T) {
	w, desk, p, app := offlineWorld(t)
	p.pair(false)
	w.offline(p, "an active passkey", ready)
	w.cut()
	w.pass(61 * time.Second)
	for left := 8; left > 0; {
		host, plugged := w.plugged(p), w.socket.count()
		_, err := signIn(t.Context(), host, "00000000", "00000001", "00000002")
		if err == nil {
			t.Fatal("a wrong code signs in")
		}
		now := w.offline(p, "wrong codes counted", func(p agent.Phone) bool { return p.Offline.Standing.TriesLeft < left }).Standing.TriesLeft
		if left = now; left > 0 {
			w.await("the key out and in again", func(agent.View) bool { return w.socket.count() > plugged })
		}
	}
	o := w.later(10*time.Second, p, "a locked key", func(p agent.Phone) bool { return p.Offline.Standing.Locked && p.Offline.Key == agent.KeyOut })
	if o.Why == nil || o.Next == "" {
		t.Errorf("it is locked and nobody says why: %+v", o)
	}
	desk.network(true)
	p.person.accepts(t.Context())
	host := w.channel(p)
	platform := &client.Client{Channel: host, Random: rand.Reader}
	if _, err := platform.Create(t.Context(), creation(), site); err != nil {
		t.Fatal(err)
	}
	if o := w.offline(p, "how it stands", func(agent.Phone) bool { return true }); !o.Standing.Locked {
		t.Error("registering unlocks it")
	}
	if _, err := signIn(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	w.offline(p, "an unlocked key", ready)
	m, _ := app.last()
	if err := w.agent.TryOffline(t.Context(), w.agent.View().Phones[0].Pairing); err != nil {
		t.Fatal(err)
	}
	if _, err := signIn(t.Context(), w.plugged(p), m.Batch.Code(0)); err != nil {
		t.Errorf("after that: %v", err)
	}
}

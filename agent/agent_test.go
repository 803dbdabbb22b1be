package agent_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/join"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/link/channel"
)

const site = "https://login.microsoft.com"

func creation() *client.CreationOptions {
	return &client.CreationOptions{
		RP: client.RelyingParty{ID: "login.microsoft.com", Name: "Microsoft"}, User: client.UserAccount{ID: []byte("alex"), Name: "alex@contoso.com", DisplayName: "Alex"},
		Challenge: []byte("a challenge of sixteen bytes"), Parameters: []client.CredentialParameter{{Type: "public-key", Algorithm: -7}},
		Selection: client.Selection{ResidentKey: "required", UserVerification: "required"},
	}
}

// TestSignIn is the whole way: enrolled, paired, plugged in, registered and signed in through the HID device, in several
// ways of pairing, and unplugged when the phone goes.
func TestSignIn(t *testing.T) {
	w := newWorld(t)
	w.enrol()
	p := w.phone("Alex's phone")
	p.person.accepts(t.Context())
	p.pair(false)
	w.key(p, agent.KeyIn)
	v := w.await("the account", func(v agent.View) bool { return v.Phones[0].UPN != "" })
	if one := v.Phones[0]; one.UPN != p.user.UPN || one.Name != p.name || !one.Incomplete || one.Presence != "present" || one.Problem != nil {
		t.Errorf("the phone is shown as %+v", one)
	}
	if name := w.socket.names[v.Phones[0].Serial]; name != "Security Key (Alex's phone)" {
		t.Errorf("the key is called %q", name)
	}
	host := w.channel(p)
	if c := host.Info().Capabilities; c&ctaphid.CapNoMsg == 0 || c&ctaphid.CapCBOR == 0 {
		t.Errorf("capabilities %b", c)
	}
	platform := &client.Client{Channel: host, Random: rand.Reader}
	info, err := platform.Info(t.Context())
	if err != nil || info.MaxMsgSize == nil || *info.MaxMsgSize > 1200 || !info.Options["uv"] {
		t.Fatalf("getInfo %+v, %v", info, err)
	}
	if _, err := platform.Create(t.Context(), creation(), site); err != nil {
		t.Fatal(err)
	}
	got, err := platform.Get(t.Context(), &client.RequestOptions{Challenge: []byte("a challenge of sixteen bytes"), RPID: "login.microsoft.com", UserVerification: "required"}, site)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.UserHandle) != "alex" {
		t.Errorf("signed in as %q", got.UserHandle)
	}
	p.stop()
	w.key(p, agent.KeyOut)
	if _, err := host.CBOR(t.Context(), []byte{byte(ctap.GetInfo)}); err == nil {
		t.Error("the key answers though it is unplugged")
	}
	p.open()
	if _, err := w.channel(p).CBOR(t.Context(), []byte{byte(ctap.GetInfo)}); err != nil {
		t.Errorf("after the phone came back: %v", err)
	}
}

// TestGetInfoDoesNotBotherThePhone: hosts ask often, and the phone is asked once.
func TestGetInfoDoesNotBotherThePhone(t *testing.T) {
	w := newWorld(t)
	w.enrol()
	p := w.phone("Pixel")
	p.pair(true)
	host := w.channel(p)
	for range 20 {
		if answer, err := host.CBOR(t.Context(), []byte{byte(ctap.GetInfo)}); err != nil || len(answer) < 10 || answer[0] != 0 {
			t.Fatalf("%x, %v", answer, err)
		}
	}
	if n := len(p.asked); n != 1 {
		t.Errorf("the phone was asked %d times", n)
	}
}

// TestUserIsWaitedFor: the host hears that the user is waited for, the people see the number the phone shows, and giving up
// reaches the phone.
func TestUserIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.enrol()
	p := w.phone("Pixel")
	p.pair(false)
	host := w.channel(p)
	<-p.asked // the getInfo of the plugging
	ctx, giveUp := context.WithCancel(t.Context())
	waiting := make(chan struct{}, 1)
	host.OnKeepalive = func(s ctaphid.Status) {
		if s == ctaphid.UserPresenceNeeded {
			select {
			case waiting <- struct{}{}:
			default:
			}
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := host.CBOR(ctx, []byte{byte(ctap.Selection)})
		ended <- err
	}()
	asked := <-p.asked
	v := w.await("the number", func(v agent.View) bool { return len(v.Asked) == 1 && v.Asked[0].Waiting })
	if v.Asked[0].Number != asked.Number || len(asked.Number) != 2 || v.Asked[0].Name != "Pixel" {
		t.Errorf("shown are %+v, and %q on the phone", v.Asked, asked.Number)
	}
	<-waiting
	giveUp()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the host was told %v", err)
	}
	w.await("the end of it", func(v agent.View) bool { return len(v.Asked) == 0 || v.Asked[0].Number == "" })
	for deadline := time.Now().Add(patience); p.person.waiting.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the phone still asks its user")
		}
	}
}

// TestRefusals: what the phone says, the host is told in its own words.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.enrol()
	p := w.phone("Pixel")
	p.pair(false)
	host := w.channel(p)
	for reason, want := range map[channel.Reason]ctap.Status{
		channel.ReasonNotAllowed: ctap.ErrOperationDenied, channel.ReasonLocked: ctap.ErrOperationDenied, channel.ReasonLate: ctap.ErrUserActionTimeout,
		channel.ReasonBusy: ctap.ErrChannelBusy, channel.ReasonClock: ctap.ErrOther, 200: ctap.ErrOperationDenied,
	} {
		p.refuse.Store(uint32(reason))
		answer, err := host.CBOR(t.Context(), []byte{byte(ctap.Selection)})
		if err != nil || len(answer) != 1 || ctap.Status(answer[0]) != want {
			t.Errorf("reason %d: %x, %v; want %v", reason, answer, err, want)
		}
		if asked := w.agent.View().Asked; len(asked) != 1 || asked[0].Message == "" || asked[0].Next == "" || asked[0].Number != "" {
			t.Errorf("reason %d is shown as %+v", reason, asked)
		}
	}
}

// TestSeveralPhones: each has a key of its own, and what ends one leaves the other.
func TestSeveralPhones(t *testing.T) {
	w := newWorld(t)
	w.enrol()
	a, b := w.phone("Anna's"), w.phone("Ben's")
	a.pair(false)
	b.pair(false)
	w.key(a, agent.KeyIn)
	w.key(b, agent.KeyIn)
	v := w.await("the accounts", func(v agent.View) bool { return v.Phones[0].UPN != "" && v.Phones[1].UPN != "" })
	if v.Phones[0].Serial == v.Phones[1].Serial || v.Phones[0].UPN == v.Phones[1].UPN {
		t.Errorf("not told apart: %+v", v.Phones)
	}
	second := w.channel(b)
	if err := w.agent.Unpair(t.Context(), a.paired[0].Pairing); err != nil {
		t.Fatal(err)
	}
	w.await("one phone", func(v agent.View) bool { return len(v.Phones) == 1 && v.Phones[0].ID == b.id })
	if _, err := second.CBOR(t.Context(), []byte{byte(ctap.GetInfo)}); err != nil {
		t.Errorf("the other key: %v", err)
	}
	w.set(postern.StateDisabled)
	w.key(b, agent.KeyOut)
	w.await("why", func(v agent.View) bool {
		return v.Notice != nil && v.Notice.Code == postern.CodeIntegrationDisabled || v.Phones[0].Problem != nil && v.Phones[0].Problem.Code == postern.CodeIntegrationDisabled
	})
	w.set(postern.StateEnabled)
	w.key(b, agent.KeyIn)
}

// TestRestart: the pairings are there again, and only one agent is at work with a directory.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.enrol()
	p := w.phone("Pixel")
	p.pair(false)
	w.key(p, agent.KeyIn)
	if _, err := agent.New(w.config()); !errors.Is(err, agent.ErrRunning) {
		t.Errorf("a second agent: %v", err)
	}
	w.stop()
	for name, mode := range map[string]os.FileMode{"": 0o700, "agent": 0o600, "agent.key": 0o600} {
		info, err := os.Stat(filepath.Join(w.dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info, err)
		}
	}
	data, err := os.ReadFile(filepath.Join(w.dir, "agent"))
	if err != nil || strings.Contains(string(data), p.name) || strings.Contains(string(data), "identity_key") {
		t.Errorf("the state is in the clear: %v", err)
	}
	w.joined.Store(&join.Status{State: postern.JoinEntra, EnterpriseJoined: true})
	w.start()
	v := w.key(p, agent.KeyIn)
	if v.Seal.Kind != "key file" || v.Join.State != postern.JoinEntra || !v.Join.Supported {
		t.Errorf("shown are %+v, %+v", v.Seal, v.Join)
	}
	got := w.workstation()
	if got.JoinState != postern.JoinEntra || !got.EnterpriseJoined || got.Name != "DESKTOP-7" || got.Kind != postern.WorkstationAgent {
		t.Errorf("the control center was told %+v", got)
	}
	if err := w.agent.Rename(t.Context(), "Front desk"); err != nil {
		t.Fatal(err)
	}
	if got := w.workstation(); got.Name != "Front desk" || got.JoinState != postern.JoinEntra {
		t.Errorf("renamed, the control center has %+v", got)
	}
}

// workstation is what the control center has of the agent, once it was told of its join state.
func (w *world) workstation() postern.Workstation {
	w.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		all, err := w.admin.Workstations(w.Context(), w.integration.ID)
		if err != nil || len(all) != 1 {
			w.Fatalf("workstations %+v, %v", all, err)
		}
		if all[0].JoinState == w.joined.Load().State || time.Now().After(deadline) {
			return all[0]
		}
	}
}

// TestLeave: the control center knows it, nothing is kept, and another enrolment is another workstation.
func TestLeave(t *testing.T) {
	w := newWorld(t)
	if err := w.agent.Pair(t.Context(), false); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("pairing without an enrolment: %v", err)
	}
	w.enrol()
	p := w.phone("Pixel")
	p.pair(false)
	w.key(p, agent.KeyIn)
	before := w.agent.View().ID
	if err := w.agent.Enrol(t.Context(), agent.Enrolment{Server: w.server}); !postern.IsCode(err, postern.CodeConflict) {
		t.Errorf("enrolled twice: %v", err)
	}
	if err := w.agent.Leave(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	v := w.await("nothing", func(v agent.View) bool { return !v.Enrolled })
	if diff := cmp.Diff([]agent.Phone{}, v.Phones); diff != "" {
		t.Error(diff)
	}
	w.enrol()
	if after := w.agent.View().ID; after == before || after == "" {
		t.Errorf("before %s, after %s", before, after)
	}
}

// TestKeyFails: a machine that takes no key is told of, and tried again.
func TestKeyFails(t *testing.T) {
	w := newWorld(t)
	w.socket.fail = &hid.Unavailable{Message: "There is no door.", Next: "Load the module."}
	w.enrol()
	p := w.phone("Pixel")
	p.pair(false)
	v := w.key(p, agent.KeyFailed)
	if got := v.Phones[0].Problem; got == nil || got.Message != "There is no door." || got.Next != "Load the module." {
		t.Errorf("shown is %+v", got)
	}
	w.socket.mu.Lock()
	w.socket.fail = nil
	w.socket.mu.Unlock()
	if v := w.key(p, agent.KeyIn); v.Phones[0].Problem != nil {
		t.Errorf("still shown is %+v", v.Phones[0].Problem)
	}
}

// TestDifferentDigits: nothing is kept.
func TestDifferentDigits(t *testing.T) {
	w := newWorld(t)
	w.enrol()
	p := w.phone("Pixel")
	if err := w.agent.Pair(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := w.agent.Compared(t.Context(), true); !postern.IsCode(err, postern.CodeConflict) {
		t.Errorf("digits compared before there are any: %v", err)
	}
	paired := make(chan error, 1)
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		_, err := p.link.Pair(ctx, w.agent.View().Pairing.URL, silent{p})
		paired <- err
	}()
	w.await("digits", func(v agent.View) bool { return v.Pairing != nil && v.Pairing.Step == agent.PairingCompare })
	if err := w.agent.Compared(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	v := w.await("the end", func(v agent.View) bool { return v.Pairing.Step == agent.PairingFailed })
	if v.Pairing.Problem == nil || !strings.Contains(v.Pairing.Problem.Message, "different") || len(v.Phones) != 0 {
		t.Errorf("shown is %+v, %+v", v.Pairing, v.Phones)
	}
	giveUp()
	if err := <-paired; err == nil {
		t.Error("the phone is paired")
	}
}

package windows

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern/entrasim"
)

// world is an emulated tenant, people with passkeys, and computers.
type world struct {
	*testing.T
	tenant *entrasim.Running
}

func newWorld(t *testing.T) *world {
	t.Helper()
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	tenant, err := entrasim.Listen(context.Background(), entrasim.Config{Users: 30, Seed: 1, Levers: &levers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	return &world{t, tenant}
}

// control speaks to the emulator's control API.
func (w *world) control(method, path string, body any) map[string]any {
	w.Helper()
	in, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.Context(), method, w.tenant.GraphURL+"/_entrasim/"+path, bytes.NewReader(in))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.tenant.Client().Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	out := map[string]any{}
	if answer.StatusCode != http.StatusNoContent {
		if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || answer.StatusCode >= 300 {
			w.Fatalf("%s %s: %d %v %v", method, path, answer.StatusCode, out, err)
		}
	}
	return out
}

func (w *world) user(n int) entrasim.UserInfo { return w.tenant.Users[n] }

// give puts a new passkey of a user on a key.
func (w *world) give(u entrasim.UserInfo, k *softKey) *account {
	w.Helper()
	made, err := w.tenant.Server.Populate("first", entrasim.Population{Users: []entrasim.UserSpec{{ID: u.ID, UPN: u.UPN, Password: u.Password}}})
	if err != nil {
		w.Fatal(err)
	}
	handle, err := url64.DecodeString(made.Users[0].UserHandle)
	if err != nil {
		w.Fatal(err)
	}
	a, public := k.add(handle)
	w.register(u, a, public)
	return a
}

// register has Entra know nothing but these passkeys of a user: a second call takes the first one away.
func (w *world) register(u entrasim.UserInfo, a *account, public []byte) {
	w.Helper()
	_, err := w.tenant.Server.Populate("first", entrasim.Population{Users: []entrasim.UserSpec{{ID: u.ID, UPN: u.UPN, Password: u.Password, Passkeys: []entrasim.PasskeySpec{{
		CredentialID: url64.EncodeToString(a.id), PublicKey: url64.EncodeToString(public), AAGUID: "07070707-0707-0707-0707-070707070707", Name: "test",
	}}}}})
	if err != nil {
		w.Fatal(err)
	}
}

// computer makes one.
func (w *world) computer(change func(*Joining)) *Machine {
	w.Helper()
	j := Joining{
		Dir: filepath.Join(w.TempDir(), "computer"), Kind: Entra, Name: "PC-1", Authority: strings.TrimSuffix(w.tenant.AuthorityURL, "/"), CA: w.tenant.CAPEM,
		Domain: w.tenant.Domain, UPN: w.tenant.Administrator.UPN, Password: w.tenant.Administrator.Password,
	}
	if change != nil {
		change(&j)
	}
	m, err := Join(w.Context(), j)
	if err != nil {
		w.Fatal(err)
	}
	return m
}

// signIn signs in at the computer as it is on the disk, so that what is not kept shows.
func (w *world) signIn(m *Machine, in SignIn) *Result {
	w.Helper()
	if in.Wait == 0 {
		in.Wait = 10 * time.Second
	}
	again, err := Open(m.dir, m.now)
	if err != nil {
		w.Fatal(err)
	}
	r, err := again.SignIn(w.Context(), in)
	if err != nil {
		w.Fatal(err)
	}
	*m = *again
	return r
}

// states are those of the steps, a letter each.
func states(r *Result) string {
	var b strings.Builder
	for i, s := range r.Steps {
		if s.Number != i+1 || s.Name == "" {
			return fmt.Sprintf("step %d in place %d", s.Number, i+1)
		}
		b.WriteByte(string(s.State)[0])
	}
	return b.String()
}

func (w *world) in(what string, r *Result, mode Mode, u entrasim.UserInfo) {
	w.Helper()
	want := map[Mode]string{Online: "ppppppppp", Cached: "ppssppssp"}[mode]
	if !r.SignedIn || r.Mode != mode || r.User != u.UPN || states(r) != want || r.Refusal != nil || !strings.Contains(r.Resource, u.UPN) {
		w.Fatalf("%s: %s %+v", what, states(r), r)
	}
}

func (w *world) out(what string, r *Result, step int, code, reason string) {
	w.Helper()
	f := r.Refusal
	if r.SignedIn || f == nil || f.Step != step || f.Code != code || !strings.Contains(f.Reason, reason) || f.Windows == "" || len(r.Steps) != step || r.Steps[step-1].State != Failed {
		w.Fatalf("%s: %s %+v %+v", what, states(r), r, f)
	}
}

// printed is what dsregcmd says.
func printed(t *testing.T, m *Machine) string {
	t.Helper()
	var b strings.Builder
	if err := m.DSRegCmd(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func shows(t *testing.T, m *Machine, lines ...string) {
	t.Helper()
	text := printed(t, m)
	for _, line := range lines {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	ana, k := w.user(0), newSoftKey(t)
	k.slow = 3
	w.give(ana, k)
	pc := w.computer(nil)
	shows(t, pc, "AzureAdJoined : YES", "DomainJoined : NO", "AzureAdPrt : NO")

	w.out("offline at first", w.signIn(pc, SignIn{Key: k.place, NoNetwork: true}), stepPRTRequest, "", "has signed in on this computer")
	var told []Step
	waited := 0
	r := w.signIn(pc, SignIn{Key: k.place, Step: func(s Step) { told = append(told, s) }, Waiting: func() { waited++ }})
	w.in("online", r, Online, ana)
	if !slices.Equal(told, r.Steps) || waited == 0 || !slices.Equal(k.kinds(), []string{"uv", "uv"}) {
		t.Errorf("told %d steps, waited %d times, tokens %v", len(told), waited, k.kinds())
	}
	shows(t, pc, "AzureAdPrt : YES", "CloudTgt : YES", "OnPremTgt : NO", "Executing Account Name : "+ana.UPN)

	if err := pc.Lock(); err != nil {
		t.Fatal(err)
	}
	if who, locked := pc.SignedIn(); who != ana.UPN || !locked {
		t.Errorf("%s, locked %v", who, locked)
	}
	r = w.signIn(pc, SignIn{Key: k.place, NoNetwork: true})
	if w.in("offline afterwards", r, Cached, ana); !r.Unlocked {
		t.Error("the session that was locked is not unlocked")
	}
	shows(t, pc, "AzureAdPrt : YES")
	if err := pc.SignOut(); err != nil {
		t.Fatal(err)
	}
	if pc.SignOut() == nil || pc.Lock() == nil {
		t.Error("nobody signs out twice")
	}
	shows(t, pc, "AzureAdPrt : NO")

	// Entra that does not answer is like no network.
	pc.Entra.Authority = "https://localhost:1"
	if err := pc.save(); err != nil {
		t.Fatal(err)
	}
	if r = w.signIn(pc, SignIn{Key: k.place}); r.Unlocked {
		t.Error("unlocked what nobody had locked")
	}
	w.in("while Entra is away", r, Cached, ana)
}

// TestPasskeysKeepTheirLogons: whatever is plugged in, what another passkey left on the computer stays.
func TestPasskeysKeepTheirLogons(t *testing.T) {
	w := newWorld(t)
	ana, bob := w.user(0), w.user(1)
	first, second, other, empty := newSoftKey(t), newSoftKey(t), newSoftKey(t), newSoftKey(t)
	w.give(ana, first)
	pc := w.computer(nil)
	w.in("the first passkey", w.signIn(pc, SignIn{Key: first.place}), Online, ana)
	w.give(ana, second) // in place of the first
	w.give(bob, other)

	stays := func(after string) {
		t.Helper()
		w.in("the first passkey after "+after, w.signIn(pc, SignIn{Key: first.place, NoNetwork: true}), Cached, ana)
	}
	w.out("a passkey that was never here", w.signIn(pc, SignIn{Key: second.place, NoNetwork: true}), stepPRTRequest, "", "before")
	stays("a passkey that was never here")
	w.out("an empty key", w.signIn(pc, SignIn{Key: empty.place}), stepGesture, "CTAP 2E", "no passkey")
	stays("an empty key")
	w.out("no key", w.signIn(pc, SignIn{Key: "udp:127.0.0.1:1", Wait: time.Nanosecond}), stepInsert, "", "No security key")
	stays("no key")
	stranger, _ := empty.add(first.accounts[0].handle)
	w.out("a passkey that Entra does not know", w.signIn(pc, SignIn{Key: empty.place}), stepVerify, "AADSTS135010", "")
	stays("a passkey that Entra does not know")
	// One that calls itself by the same name, without the secret.
	stranger.id = first.accounts[0].id
	w.out("a copy without the secret", w.signIn(pc, SignIn{Key: empty.place, NoNetwork: true}), stepPRT, "", "hmac-secret")
	stays("a copy without the secret")
	w.in("another user", w.signIn(pc, SignIn{Key: other.place}), Online, bob)
	stays("another user")
	r := w.signIn(pc, SignIn{Key: second.place})
	w.in("another passkey of the same user", r, Online, ana)
	stays("another passkey of the same user")
	w.in("which opens the same", w.signIn(pc, SignIn{Key: second.place, NoNetwork: true}), Cached, ana)
	w.in("the other user's", w.signIn(pc, SignIn{Key: other.place, NoNetwork: true}), Cached, bob)
}

func TestLastAddedAccount(t *testing.T) {
	w := newWorld(t)
	ana, bob, k := w.user(0), w.user(1), newSoftKey(t)
	w.give(ana, k)
	w.give(bob, k)
	w.in("two accounts", w.signIn(w.computer(nil), SignIn{Key: k.place}), Online, bob)
}

// TestRefusedByEntra: what Entra has refused is refused offline too, until Entra takes it again.
func TestRefusedByEntra(t *testing.T) {
	w := newWorld(t)
	ana, k := w.user(0), newSoftKey(t)
	w.give(ana, k)
	pc := w.computer(nil)
	online, offline := SignIn{Key: k.place}, SignIn{Key: k.place, NoNetwork: true}
	w.in("at first", w.signIn(pc, online), Online, ana)

	w.control("PATCH", "tenants/first/users/"+ana.ID, map[string]any{"enabled": false})
	w.in("offline, before this computer knows", w.signIn(pc, offline), Cached, ana)
	r := w.signIn(pc, online)
	w.out("disabled", r, stepVerify, "AADSTS50057", "")
	if r.Refusal.Status != statusDisabled {
		t.Errorf("status %s", r.Refusal.Status)
	}
	shows(t, pc, "Attempt Status : 0xc0000072", "Credential Type : FIDO", "Server Error Description : AADSTS50057")
	w.out("disabled, offline", w.signIn(pc, offline), stepPRTRequest, "AADSTS50057", "user may not")
	w.control("PATCH", "tenants/first/users/"+ana.ID, map[string]any{"enabled": true})
	w.out("enabled, but the computer has not heard", w.signIn(pc, offline), stepPRTRequest, "AADSTS50057", "")
	w.in("enabled", w.signIn(pc, online), Online, ana)
	w.in("enabled, offline", w.signIn(pc, offline), Cached, ana)
	if strings.Contains(printed(t, pc), "Attempt Status") {
		t.Error("an old failure is still told of")
	}

	elsewhere := newSoftKey(t)
	w.give(ana, elsewhere) // in place of the first
	w.out("removed", w.signIn(pc, online), stepVerify, "AADSTS135010", "")
	w.out("removed, offline", w.signIn(pc, offline), stepPRTRequest, "AADSTS135010", "passkey")
	w.in("the other passkey", w.signIn(pc, SignIn{Key: elsewhere.place}), Online, ana)
	w.out("removed, after the other", w.signIn(pc, offline), stepPRTRequest, "AADSTS135010", "passkey")

	w.control("PATCH", "tenants/first/computers/"+pc.Entra.DeviceID, map[string]any{"enabled": false})
	w.out("the computer is disabled", w.signIn(pc, SignIn{Key: elsewhere.place}), stepVerify, "AADSTS135011", "")
}

func TestRenew(t *testing.T) {
	w := newWorld(t)
	ana, k := w.user(0), newSoftKey(t)
	w.give(ana, k)
	pc := w.computer(nil)
	if pc.Renew(t.Context()) == nil {
		t.Error("renewed a token of nobody")
	}
	w.in("online", w.signIn(pc, SignIn{Key: k.place}), Online, ana)
	before := pc.Users[ana.ID].PRT.Sealed
	if err := pc.Renew(t.Context()); err != nil || bytes.Equal(before, pc.Users[ana.ID].PRT.Sealed) {
		t.Errorf("not renewed: %v", err)
	}
	w.in("offline after it", w.signIn(pc, SignIn{Key: k.place, NoNetwork: true}), Cached, ana)
	w.control("PATCH", "tenants/first/users/"+ana.ID, map[string]any{"enabled": false})
	err := pc.Renew(t.Context())
	if r, ok := errors.AsType[*Refusal](err); !ok || r.Code != "AADSTS50057" {
		t.Errorf("renewed although the user is disabled: %v", err)
	}
	shows(t, pc, "AzureAdPrt : NO", "AADSTS50057")
	w.out("offline then", w.signIn(pc, SignIn{Key: k.place, NoNetwork: true}), stepPRTRequest, "AADSTS50057", "")
}

// TestHybrid: a synchronised user gets a ticket for the domain, and an administrator's account is refused one by the domain
// controller, which hinders no sign-in.
func TestHybrid(t *testing.T) {
	w := newWorld(t)
	pc := w.computer(func(j *Joining) { j.Kind = Hybrid })
	for _, u := range w.tenant.Users {
		k := newSoftKey(t)
		w.give(u, k)
		w.in("hybrid", w.signIn(pc, SignIn{Key: k.place}), Online, u)
		if !pc.Users[u.ID].PRT.OnPrem {
			shows(t, pc, "OnPremTgt : NO", "CloudTgt : YES")
			continue // not synchronised
		}
		shows(t, pc, "AzureAdJoined : YES", "DomainJoined : YES", "DomainName : CORP", "OnPremTgt : YES", "CloudTgt : YES")
		w.control("PATCH", "tenants/first/users/"+u.ID, map[string]any{"on_premises_protected": true})
		r := w.signIn(pc, SignIn{Key: k.place})
		w.in("an administrator", r, Online, u)
		if !strings.Contains(strings.Join(r.Notes, "\n"), "KDC_ERR_POLICY") {
			t.Errorf("notes %q", r.Notes)
		}
		return
	}
	t.Error("no user is synchronised")
}

// TestWhereKeysMaySignIn is Microsoft's matrix of computers.
func TestWhereKeysMaySignIn(t *testing.T) {
	w := newWorld(t)
	ana, k := w.user(0), newSoftKey(t)
	w.give(ana, k)
	for _, c := range []struct {
		kind    Kind
		build   string
		change  func(*Joining)
		refusal string
		note    string
	}{
		{Entra, "25H2", nil, "", ""},
		{Entra, "1909", nil, "", ""},
		{Entra, "1903", nil, "", "1909"},
		{Entra, "1809", nil, "1903", ""},
		{Entra, "24H2", func(j *Joining) { j.Server = true }, "Windows Server", ""},
		{Entra, "24H2", func(j *Joining) { j.NoKeys = true }, "UseSecurityKeyForSignin", ""},
		{Hybrid, "2004", nil, "", "Kerberos"},
		{Hybrid, "1909", nil, "2004", ""},
		{AD, "24H2", nil, "does not support security keys", ""},
		{None, "24H2", nil, "joined to nothing", ""},
		{Registered, "24H2", nil, "registered with Entra", ""},
	} {
		t.Run(string(c.kind)+" "+c.build, func(t *testing.T) {
			inner := &world{t, w.tenant}
			build, err := ParseBuild(c.build)
			if err != nil {
				t.Fatal(err)
			}
			pc := inner.computer(func(j *Joining) {
				j.Kind, j.Build = c.kind, build
				if c.change != nil {
					c.change(j)
				}
			})
			shows(t, pc, "AzureAdJoined : "+yes(c.kind == Entra || c.kind == Hybrid), "DomainJoined : "+yes(c.kind == AD || c.kind == Hybrid), "WorkplaceJoined : "+yes(c.kind == Registered))
			r := inner.signIn(pc, SignIn{Key: k.place})
			if c.refusal != "" {
				inner.out(c.build, r, stepRecognise, "", c.refusal)
				return
			}
			inner.in(c.build, r, Online, ana)
			if c.note != "" && !strings.Contains(strings.Join(r.Notes, "\n"), c.note) {
				t.Errorf("notes %q", r.Notes)
			}
		})
	}
}

func TestParseBuild(t *testing.T) {
	for text, want := range map[string]Build{"1909": 18363, "24h2": 26100, "19045": 19045, "10.0.22631.4317": 22631, "10.0.19041": 19041} {
		if got, err := ParseBuild(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "11", "26H9", "10.0", "-19041", "7601", "99999"} {
		if got, err := ParseBuild(text); err == nil {
			t.Errorf("%q is build %d", text, got)
		}
	}
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	ana := w.user(0)
	pin := func(text string) PIN { return func(context.Context, int) (string, error) { return text, nil } }
	try := func(change func(*softKey), in SignIn) *Result {
		k := newSoftKey(t)
		change(k)
		w.give(ana, k)
		in.Key = k.place
		return w.signIn(w.computer(nil), in)
	}
	byPIN := func(k *softKey) { k.uv, k.pin = false, "1234" }
	w.in("a PIN", try(byPIN, SignIn{PIN: pin("1234")}), Online, ana)
	w.in("protocol 1", try(func(k *softKey) { byPIN(k); k.versions = []uint{1} }, SignIn{PIN: pin("1234")}), Online, ana)
	w.in("protocol 1, built-in verification", try(func(k *softKey) { k.versions = []uint{1} }, SignIn{}), Online, ana)
	w.out("a wrong PIN", try(byPIN, SignIn{PIN: pin("4321")}), stepGesture, "CTAP 31", "PIN is wrong")
	w.out("no PIN", try(byPIN, SignIn{}), stepGesture, "", "asks for its PIN")
	w.out("the last try", try(func(k *softKey) { byPIN(k); k.left = 1 }, SignIn{PIN: pin("4321")}), stepGesture, "CTAP 32", "locked")
	w.out("a locked key", try(func(k *softKey) { byPIN(k); k.left = 0 }, SignIn{PIN: pin("1234")}), stepGesture, "CTAP 32", "locked")
	w.out("no hmac-secret", try(func(k *softKey) { k.noHMAC = true }, SignIn{}), stepRecognise, "", "hmac-secret")
	w.out("no verification", try(func(k *softKey) { k.uv = false }, SignIn{}), stepRecognise, "", "neither")
	w.out("user presence alone", try(func(k *softKey) { k.flags = flagUP }, SignIn{}), stepGesture, "", "without verifying")
	w.out("another protocol", try(func(k *softKey) { k.versions = []uint{7} }, SignIn{}), stepGesture, "", "PIN/UV auth protocol")
}

// TestHostileKey: whatever a key says, there is a refusal at the step that it spoils, or a sign-in.
func TestHostileKey(t *testing.T) {
	w := newWorld(t)
	ana, k := w.user(0), newSoftKey(t)
	w.give(ana, k)
	pc := w.computer(nil)
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be repeated
	for n := range 150 {
		spoiled := []byte{cmdGetInfo, cmdClientPIN, cmdGetAssertion}[n%3]
		k.answer = func(command byte, answer []byte) []byte {
			if command != spoiled {
				return answer
			}
			answer = bytes.Clone(answer)
			switch dice.IntN(3) {
			case 0:
				return answer[:1+dice.IntN(len(answer))]
			case 1:
				for range 1 + dice.IntN(4) {
					answer[dice.IntN(len(answer))] ^= byte(1 << dice.IntN(8))
				}
				return answer
			}
			return append([]byte{0}, random(dice.IntN(300))...)
		}
		r := w.signIn(pc, SignIn{Key: k.place, NoNetwork: true})
		if last := r.Steps[len(r.Steps)-1]; r.SignedIn == (r.Refusal != nil) || r.Refusal != nil && last.State != Failed {
			t.Fatalf("%s %+v", states(r), r)
		}
	}
}

func TestJoinRefused(t *testing.T) {
	w := newWorld(t)
	j := Joining{
		Dir: t.TempDir(), Kind: Entra, Name: "PC-1", Authority: strings.TrimSuffix(w.tenant.AuthorityURL, "/"), CA: w.tenant.CAPEM,
		Domain: w.tenant.Domain, UPN: w.user(0).UPN, Password: "wrong",
	}
	if _, err := Join(t.Context(), j); err == nil || !strings.Contains(err.Error(), "AADSTS50126") {
		t.Errorf("joined with a wrong password: %v", err)
	}
	if _, err := Open(j.Dir, nil); !errors.Is(err, ErrNoMachine) {
		t.Errorf("a computer that was not joined: %v", err)
	}
	j.Kind = None
	if _, err := Join(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if _, err := Join(t.Context(), j); err == nil {
		t.Error("two computers in one folder")
	}
}

func TestBcryptBlob(t *testing.T) {
	w := newWorld(t)
	pc := w.computer(nil)
	key, err := rsaKey(pc.Entra.Transport)
	if err != nil {
		t.Fatal(err)
	}
	blob := bcryptBlob(&key.PublicKey)
	if want := "UlNBMQAIAAADAAAAAAEAAAAAAAAAAAAAAQAB"; base64.StdEncoding.EncodeToString(blob[:27]) != want || len(blob) != 27+256 {
		t.Errorf("%x", blob)
	}
}

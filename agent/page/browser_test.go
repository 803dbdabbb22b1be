package page_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/agent/page"
	"github.com/postern/postern/internal/browser"
)

// looks holds what is on the screen to axe, in both colours, and keeps pictures.
func looks(t *testing.T, b *browser.Tab, state string) {
	t.Helper()
	for _, scheme := range []string{"dark", "light"} {
		b.Look(scheme, 900)
		for _, v := range b.Axe() {
			t.Errorf("%s, %s: axe: %s", state, scheme, v)
		}
		b.Screenshot("agent/" + state + "-" + scheme)
	}
	if wrong := b.Wrong(); len(wrong) > 0 {
		t.Errorf("%s: %q", state, wrong)
	}
}

// enrolled is a workstation with two people's phones.
func enrolled() agent.View {
	return agent.View{
		Software: "postern-agent 0.1", System: "Debian GNU/Linux 13", Enrolled: true, Server: "https://postern.example.com", ID: "wks_1", Name: "DESKTOP-7",
		Application: "Contoso", Connected: true, Socket: "uhid", Asked: []agent.Request{},
		Seal: agent.Seal{Kind: "tpm", Text: "sealed by the TPM of this machine: a copy opens nowhere else"},
		Join: agent.Join{State: postern.JoinEntra, Name: postern.JoinEntra.Name(), SignIn: postern.JoinEntra.SignIn(), Supported: true, Support: "Microsoft supports security keys for signing in to this machine."},
		Phones: []agent.Phone{
			{Pairing: postern.NewPairingID([16]byte{1}), ID: "phn_1", Name: "Alex's Pixel", UPN: "alex@contoso.com", User: "Alex Weber", Phase: postern.PhaseActive, Presence: "present", Key: agent.KeyIn},
			{Pairing: postern.NewPairingID([16]byte{2}), ID: "phn_2", Name: "Kim's iPhone", UPN: "kim@contoso.com", User: "Kim Ito", Phase: postern.PhasePaired, Incomplete: true, Presence: "gone", Key: agent.KeyOut},
		},
	}
}

// enter opens the page as a person does, by the address with the ticket.
func enter(t *testing.T, m page.Machine) (*browser.Tab, page.Door) {
	t.Helper()
	d := serve(t, m)
	address, err := (&page.Client{Door: d}).Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := browser.Open(t)
	b.Watch()
	b.Open(address)
	return b, d
}

// TestPairing goes through the dialog from Start Pairing to the end, and the badge reopens it and goes by itself.
func TestPairing(t *testing.T) {
	m := newMachine(enrolled())
	b, _ := enter(t, m)
	b.See("Alex's Pixel")
	if at := browser.Evaluate[string](b, `location.href`); strings.Contains(at, "#") {
		t.Errorf("the ticket stands in the address: %s", at)
	}
	looks(t, b, "phones")
	b.Press("Start Pairing")
	b.See("open Microsoft's security info")
	looks(t, b, "reminder")
	b.Press("Continue")
	b.See("Scan this with the phone")
	b.See("seconds left")
	if size := browser.Evaluate[int](b, `(async () => { const i = document.querySelector("img.qr"); await i.decode(); return i.naturalWidth; })()`); size < 40 {
		t.Errorf("the QR code is %d wide", size)
	}
	looks(t, b, "qr")
	b.Press("Show a code to type")
	b.See("K7QF-01AB-CDEF")
	looks(t, b, "code")
	step := func(s agent.PairingStep, change func(*agent.Pairing)) {
		m.set(func(v *agent.View) {
			p := *v.Pairing
			p.Step, p.Name, p.Expires = s, "Sam's phone", time.Now().Add(2*time.Minute)
			change(&p)
			v.Pairing = &p
		})
	}
	step(agent.PairingCompare, func(p *agent.Pairing) { p.Code, p.Digits = "", "417" })
	b.See("Are the digits the same?")
	if focus := browser.Evaluate[string](b, `document.activeElement.textContent`); focus != "Are the digits the same?" {
		t.Errorf("the focus is on %q", focus)
	}
	looks(t, b, "digits")
	b.Press("The same")
	sam := postern.NewPairingID([16]byte{3})
	step(agent.PairingConfirming, func(p *agent.Pairing) { p.Digits = "" })
	b.See("Now confirm on the phone")
	m.set(func(v *agent.View) {
		v.Phones = append(v.Phones, agent.Phone{Pairing: sam, ID: "phn_3", Name: "Sam's phone", UPN: "sam@contoso.com", User: "Sam", Phase: postern.PhasePaired, Incomplete: true, Presence: "gone", Key: agent.KeyOut})
	})
	step(agent.PairingDone, func(p *agent.Pairing) { p.Pairing = sam })
	b.Press("Finish")
	b.See("The phone is not connected yet")
	b.Press("I am connected")
	b.See("has not come back yet")
	looks(t, b, "check")
	m.set(func(v *agent.View) {
		phones := append([]agent.Phone(nil), v.Phones...)
		phones[2].Presence, phones[2].Key = "present", agent.KeyIn
		v.Phones = phones
	})
	b.See("The phone is connected")
	b.Press("I am connected")
	b.See("Phone pairing almost complete!")
	looks(t, b, "almost")
	if to := browser.Evaluate[string](b, `document.querySelector("[data-key=entra]").href`); to != "https://mysignins.microsoft.com/security-info" {
		t.Errorf("Continue in Entra leads to %s", to)
	}
	b.Press("View more instructions")
	b.See("USB device")
	b.Press("Later")
	b.Follow(`[data-key="incomplete ` + string(sam) + `"]`)
	b.See("Phone pairing almost complete!")
	m.set(func(v *agent.View) {
		phones := append([]agent.Phone(nil), v.Phones...)
		phones[2].Incomplete, phones[2].Phase = false, postern.PhaseActive
		v.Phones = phones
	})
	b.See("Phone pairing complete")
	b.Press("Close")
	if did := strings.Join(m.did, "|"); did != "pair false|pair true|compared true|end pairing|refresh|refresh" {
		t.Errorf("did %s", did)
	}
}

// TestStates shows what else there is to see.
func TestStates(t *testing.T) {
	m := newMachine(enrolled())
	b, _ := enter(t, m)
	m.set(func(v *agent.View) {
		v.Asked = []agent.Request{{Phone: "phn_1", Name: "Alex's Pixel", Number: "47", Waiting: true}}
		v.Remote = &agent.Problem{Message: "You work here over SSH. The security key of this machine does not reach the machine you sit at.", Next: "Pair the phone with the machine you sit at."}
	})
	b.See("Look at your phone")
	b.See("47")
	looks(t, b, "asked")
	m.set(func(v *agent.View) {
		v.Asked = []agent.Request{{Phone: "phn_1", Name: "Alex's Pixel", Message: "Nobody accepted on the phone in time.", Next: "Start the sign-in again."}}
		v.Connected = false
		v.Notice = &agent.Problem{Code: postern.CodeIntegrationDisabled, Message: "The integration is DISABLED, so nobody can register or authenticate with it.", Next: "Ask an administrator to enable the integration."}
	})
	b.See("DISABLED")
	b.See("Nobody accepted")
	b.Press("Check this computer")
	b.See("5m0s behind")
	b.See("Could not be looked at (1)")
	if order := browser.Evaluate[string](b, `[...document.querySelectorAll("#checkup section h3, #checkup summary")].map((e) => e.textContent).join("|")`); order != "Does not work (1)|Does not always work (1)|Could not be looked at (1)|To know (1)|Well (1)" {
		t.Errorf("the findings are not worst first: %s", order)
	}
	looks(t, b, "notices")
	for scheme, width := range map[string]int64{"light": 900, "dark": 390} {
		b.Look(scheme, width)
		if wide := browser.Evaluate[bool](b, `document.querySelector("#checkup").scrollIntoView(), document.documentElement.scrollWidth > innerWidth`); wide {
			t.Errorf("the findings scroll sideways at %d", width)
		}
		b.Screenshot("agent/findings-" + scheme)
	}
	b.Press("Unpair")
	b.See("can no longer be used at this computer")
	looks(t, b, "unpair")
	b.Press("Cancel")
	m.set(func(v *agent.View) {
		*v = agent.View{Software: "postern-agent", System: "Debian", Name: "DESKTOP-7", Join: enrolled().Join, Seal: enrolled().Seal, Phones: []agent.Phone{}, Asked: []agent.Request{}}
	})
	b.See("Connect this computer")
	looks(t, b, "new")
	b.Fill("server", "https://postern.example.com")
	b.Press("Connect")
	m.fail = postern.Errorf(postern.CodeConflict, "Someone else was faster.").WithNext("Look again.")
	b.Press("Connect")
	b.See("Someone else was faster.")
	b.Look("light", 360)
	b.Screenshot("agent/narrow")
}

// TestOffline shows signing in without a network in all its states, and does what its buttons say.
func TestOffline(t *testing.T) {
	m := newMachine(enrolled())
	b, _ := enter(t, m)
	seen := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	tpm := agent.Seal{Kind: "tpm", Text: "sealed by the TPM of this machine: a copy opens nowhere else"}
	active := func(change func(*agent.Offline)) *agent.Offline {
		o := &agent.Offline{Step: agent.OfflineReady, Offered: true, Key: agent.KeyOut, Next: "Without a network choose the security key and type the code that the phone shows.", Standing: &offline.Standing{
			Stage: offline.Active, Seal: tpm, Codes: 20, Left: 14, WarnAt: 5, Expires: seen.AddDate(0, 1, 0), TriesLeft: 8, ProvenAt: &seen, Recovery: true, RecoveryLeft: 3,
		}}
		change(o)
		return o
	}
	later := time.Now().Add(9 * time.Minute)
	for _, state := range []struct {
		name, says string
		of         *agent.Offline
	}{
		{"offered", "Not set up", &agent.Offline{Step: agent.OfflineOffered, Offered: true, Next: "Have the app open on the phone, and press Set up."}},
		{"refused", "does not want to", &agent.Offline{Step: agent.OfflineOffered, Offered: true, Problem: &agent.Problem{Message: "The phone's user does not want to sign in offline on this computer.", Next: "It is asked again tomorrow at the earliest; press Set up to ask now."}}},
		{"asking", "Phone is asked", &agent.Offline{Step: agent.OfflineAsking, Offered: true, Next: "Look at the phone: it asks whether you want to sign in here without a network."}},
		{"registering", "Being registered", &agent.Offline{Step: agent.OfflineRegistering, Offered: true, Next: "Wait: Entra is being told, which can take some minutes."}},
		{"untried", "Not tried yet", active(func(o *agent.Offline) {
			o.Standing.ProvenAt, o.Next = nil, "Try it once while there is a network: Windows lets nobody in offline with a key it has never seen online."
		})},
		{"trying", "Being tried", active(func(o *agent.Offline) {
			o.Key, o.TryUntil, o.Standing.ProvenAt = agent.KeyIn, &later, nil
			o.Next = "Lock Windows, choose Sign-in options and the security key, and type the code that the phone shows: Show a code, under Sign in without a network."
		})},
		{"ready", "14 codes of 20 left", active(func(*agent.Offline) {})},
		{"in", "Plugged in", active(func(o *agent.Offline) { o.Key = agent.KeyIn })},
		{"few", "Few codes left", active(func(o *agent.Offline) { o.Standing.Left, o.Standing.Renewing = 1, true })},
		{"tries", "3 tries left", active(func(o *agent.Offline) { o.Standing.TriesLeft = 3 })},
		{"locked", "Locked", active(func(o *agent.Offline) {
			o.Standing.Locked, o.Standing.TriesLeft = true, 0
			o.Why = &agent.Problem{Message: "Too many wrong codes were typed, so signing in offline is locked.", Next: "Connect to the network and sign in with the phone once; that unlocks it."}
			o.Next = o.Why.Next
		})},
		{"clock", "Clock set back", active(func(o *agent.Offline) {
			o.Standing.ClockSetBack = true
			o.Why = &agent.Problem{Message: "The clock of this computer was set back, so codes that end by the calendar are not taken.", Next: "Set the clock right and connect to the network once."}
			o.Next = o.Why.Next
		})},
		{"no-tpm", "No TPM keeps it", active(func(o *agent.Offline) {
			o.Standing.Seal = agent.Seal{Kind: "key file", Text: "encrypted with a key in /var/lib/postern-agent/offline-01.key, as no TPM can be used here: whoever copies both files has what is in it"}
		})},
		{"broken", "Does not open", &agent.Offline{Step: agent.OfflineBroken, Standing: &offline.Standing{Broken: "older copy"}, Why: &agent.Problem{Message: "The offline passkey on this computer does not open: this is an older copy of the file.", Next: "Remove it here and set it up again while there is a network."}, Next: "Remove it here and set it up again while there is a network."}},
	} {
		m.set(func(v *agent.View) {
			v.Connected = state.name != "in" && state.name != "locked"
			phones := append([]agent.Phone(nil), v.Phones...)
			phones[0].Offline = state.of
			v.Phones = phones
		})
		b.See(state.says)
		looks(t, b, "offline-"+state.name)
		b.Look("dark", 390)
		if wide := browser.Evaluate[bool](b, `document.documentElement.scrollWidth > innerWidth`); wide {
			t.Errorf("%s scrolls sideways", state.name)
		}
		b.Screenshot("agent/offline-" + state.name + "-narrow")
		switch state.name {
		case "offered":
			b.Press("Set up")
		case "untried":
			b.Press("Try it once")
		case "ready":
			b.Look("light", 900)
			b.Press("Remove")
			b.See("Stop signing in offline with Alex's Pixel?")
			looks(t, b, "offline-remove")
			browser.Evaluate[bool](b, `document.querySelector("#dialog button.danger").click(), true`)
			b.Press("Signing in to Windows with the key")
			b.See("Where it does not work")
			browser.Evaluate[bool](b, `document.querySelector("[data-key=windows]").scrollIntoView(), true`)
			looks(t, b, "windows")
		}
	}
	id := string(enrolled().Phones[0].Pairing)
	b.See("Does not open")
	m.mu.Lock()
	defer m.mu.Unlock()
	if did := strings.Join(m.did, "|"); did != "issue "+id+"|try "+id+"|forget "+id {
		t.Errorf("did %s", did)
	}
}

// TestPasserBy: without a ticket there is nothing to see but what to do.
func TestPasserBy(t *testing.T) {
	m := newMachine(enrolled())
	d := serve(t, m)
	b := browser.Open(t)
	b.Open(d.URL)
	b.See("postern-agent open")
	if text := b.Text("body"); strings.Contains(text, "alex") {
		t.Errorf("a passer-by sees %s", text)
	}
}

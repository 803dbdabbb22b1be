package doctor_test

import (
	"bytes"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/doctor"
	"github.com/postern/postern/agent/doctor/domain"
)

func init() { patients = append(patients, workstations) }

// today is when the machines below are looked at; their texts are of that day.
var today = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// bench is a machine on the bench: what it says as text, and the facts that are no text.
type bench struct {
	facts    doctor.Facts
	evidence doctor.Evidence
	sysfs    fstest.MapFS
	report   []byte // of a domain
}

// text is a file of the repository.
func text(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile("../../agent/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// change replaces one place of a text, which has to be there.
func change(t *testing.T, in *[]byte, from, to string) {
	t.Helper()
	if bytes.Count(*in, []byte(from)) == 0 {
		t.Fatalf("the text has no %q", from)
	}
	*in = bytes.Replace(*in, []byte(from), []byte(to), 1)
}

func enrolled(system string) agent.View {
	return agent.View{
		Software: "postern-agent v1.4.2", Enrolled: true, Connected: true, Server: "https://postern.example.com", Name: "DESKTOP-7", Application: "Contoso", Socket: system,
		Seal:   agent.Seal{Kind: "tpm", Text: "sealed by the TPM"},
		Phones: []agent.Phone{{Name: "Pixel", UPN: "alex@contoso.com", Key: agent.KeyIn, Serial: "1"}},
	}
}

func way() (doctor.Net, []doctor.Reach) {
	tunnels := make([]doctor.Reach, 0, len(doctor.Tunnels))
	for _, host := range doctor.Tunnels {
		tunnels = append(tunnels, doctor.Reach{Host: host})
	}
	return doctor.Net{Host: "postern.example.com", Version: "v1.4.2"}, tunnels
}

// windowsBench is a healthy Windows 11 with a join state.
func windowsBench(t *testing.T, joined string, state postern.JoinState) bench {
	net, tunnels := way()
	b := bench{
		facts: doctor.Facts{Now: today, GOOS: "windows", Running: true, View: enrolled("usbip"), Net: net, Tunnels: tunnels, Door: doctor.Door{Looked: true}},
		evidence: doctor.Evidence{
			Status: text(t, "join/testdata/"+joined), User: true, Registry: text(t, "doctor/testdata/windows11.reg.txt"), Devices: text(t, "doctor/testdata/windows11.devices.json"),
		},
	}
	if state == postern.JoinHybrid {
		b.evidence.Controller = text(t, "doctor/printed/testdata/nltest.txt")
	}
	supported, support := state.Support()
	b.facts.View.Join = agent.Join{State: state, Name: state.Name(), Supported: supported, Support: support}
	return b
}

func linuxBench(*testing.T) bench {
	net, tunnels := way()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return bench{
		facts: doctor.Facts{
			Now: today, GOOS: "linux", Running: true, View: enrolled("uhid"), Net: net, Tunnels: tunnels, Door: doctor.Door{Looked: true, Path: "/dev/uhid", Rule: true},
			Keys:     []doctor.Key{{Path: "/dev/hidraw0", Serial: "1", Virtual: true, Readable: true}},
			Browsers: []doctor.Browser{{Name: "chromium", Version: "142.0.7444.175"}, {Name: "firefox", Version: "140.5.0"}},
		},
		sysfs: fstest.MapFS{
			"sys/class/tpm/tpm0/tpm_version_major": file("2\n"), "sys/class/bluetooth/hci0/address": file("00:11:22:33:44:55\n"),
			"sys/class/rfkill/rfkill0/type": file("bluetooth\n"), "sys/class/rfkill/rfkill0/soft": file("0\n"), "sys/class/rfkill/rfkill0/hard": file("0\n"),
			"sys/bus/usb/devices/1-1:1.0/bInterfaceClass": file("03\n"), "sys/bus/usb/devices/1-1/product": file("Keyboard\n"),
		},
	}
}

func (b *bench) examine(t *testing.T) postern.DoctorReport {
	t.Helper()
	if b.report != nil {
		r, err := domain.Parse(b.report)
		if err != nil {
			t.Fatal(err)
		}
		return domain.Judge(r, today)
	}
	f := b.facts
	if f.GOOS == "windows" {
		b.evidence.Facts(&f)
	}
	if b.sysfs != nil {
		doctor.Sysfs(b.sysfs, &f)
	}
	return doctor.Judge(f)
}

// row is a defect of a machine that is made anew for each.
type row struct {
	name    string
	change  func(t *testing.T, b *bench)
	check   string
	state   postern.FindingState
	subject string
	next    string
	also    []string
}

// patient makes a table of rows about machines that are well at first.
func patient(where string, make func(*testing.T) bench, rows []row) func(t *testing.T) Patient {
	return func(t *testing.T) Patient {
		current := make(t)
		p := Patient{Where: where, Examine: func(t *testing.T) postern.DoctorReport { return current.examine(t) }}
		for _, r := range rows {
			p.Defects = append(p.Defects, Defect{
				Name: r.name, Want: postern.Finding{Check: r.check, State: r.state, Subject: r.subject}, WantNext: r.next, Also: r.also,
				Break: func(t *testing.T) func() {
					r.change(t, &current)
					return func() { current = make(t) }
				},
			})
		}
		return p
	}
}

// status, registry, devices and others change one place of a text.
func status(from, to string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) { change(t, &b.evidence.Status, from, to) }
}

func registry(from, to string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) { change(t, &b.evidence.Registry, from, to) }
}

func devices(from, to string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) { change(t, &b.evidence.Devices, from, to) }
}

func domainText(from, to string) func(*testing.T, *bench) {
	return func(t *testing.T, b *bench) { change(t, &b.report, from, to) }
}

func fact(set func(f *doctor.Facts)) func(*testing.T, *bench) {
	return func(_ *testing.T, b *bench) { set(&b.facts) }
}

func workstations(t *testing.T) []Patient {
	var all []Patient
	for _, make := range []func(t *testing.T) Patient{
		patient("Windows, Entra joined", func(t *testing.T) bench { return windowsBench(t, "entra.txt", postern.JoinEntra) }, entraRows),
		patient("Windows, hybrid joined", func(t *testing.T) bench { return windowsBench(t, "hybrid.txt", postern.JoinHybrid) }, hybridRows),
		patient("Linux", linuxBench, linuxRows),
		patient("domain", func(t *testing.T) bench { return bench{report: text(t, "doctor/domain/testdata/report.json")} }, domainRows),
	} {
		all = append(all, make(t))
	}
	return all
}

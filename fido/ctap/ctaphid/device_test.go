package ctaphid_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/ctap/ctaptest"
)

// observer holds a device to its promises, whatever it is fed.
type observer struct {
	fail    func(format string, args ...any)
	device  *ctaphid.Device
	now     time.Time
	running uint64 // request in the caller's hands, 0 for none
	spoke   time.Time
}

// see takes the actions of one call.
func (o *observer) see(actions []ctaphid.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case ctaphid.Start:
			if o.running != 0 {
				o.fail("request %d starts while %d runs", a.ID, o.running)
			}
			if len(a.Payload) == 0 || len(a.Payload) > ctaphid.MaxPayload {
				o.fail("request of %d bytes", len(a.Payload))
			}
			o.running, o.spoke = a.ID, o.now
		case ctaphid.AbortRequest:
			if a.ID != o.running {
				o.fail("abort of %d while %d runs", a.ID, o.running)
			}
			o.running = 0
		case ctaphid.CancelRequest:
			if a.ID != o.running {
				o.fail("cancel of %d while %d runs", a.ID, o.running)
			}
		case ctaphid.Send:
			if a.Report[4] == 0x80|byte(ctaphid.Keepalive) {
				if o.running == 0 {
					o.fail("keepalive while idle")
				}
				o.spoke = o.now
			}
		}
	}
	if o.running != 0 && o.now.Sub(o.spoke) > ctaphid.KeepaliveLimit {
		o.fail("busy and silent for %v", o.now.Sub(o.spoke))
	}
}

// pass lets time go by, ticking when the device asks for it.
func (o *observer) pass(step time.Duration) {
	end := o.now.Add(step)
	for {
		next, ok := o.device.Next()
		if !ok || next.After(end) {
			break
		}
		o.now = next
		o.see(o.device.Tick(o.now))
		if again, ok := o.device.Next(); ok && !again.After(o.now) {
			o.fail("a tick leaves itself due")
			return
		}
	}
	o.now = end
	o.see(nil)
}

func (o *observer) feed(report []byte) {
	actions := o.device.Feed(report, o.now)
	if len(report) != ctaphid.ReportSize && len(actions) != 0 {
		o.fail("report of %d bytes answered: %v", len(report), actions)
	}
	o.see(actions)
}

func (o *observer) done(payload []byte) {
	id := o.running
	o.running = 0
	if actions := o.device.Done(id, payload); (len(actions) != 0) != (id != 0) {
		o.fail("answer to request %d: %d actions", id, len(actions))
	}
	if o.device.Done(id, payload) != nil {
		o.fail("request %d answered twice", id)
	}
}

// genReport draws reports that get far: known channels and commands mostly.
func genReport(t *rapid.T) []byte {
	if rapid.IntRange(0, 9).Draw(t, "wild") == 0 {
		return rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "report")
	}
	r := make([]byte, ctaphid.ReportSize)
	binary.BigEndian.PutUint32(r, rapid.SampledFrom([]uint32{0, 1, 2, 3, ctaphid.Broadcast}).Draw(t, "cid"))
	r[4] = rapid.SampledFrom([]byte{0, 1, 2, 0x81, 0x83, 0x84, 0x86, 0x88, 0x90, 0x90, 0x91, 0xBB, 0xBF}).Draw(t, "command")
	binary.BigEndian.PutUint16(r[5:], rapid.SampledFrom([]uint16{0, 1, 1, 8, 8, 57, 58, 150, 7609, 7610}).Draw(t, "length"))
	r[7] = rapid.ByteMax(12).Draw(t, "data")
	return r
}

func TestDeviceKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &observer{fail: t.Fatalf, device: newDevice(4), now: epoch}
		for range 2 {
			o.feed(pad(t, "ffffffff 86 0008"))
		}
		t.Repeat(map[string]func(*rapid.T){
			"feed": func(t *rapid.T) { o.feed(genReport(t)) },
			"pass": func(t *rapid.T) {
				o.pass(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond)
			},
			"status": func(t *rapid.T) {
				o.see(o.device.SetStatus(o.running, ctaphid.Status(rapid.ByteRange(1, 2).Draw(t, "status")), o.now))
			},
			"done": func(t *rapid.T) {
				o.done(make([]byte, rapid.SampledFrom([]int{0, 1, 100, 7609, 7610}).Draw(t, "size")))
			},
		})
	})
}

// TestChannelsAreRecycled: the channel unused for longest goes, the busy one
// never.
func TestChannelsAreRecycled(t *testing.T) {
	d := newDevice(4)
	d.Feed(pad(t, "ffffffff 86 0008"), epoch)
	d.Feed(pad(t, "00000001 90 0001 04"), epoch)
	for range 100 {
		if len(d.Feed(pad(t, "ffffffff 86 0008"), epoch)) != 1 {
			t.Fatal("INIT not answered")
		}
	}
	if got := d.Done(1, []byte{0}); len(got) != 1 {
		t.Fatalf("the busy channel's answer: %v", got)
	}
	for cid, want := range map[string]string{
		"00000001": "< 0000000181",
		"0000002a": "< 0000002abf00010b",
		"00000062": "< 00000062bf00010b",
		"00000063": "< 0000006381",
		"00000065": "< 0000006581",
	} {
		got := d.Feed(pad(t, cid+" 81 0000"), epoch)
		if len(got) != 1 || describe(got[0]) != want {
			t.Errorf("channel %s: %v, want %s", cid, got, want)
		}
	}
}

// TestChannelNumbers: numbers that may not be used are passed over.
func TestChannelNumbers(t *testing.T) {
	d := ctaphid.NewDevice(ctaphid.Config{NewCID: func() uint32 { return ctaphid.Broadcast }})
	for _, want := range []string{"00000001", "00000002", "00000003"} {
		got := describe(d.Feed(pad(t, "ffffffff 86 0008"), epoch)[0])
		if cid := got[2+2*15 : 2+2*19]; cid != want {
			t.Errorf("channel %s, want %s", cid, want)
		}
	}
}

func TestConfiguredCommands(t *testing.T) {
	d := ctaphid.NewDevice(ctaphid.Config{
		Capabilities: ctaphid.CapNoMsg, NeedsLock: []ctaphid.Command{ctaphid.Ping},
		NewCID: func() uint32 { return 1 },
	})
	d.Feed(pad(t, "ffffffff 86 0008"), epoch)
	for report, want := range map[string]string{
		"00000001 90 0001 04": "< 00000001bf000101",
		"00000001 83 0001 04": "< 00000001bf000101",
		"00000001 84 0001 04": "< 00000001bf000101",
		"00000001 88 0000":    "< 00000001bf000101",
		"00000001 81 0000":    "< 00000001bf00010a",
	} {
		got := d.Feed(pad(t, report), epoch)
		if len(got) != 1 || describe(got[0]) != want {
			t.Errorf("%s: %v, want %s", report, got, want)
		}
	}
}

func TestAnswerTooLong(t *testing.T) {
	d := newDevice(0)
	d.Feed(pad(t, "ffffffff 86 0008"), epoch)
	d.Feed(pad(t, "00000001 90 0001 04"), epoch)
	got := d.Done(1, make([]byte, ctaphid.MaxPayload+1))
	if len(got) != 1 || describe(got[0]) != "< 00000001bf00017f" {
		t.Errorf("got %v", got)
	}
}

// TestAnyChannel: numbers that hosts make up are channels like the others, as
// many as there may be, and never those that mean something else.
func TestAnyChannel(t *testing.T) {
	next := uint32(0)
	d := ctaphid.NewDevice(ctaphid.Config{
		AnyChannel: true, Channels: 4, Capabilities: ctaphid.CapCBOR, NewCID: func() uint32 { next++; return next },
	})
	for _, step := range []struct{ report, want string }{
		{"11223344 86 0008 0102030405060708", "< 112233448600110102030405060708112233440200000004"},
		{"05040302 81 0001 aa", "< 05040302810001aa"},
		{"00000000 81 0001 aa", "< 00000000bf00010b"},
		{"ffffffff 81 0001 aa", "< ffffffffbf00010b"},
		{"05040302 90 0001 04", "! {1 CBOR 04}"},
		{"11223344 81 0001 aa", "< 11223344bf000106"},
		{"11223344 86 0008 0102030405060708", "< 112233448600110102030405060708112233440200000004"},
	} {
		got := d.Feed(pad(t, step.report), epoch)
		if len(got) != 1 || describe(got[0]) != step.want {
			t.Errorf("%s: %v, want %s", step.report, got, step.want)
		}
	}
	for cid := range 100 {
		d.Feed(pad(t, fmt.Sprintf("aa%06x 81 0001 aa", cid)), epoch)
	}
	if got := d.Done(1, []byte{0}); len(got) != 1 || describe(got[0]) != "< 0504030290000100" && describe(got[0]) != "< 05040302900001" {
		t.Errorf("the busy channel's answer: %v", got)
	}
}

// FuzzDevice reads its input as steps: a byte of milliseconds, a byte whose low
// bit answers the running request first, and a report.
func FuzzDevice(f *testing.F) {
	step := func(s string) []byte { return append([]byte{9, 0}, pad(f, s)...) }
	initialise := step("ffffffff860008")
	f.Add(slices.Concat(initialise, step("0000000190000104")))
	f.Add(slices.Concat(initialise, step("0000000181003a")))
	f.Add(slices.Concat(initialise, step("000000018400010a")))
	for _, e := range ctaptest.Exchanges(f, ctaphid.CBOR) {
		reports, err := ctaphid.Packets(ctaphid.Message{CID: 1, Command: ctaphid.CBOR, Payload: e.Request})
		if err != nil {
			f.Fatal(err)
		}
		seed := initialise
		for _, r := range reports {
			seed = slices.Concat(seed, []byte{1, 0}, r[:])
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		o := &observer{fail: t.Fatalf, device: newDevice(4), now: epoch}
		for len(input) > 2 {
			o.pass(time.Duration(input[0]) * time.Millisecond)
			if input[1]&1 != 0 {
				o.done(input[2:min(len(input), 100)])
			}
			input = input[2:]
			n := min(len(input), ctaphid.ReportSize)
			o.feed(input[:n])
			input = input[n:]
		}
	})
}

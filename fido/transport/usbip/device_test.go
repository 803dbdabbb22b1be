package usbip_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/usbip"
)

// TestHeldReports: reports between two polls are kept however long that takes,
// those after the host stopped polling for a second only.
func TestHeldReports(t *testing.T) {
	poll := func(seq uint32) *usbip.Submit { return &usbip.Submit{Seq: seq, In: true, Endpoint: 1, Length: 64} }
	fetched := func(reply []byte) byte {
		if len(reply) != 48+64 {
			return 0
		}
		return reply[48]
	}
	d, now := usbip.NewDevice(hid.DefaultIdentity()), epoch
	d.Submit(nil, poll(1), now)
	if got := fetched(d.Send(nil, report(1), now)); got != 1 {
		t.Fatalf("fetched %d", got)
	}
	d.Send(nil, report(2), now)
	now = now.Add(time.Hour)
	if got := fetched(d.Submit(nil, poll(2), now)); got != 2 {
		t.Errorf("fetched %d of a host that takes its time", got)
	}
	d.Submit(nil, poll(3), now)
	d.Unlink(nil, &usbip.Unlink{Seq: 4, Target: 3})
	d.Send(nil, report(3), now)
	now = now.Add(time.Second)
	if got := fetched(d.Submit(nil, poll(5), now)); got != 3 {
		t.Errorf("fetched %d of a host that polls in slices of time", got)
	}
	d.Submit(nil, poll(6), now)
	d.Unlink(nil, &usbip.Unlink{Seq: 7, Target: 6})
	d.Send(nil, report(4), now)
	now = now.Add(time.Second + 1)
	d.Send(nil, report(5), now)
	if got := fetched(d.Submit(nil, poll(8), now)); got != 5 {
		t.Errorf("fetched %d of a host whose program is a new one", got)
	}
}

// TestBounds: nothing a host or an authenticator does makes more wait than fits.
func TestBounds(t *testing.T) {
	d := usbip.NewDevice(hid.DefaultIdentity())
	for i := range 300 {
		d.Send(nil, report(i), epoch)
	}
	data := report(0)
	for seq := range uint32(300) {
		reply := d.Submit(nil, &usbip.Submit{Seq: seq, In: true, Endpoint: 1, Length: 64}, epoch)
		switch {
		case seq < 256: // of 300 reports the newest
			if len(reply) != 48+64 || reply[48] != byte(300-256+seq) {
				t.Fatalf("poll %d: %x", seq, reply)
			}
		case seq < 256+64 && len(reply) != 0:
			t.Fatalf("poll %d: %x", seq, reply)
		}
	}
	for seq := range uint32(100) {
		reply := d.Submit(nil, &usbip.Submit{Seq: 1000 + seq, Endpoint: 1, Length: 64, Data: data[:]}, epoch)
		if full := seq >= 64; full != (len(reply) == 48) || full && int32(binary.BigEndian.Uint32(reply[20:])) != -12 {
			t.Fatalf("output %d: %x", seq, reply)
		}
	}
}

// model watches a device: every submit is answered once or unlinked, nothing
// goes to the host beyond what it asked for, and reports come whole, once and in
// order.
type model struct {
	fail    func(format string, args ...any)
	device  *usbip.Device
	now     time.Time
	waiting map[uint32]*usbip.Submit
	sent    []ctaphid.Report // by the authenticator, not fetched
	written []uint32         // outputs waiting to be taken
}

func newModel(fail func(string, ...any)) *model {
	return &model{
		fail: fail, device: usbip.NewDevice(hid.DefaultIdentity()), now: epoch,
		waiting: map[uint32]*usbip.Submit{},
	}
}

func (m *model) submit(s *usbip.Submit) {
	m.waiting[s.Seq] = s
	if s.Endpoint == 1 && !s.In && s.Length == 64 {
		m.written = append(m.written, s.Seq)
	}
	m.see(m.device.Submit(nil, s, m.now))
}

// unlink withdraws target if it waits; an answer to it from then on is one too
// many.
func (m *model) unlink(seq, target uint32) {
	want := int32(0)
	if _, waits := m.waiting[target]; waits {
		want = -104
		delete(m.waiting, target)
	}
	m.written = slices.DeleteFunc(m.written, func(w uint32) bool { return w == target })
	reply := m.device.Unlink(nil, &usbip.Unlink{Seq: seq, Target: target})
	if len(reply) != 48 || binary.BigEndian.Uint32(reply) != 4 || binary.BigEndian.Uint32(reply[4:]) != seq ||
		int32(binary.BigEndian.Uint32(reply[20:])) != want {
		m.fail("unlink of %d, want %d: %x", target, want, reply)
	}
}

func (m *model) send(r ctaphid.Report) {
	m.sent = append(m.sent, r)
	if len(m.sent) > 256 {
		m.sent = m.sent[1:]
	}
	m.see(m.device.Send(nil, r, m.now))
}

func (m *model) receive() {
	_, reply, ok := m.device.Receive(nil)
	if ok != (len(m.written) > 0) {
		m.fail("a report: %v, waiting: %v", ok, m.written)
	}
	m.see(reply)
}

// see takes answers to submits apart.
func (m *model) see(b []byte) {
	for len(b) > 0 {
		if len(b) < 48 {
			m.fail("%d bytes of a header", len(b))
			return
		}
		kind, seq, status, length := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), int32(binary.BigEndian.Uint32(b[20:])), binary.BigEndian.Uint32(b[24:])
		b = b[48:]
		s := m.waiting[seq]
		if kind != 3 || s == nil {
			m.fail("kind %d for submit %d, which is not waiting", kind, seq)
			return
		}
		delete(m.waiting, seq)
		if length > s.Length || status != 0 && length != 0 {
			m.fail("%d bytes of %d, status %d", length, s.Length, status)
		}
		if !s.In {
			if i := slices.Index(m.written, seq); i >= 0 {
				if i != 0 && status == 0 {
					m.fail("output %d taken out of order", seq)
				}
				m.written = slices.Delete(m.written, i, i+1)
			}
			continue
		}
		if int(length) > len(b) {
			m.fail("%d bytes announced, %d there", length, len(b))
			return
		}
		data := b[:length]
		b = b[length:]
		if s.Endpoint == 1 && status == 0 {
			if len(m.sent) == 0 || ctaphid.Report(data) != m.sent[0] {
				m.fail("report %x out of order", data)
				return
			}
			m.sent = m.sent[1:]
		}
	}
}

func TestDeviceKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, seq := newModel(t.Fatalf), uint32(0)
		next := func() uint32 { seq++; return seq }
		t.Repeat(map[string]func(*rapid.T){
			"poll": func(t *rapid.T) {
				m.submit(&usbip.Submit{Seq: next(), In: true, Endpoint: 1, Length: rapid.SampledFrom([]uint32{0, 63, 64, 64, 64, 65, 1 << 31}).Draw(t, "room")})
			},
			"output": func(t *rapid.T) {
				data := rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "data")
				if rapid.Bool().Draw(t, "whole") {
					data = make([]byte, 64)
				}
				m.submit(&usbip.Submit{Seq: next(), Endpoint: 1, Length: uint32(len(data)), Data: data})
			},
			"control": func(t *rapid.T) {
				s := &usbip.Submit{Seq: next(), In: rapid.Bool().Draw(t, "in"), Length: rapid.Uint32Max(300).Draw(t, "room")}
				copy(s.Setup[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "setup"))
				if rapid.Bool().Draw(t, "known") {
					copy(s.Setup[:], []byte{0x80, 6, 0, rapid.ByteMax(15).Draw(t, "descriptor"), 0, 0})
				}
				m.submit(s)
			},
			"elsewhere": func(t *rapid.T) {
				m.submit(&usbip.Submit{Seq: next(), In: rapid.Bool().Draw(t, "in"), Endpoint: rapid.ByteRange(2, 15).Draw(t, "endpoint")})
			},
			"unlink": func(t *rapid.T) {
				m.unlink(next(), rapid.Uint32Max(seq).Draw(t, "target"))
			},
			"send":    func(t *rapid.T) { m.send(report(rapid.IntRange(0, 255).Draw(t, "report"))) },
			"receive": func(*rapid.T) { m.receive() },
		})
	})
}

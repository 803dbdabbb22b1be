package udp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
)

// waiter is an authenticator that echoes requests, but that of the single byte
// 0x0B: with that it waits for a user who never comes.
type waiter struct{ waiting atomic.Bool }

func (w *waiter) Handle(ctx context.Context, request []byte) []byte {
	if len(request) == 1 && request[0] == 0x0B {
		w.waiting.Store(true)
		defer w.waiting.Store(false)
		<-ctx.Done()
		return []byte{0x2D}
	}
	return request
}

func (w *waiter) AwaitingUser() bool { return w.waiting.Load() }

func (*waiter) Wink() {}

// program is a host that sees single messages.
type program struct {
	*testing.T
	host *udp.Host
	cid  uint32
}

// serve runs a device until the end of the test.
func serve(t *testing.T, c ctaphid.Config) *udp.Device {
	t.Helper()
	d := listen(t, "")
	served := make(chan error)
	go func() { served <- hid.Serve(context.WithoutCancel(t.Context()), d, new(waiter), c) }()
	t.Cleanup(func() {
		_ = d.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return d
}

// program joins with a channel of its own.
func newProgram(t *testing.T, d *udp.Device) *program {
	t.Helper()
	p := &program{t, dial(t, d), ctaphid.Broadcast}
	p.send(ctaphid.Init, []byte("01234567"))
	m := p.message()
	if len(m.Payload) != 17 || m.CID != ctaphid.Broadcast || m.Command != ctaphid.Init {
		t.Fatalf("INIT answered with %v", m)
	}
	p.cid = binary.BigEndian.Uint32(m.Payload[8:])
	return p
}

func (p *program) packets(c ctaphid.Command, payload []byte) []ctaphid.Report {
	p.Helper()
	reports, err := ctaphid.Packets(ctaphid.Message{CID: p.cid, Command: c, Payload: payload})
	if err != nil {
		p.Fatal(err)
	}
	return reports
}

func (p *program) send(c ctaphid.Command, payload []byte) {
	p.Helper()
	for _, r := range p.packets(c, payload) {
		write(p.T, p.host, r)
	}
}

// raw sends a report of the program's channel that starts with these bytes.
func (p *program) raw(b ...byte) {
	p.Helper()
	var r ctaphid.Report
	binary.BigEndian.PutUint32(r[:], p.cid)
	copy(r[4:], b)
	write(p.T, p.host, r)
}

// message gives the next message of the device, and sees that its last packet
// is filled up with zeros.
func (p *program) message() *ctaphid.Message {
	p.Helper()
	a := ctaphid.Assembler{Only: p.cid}
	var first ctaphid.Report
	for n := 0; ; n++ {
		r, err := p.host.Read(p.Context())
		if err != nil {
			p.Fatal(err)
		}
		if n == 0 {
			first = r
		}
		if r.CID() == 0 && r[4] == 0x80|byte(ctaphid.Error) { // which no assembler takes
			return &ctaphid.Message{Command: ctaphid.Error, Payload: r[7:8]}
		}
		if r.CID() != p.cid {
			p.Fatalf("on channel %08x, not on %08x: %x", r.CID(), p.cid, r)
		}
		m, err := a.Feed(r[:], time.Time{})
		if err != nil {
			p.Fatal(err)
		}
		if m == nil {
			continue
		}
		used := 5 + len(m.Payload) - 57 - 59*(n-1)
		if n == 0 {
			used = 7 + len(m.Payload)
		}
		if !bytes.Equal(r[used:], make([]byte, len(r)-used)) {
			p.Errorf("after %d bytes: %x", used, r)
		}
		if n := int(binary.BigEndian.Uint16(first[5:])); n != len(m.Payload) {
			p.Errorf("BCNT %d of %d bytes", n, len(m.Payload))
		}
		return m
	}
}

func (p *program) expect(what string, c ctaphid.Command, payload ...byte) {
	p.Helper()
	if m := p.message(); m.CID != p.cid || m.Command != c || !bytes.Equal(m.Payload, payload) {
		p.Fatalf("%s: %x on %08x says %x; want %x on %08x with %x", what, byte(m.Command), m.CID, m.Payload, byte(c), p.cid, payload)
	}
}

// refused expects an error, and nothing else: the channel answers again.
func (p *program) refused(what string, code ctaphid.ErrorCode) {
	p.Helper()
	p.expect(what, ctaphid.Error, byte(code))
}

// alive shows that what came before left nothing unsaid.
func (p *program) alive(what string) {
	p.Helper()
	p.send(ctaphid.Ping, []byte(what))
	p.expect(what, ctaphid.Ping, []byte(what)...)
}

// asksUser skips to a keepalive that says so.
func (p *program) asksUser() {
	p.Helper()
	for {
		m := p.message()
		if m.Command != ctaphid.Keepalive || len(m.Payload) != 1 {
			p.Fatalf("busy: %v", m)
		}
		if m.Payload[0] == byte(ctaphid.UserPresenceNeeded) {
			return
		}
	}
}

// busy skips keepalives.
func (p *program) busy() *ctaphid.Message {
	p.Helper()
	for {
		if m := p.message(); m.Command != ctaphid.Keepalive {
			return m
		}
	}
}

func TestMessages(t *testing.T) {
	p := newProgram(t, serve(t, ctaphid.Config{Lock: true}))
	for _, n := range []int{0, 1, 57, 58, 512, 1024, ctaphid.MaxPayload} {
		data := bytes.Repeat([]byte{0xAA}, n)
		p.send(ctaphid.Ping, data)
		p.expect(fmt.Sprintf("ping of %d", n), ctaphid.Ping, data...)
	}
	for _, step := range []struct {
		what string
		send []byte
		code ctaphid.ErrorCode
	}{
		{"one byte too many", []byte{0x81, 0x1D, 0xBA}, ctaphid.InvalidLength},
		{"empty CBOR", []byte{0x90, 0, 0}, ctaphid.InvalidLength},
		{"unknown command", []byte{0xE6, 0, 0}, ctaphid.InvalidCommand},
		{"MSG without U2F", []byte{0x83, 0, 1, 0}, ctaphid.InvalidCommand},
		{"WINK with data", []byte{0x88, 0, 1, 0}, ctaphid.InvalidLength},
		{"a lock of 11 seconds", []byte{0x84, 0, 1, 11}, ctaphid.InvalidParameter},
		{"INIT without nonce", []byte{0x86, 0, 0}, ctaphid.InvalidLength},
	} {
		p.raw(step.send...)
		p.refused(step.what, step.code)
		p.alive(step.what)
	}
	p.send(ctaphid.Wink, nil)
	p.expect("WINK", ctaphid.Wink)
	p.raw(0x00, 0xAA)
	p.alive("a stray continuation says nothing")

	ping := p.packets(ctaphid.Ping, make([]byte, 200))
	write(t, p.host, ping[0])
	write(t, p.host, ping[2])
	p.refused("a packet missing", ctaphid.InvalidSequence)
	write(t, p.host, ping[3])
	p.alive("the rest of it says nothing")
	write(t, p.host, ping[0])
	write(t, p.host, ping[0])
	p.refused("a message within a message", ctaphid.InvalidSequence)
	write(t, p.host, ping[0])
	p.send(ctaphid.Init, []byte("abcdefgh"))
	if m := p.message(); m.CID != p.cid || m.Command != ctaphid.Init || binary.BigEndian.Uint32(m.Payload[8:]) != p.cid || string(m.Payload[:8]) != "abcdefgh" {
		t.Errorf("resynchronised with %v", m)
	}
	p.alive("after INIT within a message")
	write(t, p.host, ping[0])
	p.refused("a message that stalls", ctaphid.MessageTimedOut)
	p.alive("after a message that stalled")
}

func TestChannels(t *testing.T) {
	d := serve(t, ctaphid.Config{Lock: true})
	a, b, c := newProgram(t, d), newProgram(t, d), newProgram(t, d)
	if a.cid == b.cid || b.cid == c.cid || c.cid == a.cid || a.cid == 0 {
		t.Errorf("channels %08x, %08x, %08x", a.cid, b.cid, c.cid)
	}
	for _, cid := range []uint32{0, ctaphid.Broadcast, a.cid ^ b.cid} {
		stranger := &program{t, a.host, cid}
		stranger.send(ctaphid.Ping, []byte("x"))
		stranger.refused("a ping where none may be", ctaphid.InvalidChannel)
	}
	ping := a.packets(ctaphid.Ping, make([]byte, 100))
	write(t, a.host, ping[0])
	b.send(ctaphid.Ping, []byte("x"))
	b.refused("a ping beside half a ping", ctaphid.ChannelBusy)
	write(t, a.host, ping[1])
	a.expect("the other half", ctaphid.Ping, make([]byte, 100)...)
	b.alive("afterwards")

	a.send(ctaphid.Lock, []byte{8})
	a.expect("a lock", ctaphid.Lock)
	a.alive("who holds the lock")
	b.send(ctaphid.Ping, nil)
	b.refused("who does not", ctaphid.ChannelBusy)
	stranger := &program{t, c.host, ctaphid.Broadcast}
	stranger.send(ctaphid.Init, []byte("01234567"))
	stranger.refused("INIT while locked", ctaphid.ChannelBusy)
	a.send(ctaphid.Lock, []byte{0})
	a.expect("no lock", ctaphid.Lock)
	b.alive("unlocked")
}

func TestRequests(t *testing.T) {
	d := serve(t, ctaphid.Config{})
	a, b := newProgram(t, d), newProgram(t, d)
	a.send(ctaphid.Cancel, nil)
	a.alive("CANCEL while idle says nothing")
	request := bytes.Repeat([]byte{1}, 300)
	a.send(ctaphid.CBOR, request)
	if m := a.busy(); m.Command != ctaphid.CBOR || !bytes.Equal(m.Payload, request) {
		t.Errorf("a request: %v", m)
	}

	a.send(ctaphid.CBOR, []byte{0x0B})
	a.asksUser()
	a.expect("waiting for the user", ctaphid.Keepalive, byte(ctaphid.UserPresenceNeeded))
	b.send(ctaphid.CBOR, []byte{4})
	b.refused("another program", ctaphid.ChannelBusy)
	b.send(ctaphid.Cancel, nil) // not its own
	a.expect("still waiting", ctaphid.Keepalive, byte(ctaphid.UserPresenceNeeded))
	a.send(ctaphid.Cancel, nil)
	a.send(ctaphid.Cancel, nil)
	if m := a.busy(); m.Command != ctaphid.CBOR || !bytes.Equal(m.Payload, []byte{0x2D}) {
		t.Errorf("cancelled: %v", m)
	}
	a.alive("one answer to two CANCELs")
	b.alive("afterwards")

	a.send(ctaphid.CBOR, []byte{0x0B})
	a.asksUser()
	if err := b.host.PowerCycle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.send(ctaphid.Ping, nil)
	b.refused("a channel of before", ctaphid.InvalidChannel)
	newProgram(t, d).alive("after a power cycle")
}

// TestLenientChannels: made-up channels are taken, those with a meaning not.
func TestLenientChannels(t *testing.T) {
	d := serve(t, ctaphid.Config{AnyChannel: true})
	p := &program{t, dial(t, d), 0x11223344}
	p.send(ctaphid.Init, []byte("01234567"))
	if m := p.message(); m.CID != p.cid || binary.BigEndian.Uint32(m.Payload[8:]) != p.cid {
		t.Errorf("INIT on a channel of one's own: %v", m)
	}
	p.cid = 0x05040302
	p.alive("on a channel made up")
	for _, p.cid = range []uint32{0, ctaphid.Broadcast} {
		p.send(ctaphid.Ping, nil)
		p.refused("a ping where none may be", ctaphid.InvalidChannel)
	}
}

// TestOtherDatagrams: what is no report is not heard.
func TestOtherDatagrams(t *testing.T) {
	d := serve(t, ctaphid.Config{AnyChannel: true})
	conn, err := net.Dial("udp4", d.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ping := ctaphid.Report{0, 0, 0, 9, 0x81, 0, 1, 0xAA}
	for _, datagram := range [][]byte{{}, ping[:63], append(ping[:], 0), make([]byte, 9000), ping[:]} {
		if _, err := conn.Write(datagram); err != nil {
			t.Fatal(err)
		}
	}
	answer := make([]byte, 100)
	if n, err := conn.Read(answer); err != nil || !bytes.Equal(answer[:n], ping[:]) {
		t.Errorf("%x, %v", answer[:n], err)
	}
}

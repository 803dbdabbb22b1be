package usbip_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/usbip"
)

// conversation is the transfers of Linux's enumeration and of an exchange of
// reports with an unlink, as bytes.
func conversation(t testing.TB) []byte {
	h := &host{t: t, in: map[uint32]bool{}}
	var b []byte
	for _, c := range linuxEnumeration {
		b = append(b, h.submitMessage(c.setup[0] == '8', 0, c.length, c.setup, unhex(t, c.data))...)
	}
	b = append(b, h.submitMessage(true, 1, 64, "", nil)...)
	data := report(3)
	b = append(b, h.submitMessage(false, 1, 64, "", data[:])...)
	b = append(b, h.submitMessage(true, 1, 64, "", nil)...)
	unlink := make([]byte, 48)
	unlink[3], unlink[7], unlink[9], unlink[11], unlink[23] = 2, 99, 1, 2, byte(h.seq)
	return append(b, unlink...)
}

// FuzzSubmit drives a device with messages read from the input. A message that
// does not parse gives nothing, and the device keeps the promises of the model.
// In the flags of a message (byte 20), which mean nothing to the device, bit 0
// has the authenticator send a report after it and bit 1 take one.
func FuzzSubmit(f *testing.F) {
	whole := conversation(f)
	f.Add(whole)
	for i := range 6 {
		from := len(whole) - 48*(i+1) - 64
		f.Add(whole[from:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newModel(t.Errorf)
		for used := map[uint32]bool{}; len(b) >= 48 && !t.Failed(); {
			submit, unlink, err := usbip.ParseCommand([48]byte(b))
			flags, seq := b[20], binary.BigEndian.Uint32(b[4:])
			b = b[48:]
			if (submit != nil) == (unlink != nil) != (err != nil) {
				t.Fatalf("%v, %v and %v from one message", submit, unlink, err)
			}
			if err != nil {
				if !errors.Is(err, usbip.ErrProtocol) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if used[seq] {
				continue
			}
			used[seq] = true
			if unlink != nil {
				m.unlink(unlink.Seq, unlink.Target)
			} else {
				n := submit.DataSize()
				if n > usbip.MaxOut || submit.In && n != 0 {
					t.Fatalf("%d bytes of data", n)
				}
				submit.Data = make([]byte, n)
				b = b[copy(submit.Data, b):]
				m.submit(submit)
			}
			if flags&1 != 0 {
				m.send(report(int(seq)))
			}
			if flags&2 != 0 {
				m.receive()
			}
		}
	})
}

// FuzzServer writes its input to a fresh connection. Whatever it is, the server
// ends when the connection does, answers with nothing but whole messages of the
// protocol, each to a submit that was made, and serves the next client.
func FuzzServer(f *testing.F) {
	importRequest := append(unhex(f, "0111 8003 00000000 31 2d 32"), make([]byte, 29)...)
	f.Add(append(importRequest, conversation(f)...))
	f.Add(importRequest)
	f.Add(unhex(f, "0111 8005 00000000"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		server := usbip.Server{Attached: func(ctx context.Context, r hid.Reports) error {
			for {
				report, err := r.Read(ctx)
				if err != nil {
					return err
				}
				if err := r.Write(ctx, report); err != nil {
					return err
				}
			}
		}}
		go func() { done <- server.Serve(ctx, l) }()

		conn := l.dial()
		answers := make(chan []byte, 1)
		go func() {
			got, _ := io.ReadAll(conn)
			answers <- got
		}()
		_, _ = conn.Write(b) // fails where the server closes first
		conn.Close()
		checkAnswers(t, b, <-answers)

		next := newHost(t, l.dial())
		if status, _ := next.importDevice("1-2"); status != 0 {
			t.Errorf("the next client's import: status %d", status)
		}
		next.settle()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// checkAnswers holds what a server said to what it was asked. The end may be
// cut, the client having gone.
func checkAnswers(t *testing.T, asked, got []byte) {
	t.Helper()
	if len(got) < 8 {
		return
	}
	switch code, status := binary.BigEndian.Uint32(got), binary.BigEndian.Uint32(got[4:]); {
	case code == 0x01110005 && len(got) <= 12+312+4:
		return
	case code == 0x01110003 && status != 0 && len(got) == 8:
		return
	case code != 0x01110003 || status != 0:
		t.Fatalf("reply %x", got)
	}
	room := map[uint32]int{}
	for b := asked[min(40, len(asked)):]; len(b) >= 48; {
		if binary.BigEndian.Uint32(b) == 1 {
			length := int(binary.BigEndian.Uint32(b[24:]))
			seq := binary.BigEndian.Uint32(b[4:])
			if binary.BigEndian.Uint32(b[12:]) == 1 {
				room[seq] = max(room[seq], length)
			} else {
				room[seq] = max(room[seq], 0)
				b = b[min(length, len(b)-48):]
			}
		}
		b = b[48:]
	}
	for b := got[min(8+312, len(got)):]; len(b) >= 48; {
		kind, seq, length := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), int(binary.BigEndian.Uint32(b[24:]))
		b = b[48:]
		if kind == 4 {
			continue
		}
		most, known := room[seq]
		if kind != 3 || !known {
			t.Fatalf("kind %d for submit %d, which was not made", kind, seq)
		}
		if most == 0 {
			continue
		}
		if length > most {
			t.Fatalf("%d bytes of %d for submit %d", length, most, seq)
		}
		b = b[min(length, len(b)):]
	}
}

// pipeListener accepts connections in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
	case <-l.closed:
	case <-time.After(patience):
		panic("nobody accepts")
	}
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

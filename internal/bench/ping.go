package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
	"github.com/postern/postern/fido/transport/usbip"
	"github.com/postern/postern/internal/bench/core"
)

// pinged is a ping of one report.
var pinged = make([]byte, 57)

// patience is how long a ping measurement may take, before it fails.
const patience = time.Minute

// idle is an authenticator that a ping never reaches.
type idle struct{}

func (idle) Handle(context.Context, []byte) []byte { return []byte{byte(ctap.ErrInvalidCommand)} }

func (idle) AwaitingUser() bool { return false }

// measurePings times a CTAPHID ping of one report over each transport, on loopback, against an echo of as many bytes
// over the same kind of socket.
func measurePings(ctx context.Context) (figures []figure, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, m := range []struct {
		name, against string
		ours, bare    func(ctx context.Context) (once func() error, release func() error, err error)
	}{
		{"udp", "a UDP echo of 64 bytes", pingUDP, echoUDP},
		{"usbip", "a TCP echo of 160 bytes", pingUSBIP, echoTCP},
	} {
		ours, releaseOurs, err := m.ours(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		bare, releaseBare, err := m.bare(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", m.name, err), releaseOurs())
		}
		p, err := core.Compare(m.name, m.against, ours, bare)
		if err = errors.Join(err, releaseOurs(), releaseBare()); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		figures = append(figures, figuresOf("ping", p)[:2]...)
	}
	return figures, nil
}

// exchanger sends a report and gets one back.
type exchanger interface {
	exchange(r ctaphid.Report) (ctaphid.Report, error)
}

// pinging gets a channel and gives a ping on it. It does nothing but write and read reports, so that what is measured
// is the device's side.
func pinging(on exchanger) (once func() error, err error) {
	nonce := make([]byte, ctaphid.NonceSize)
	reports, err := ctaphid.Packets(ctaphid.Message{CID: ctaphid.Broadcast, Command: ctaphid.Init, Payload: nonce})
	if err != nil {
		return nil, err
	}
	answer, err := on.exchange(reports[0])
	if err != nil {
		return nil, err
	}
	init, err := ctaphid.DecodeInitResponse(answer[reportHeader : reportHeader+initSize])
	if err != nil {
		return nil, err
	}
	if reports, err = ctaphid.Packets(ctaphid.Message{CID: init.CID, Command: ctaphid.Ping, Payload: pinged}); err != nil {
		return nil, err
	}
	return func() error {
		answer, err := on.exchange(reports[0])
		if err == nil && answer != reports[0] {
			err = fmt.Errorf("a ping came back as %x", answer)
		}
		return err
	}, nil
}

// Sizes of CTAPHID: channel, command and length of a first report (CTAP 2.1 §11.2.4).
const (
	reportHeader = 4 + 1 + 2
	initSize     = 17 // the payload of an answer to INIT (§11.2.9.1.3)
)

// datagrams is a host at a simulator port.
type datagrams struct{ net.Conn }

func (d datagrams) exchange(r ctaphid.Report) (answer ctaphid.Report, err error) {
	if _, err := d.Write(r[:]); err != nil {
		return answer, err
	}
	_, err = io.ReadFull(d, answer[:])
	return answer, err
}

func pingUDP(ctx context.Context) (once, release func() error, err error) {
	device, err := udp.Listen("127.0.0.1:0", "")
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- hid.Serve(ctx, device, idle{}, ctaphid.Config{}) }()
	stop := func() error {
		cancel()
		return errors.Join(<-served, device.Close())
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", device.Address().String())
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	if err = conn.SetDeadline(time.Now().Add(patience)); err == nil {
		once, err = pinging(datagrams{conn})
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close(), stop())
	}
	return once, func() error { return errors.Join(conn.Close(), stop()) }, nil
}

func echoUDP(context.Context) (once, release func() error, err error) {
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	go func() {
		b := make([]byte, ctaphid.ReportSize)
		for {
			n, from, err := server.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDPAddrPort(b[:n], from)
		}
	}()
	client, err := net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
	if err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	sent, got := make([]byte, ctaphid.ReportSize), make([]byte, ctaphid.ReportSize)
	return func() error {
		if _, err := client.Write(sent); err != nil {
			return err
		}
		_, err := client.Read(got)
		return err
	}, func() error { return errors.Join(client.Close(), server.Close()) }, nil
}

func pingUSBIP(ctx context.Context) (once, release func() error, err error) {
	l, err := usbip.Listen(ctx, "127.0.0.1:0", false)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	server := usbip.Server{Attached: func(ctx context.Context, r hid.Reports) error { return hid.Serve(ctx, r, idle{}, ctaphid.Config{}) }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		cancel()
		return nil, nil, errors.Join(err, <-served)
	}
	release = func() error {
		cancel()
		return errors.Join(<-served, conn.Close())
	}
	bus := &usbHost{conn: conn}
	if err := bus.attach(); err != nil {
		return nil, nil, errors.Join(err, release())
	}
	if once, err = pinging(bus); err != nil {
		return nil, nil, errors.Join(err, release())
	}
	return once, release, nil
}

// usbHost is as much of a USB/IP client as one report after another takes: a poll and a report go out together, and
// two answers come back.
type usbHost struct {
	conn net.Conn
	seq  uint32
}

// Sizes and numbers of USB/IP.
const (
	usbHeader     = 48
	usbImported   = 8 + 312
	usbOut, usbIn = 0, 1
)

func (h *usbHost) attach() error {
	if err := h.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	request := make([]byte, 40)
	copy(request, []byte{0x01, 0x11, 0x80, 0x03})
	copy(request[8:], "1-2")
	if _, err := h.conn.Write(request); err != nil {
		return err
	}
	reply := make([]byte, usbImported)
	if _, err := io.ReadFull(h.conn, reply); err != nil {
		return err
	}
	if status := binary.BigEndian.Uint32(reply[4:]); status != 0 {
		return fmt.Errorf("import: status %d", status)
	}
	return nil
}

func (h *usbHost) submit(b []byte, direction uint32) []byte {
	h.seq++
	header := make([]byte, usbHeader)
	for at, v := range map[int]uint32{0: 1, 4: h.seq, 8: usbip.DeviceID, 12: direction, 16: 1, 24: ctaphid.ReportSize} {
		binary.BigEndian.PutUint32(header[at:], v)
	}
	return append(b, header...)
}

func (h *usbHost) exchange(r ctaphid.Report) (answer ctaphid.Report, err error) {
	b := h.submit(make([]byte, 0, 2*usbHeader+ctaphid.ReportSize), usbIn)
	b = append(h.submit(b, usbOut), r[:]...)
	if _, err := h.conn.Write(b); err != nil {
		return answer, err
	}
	var in [2*usbHeader + ctaphid.ReportSize]byte
	if _, err := io.ReadFull(h.conn, in[:]); err != nil {
		return answer, err
	}
	return ctaphid.Report(in[2*usbHeader:]), nil // the transfer out is done first
}

func echoTCP(ctx context.Context) (once, release func() error, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	const size = 2*usbHeader + ctaphid.ReportSize
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		b := make([]byte, size)
		for {
			if _, err := io.ReadFull(conn, b); err != nil {
				return
			}
			if _, err := conn.Write(b); err != nil {
				return
			}
		}
	}()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	sent, got := make([]byte, size), make([]byte, size)
	return func() error {
		if _, err := conn.Write(sent); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, got)
		return err
	}, func() error { return errors.Join(conn.Close(), l.Close()) }, nil
}

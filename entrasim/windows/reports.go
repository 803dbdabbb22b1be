package windows

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// reportSize is that of a HID report of a security key (CTAP 2.1 §11.2.4), in bytes.
const reportSize = 64

type report [reportSize]byte

// reports carries reports to a key and from it.
type reports interface {
	read(ctx context.Context) (report, error)
	write(r report) error
	close() error
}

// errNoKey says that nothing is plugged in where a key was looked for.
var errNoKey = errors.New("no security key is there")

// plugged opens the place where a key is: udp:127.0.0.1:PORT, the simulator port of software keys, or hidraw:/dev/hidrawN.
func plugged(place string) (reports, error) {
	kind, at, _ := strings.Cut(place, ":")
	switch kind {
	case "udp":
		to, err := netip.ParseAddrPort(at)
		if err != nil || !to.Addr().Is4() || !to.Addr().IsLoopback() {
			return nil, fmt.Errorf("%q is not an IPv4 loopback address and port", at)
		}
		conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
		if err != nil {
			return nil, err
		}
		return stream{conn, func(r report) []byte { return r[:] }}, nil
	case "hidraw":
		file, err := openRaw(at)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errNoKey, err)
		}
		// The kernel wants the number of the report in front, 0 where reports have none.
		return stream{file, func(r report) []byte { return append([]byte{0}, r[:]...) }}, nil
	}
	return nil, fmt.Errorf("%q is no place of a key; say udp:127.0.0.1:8111 or hidraw:/dev/hidraw0", place)
}

// stream is a socket or a device file: each read is a report.
type stream struct {
	file interface {
		Read(b []byte) (int, error)
		Write(b []byte) (int, error)
		SetReadDeadline(t time.Time) error
		Close() error
	}
	frame func(report) []byte
}

func (s stream) read(ctx context.Context) (report, error) {
	if err := ctx.Err(); err != nil {
		return report{}, err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_ = s.file.SetReadDeadline(time.Unix(1, 0)) // fails where the file is closed, which ends a read too
	})
	var buffer [reportSize + 1]byte
	n, err := s.file.Read(buffer[:])
	if !stop() {
		<-woken
		_ = s.file.SetReadDeadline(time.Time{})
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return report{}, ctx.Err()
	case err != nil: // of a socket: nobody listens at the port
		return report{}, fmt.Errorf("%w: %w", errNoKey, err)
	case n != reportSize:
		return report{}, fmt.Errorf("a report of %d bytes", n)
	}
	return report(buffer[:reportSize]), nil
}

func (s stream) write(r report) error {
	if _, err := s.file.Write(s.frame(r)); err != nil {
		return fmt.Errorf("%w: %w", errNoKey, err)
	}
	return nil
}

func (s stream) close() error { return s.file.Close() }

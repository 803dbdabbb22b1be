package udp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// socket reads and writes whole reports.
type socket struct{ conn *net.UDPConn }

// read gives the next datagram that is a report.
func (s socket) read(ctx context.Context) (ctaphid.Report, netip.AddrPort, error) {
	if err := ctx.Err(); err != nil {
		return ctaphid.Report{}, netip.AddrPort{}, err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // fails where the socket is closed, which ends a read too
	})
	r, from, err := s.next()
	if !stop() {
		<-interrupted
		_ = s.conn.SetReadDeadline(time.Time{})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ctx.Err()
	}
	return r, from, closed(err)
}

func (s socket) next() (ctaphid.Report, netip.AddrPort, error) {
	var datagram [ctaphid.ReportSize + 1]byte // one more tells a longer one
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(datagram[:])
		if err != nil {
			return ctaphid.Report{}, netip.AddrPort{}, err
		}
		if n == ctaphid.ReportSize {
			return ctaphid.Report(datagram[:n]), from, nil
		}
	}
}

// closed makes the error of a closed socket the end of the interface.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return io.EOF
	}
	return err
}

func (s socket) address() netip.AddrPort {
	a, _ := s.conn.LocalAddr().(*net.UDPAddr) // always
	return a.AddrPort()
}

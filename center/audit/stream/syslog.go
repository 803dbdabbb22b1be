package stream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
)

// A syslog message, RFC 5424 §6:
//
//	<PRI>1 TIMESTAMP HOSTNAME postern - MSGID [origin software="postern"][meta sequenceId="n"] MSG
//
// PRI is facility 13 (log audit) with the severity of the entry; MSGID is the code; sequenceId is the sequence, which
// begins again at 1 after 2147483647. MSG is the entry in the stream's format, UTF-8 without a byte order mark, because
// receivers that parse JSON stumble over one. Over TLS (RFC 5425 §4.3) and TCP each message has its length in front.
const facility = 13

// syslog sends a batch over one connection and ends it in order. The protocol knows no acknowledgement; that the receiver
// closes its side after ours is the nearest there is: it has read everything by then.
type syslog struct {
	dialer *net.Dialer
	url    *url.URL
	tls    *tls.Config
	encode func(postern.AuditEvent) []byte
	host   string
}

// closeWithin is how long the receiver has to close its side. One that never does has taken what was sent nevertheless.
const closeWithin = 3 * time.Second

func (s *syslog) send(ctx context.Context, events []postern.AuditEvent) (int, error) {
	if s.url.Scheme == "udp" {
		return s.datagrams(ctx, events)
	}
	conn, err := s.dialer.DialContext(ctx, "tcp", s.url.Host)
	if err != nil {
		return 0, s.unreached(err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var out interface {
		io.ReadWriter
		CloseWrite() error
	}
	if s.url.Scheme == "tls" {
		secure := tls.Client(conn, s.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return 0, s.unreached(err)
		}
		out = secure
	} else {
		out = conn.(*net.TCPConn)
	}
	var framed bytes.Buffer
	for _, e := range events {
		message := s.message(e)
		framed.WriteString(strconv.Itoa(len(message)))
		framed.WriteByte(' ')
		framed.Write(message)
	}
	if _, err := out.Write(framed.Bytes()); err != nil {
		return 0, s.unreached(err)
	}
	if err := out.CloseWrite(); err != nil {
		return 0, s.unreached(err)
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	_ = conn.SetReadDeadline(time.Now().Add(closeWithin)) // the connection is ours and open
	_, err = io.Copy(io.Discard, io.LimitReader(out, 4096))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
		return 0, s.unreached(errors.Join(err, ctx.Err()))
	}
	return len(events), nil
}

func (s *syslog) datagrams(ctx context.Context, events []postern.AuditEvent) (int, error) {
	conn, err := s.dialer.DialContext(ctx, "udp", s.url.Host)
	if err != nil {
		return 0, s.unreached(err)
	}
	defer func() { _ = conn.Close() }()
	for n, e := range events {
		if _, err := conn.Write(s.message(e)); err != nil {
			return n, s.unreached(err)
		}
	}
	return len(events), nil
}

func (s *syslog) message(e postern.AuditEvent) []byte {
	head := fmt.Sprintf("<%d>1 %s %s postern - %s [origin software=\"postern\"][meta sequenceId=\"%d\"] ",
		facility*8+severity(e), e.At.UTC().Format("2006-01-02T15:04:05.000Z"), printable(s.host, 255), printable(e.Code, 32), sequenceID(e.Sequence))
	return append([]byte(head), s.encode(e)...)
}

// severity is RFC 5424's: error, warning or informational.
func severity(e postern.AuditEvent) int {
	switch {
	case strings.HasSuffix(e.Code, "E"):
		return 3
	case strings.HasSuffix(e.Code, "W") || !e.Success:
		return 4
	}
	return 6
}

const maxSequenceID = 2147483647

func sequenceID(n int64) int64 { return (max(n, 1)-1)%maxSequenceID + 1 }

// printable keeps a header field to the characters it may have; "-" when nothing is left.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return -1
	}, s)
	if s = s[:min(len(s), limit)]; s == "" {
		return "-"
	}
	return s
}

// unreached says in our words why the receiver was not reached.
func (s *syslog) unreached(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return unreached(s.url.Hostname(), err)
}

func unreached(host string, err error) error {
	var known *postern.Error
	var dns *net.DNSError
	var op *net.OpError
	var untrusted *tls.CertificateVerificationError
	var alert tls.AlertError
	said := "The connection to " + host + " broke."
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &dns):
		said = "The name " + host + " cannot be resolved."
	case errors.As(err, &untrusted):
		said = "The certificate of " + host + " is not trusted."
	case errors.As(err, &alert):
		said = host + " refused the TLS connection; it may want a client certificate."
	case errors.As(err, &op) && op.Op == "dial":
		said = "No connection to " + host + " can be made."
	case errors.Is(err, os.ErrDeadlineExceeded):
		said = host + " did not answer in time."
	}
	return postern.Errorf(postern.CodeUnavailable, "%s", said).Because(err)
}

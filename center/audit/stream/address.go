package stream

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit/export"
)

// sink takes entries. sent is how many of them, from the first on, it surely has.
type sink interface {
	send(ctx context.Context, events []postern.AuditEvent) (sent int, err error)
}

const dialWithin = 10 * time.Second

// checkAddress refuses addresses that may never be sent to. Where a name leads is looked at when it is called.
func checkAddress(kind, text string) error {
	u, err := url.Parse(text)
	refuse := func(message, next string) error {
		return postern.FieldErrorf("address", "%s", message).WithNext(next)
	}
	if err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return refuse("That is no address of a sink.", "Give tls://HOST:6514 for syslog, or https://HOST/PATH for a webhook.")
	}
	switch kind {
	case postern.StreamWebhook:
		if u.Scheme != "https" {
			return refuse("A webhook needs an address that begins with https://.", "Entries name people; they travel encrypted only.")
		}
	case postern.StreamSyslog:
		if u.Path != "" || u.RawQuery != "" || u.Port() == "" {
			return refuse("A syslog receiver is named by host and port.", "Give tls://HOST:6514.")
		}
		switch a, err := netip.ParseAddr(u.Hostname()); {
		case u.Scheme == "tls":
		case u.Scheme != "tcp" && u.Scheme != "udp":
			return refuse("A syslog receiver is reached by tls://.", "Give tls://HOST:6514.")
		case err != nil || !a.IsLoopback():
			return refuse("Without TLS, entries go to this machine only.", "Give tls://HOST:6514, or tcp://127.0.0.1:514 for a receiver on this machine.")
		}
	default:
		return postern.FieldErrorf("kind", "There is no kind of stream %q.", kind).WithNext("Use syslog or webhook.")
	}
	return nil
}

var errForbidden = postern.Errorf(postern.CodeInvalid, "The sink's name leads to this machine or its own link, where Postern does not send.")

// guard looks at the address that a name was resolved to, at the moment of the connection. Receivers in private networks
// are usual, so those are allowed; this machine's own services and those of its link, where clouds keep credentials, are
// not.
func guard(local bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return errForbidden
		}
		a := to.Addr().Unmap()
		if local && a.IsLoopback() {
			return nil
		}
		if a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.IsInterfaceLocalMulticast() ||
			a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || a == metadataIPv6 {
			return errForbidden
		}
		return nil
	}
}

// metadataIPv6 is where one cloud serves credentials to its machines, within the private range.
var metadataIPv6 = netip.MustParseAddr("fd00:ec2::254")

// pool reads the authorities of a sink; nil for those of the system.
func pool(ca string) (*x509.CertPool, error) {
	if ca == "" {
		return nil, nil
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM([]byte(ca)) {
		return nil, postern.FieldErrorf("ca", "There is no certificate in it.").WithNext("Give the authority's certificate as PEM.")
	}
	return p, nil
}

// sink opens a stream's secrets and makes what sends.
func (s *Service) sink(ctx context.Context, one Stream) (sink, error) {
	hidden, err := s.open(ctx, one)
	if err != nil {
		return nil, err
	}
	form, err := export.FormOf(one.Config.Format)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(one.Config.Address)
	if err != nil {
		return nil, errors.New("stream: the stored address cannot be read")
	}
	cas, err := pool(one.Config.CA)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cas, ServerName: u.Hostname()}
	if one.Config.ClientCertificate != "" {
		pair, err := tls.X509KeyPair([]byte(one.Config.ClientCertificate), []byte(hidden.ClientKey))
		if err != nil {
			return nil, errors.New("stream: the stored client certificate cannot be read") // the error may hold a part of the key
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	encode := func(e postern.AuditEvent) []byte { return form.Encode(s.o.From, e) }
	if one.Config.Kind == postern.StreamSyslog {
		// Plain connections go to this machine, by the address's own check; encrypted ones may.
		dialer := &net.Dialer{Timeout: dialWithin, Control: guard(true)}
		return &syslog{dialer: dialer, url: u, tls: settings, encode: encode, host: s.o.From.Host}, nil
	}
	keys := [][]byte{hidden.Signing}
	if until := one.Config.OldSecretUntil; until != nil && s.now().Before(*until) && len(hidden.Old) > 0 {
		keys = append(keys, hidden.Old)
	}
	dialer := &net.Dialer{Timeout: dialWithin, Control: guard(s.o.AllowLocal)}
	return newWebhook(u.String(), dialer, settings, keys, form, encode, s.o.Now), nil
}

const secretPrefix = "whsec_"

func newSecret() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

func secretText(key []byte) string { return secretPrefix + base64.StdEncoding.EncodeToString(key) }

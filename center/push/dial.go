package push

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Times and sizes of a call to a push service.
const (
	callWithin    = 10 * time.Second // the whole of one
	dialWithin    = 5 * time.Second
	maxHeaders    = 16 << 10
	idlePerHost   = 4
	idleWithin    = 90 * time.Second
	maxFromServer = 4 << 10 // of an answer's body, read only so that the connection can be used again
)

// ClientConfig says how push services are reached.
type ClientConfig struct {
	// AllowPrivate lets subscriptions name addresses that are not public, and ports besides 443.
	AllowPrivate bool
	// Proxy is the HTTP proxy to go through. It resolves the names then, and is what keeps calls from inner addresses.
	Proxy *url.URL
	// CAs are the authorities to trust; nil means the system's.
	CAs *x509.CertPool
}

// NewClient returns the client for [Service.Client].
func NewClient(c ClientConfig) *http.Client {
	dialer := &net.Dialer{Timeout: dialWithin}
	if !c.AllowPrivate && c.Proxy == nil {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return checkAddress(address) }
	}
	transport := &http.Transport{
		DialContext:     dialer.DialContext,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.CAs}, TLSHandshakeTimeout: dialWithin,
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: idlePerHost, IdleConnTimeout: idleWithin,
		ResponseHeaderTimeout: callWithin, MaxResponseHeaderBytes: maxHeaders, DisableCompression: true,
	}
	if c.Proxy != nil {
		transport.Proxy = http.ProxyURL(c.Proxy)
	}
	return &http.Client{
		Transport: transport, Timeout: callWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var errPrivate = errors.New("push: the subscription's address is not a public one")

// checkAddress looks at the address that a name was resolved to, at the moment of the connection: a name that is public
// when it is looked at and private when it is called gets no further.
func checkAddress(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errPrivate, err)
	}
	if to.Port() != 443 || !public(to.Addr()) {
		return errPrivate
	}
	return nil
}

// notPublic are the networks of IANA's special-purpose registries (RFC 6890) that netip knows no question for, and those
// that carry an IPv4 address inside.
var notPublic = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// globalIPv6 is all that IANA gives out for the public internet.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for n, text := range all {
		out[n] = netip.MustParsePrefix(text)
	}
	return out
}

// public reports whether an address is one of the public internet.
func public(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !globalIPv6.Contains(a) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// endpointOf reads a subscription's address and refuses what may never be called.
func endpointOf(text string, allowPrivate bool) (*url.URL, error) {
	if len(text) > maxEndpoint {
		return nil, fmt.Errorf("it is longer than %d bytes", maxEndpoint)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return nil, errors.New("it is no https address")
	}
	if allowPrivate {
		return u, nil
	}
	if port := u.Port(); port != "" && port != "443" {
		return nil, errors.New("it names a port")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !public(a) {
		return nil, errors.New("it is not a public address")
	}
	return u, nil
}

// CheckProxy refuses what cannot be a proxy.
func CheckProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("push.proxy must be an address such as http://proxy.example.com:3128") // without it: it may hold a password
	}
	return u, nil
}

package aaguid

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/postern/postern"
)

// Bounds of a list that is fetched or handed in. FIDO's is some ten million bytes, nearly all of them icons.
const (
	MaxContent   = 32 << 20
	maxNote      = 8 << 10
	fetchWithin  = 90 * time.Second
	dialWithin   = 10 * time.Second
	maxRedirects = 5
)

// noteSuffix is where the signed note about a list is: at the list's address with this at its end.
const noteSuffix = ".note"

var (
	errForbidden = errors.New("aaguid: the name leads to this machine or its own link")
	errRedirect  = errors.New("aaguid: it redirects too often, or to an address that is not https")
)

// NewClient returns the client that fetches lists: by https alone, over redirects too, and never from this machine or its
// own link, where clouds keep credentials; local allows that, for tests. Mirrors in private networks are usual.
func NewClient(cas *x509.CertPool, local bool) *http.Client {
	dialer := &net.Dialer{Timeout: dialWithin}
	if !local {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return guard(address) }
	}
	return &http.Client{
		Timeout: fetchWithin,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cas}, TLSHandshakeTimeout: dialWithin,
			ForceAttemptHTTP2: true, ResponseHeaderTimeout: fetchWithin, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects || r.URL.Scheme != "https" || r.URL.User != nil {
				return errRedirect
			}
			return nil
		},
	}
}

// metadataIPv6 is where one cloud serves credentials to its machines, within the private range.
var metadataIPv6 = netip.MustParseAddr("fd00:ec2::254")

// guard looks at the address that a name was resolved to, at the moment of the connection.
func guard(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return errForbidden
	}
	a := to.Addr().Unmap()
	if a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() || a == metadataIPv6 {
		return errForbidden
	}
	return nil
}

// CheckAddress refuses what is no address of a list.
func CheckAddress(address string) error {
	_, err := parseAddress(address)
	return err
}

func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, postern.FieldErrorf("address", "A list is fetched from an address that begins with https://, without a password in it.").
			WithNext("Give one such as https://mds.fidoalliance.org/, or fetch the file yourself and give that.")
	}
	return u, nil
}

// fetch reads what stands at an address, up to a limit.
func fetch(ctx context.Context, client *http.Client, u *url.URL, limit int64) ([]byte, error) {
	failed := func(cause error, format string, args ...any) ([]byte, error) {
		return nil, postern.Errorf(postern.CodeUnavailable, format, args...).OnField("address").Because(cause).
			WithNext("Check the address and whether this machine may reach it; or fetch the file elsewhere and give that.")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return failed(err, "The list cannot be fetched from %s.", u.Host)
	}
	req.Header.Set("User-Agent", "postern")
	answer, err := client.Do(req)
	switch {
	case errors.Is(err, errForbidden):
		return nil, postern.FieldErrorf("address", "%s leads to this machine or its own link, where Postern does not fetch.", u.Host)
	case errors.Is(err, errRedirect):
		return failed(err, "%s redirects too often, or to an address that is not https.", u.Host)
	case err != nil:
		return failed(err, "The list cannot be fetched from %s: %v.", u.Host, plain(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return failed(nil, "%s answered HTTP %d instead of the list.", u.Host, answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return failed(err, "The list cannot be fetched whole from %s: %v.", u.Host, plain(err))
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(limit).OnField("address")
	}
	return body, nil
}

func tooLarge(limit int64) *postern.Error {
	return postern.Errorf(postern.CodeTooLarge, "The list has more than %d bytes.", limit).
		WithNext("That is no list of models that Postern reads. FIDO's metadata has some ten million bytes.")
}

// plain is the innermost cause, without the address that net/http puts before it.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

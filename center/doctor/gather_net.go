package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/postern/postern"
)

// lookTime bounds each look at the network.
const lookTime = 10 * time.Second

// walker goes the way to a service and says where it ends.
type walker struct {
	cas   *x509.CertPool // nil: the system's
	proxy *url.URL       // nil: the environment's
	now   func() time.Time
	// known tells the service from something else that answers; nil takes anything.
	known func(*http.Response, []byte) bool
}

// walk goes to base and asks for a path below it.
func (l walker) walk(ctx context.Context, base, path string) Way {
	w := Way{URL: strings.TrimSuffix(base, "/")}
	target, err := url.Parse(base)
	if err != nil || target.Hostname() == "" {
		w.DNS = "it is not an address"
		return w
	}
	w.Host = target.Hostname()
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: lookTime, ResponseHeaderTimeout: lookTime, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: l.cas}, MaxResponseHeaderBytes: 64 << 10,
	}
	if l.proxy != nil {
		transport.Proxy = http.ProxyURL(l.proxy)
	}
	if proxy, err := transport.Proxy(&http.Request{URL: target}); err == nil && proxy != nil {
		w.Proxy = proxy.Redacted()
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if w.Proxy == "" { // behind a proxy names are its business
		if _, err := net.DefaultResolver.LookupHost(ctx, w.Host); err != nil {
			w.DNS = plain(err)
			return w
		}
	}
	l.ask(ctx, transport, w.URL+path, &w)
	return w
}

// ask fetches a page.
func (l walker) ask(ctx context.Context, transport http.RoundTripper, address string, w *Way) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		w.TCP = plain(err)
		return
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			w.TLS = plain(certificate.Err)
			return
		}
		if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
			w.TLS = "it does not speak TLS"
			return
		}
		w.TCP = plain(err)
		return
	}
	defer answer.Body.Close()
	if answer.TLS != nil {
		for _, c := range answer.TLS.PeerCertificates {
			if w.Expires.IsZero() || c.NotAfter.Before(w.Expires) {
				w.Expires = c.NotAfter
			}
		}
	}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		ahead := date.Sub(l.now())
		w.Ahead = &ahead
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if l.known != nil && (err != nil || !l.known(answer, body)) {
		w.HTTP = "its answer is " + answer.Status
	}
}

// plain is the text of an error as the end of a sentence.
func plain(err error) string {
	if e, ok := errors.AsType[*postern.Error](err); ok {
		return strings.TrimSuffix(e.Message, ".")
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Err != nil {
		err = e.Err
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if r := []rune(text); len(r) > 300 {
		text = string(r[:300]) + "…"
	}
	return strings.TrimSuffix(text, ".")
}

// isAuthority and isGraph know a service by the header that marks each of its answers; isPostern by the page.
func isAuthority(r *http.Response, body []byte) bool {
	return r.StatusCode == http.StatusOK && strings.Contains(string(body), "token_endpoint")
}

func isGraph(r *http.Response, _ []byte) bool { return r.Header.Get("request-id") != "" }

func isPostern(r *http.Response, body []byte) bool {
	return r.StatusCode == http.StatusOK && strings.TrimSpace(string(body)) == "ok"
}

package entra

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// What an answer may weigh. A page of 999 users is below one mebibyte; the bound is there for servers that are not Graph.
const (
	maxAnswer      = 16 << 20
	maxErrorAnswer = 1 << 20
)

// attemptTimeout bounds one exchange, body included. Graph's own gateway gives up earlier.
const attemptTimeout = 60 * time.Second

var errAnswerTooLarge = errors.New("the answer is larger than Postern accepts")

// transport sends requests without following redirects: Graph never redirects, and a token must not follow one.
type transport struct{ client *http.Client }

func newTransport(rt http.RoundTripper, cas *x509.CertPool) transport {
	if rt == nil {
		rt = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cas},
			TLSHandshakeTimeout:   10 * time.Second,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			ExpectContinueTimeout: time.Second,
		}
	}
	return transport{&http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do sends the request and bounds the answer's body.
func (t transport) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	limit := int64(maxAnswer)
	if resp.StatusCode >= 300 {
		limit = maxErrorAnswer
	}
	resp.Body = &boundedBody{inner: resp.Body, left: limit}
	return resp, nil
}

// boundedBody fails, rather than ends, beyond its limit: a cut answer must not pass for a whole one.
type boundedBody struct {
	inner io.ReadCloser
	left  int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.inner.Read(p)
	if int64(n) > b.left {
		return 0, errAnswerTooLarge
	}
	b.left -= int64(n)
	return n, err
}

func (b *boundedBody) Close() error { return b.inner.Close() }

// neverSent reports whether err arose before a byte of the request could have left. It errs on the side of no: only
// failures to find, reach or authenticate the server count.
func neverSent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	var dns *net.DNSError
	return errors.As(err, &dns) || untrusted(err)
}

// untrusted reports whether the server's certificate was refused.
func untrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	return errors.As(err, &verify)
}

// transportReason says in a few words why no answer came.
func transportReason(err error, host string) string {
	var dns *net.DNSError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("The name %s cannot be resolved.", host)
	case untrusted(err):
		return fmt.Sprintf("The certificate of %s is not trusted.", host)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("No connection to %s can be made.", host)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("%s did not answer in time.", host)
	}
	return fmt.Sprintf("The connection to %s broke.", host)
}

package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/hidraw"
	link "github.com/postern/postern/link/relay"
)

// lookTime bounds each look at the network.
const lookTime = 10 * time.Second

// Looker is what Gather looks with. The zero value is this machine.
type Looker struct {
	Dial func(ctx context.Context, url string) (link.Conn, error) // a WebSocket
	Now  func() time.Time
	HTTP *http.Transport
	// Tunnels are hosts to look for besides the control center; see [Tunnels].
	Tunnels []string
	// Inside: the service looks at itself. What its account may open and run says nothing of those who sit here.
	Inside bool
}

// Gather looks at this machine. The view is of the service that runs, or where none does, of what is kept.
func (l Looker) Gather(ctx context.Context, view agent.View, running bool) Facts {
	f := Facts{Now: l.now(), GOOS: runtime.GOOS, Running: running, View: view, Inside: l.Inside}
	f.Tunnels = make([]Reach, len(l.Tunnels))
	var looking sync.WaitGroup
	for i, host := range l.Tunnels {
		looking.Go(func() { f.Tunnels[i] = l.reach(ctx, host) })
	}
	if view.Server != "" {
		looking.Go(func() { f.Net = l.net(ctx, view.Server) })
	}
	f.Door = door(view.Socket)
	f.Keys = keys(ctx)
	machine(ctx, &f)
	looking.Wait()
	return f
}

func (l Looker) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

func (l Looker) transport() *http.Transport {
	if l.HTTP != nil {
		return l.HTTP.Clone()
	}
	return http.DefaultTransport.(*http.Transport).Clone()
}

// proxy is by which the system wants to go to an address, without its password.
func proxy(t *http.Transport, target *url.URL) string {
	if t.Proxy == nil {
		return ""
	}
	if by, err := t.Proxy(&http.Request{URL: target}); err == nil && by != nil {
		return by.Redacted()
	}
	return ""
}

// reach looks how far the way to an HTTPS server goes. Whatever it answers, it is there.
func (l Looker) reach(ctx context.Context, host string) Reach {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	target := &url.URL{Scheme: "https", Host: host, Path: "/"}
	transport := l.transport()
	defer transport.CloseIdleConnections()
	name := target.Hostname()
	r := Reach{Host: name, Proxy: proxy(transport, target)}
	if r.Proxy == "" {
		if _, err := net.DefaultResolver.LookupHost(ctx, name); err != nil {
			r.DNS = plain(err)
			return r
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, target.String(), nil)
	if err != nil {
		r.TCP = plain(err)
		return r
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		r.TCP, r.TLS = connection(err)
		return r
	}
	_ = answer.Body.Close() // it answered; that is all that was asked
	return r
}

// connection tells what of a connection failed.
func connection(err error) (tcp, secure string) {
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "", plain(certificate)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "", "it does not speak TLS"
	}
	return plain(err), ""
}

func keys(ctx context.Context) []Key {
	devices, err := hidraw.List(ctx)
	if err != nil {
		return nil
	}
	own := hid.DefaultIdentity()
	all := make([]Key, 0, len(devices))
	for _, d := range devices {
		all = append(all, Key{
			Path: d.Path, Name: d.Name, Serial: d.Serial, Readable: readable(d.Path),
			Virtual: d.Vendor == own.Vendor && d.Product == own.Product,
		})
	}
	return all
}

// net walks the way to the control center, and stops where it ends.
func (l Looker) net(ctx context.Context, server string) Net {
	target, err := url.Parse(server)
	if err != nil {
		return Net{Host: server, DNS: "it is not an address"}
	}
	transport := l.transport()
	defer transport.CloseIdleConnections()
	n := Net{Host: target.Hostname(), Proxy: proxy(transport, target)}
	looking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if n.Proxy == "" { // behind a proxy names are its business
		if _, err := net.DefaultResolver.LookupHost(looking, n.Host); err != nil {
			n.DNS = plain(err)
			return n
		}
	}
	if l.ask(looking, transport, target, &n); n.TCP != "" || n.TLS != "" || n.HTTP != "" || l.Dial == nil {
		return n
	}
	dialling, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	conn, err := l.Dial(dialling, "ws"+strings.TrimPrefix(strings.TrimSuffix(server, "/"), "http")+link.Path)
	if err != nil {
		n.Relay = plain(err)
		return n
	}
	_ = conn.Close(link.Done) // it was opened; that is all that was asked
	return n
}

// ask fetches a page every control center has.
func (l Looker) ask(ctx context.Context, transport http.RoundTripper, target *url.URL, n *Net) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.JoinPath("healthz").String(), nil)
	if err != nil {
		n.TCP = plain(err)
		return
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		n.TCP, n.TLS = connection(err)
		return
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if date, e := http.ParseTime(answer.Header.Get("Date")); e == nil {
		n.Ahead = date.Sub(l.now())
	}
	n.Version = version(answer.Header.Get(postern.VersionHeader))
	if err != nil || answer.StatusCode != http.StatusOK || strings.TrimSpace(string(text)) != "ok" {
		n.HTTP = answer.Status
	}
}

// version is a version as another machine told it, or "" where it is none.
func version(told string) string {
	if _, ok := release(told); !ok || len(told) > 64 || strings.ContainsFunc(told, unicode.IsControl) {
		return ""
	}
	return told
}

// plain is the text of an error as the end of a sentence.
func plain(err error) string {
	if e, ok := errors.AsType[*postern.Error](err); ok {
		return strings.TrimSuffix(e.Message, ".")
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Err // the name and the server asked are no help to those who read it
	}
	text := err.Error()
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return strings.TrimSuffix(strings.Join(strings.Fields(text), " "), ".")
}

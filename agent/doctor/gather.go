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
	"time"

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
	// Inside: the service looks at itself. What its account may open and run says nothing of those who sit here.
	Inside bool
}

// Gather looks at this machine. The view is of the service that runs, or where none does, of what is kept.
func (l Looker) Gather(ctx context.Context, view agent.View, running bool) Facts {
	f := Facts{GOOS: runtime.GOOS, Running: running, View: view}
	f.Door = door(view.Socket)
	f.Keys = keys(ctx)
	f.Windows = windows()
	f.Inside = l.Inside
	if !l.Inside {
		f.Browsers, f.Confined = browsers(ctx)
	}
	if view.Server != "" {
		f.Net = l.net(ctx, view.Server)
	}
	return f
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
	n := Net{Host: target.Hostname()}
	transport := l.HTTP
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	defer transport.CloseIdleConnections()
	if transport.Proxy != nil {
		if proxy, err := transport.Proxy(&http.Request{URL: target}); err == nil && proxy != nil {
			n.Proxy = proxy.Redacted()
		}
	}
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
		if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			n.TLS = plain(certificate)
			return
		}
		if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
			n.TLS = "it does not speak TLS"
			return
		}
		n.TCP = plain(err)
		return
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if date, e := http.ParseTime(answer.Header.Get("Date")); e == nil {
		now := time.Now
		if l.Now != nil {
			now = l.Now
		}
		n.Ahead = date.Sub(now())
	}
	if err != nil || answer.StatusCode != http.StatusOK || strings.TrimSpace(string(text)) != "ok" {
		n.HTTP = answer.Status
	}
}

// plain is the text of an error as the end of a sentence.
func plain(err error) string {
	if e, ok := errors.AsType[*postern.Error](err); ok {
		return strings.TrimSuffix(e.Message, ".")
	}
	text := err.Error()
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return strings.TrimSuffix(strings.Join(strings.Fields(text), " "), ".")
}

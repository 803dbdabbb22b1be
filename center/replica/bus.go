package replica

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Times of the connection.
const (
	connectWithin = 3 * time.Second
	writeWithin   = 3 * time.Second
	pingEvery     = 5 * time.Second // a connection that leaves two unanswered is given up
	retryFirst    = 100 * time.Millisecond
	retryMost     = 3 * time.Second
	complainEvery = time.Minute // while NATS stays away
)

// Config says where NATS is.
type Config struct {
	// URLs are nats:// or tls:// addresses of one cluster, of which any will do. They may hold a user and a password.
	URLs []string
	// CredentialsFile holds a user's JWT and seed, as nsc writes it.
	CredentialsFile string
	// CAFile is a PEM file with the authorities to trust in place of the system's.
	CAFile string
	// Certificate and Key are PEM files to show to the server.
	Certificate, Key string
	// Prefix begins the subjects of this installation. See [DefaultPrefix].
	Prefix string
	// Log takes what operators should know; nil means none.
	Log *slog.Logger
}

// DefaultPrefix is a prefix that the replicas of one installation agree on: they share the address that people use.
func DefaultPrefix(publicURL string) string {
	sum := sha256.Sum256([]byte(publicURL))
	return "postern." + hex.EncodeToString(sum[:6])
}

var validPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// Bus is a replica's connection to NATS. Its two halves are what the rest of the control center sees.
type Bus struct {
	Fabric  *Fabric
	Notices *Notices

	conn   *nats.Conn
	prefix string
	log    *slog.Logger
	origin [8]byte

	returned   atomic.Pointer[func()]
	late       atomic.Bool  // the first connection comes after Open
	complained atomic.Int64 // when the last failed attempt was logged, Unix seconds
	counts     counts
}

type counts struct {
	disconnects, reconnects                   atomic.Uint64
	sent, nobody, failed, received, overflown atomic.Uint64
	noticesSent, noticesReceived              atomic.Uint64
}

// Stats are what a bus has done since it was opened.
type Stats struct {
	Connected                    bool
	Disconnects, Reconnects      uint64
	Sent, Nobody, Failed         uint64 // messages between hubs: taken, addressed to nobody, not known to be taken
	Received, Overflown          uint64 // messages between hubs: taken here, and refused because too many waited
	NoticesSent, NoticesReceived uint64
}

// Open connects to NATS. A server that cannot be reached now is no error: the bus goes on trying, and tells by
// [Bus.Connected]. What is an error is a configuration that can never work.
func Open(c Config) (*Bus, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("nats.url names no server")
	}
	if !validPrefix.MatchString(c.Prefix) {
		return nil, fmt.Errorf("nats.prefix must be words of letters, digits, dashes and underscores with dots between them, not %q", c.Prefix)
	}
	for _, u := range c.URLs {
		if parsed, err := url.Parse(u); err != nil || parsed.Host == "" || parsed.Scheme != "nats" && parsed.Scheme != "tls" {
			return nil, errors.New("nats.url must be addresses such as nats://nats.example.com:4222 or tls://nats.example.com:4222") // without it: it may hold a password
		}
	}
	b := &Bus{prefix: c.Prefix, log: cmp.Or(c.Log, slog.New(slog.DiscardHandler))}
	rand.Read(b.origin[:])
	options := []nats.Option{
		nats.Name("postern"),
		nats.CustomInboxPrefix(c.Prefix + ".reply"),
		nats.Timeout(connectWithin),
		nats.FlusherTimeout(writeWithin),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(2),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(), // credentials are replaced while replicas run
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(retryDelay),
		// What cannot be sent now is told to the sender. Sent later it would arrive where nobody waits for it any more.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err == nil {
				return // closed by us
			}
			b.counts.disconnects.Add(1)
			b.log.Warn("the connection to NATS broke; devices at different replicas do not reach each other until it is back", "cause", err)
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			now, last := time.Now().Unix(), b.complained.Load()
			if now-last >= int64(complainEvery/time.Second) && b.complained.CompareAndSwap(last, now) {
				b.log.Warn("NATS cannot be reached", "cause", err)
			}
		}),
		nats.ConnectHandler(func(conn *nats.Conn) { b.connected(conn, b.late.Load()) }),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			b.counts.reconnects.Add(1)
			b.connected(conn, true)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Warn("NATS refused something or was faster than we", "cause", err)
		}),
	}
	if c.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(c.CredentialsFile))
	}
	if c.CAFile != "" {
		options = append(options, nats.RootCAs(c.CAFile))
	}
	if c.Certificate != "" || c.Key != "" {
		options = append(options, nats.ClientCert(c.Certificate, c.Key))
	}
	b.Notices = &Notices{bus: b}
	b.Fabric = newFabric(b)
	var err error
	if b.conn, err = nats.Connect(strings.Join(c.URLs, ","), options...); err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	b.late.Store(!b.conn.IsConnected())
	if err := b.Notices.start(); err != nil {
		b.conn.Close()
		return nil, fmt.Errorf("nats: %w", err)
	}
	go b.Fabric.run()
	return b, nil
}

// connected follows each connection. What was published elsewhere before it was missed, so everybody who waits looks.
func (b *Bus) connected(conn *nats.Conn, missed bool) {
	b.complained.Store(0)
	b.log.Info("connected to NATS", "server", conn.ConnectedAddr(), "prefix", b.prefix)
	if missed {
		b.Notices.local.PublishAll()
		if f := b.returned.Load(); f != nil {
			(*f)()
		}
	}
}

// OnReturn has f called after each connection before which something may have been missed. f returns soon.
func (b *Bus) OnReturn(f func()) { b.returned.Store(&f) }

// retryDelay doubles from retryFirst to retryMost, less up to half of it, so that replicas do not come back in step.
func retryDelay(attempts int) time.Duration {
	d := retryMost
	if attempts < 10 {
		d = min(retryMost, retryFirst<<max(0, attempts-1))
	}
	var r [1]byte
	rand.Read(r[:])
	return d - d/2*time.Duration(r[0])/256
}

// Connected reports whether NATS can be reached.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

// Stats returns what the bus has done.
func (b *Bus) Stats() Stats {
	c := &b.counts
	return Stats{
		Connected: b.Connected(), Disconnects: c.disconnects.Load(), Reconnects: c.reconnects.Load(),
		Sent: c.sent.Load(), Nobody: c.nobody.Load(), Failed: c.failed.Load(), Received: c.received.Load(), Overflown: c.overflown.Load(),
		NoticesSent: c.noticesSent.Load(), NoticesReceived: c.noticesReceived.Load(),
	}
}

// Close ends the connection. Afterwards both halves work within the process. The hub is closed before: it tells other
// replicas that its devices are gone.
func (b *Bus) Close() {
	_ = b.conn.FlushTimeout(writeWithin) // the last words; without a connection there is nobody to hear them
	b.conn.Close()
	b.Fabric.close()
}

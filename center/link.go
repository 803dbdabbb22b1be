package center

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/websocket"
)

// link takes the connections of devices: docs/link.md.
type link struct {
	hub      *relay.Hub
	log      *slog.Logger
	callers  *auth.Limiter // per address
	trail    audit.Recorder
	refusals *audit.Sparse

	mu     sync.Mutex
	closed bool
	open   sync.WaitGroup // connections
}

func newLink(hub *relay.Hub, trail audit.Recorder, refusals *audit.Sparse, log *slog.Logger, now func() time.Time) *link {
	// As many as requests of an address: behind one may be an office whose devices all connect anew at once.
	return &link{hub: hub, trail: trail, refusals: refusals, log: log, callers: auth.NewLimiter(3000, time.Minute, now)}
}

// ServeHTTP takes one connection and returns when it is over. What it carries, and what a device says to prove who it
// is, is written nowhere.
func (l *link) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !l.enter() {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Postern is stopping. Connect again.", http.StatusServiceUnavailable)
		return
	}
	defer l.open.Done()
	if wait := l.callers.Take(auth.AddrKey(postern.ActorFrom(r.Context()).Addr)); wait > 0 {
		http.Error(w, "Too many connections from this address. Try again in a minute.", http.StatusTooManyRequests)
		return
	}
	conn, err := websocket.Accept(w, r)
	if err != nil {
		return // it was answered, and the access log has the status
	}
	ctx := r.Context()
	var refused *postern.Error
	if errors.As(l.hub.Serve(ctx, conn), &refused) {
		if event := refusalAtLink(refused.Code); event.Code != "" {
			l.refusals.Refused(ctx, l.trail, auth.AddrKey(postern.ActorFrom(ctx).Addr), event, refused)
		}
		l.log.InfoContext(ctx, "a device was refused at the link", "code", refused.Code, "addr", postern.ActorFrom(ctx).Addr)
	}
}

// refusalAtLink is what the trail calls a refusal of a device's proof, nothing for whatever else ends a connection.
func refusalAtLink(code postern.Code) audit.Code {
	switch code {
	case postern.CodePhoneUnknown, postern.CodePhoneRevoked, postern.CodePhoneProof, postern.CodePhoneClock, postern.CodePhoneReplay:
		return audit.PhoneRefused
	case postern.CodeWorkstationUnknown, postern.CodeWorkstationRevoked, postern.CodeWorkstationProof, postern.CodeWorkstationClock,
		postern.CodeWorkstationReplay:
		return audit.WorkstationRefused
	}
	return audit.Code{}
}

// enter counts a connection, unless the link is closed.
func (l *link) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.open.Add(1)
	return true
}

// Close tells all devices to connect anew, and returns when their connections are over.
func (l *link) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.hub.Close()
	l.open.Wait()
}

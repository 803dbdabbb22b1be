package usbip

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/postern/postern/fido/transport/hid"
)

// DefaultPort is where USB/IP clients look.
const DefaultPort = "3240"

// Bounds of a [Server].
const (
	// maxHandshakes is how many connections may be between opening and import.
	maxHandshakes = 16
	// handshakeTime is how long one may be there.
	handshakeTime = 10 * time.Second
	// busyPatience is how long an import waits for the device: a client that
	// lets go and takes it again may be ahead of the news of the former.
	busyPatience = 500 * time.Millisecond
)

// Attached is called each time a host plugs the device in, with the device's
// end of the reports, and has the device until it returns. A call is a power
// cycle. When the host unplugs the device, ctx ends and r reads io.EOF; when
// Attached returns, the host sees the device unplugged.
type Attached func(ctx context.Context, r hid.Reports) error

// Server exports the device over TCP. The zero value of everything but Attached
// is useful.
type Server struct {
	// Identity is how the device looks; the zero value is
	// [hid.DefaultIdentity].
	Identity hid.Identity
	// BusID is what a client asks for, at most 31 bytes; "" is [DefaultBusID].
	// See [NewBusID] for one nobody guesses.
	BusID string
	// Unlisted keeps the device, and with it BusID, out of the list.
	Unlisted bool
	Attached Attached
	// Log hears of clients that come, go and fail; nil is silence.
	Log *slog.Logger
}

// NewBusID gives an unguessable bus id (130 bits).
func NewBusID() string { return "1-" + rand.Text() }

// CheckBusID refuses bus ids that do not fit the protocol.
func CheckBusID(id string) error {
	if id == "" || len(id) >= busIDSize {
		return fmt.Errorf("a bus id has 1 to %d bytes, not %d", busIDSize-1, len(id))
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return errors.New("a bus id has visible ASCII characters only, and no spaces")
		}
	}
	return nil
}

// Serve answers on l until ctx ends, which is nil, or l fails, and closes l.
// Connections are independent; the device is with one of them at a time, and
// imports beside that one are refused. When ctx ends, the host sees the device
// unplugged at once; Serve returns when Attached has.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	e := export{Server: *s, slot: make(chan struct{}, 1), handshakes: make(chan struct{}, maxHandshakes)}
	if e.BusID == "" {
		e.BusID = DefaultBusID
	}
	if err := CheckBusID(e.BusID); err != nil {
		_ = l.Close()
		return err
	}
	e.Identity = identityOrDefault(s.Identity)
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var connections sync.WaitGroup
	defer connections.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case temporary(err):
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		case err != nil:
			return err
		default:
			select {
			case e.handshakes <- struct{}{}:
				connections.Go(func() { e.connection(ctx, conn) })
			default:
				e.Log.Warn("USB/IP client turned away: too many at once", "client", conn.RemoteAddr().String())
				_ = conn.Close()
			}
		}
	}
}

func identityOrDefault(id hid.Identity) hid.Identity {
	if id == (hid.Identity{}) {
		return hid.DefaultIdentity()
	}
	return id
}

// temporary tells errors of Accept that pass, like too many open files.
func temporary(err error) bool {
	var e interface{ Temporary() bool }
	return errors.As(err, &e) && e.Temporary()
}

// export is a Server at work.
type export struct {
	Server
	slot       chan struct{} // holds one while the device is with a client
	handshakes chan struct{} // holds one for each connection that has not imported
}

// connection serves one connection and closes it.
func (e *export) connection(ctx context.Context, conn net.Conn) {
	log := e.Log.With("client", conn.RemoteAddr().String())
	imported := e.handshake(ctx, log, conn)
	if !imported {
		_ = conn.Close()
		return
	}
	log.Info("security key plugged in")
	err := runSession(ctx, conn, e.Identity, e.Attached)
	<-e.slot
	if err != nil {
		log.Warn("security key unplugged", "error", err)
		return
	}
	log.Info("security key unplugged")
}

// handshake answers the operation a connection begins with and gives back its
// place among the handshakes. After an import it is true, and the caller has the
// slot.
func (e *export) handshake(ctx context.Context, log *slog.Logger, conn net.Conn) (imported bool) {
	defer func() { <-e.handshakes }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return false
	}
	imported, err := e.operate(ctx, log, conn)
	if err != nil {
		log.Warn("USB/IP client failed", "error", err)
		return false
	}
	return imported
}

func (e *export) operate(ctx context.Context, log *slog.Logger, conn net.Conn) (imported bool, err error) {
	var header [opHeaderSize]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return false, err
	}
	code, err := operation(header)
	if err != nil {
		return false, err
	}
	if code == opDevlist {
		_, err := conn.Write(devlistReply(e.Identity, e.BusID, !e.Unlisted))
		return false, err
	}
	var busID [busIDSize]byte
	if _, err := io.ReadFull(conn, busID[:]); err != nil {
		return false, err
	}
	status := e.acquire(ctx, importedBusID(busID))
	if status != importOK {
		log.Warn("USB/IP import refused", "status", status)
	}
	_, err = conn.Write(importReply(e.Identity, e.BusID, status))
	if err == nil && status == importOK {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil && status == importOK {
		<-e.slot
	}
	return status == importOK && err == nil, err
}

// acquire takes the slot for a client that knows the bus id.
func (e *export) acquire(ctx context.Context, busID string) (status uint32) {
	if subtle.ConstantTimeCompare([]byte(busID), []byte(e.BusID)) != 1 {
		return importNoDevice
	}
	patience := time.NewTimer(busyPatience)
	defer patience.Stop()
	select {
	case e.slot <- struct{}{}:
		return importOK
	case <-patience.C:
	case <-ctx.Done():
	}
	return importBusy
}

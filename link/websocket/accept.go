//go:build !js

package websocket

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/coder/websocket"

	"github.com/postern/postern/link/relay"
)

// Accept turns a request into a connection, or answers why it cannot. The time limits of the server end with it.
//
// Pages of any origin may connect. A device says who it is by a signature in its first frame, made with a key that no
// other page has, and nothing that a browser adds by itself (cookies, client certificates) counts; so another site's page
// gains nothing that a program without a browser would not have. The browser extension connects from an origin of its own,
// chrome-extension://…, which differs from one browser and installation to the next.
func Accept(w http.ResponseWriter, r *http.Request) (relay.Conn, error) {
	if !offers(r, relay.Subprotocol) {
		http.Error(w, "This address is for the devices of Postern. They speak the WebSocket subprotocol "+relay.Subprotocol+".", http.StatusBadRequest)
		return nil, errors.New("websocket: the subprotocol was not offered")
	}
	taken := &takenWriter{ResponseWriter: w}
	ws, err := websocket.Accept(taken, r, &websocket.AcceptOptions{
		Subprotocols: []string{relay.Subprotocol}, CompressionMode: websocket.CompressionDisabled,
		InsecureSkipVerify: true, // of the origin
	})
	if err != nil {
		return nil, err
	}
	return newConn(ws, taken.raw), nil
}

// offers reports whether the client offered the subprotocol (RFC 6455 §11.3.4: one header with a list, or several).
func offers(r *http.Request, subprotocol string) bool {
	for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
		for offered := range strings.SplitSeq(header, ",") {
			if strings.EqualFold(strings.TrimSpace(offered), subprotocol) {
				return true
			}
		}
	}
	return false
}

// takenWriter keeps the connection that is taken over from the HTTP server.
type takenWriter struct {
	http.ResponseWriter
	raw net.Conn
}

// Hijack implements [http.Hijacker].
func (w *takenWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.raw = raw
	return raw, rw, err
}

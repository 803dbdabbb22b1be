//go:build !js

package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/coder/websocket"

	"github.com/postern/postern/link/relay"
)

// closeWithin is how long the other end has to answer a close before the connection is cut. Nobody waits for more: the
// end that closes may be a program that stops, and the other end may be gone.
const closeWithin = time.Second

// statuses of RFC 6455 §7.4.1.
var statuses = map[relay.Reason]websocket.StatusCode{
	relay.Done:    websocket.StatusNormalClosure,
	relay.Broken:  websocket.StatusGoingAway,
	relay.Refused: websocket.StatusPolicyViolation,
}

// conn is a [relay.Conn].
type conn struct {
	ws  *websocket.Conn
	raw net.Conn // what ws stands on, to cut it
}

func newConn(ws *websocket.Conn, raw net.Conn) *conn {
	ws.SetReadLimit(relay.MaxFrame)
	return &conn{ws, raw}
}

// Read implements [relay.Conn].
func (c *conn) Read(ctx context.Context) ([]byte, error) {
	kind, message, err := c.ws.Read(ctx)
	switch {
	case websocket.CloseStatus(err) == websocket.StatusNormalClosure:
		return nil, io.EOF
	case errors.Is(err, io.EOF): // without a close before it, which is what io.EOF means here
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case kind != websocket.MessageBinary:
		_ = c.close(websocket.StatusUnsupportedData) // the error below is the one that counts
		return nil, errors.New("websocket: a message is not binary")
	}
	return message, nil
}

// Write implements [relay.Conn].
func (c *conn) Write(ctx context.Context, frame []byte) error {
	if len(frame) > relay.MaxFrame {
		return fmt.Errorf("websocket: a frame of %d bytes is too long", len(frame))
	}
	return c.ws.Write(ctx, websocket.MessageBinary, frame)
}

// Close implements [relay.Conn].
func (c *conn) Close(reason relay.Reason) error { return c.close(statuses[reason]) }

func (c *conn) close(status websocket.StatusCode) error {
	late := time.AfterFunc(closeWithin, func() { _ = c.raw.Close() })
	defer late.Stop()
	return c.ws.Close(status, "")
}

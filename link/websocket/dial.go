//go:build !js

package websocket

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"

	"github.com/coder/websocket"

	"github.com/postern/postern/link/relay"
)

// Dial opens a connection to the link of a control center. The URL has the scheme ws, wss, http or https.
func Dial(ctx context.Context, url string) (relay.Conn, error) { return dial(ctx, url, nil) }

// Through gives a [Dial] that goes through a transport of the caller's own, which may trust other authorities.
func Through(transport http.RoundTripper) func(ctx context.Context, url string) (relay.Conn, error) {
	return func(ctx context.Context, url string) (relay.Conn, error) { return dial(ctx, url, transport) }
}

// dial sends nothing elsewhere than it was told to: a redirect is an answer like any other that is no WebSocket.
func dial(ctx context.Context, url string, transport http.RoundTripper) (relay.Conn, error) {
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var raw net.Conn
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { raw = info.Conn },
	})
	ws, _, err := websocket.Dial(traced, url, &websocket.DialOptions{ //nolint:bodyclose // there is none to close after a 101, and the library closed any other
		HTTPClient: client, Subprotocols: []string{relay.Subprotocol}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, err
	}
	c := newConn(ws, raw)
	if ws.Subprotocol() != relay.Subprotocol {
		_ = c.Close(relay.Refused) // the error below is the one that counts
		return nil, errors.New("websocket: what answered is not the link of a control center")
	}
	return c, nil
}

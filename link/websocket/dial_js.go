package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall/js"

	"github.com/postern/postern/link/relay"
)

const (
	// maxQueued is how many frames may have arrived and not been read. The relay sends fewer than that ahead of their
	// acknowledgement, so more is another end that does not keep to the protocol.
	maxQueued = 1024
	// maxBuffered is how many bytes the browser may hold that the network has not taken: twice what a device may send
	// ahead of its acknowledgement.
	maxBuffered = 512 << 10

	statusNormal = 1000 // RFC 6455 §7.4.1
)

var errBroken = errors.New("websocket: the connection broke")

// conn is a [relay.Conn] over the browser's WebSocket.
type conn struct {
	ws     js.Value
	opened chan struct{} // closed when the connection stands
	ended  chan struct{} // closed when it is over
	done   sync.Once     // of ended

	mu      sync.Mutex
	frames  [][]byte
	arrived chan struct{}
	orderly bool // closed by the other end, for good
	release func()
}

// Dial opens a connection to the link of a control center. The URL has the scheme ws, wss, http or https.
func Dial(ctx context.Context, url string) (relay.Conn, error) {
	if rest, ok := strings.CutPrefix(url, "http"); ok {
		url = "ws" + rest // browsers took the other schemes late
	}
	c, err := open(url)
	if err != nil {
		return nil, err
	}
	select {
	case <-c.opened:
	case <-c.ended:
		return nil, errors.New("websocket: the control center could not be reached, or is none")
	case <-ctx.Done():
		c.cut()
		return nil, ctx.Err()
	}
	if c.ws.Get("protocol").String() != relay.Subprotocol {
		c.cut()
		return nil, errors.New("websocket: what answered is not the link of a control center")
	}
	return c, nil
}

// open makes the browser's object. Its constructor throws for an address that it does not take.
func open(url string) (c *conn, err error) {
	defer func() {
		if thrown, ok := recover().(js.Error); ok {
			c, err = nil, fmt.Errorf("websocket: %s", thrown.Get("name").String())
		}
	}()
	c = &conn{
		ws:     js.Global().Get("WebSocket").New(url, []any{relay.Subprotocol}),
		opened: make(chan struct{}), ended: make(chan struct{}), arrived: make(chan struct{}, 1),
	}
	c.ws.Set("binaryType", "arraybuffer")
	var stood sync.Once
	handlers := map[string]js.Func{
		"onopen": js.FuncOf(func(js.Value, []js.Value) any {
			stood.Do(func() { close(c.opened) })
			return nil
		}),
		"onmessage": js.FuncOf(func(_ js.Value, args []js.Value) any {
			c.take(args[0].Get("data"))
			return nil
		}),
		"onclose": js.FuncOf(func(_ js.Value, args []js.Value) any {
			c.mu.Lock()
			c.orderly = args[0].Get("code").Int() == statusNormal
			c.mu.Unlock()
			c.end()
			return nil
		}),
	}
	handlers["onerror"] = js.FuncOf(func(js.Value, []js.Value) any {
		c.end() // a close follows, but not everywhere
		return nil
	})
	c.release = func() {
		for name, f := range handlers {
			c.ws.Set(name, js.Null())
			f.Release()
		}
	}
	for name, f := range handlers {
		c.ws.Set(name, f)
	}
	return c, nil
}

// take queues what arrived.
func (c *conn) take(data js.Value) {
	if !data.InstanceOf(js.Global().Get("ArrayBuffer")) {
		c.cut()
		return
	}
	bytes := js.Global().Get("Uint8Array").New(data)
	c.mu.Lock()
	full := len(c.frames) >= maxQueued || bytes.Length() > relay.MaxFrame
	if !full {
		frame := make([]byte, bytes.Length())
		js.CopyBytesToGo(frame, bytes)
		c.frames = append(c.frames, frame)
	}
	c.mu.Unlock()
	if full {
		c.cut()
		return
	}
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// end is the end of the connection, whoever made it. Handlers are let go of outside of themselves.
func (c *conn) end() {
	c.done.Do(func() {
		close(c.ended)
		go c.release()
	})
}

// cut closes without a word of why, which the other end takes for a connection that broke. A page may not send the
// statuses below 3000 but for the normal one.
func (c *conn) cut() {
	c.ws.Call("close")
	c.end()
}

// Read implements [relay.Conn].
func (c *conn) Read(ctx context.Context) ([]byte, error) {
	for {
		c.mu.Lock()
		if len(c.frames) > 0 {
			frame := c.frames[0]
			c.frames[0] = nil
			c.frames = c.frames[1:]
			c.mu.Unlock()
			return frame, nil
		}
		c.mu.Unlock()
		select {
		case <-c.arrived:
		case <-ctx.Done():
			c.cut()
			return nil, ctx.Err()
		case <-c.ended:
			c.mu.Lock()
			left := len(c.frames)
			orderly := c.orderly
			c.mu.Unlock()
			switch {
			case left > 0:
			case orderly:
				return nil, io.EOF
			default:
				return nil, errBroken
			}
		}
	}
}

// Write implements [relay.Conn]. The browser keeps what the network does not take at once.
func (c *conn) Write(ctx context.Context, frame []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(frame) > relay.MaxFrame {
		return fmt.Errorf("websocket: a frame of %d bytes is too long", len(frame))
	}
	select {
	case <-c.ended:
		return errBroken
	default:
	}
	if c.ws.Get("bufferedAmount").Int() > maxBuffered {
		c.cut()
		return errBroken
	}
	bytes := js.Global().Get("Uint8Array").New(len(frame))
	js.CopyBytesToJS(bytes, frame)
	c.ws.Call("send", bytes)
	return nil
}

// Close implements [relay.Conn]. It does not wait for the other end.
func (c *conn) Close(reason relay.Reason) error {
	select {
	case <-c.ended:
		return nil
	default:
	}
	if reason != relay.Done {
		c.cut()
		return nil
	}
	c.ws.Call("close", statusNormal)
	c.end()
	return nil
}

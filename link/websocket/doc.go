// Package websocket makes a [relay.Conn] of a WebSocket (RFC 6455): [Dial] on a device, in a browser too, and [Accept] at
// the control center.
//
// It owns how frames travel: binary messages of at most [relay.MaxFrame] bytes under the subprotocol [relay.Subprotocol],
// without compression, because sealed messages do not become smaller and compressed lengths tell of what they hold. It
// does not know what a frame is, and writes nothing to a log.
//
// In a browser the package stands on the browser's own WebSocket and leaves net/http out of the program.
package websocket

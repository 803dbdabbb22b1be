//go:build js

// Command browser uses the browser's half of package websocket against the servers of its test: one that echoes, one that
// closes for good, one that refuses.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/websocket"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(echoes, closes, breaks string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := read(ctx, closes); !errors.Is(err, io.EOF) {
		return fmt.Errorf("a close for good is read as %w", err)
	}
	if _, err := read(ctx, breaks); err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("a refusal is read as %w", err)
	}
	for _, nowhere := range []string{"http://127.0.0.1:1/", "no address"} {
		if _, err := websocket.Dial(ctx, nowhere); err == nil {
			return errors.New("there is a connection to " + nowhere)
		}
	}
	given, stop := context.WithCancel(ctx)
	stop()
	if _, err := websocket.Dial(given, breaks); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a dial that was given up: %w", err)
	}

	c, err := websocket.Dial(ctx, echoes)
	if err != nil {
		return err
	}
	frames := [][]byte{{1}, bytes.Repeat([]byte{7}, relay.MaxFrame), {}}
	for _, frame := range frames { // all before the first is read
		if err := c.Write(ctx, frame); err != nil {
			return err
		}
	}
	for _, frame := range frames {
		got, err := c.Read(ctx)
		if err != nil || !bytes.Equal(got, frame) {
			return fmt.Errorf("%d bytes came back as %d: %w", len(frame), len(got), err)
		}
	}
	if c.Write(ctx, make([]byte, relay.MaxFrame+1)) == nil {
		return errors.New("a frame above the bound was sent")
	}
	for range 2 {
		if err := c.Close(relay.Done); err != nil {
			return err
		}
	}
	if _, err := c.Read(ctx); err == nil {
		return errors.New("a closed connection is read")
	}
	if c.Write(ctx, []byte{1}) == nil {
		return errors.New("a closed connection is written")
	}
	waiting, err := websocket.Dial(ctx, echoes)
	if err != nil {
		return err
	}
	given, stop = context.WithCancel(ctx)
	time.AfterFunc(time.Millisecond, stop)
	if _, err := waiting.Read(given); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a read that was given up: %w", err)
	}
	return nil
}

func read(ctx context.Context, url string) ([]byte, error) {
	c, err := websocket.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	return c.Read(ctx)
}

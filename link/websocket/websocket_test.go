//go:build !js

package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/postern/postern/link/relay"
	link "github.com/postern/postern/link/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server serves every connection with serve, and returns its address and what Accept refused.
func server(t *testing.T, serve func(ctx context.Context, c relay.Conn)) (url string, refused <-chan error) {
	t.Helper()
	failures := make(chan error, 8)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := link.Accept(w, r)
		if err != nil {
			failures <- err
			return
		}
		serve(r.Context(), c)
	}))
	t.Cleanup(func() {
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s.URL, failures
}

// echo returns every frame, and tells how reading ended.
func echo(ended chan<- error) func(ctx context.Context, c relay.Conn) {
	return func(ctx context.Context, c relay.Conn) {
		for {
			frame, err := c.Read(ctx)
			if err == nil {
				err = c.Write(ctx, frame)
			}
			if err != nil {
				ended <- err
				_ = c.Close(relay.Broken)
				return
			}
		}
	}
}

func dial(t *testing.T, url string) relay.Conn {
	t.Helper()
	c, err := link.Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(relay.Broken) })
	return c
}

func TestFramesTravel(t *testing.T) {
	ended := make(chan error, 1)
	url, _ := server(t, echo(ended))
	c := dial(t, url)
	for _, frame := range [][]byte{{0}, bytes.Repeat([]byte{7}, relay.MaxFrame), {}} {
		if err := c.Write(t.Context(), frame); err != nil {
			t.Fatal(err)
		}
		got, err := c.Read(t.Context())
		if err != nil || !bytes.Equal(got, frame) {
			t.Fatalf("%d bytes came back as %d: %v", len(frame), len(got), err)
		}
	}
	if err := c.Write(t.Context(), make([]byte, relay.MaxFrame+1)); err == nil {
		t.Fatal("a frame above the bound was sent")
	}
	if err := c.Close(relay.Done); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Fatalf("a close for good was read as %v", err)
	}
}

// TestCloses: only a close for good is the end of the stream; the other end sees the status that belongs to a reason.
func TestCloses(t *testing.T) {
	for _, try := range []struct {
		reason relay.Reason
		status websocket.StatusCode
		eof    bool
	}{
		{relay.Done, websocket.StatusNormalClosure, true},
		{relay.Broken, websocket.StatusGoingAway, false},
		{relay.Refused, websocket.StatusPolicyViolation, false},
	} {
		url, _ := server(t, func(_ context.Context, c relay.Conn) {
			_ = c.Close(try.reason)
			_ = c.Close(relay.Done) // more than once
		})
		_, err := dial(t, url).Read(t.Context())
		if err == nil || errors.Is(err, io.EOF) != try.eof {
			t.Errorf("reason %d is read as %v", try.reason, err)
		}
		ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{relay.Subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != try.status {
			t.Errorf("reason %d is the status %v", try.reason, err)
		}
		_ = ws.CloseNow()
	}
}

// TestBroken: a connection that is cut without a close is no end of the stream.
func TestBroken(t *testing.T) {
	ended := make(chan error, 1)
	url, _ := server(t, echo(ended))
	ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{relay.Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	_ = ws.CloseNow()
	if err := <-ended; errors.Is(err, io.EOF) {
		t.Fatal("a connection that broke was read as one that ended")
	}
}

// TestStrangers: text, long messages and clients without the subprotocol are refused.
func TestStrangers(t *testing.T) {
	ended := make(chan error, 1)
	url, refused := server(t, echo(ended))
	for _, try := range []struct {
		kind   websocket.MessageType
		size   int
		status websocket.StatusCode
	}{
		{websocket.MessageText, 4, websocket.StatusUnsupportedData},
		{websocket.MessageBinary, relay.MaxFrame + 1, websocket.StatusMessageTooBig},
	} {
		ws, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{relay.Subprotocol}})
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.Write(t.Context(), try.kind, make([]byte, try.size)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != try.status {
			t.Errorf("answered %v, want the status %d", err, try.status)
		}
		if err := <-ended; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("read as %v", err)
		}
		_ = ws.CloseNow()
	}
	for _, offered := range [][]string{nil, {"postern-link.v2"}} {
		_, answer, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: offered})
		if err == nil || answer.StatusCode != http.StatusBadRequest || <-refused == nil {
			t.Errorf("%q was answered %v", offered, answer)
		}
	}
	answer, err := http.Get(url)
	if err != nil || answer.StatusCode != http.StatusBadRequest || <-refused == nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
}

// TestAnyOrigin: the extension comes from an origin that nobody knows beforehand.
func TestAnyOrigin(t *testing.T) {
	url, _ := server(t, echo(make(chan error, 2)))
	for _, origin := range []string{"chrome-extension://gghddbkpbjkclacoehlkbnaplbnaplkp", "https://elsewhere.example"} {
		ws, answer, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
			Subprotocols: []string{"another", relay.Subprotocol}, HTTPHeader: http.Header{"Origin": {origin}},
			CompressionMode: websocket.CompressionContextTakeover,
		})
		if err != nil {
			t.Fatal(err)
		}
		if extensions := answer.Header.Get("Sec-WebSocket-Extensions"); extensions != "" {
			t.Errorf("extensions %q were agreed on", extensions)
		}
		_ = ws.CloseNow()
	}
}

// TestDialRefuses what is no link, and goes nowhere else.
func TestDialRefuses(t *testing.T) {
	target, refused := server(t, echo(make(chan error, 1)))
	for name, handler := range map[string]http.HandlerFunc{
		"no websocket": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) },
		"another protocol": func(w http.ResponseWriter, r *http.Request) {
			if ws, err := websocket.Accept(w, r, nil); err == nil {
				_, _, _ = ws.Read(r.Context())
			}
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) },
	} {
		s := httptest.NewServer(handler)
		if _, err := link.Dial(t.Context(), s.URL); err == nil {
			t.Errorf("%s was taken for the link", name)
		}
		s.Close()
	}
	select {
	case err := <-refused:
		t.Errorf("the redirect was followed: %v", err)
	default:
	}
}

func TestContexts(t *testing.T) {
	url, _ := server(t, func(ctx context.Context, c relay.Conn) { _, _ = c.Read(ctx); _ = c.Close(relay.Broken) })
	c := dial(t, url)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := c.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("read: %v", err)
	}
	if err := c.Write(t.Context(), []byte{1}); err == nil {
		t.Error("a connection was used after its read was given up")
	}
}

// TestCloseDoesNotWait for an end that says nothing: it is cut.
func TestCloseDoesNotWait(t *testing.T) {
	hold := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{relay.Subprotocol}})
		if err == nil {
			<-hold // reads nothing, so answers no close
			_ = ws.CloseNow()
		}
	}))
	defer s.Close()
	defer close(hold)
	c := dial(t, strings.Replace(s.URL, "http", "ws", 1))
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = c.Close(relay.Done)
	}()
	select {
	case <-closed:
	case <-time.After(4 * time.Second): // the library alone waits for five, twice
		t.Fatal("a close waits for an end that does not answer")
	}
}

// TestTimeLimitsOfTheServerEnd: a connection outlives what the server allows a request.
func TestTimeLimitsOfTheServerEnd(t *testing.T) {
	const limit = 20 * time.Millisecond
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := link.Accept(w, r); err == nil {
			echo(make(chan error, 1))(r.Context(), c)
		}
	}))
	s.Config.ReadTimeout, s.Config.WriteTimeout = limit, limit
	s.Start()
	defer s.Close()
	c := dial(t, s.URL)
	for began := time.Now(); time.Since(began) < 3*limit; {
		if err := c.Write(t.Context(), []byte{1}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHubAndClient run over it, through a connection that breaks.
func TestHubAndClient(t *testing.T) {
	hub := relay.NewHub(relay.HubConfig{Policy: anybody{}})
	defer hub.Close()
	url, _ := server(t, func(ctx context.Context, c relay.Conn) { _ = hub.Serve(ctx, c) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stopped := make(chan error, 2)
	client := func(name string) *relay.Client {
		c := relay.NewClient(relay.ClientConfig{
			Dial:  func(ctx context.Context) (relay.Conn, error) { return link.Dial(ctx, url) },
			Hello: func(context.Context) (string, error) { return name, nil },
		})
		go func() { stopped <- c.Run(ctx) }()
		return c
	}
	a, b := client("phn_a"), client("wks_b")
	next[relay.Connected](t, a)
	next[relay.Connected](t, b)
	if err := a.Send(t.Context(), "wks_b", []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	if got := next[relay.Data](t, b); string(got.Payload) != "sealed" || got.Peer != "phn_a" {
		t.Fatalf("got %+v", got)
	}
	cancel()
	<-stopped
	<-stopped
}

func next[E any](t *testing.T, c *relay.Client) E {
	t.Helper()
	for {
		event, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := event.(E); ok {
			return e
		}
	}
}

// anybody lets anybody talk to anybody.
type anybody struct{}

func (anybody) Authenticate(_ context.Context, proof string) (string, error) { return proof, nil }
func (anybody) MayTalk(context.Context, string, string) error                { return nil }
func (anybody) Peers(context.Context, string) ([]string, error)              { return nil, nil }
func (anybody) MayMeet(_ context.Context, _, _ string) error                 { return nil }

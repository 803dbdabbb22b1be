package hid_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// What the test authenticator does with a request, by its first byte.
const (
	echo     = 'e' // answers the request
	ask      = 'a' // waits for the user until ctx ends, then 0x2D
	think    = 't' // the same without the user
	stubborn = 's' // answers after stubbornness, whatever ctx says
)

const stubbornness = 3 * time.Second

// key is an authenticator that notes what becomes of it.
type key struct {
	awaiting atomic.Bool
	running  atomic.Int32

	mu  sync.Mutex
	log []string
}

func (k *key) note(s string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log = append(k.log, s)
}

// saw is the log so far.
func (k *key) saw() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.log)
}

func (k *key) Handle(ctx context.Context, request []byte) []byte {
	if k.running.Add(1) != 1 {
		k.note("two at once")
	}
	defer k.running.Add(-1)
	k.note(string(request))
	switch request[0] {
	case ask:
		k.awaiting.Store(true)
		defer k.awaiting.Store(false)
		<-ctx.Done()
		return []byte{0x2D}
	case think:
		<-ctx.Done()
		return []byte{0x2D}
	case stubborn:
		time.Sleep(stubbornness) // in a bubble
	}
	return request
}

func (k *key) AwaitingUser() bool { return k.awaiting.Load() }

// fullKey has everything an authenticator may have.
type fullKey struct{ key }

func (k *fullKey) U2FEnabled() bool { return true }

func (k *fullKey) HandleU2F(ctx context.Context, message []byte) []byte {
	k.note("U2F " + string(message))
	if message[0] == ask {
		<-ctx.Done()
		return []byte{0x69, 0x85}
	}
	return append(bytes.Clone(message), 0x90, 0x00)
}

func (k *fullKey) Wink() { k.note("wink") }

func (k *fullKey) PowerCycle() {
	if k.running.Load() != 0 {
		k.note("power cycle within a request")
	}
	k.note("power cycle")
}

// serve runs an authenticator until the test of the bubble ends, and gives the
// host's end.
func serve(t *testing.T, a hid.Authenticator) *hid.PipeEnd {
	t.Helper()
	host, device := hid.Pipe()
	served := make(chan error)
	go func() { served <- hid.Serve(t.Context(), device, a, ctaphid.Config{Lock: true}) }()
	t.Cleanup(func() {
		if err := errors.Join(host.Close(), <-served); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return host
}

func open(t *testing.T, r hid.Reports) *hid.Channel {
	t.Helper()
	c, err := hid.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(fullKey)
		c := open(t, serve(t, k))
		if got := c.Info().Capabilities; got != ctaphid.CapCBOR|ctaphid.CapWink {
			t.Errorf("capabilities %b", got)
		}
		long := bytes.Repeat([]byte{echo}, ctaphid.MaxPayload)
		for name, f := range map[string]func(context.Context, []byte) ([]byte, error){"CBOR": c.CBOR, "Ping": c.Ping} {
			if got, err := f(t.Context(), long); err != nil || !bytes.Equal(got, long) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		}
		if got, err := c.Msg(t.Context(), []byte("x")); err != nil || string(got) != "x\x90\x00" {
			t.Errorf("Msg: %x, %v", got, err)
		}
		if err := errors.Join(c.Wink(t.Context()), c.Lock(t.Context(), 3*time.Second), c.Lock(t.Context(), 0)); err != nil {
			t.Error(err)
		}
		if err := c.Lock(t.Context(), 11*time.Second); !errors.Is(err, ctaphid.InvalidParameter) {
			t.Errorf("a lock too long: %v", err)
		}
		if diff := cmp.Diff([]string{string(long), "U2F x", "wink"}, k.saw()); diff != "" {
			t.Errorf("the authenticator saw (-want +got):\n%s", diff)
		}
	})
}

// TestTouchIsTold: a host hears at once that the user is waited for, so that even
// a quick touch is seen.
func TestTouchIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, serve(t, new(key)))
		ctx, cancel := context.WithCancel(t.Context())
		begun, heard := time.Now(), time.Duration(0)
		c.OnKeepalive = func(s ctaphid.Status) {
			if s == ctaphid.UserPresenceNeeded && heard == 0 {
				heard = time.Since(begun)
				cancel()
			}
		}
		if _, err := c.CBOR(ctx, []byte{ask}); !errors.Is(err, context.Canceled) {
			t.Errorf("CBOR: %v", err)
		}
		if heard == 0 || heard > 20*time.Millisecond {
			t.Errorf("told after %v", heard)
		}
	})
}

// TestPlainKey: what the authenticator does not have the device does not have.
func TestPlainKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, serve(t, new(key)))
		if got := c.Info().Capabilities; got != ctaphid.CapCBOR|ctaphid.CapNoMsg {
			t.Errorf("capabilities %b", got)
		}
		if _, err := c.Msg(t.Context(), []byte("x")); !errors.Is(err, ctaphid.InvalidCommand) {
			t.Errorf("Msg: %v", err)
		}
		if err := c.Wink(t.Context()); !errors.Is(err, ctaphid.InvalidCommand) {
			t.Errorf("Wink: %v", err)
		}
	})
}

// TestCancel: while a request waits the host hears keepalives, and giving up
// reaches the authenticator and frees the channel.
func TestCancel(t *testing.T) {
	for name, tc := range map[string]struct {
		request string
		status  ctaphid.Status
	}{
		"for the user": {"a", ctaphid.UserPresenceNeeded},
		"for itself":   {"t", ctaphid.Processing},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t, serve(t, new(key)))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var heard int
				last := time.Now()
				c.OnKeepalive = func(s ctaphid.Status) {
					heard++
					if s != tc.status {
						t.Errorf("status %d", s)
					}
					if silence := time.Since(last); silence > ctaphid.KeepaliveLimit {
						t.Errorf("silent for %v", silence)
					}
					last = time.Now()
				}
				begun := time.Now()
				if got, err := c.CBOR(ctx, []byte(tc.request)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%x, %v", got, err)
				}
				if took := time.Since(begun); took != time.Minute || heard < 600 {
					t.Errorf("gave up after %v and %d keepalives", took, heard)
				}
				if got, err := c.CBOR(t.Context(), []byte("e")); err != nil || string(got) != "e" {
					t.Errorf("afterwards: %x, %v", got, err)
				}
			})
		})
	}
}

// TestStubborn: an authenticator that does not stop keeps its host waiting for a
// second, and is not asked twice at once: the next request waits its turn.
func TestStubborn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(key)
		c := open(t, serve(t, k))
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := c.CBOR(ctx, []byte("s")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if waited := time.Since(begun); waited > 1100*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		var heard int
		c.OnKeepalive = func(ctaphid.Status) { heard++ }
		if got, err := c.CBOR(t.Context(), []byte("e")); err != nil || string(got) != "e" {
			t.Errorf("the next request: %q, %v", got, err)
		}
		if waited := time.Since(begun); waited < stubbornness || heard < 20 {
			t.Errorf("the next request waited %v and heard %d keepalives", waited, heard)
		}
		// One that never began is answered at once.
		aborted, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := c.CBOR(aborted, []byte("s")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		begun = time.Now()
		early, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := c.CBOR(early, []byte("never")); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if diff := cmp.Diff([]string{"s", "e", "s"}, k.saw()); diff != "" {
			t.Errorf("the authenticator saw (-want +got):\n%s", diff)
		}
	})
}

// TestU2FPatience: a message that waits for the user is answered soon.
func TestU2FPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, serve(t, new(fullKey)))
		begun := time.Now()
		got, err := c.Msg(t.Context(), []byte("a"))
		if err != nil || !bytes.Equal(got, []byte{0x69, 0x85}) || time.Since(begun) > 500*time.Millisecond {
			t.Errorf("%x, %v after %v", got, err, time.Since(begun))
		}
	})
}

// ends are Reports whose reads give errors on demand.
type ends struct {
	*hid.PipeEnd
	errs chan error
}

func (e ends) Read(ctx context.Context) (ctaphid.Report, error) {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	var demanded error
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		select {
		case demanded = <-e.errs:
			cancel()
		case <-reading.Done():
		}
	}()
	r, err := e.PipeEnd.Read(reading)
	cancel()
	<-stop
	if demanded != nil {
		return ctaphid.Report{}, demanded
	}
	return r, err
}

func TestPowerCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(fullKey)
		host, device := hid.Pipe()
		e := ends{device, make(chan error)}
		served := make(chan error)
		go func() { served <- hid.Serve(t.Context(), e, k, ctaphid.Config{}) }()
		c := open(t, host)
		c.OnKeepalive = func(ctaphid.Status) {
			c.OnKeepalive = nil
			e.errs <- hid.ErrPowerCycle
		}
		if _, err := c.CBOR(t.Context(), []byte("a")); !errors.Is(err, hid.ErrSilent) {
			t.Errorf("a request across a power cycle: %v", err)
		}
		if got, err := open(t, host).CBOR(t.Context(), []byte("e")); err != nil || string(got) != "e" {
			t.Errorf("afterwards: %x, %v", got, err)
		}
		if _, err := c.Ping(t.Context(), nil); !errors.Is(err, ctaphid.InvalidChannel) {
			t.Errorf("a channel of before: %v", err)
		}
		if diff := cmp.Diff([]string{"a", "power cycle", "e"}, k.saw()); diff != "" {
			t.Errorf("the authenticator saw (-want +got):\n%s", diff)
		}
		broken := errors.New("broken")
		e.errs <- broken
		if err := <-served; !errors.Is(err, broken) {
			t.Errorf("Serve ended with %v", err)
		}
	})
}

// TestServeEnds: in the middle of a request too, with nothing left behind, which
// the bubble checks.
func TestServeEnds(t *testing.T) {
	for _, how := range []string{"gone", "stopped"} {
		for _, request := range []string{"", "a", "s"} {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				host, device := hid.Pipe()
				served := make(chan error)
				go func() { served <- hid.Serve(ctx, device, new(key), ctaphid.Config{}) }()
				c := open(t, host)
				called := make(chan error, 1)
				if request != "" {
					go func() {
						_, err := c.CBOR(t.Context(), []byte(request))
						called <- err
					}()
				}
				synctest.Wait()
				if how == "gone" {
					_ = host.Close()
				} else {
					stop()
				}
				if err := <-served; err != nil {
					t.Errorf("%s with %q: %v", how, request, err)
				}
				if request != "" {
					if err := <-called; !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, hid.ErrSilent) {
						t.Errorf("%s with %q: the host heard %v", how, request, err)
					}
				}
				stop()
			})
		}
	}
}

// Package fabrictest is the one suite that every [relay.Fabric] passes: what the hubs of the link rely on.
package fabrictest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern/link/relay"
)

// within bounds the wait for a message. It is far above what one takes, so that a slow machine does not fail a right
// fabric.
const within = 20 * time.Second

// Run runs the suite. open returns the same fabric as two processes see it; they may be one.
func Run(t *testing.T, open func(t *testing.T) (here, there relay.Fabric)) {
	for name, test := range map[string]func(t *testing.T, here, there relay.Fabric){
		"nobody listens":       nobody,
		"to another process":   across,
		"order":                order,
		"order of many":        orderOfMany,
		"addresses":            addresses,
		"several listen":       several,
		"the end":              end,
		"a context that ended": ended,
		"they answer at once":  reentrant,
		"many at once":         atOnce,
		"the largest":          largest,
	} {
		t.Run(name, func(t *testing.T) {
			here, there := open(t)
			test(t, here, there)
		})
	}
}

// inbox collects what was delivered.
type inbox struct {
	t    *testing.T
	here chan []byte
	stop func()
}

func listen(t *testing.T, f relay.Fabric, address string) *inbox {
	t.Helper()
	i := &inbox{t: t, here: make(chan []byte, 4096)}
	stop, err := f.Subscribe(address, func(m []byte) { i.here <- bytes.Clone(m) })
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	i.stop = func() { once.Do(stop) }
	t.Cleanup(i.stop)
	return i
}

func (i *inbox) next() []byte {
	i.t.Helper()
	select {
	case m := <-i.here:
		return m
	case <-time.After(within):
		i.t.Fatal("nothing was delivered")
		return nil
	}
}

func (i *inbox) want(text string) {
	i.t.Helper()
	if got := string(i.next()); got != text {
		i.t.Fatalf("delivered %q, want %q", got, text)
	}
}

func (i *inbox) empty() {
	i.t.Helper()
	select {
	case m := <-i.here:
		i.t.Fatalf("%q was delivered, where nothing should be", m)
	default:
	}
}

func send(t *testing.T, f relay.Fabric, address, text string) {
	t.Helper()
	if err := f.Publish(t.Context(), address, []byte(text)); err != nil {
		t.Fatalf("to %s: %v", address, err)
	}
}

func nobody(t *testing.T, here, there relay.Fabric) {
	listen(t, there, "phn_other")
	for range 3 {
		if err := here.Publish(t.Context(), "phn_none", []byte("m")); !errors.Is(err, relay.ErrNobody) {
			t.Fatalf("to nobody: %v", err)
		}
	}
}

func across(t *testing.T, here, there relay.Fabric) {
	i := listen(t, there, "phn_a")
	send(t, here, "phn_a", "from here")
	i.want("from here")
	send(t, there, "phn_a", "from there")
	i.want("from there")
	i.empty()
}

func order(t *testing.T, here, there relay.Fabric) {
	i := listen(t, there, "phn_a")
	const n = 500
	for k := range n {
		if err := here.Publish(t.Context(), "phn_a", binary.BigEndian.AppendUint32(nil, uint32(k))); err != nil {
			t.Fatal(err)
		}
	}
	for k := range n {
		if got := binary.BigEndian.Uint32(i.next()); got != uint32(k) {
			t.Fatalf("message %d came as number %d", got, k)
		}
	}
}

// orderOfMany has several callers send to one address: each one's messages stay in order.
func orderOfMany(t *testing.T, here, there relay.Fabric) {
	i := listen(t, there, "phn_a")
	const callers, each = 8, 50
	var all sync.WaitGroup
	for c := range callers {
		from := []relay.Fabric{here, there}[c%2]
		all.Go(func() {
			for k := range each {
				if err := from.Publish(t.Context(), "phn_a", []byte{byte(c), byte(k)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	var next [callers]byte
	for range callers * each {
		m := i.next()
		if m[1] != next[m[0]] {
			t.Fatalf("of caller %d message %d came, want %d", m[0], m[1], next[m[0]])
		}
		next[m[0]]++
	}
}

func addresses(t *testing.T, here, there relay.Fabric) {
	names := []string{"phn_a", "phn_A", "wks_a", "a-b_c", "p:AAAAAAAAAAAAAAAAAAAAAA", "p:aaaaaaaaaaaaaaaaaaaaaa"}
	all := make([]*inbox, len(names))
	for n, name := range names {
		all[n] = listen(t, there, name)
	}
	for _, name := range names {
		send(t, here, name, "to "+name)
	}
	for n, name := range names {
		all[n].want("to " + name)
		all[n].empty()
	}
}

func several(t *testing.T, here, there relay.Fabric) {
	all := []*inbox{listen(t, here, "phn_a"), listen(t, there, "phn_a"), listen(t, there, "phn_a")}
	send(t, here, "phn_a", "one")
	send(t, here, "phn_a", "two")
	for _, i := range all {
		i.want("one")
		i.want("two")
	}
	all[1].stop()
	send(t, here, "phn_a", "three")
	all[0].want("three")
	all[2].want("three")
	all[1].empty()
}

func end(t *testing.T, here, there relay.Fabric) {
	for range 20 { // devices come and go
		i := listen(t, there, "phn_a")
		send(t, here, "phn_a", "m")
		i.want("m")
		i.stop()
		// Other processes may hear of the end a moment later. Until then nobody answers.
		if err := there.Publish(t.Context(), "phn_a", []byte("late")); !errors.Is(err, relay.ErrNobody) {
			t.Fatalf("after the end: %v", err)
		}
		i.empty()
	}
}

func ended(t *testing.T, here, there relay.Fabric) {
	i := listen(t, there, "phn_a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := here.Publish(ctx, "phn_a", []byte("m")); !errors.Is(err, context.Canceled) {
		t.Fatalf("with a context that ended: %v", err)
	}
	send(t, here, "phn_a", "next")
	i.want("next")
}

// reentrant has two answer each other from within deliver, both at the same time.
func reentrant(t *testing.T, here, there relay.Fabric) {
	heard := make(chan string, 64)
	on := func(f relay.Fabric, own, other string) {
		stop, err := f.Subscribe(own, func(m []byte) {
			heard <- own + " " + string(m)
			if bytes.HasPrefix(m, []byte("ask")) {
				if err := f.Publish(t.Context(), other, []byte("answer")); err != nil {
					t.Errorf("the answer of %s: %v", own, err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	on(here, "phn_a", "wks_b")
	on(there, "wks_b", "phn_a")
	var both sync.WaitGroup
	both.Go(func() { send(t, here, "wks_b", "ask") })
	both.Go(func() { send(t, there, "phn_a", "ask") })
	both.Wait()
	got := make(map[string]int)
	for range 4 {
		select {
		case h := <-heard:
			got[h]++
		case <-time.After(within):
			t.Fatalf("heard only %v", got)
		}
	}
	for _, want := range []string{"phn_a ask", "phn_a answer", "wks_b ask", "wks_b answer"} {
		if got[want] != 1 {
			t.Errorf("%s was heard %d times", want, got[want])
		}
	}
}

func atOnce(t *testing.T, here, there relay.Fabric) {
	const devices = 200
	var all sync.WaitGroup
	for d := range devices {
		all.Go(func() {
			own := "wks_" + string(rune('A'+d%26)) + string(rune('A'+d/26))
			i := &inbox{t: t, here: make(chan []byte, 8)}
			stop, err := there.Subscribe(own, func(m []byte) { i.here <- bytes.Clone(m) })
			if err != nil {
				t.Error(err)
				return
			}
			defer stop()
			if err := here.Publish(t.Context(), own, []byte(own)); err != nil {
				t.Error(err)
				return
			}
			select {
			case m := <-i.here:
				if string(m) != own {
					t.Errorf("%s was given %q", own, m)
				}
			case <-time.After(within):
				t.Errorf("%s was given nothing", own)
			}
		})
	}
	all.Wait()
}

func largest(t *testing.T, here, there relay.Fabric) {
	i := listen(t, there, "phn_a")
	m := bytes.Repeat([]byte{0xa5}, relay.MaxFrame+relay.MaxPeer)
	if err := here.Publish(t.Context(), "phn_a", m); err != nil {
		t.Fatal(err)
	}
	clear(m) // the message is the caller's again
	if got := i.next(); len(got) != len(m) || got[0] != 0xa5 || got[len(got)-1] != 0xa5 {
		t.Error("the largest message was not delivered as it was")
	}
}

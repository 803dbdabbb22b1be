package replica_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/replica"
	"github.com/postern/postern/internal/testnats"
	"github.com/postern/postern/link/relay"
)

func heard(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if !backbone.Wait(ctx, c) {
		t.Fatalf("%s heard nothing", what)
	}
}

func silent(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
		t.Fatalf("%s heard a notice that was not for it", what)
	default:
	}
}

func TestNoticesReachAllReplicas(t *testing.T) {
	server := testnats.Start(t, "")
	c := replica.Config{URLs: []string{server.URL()}}
	here, there := openBus(t, c), openBus(t, c)
	mine, stop := here.Notices.Subscribe("phone/1")
	defer stop()
	theirs, stop := there.Notices.Subscribe("phone/1")
	defer stop()
	odd, stop := there.Notices.Subscribe("user/1.* >\r\nPUB é")
	defer stop()
	last, stop := there.Notices.Subscribe("last")
	defer stop()
	here.Notices.Publish("phone/1")
	heard(t, mine, "this process")
	heard(t, theirs, "the other replica")
	here.Notices.Publish("user/1.* >\r\nPUB é")
	heard(t, odd, "a topic with separators in it")
	silent(t, theirs, "another topic")
	here.Notices.Publish("last")
	heard(t, last, "the last topic")
	silent(t, mine, "whoever published") // its own notice does not come back as a second one
	if s := there.Stats(); s.NoticesReceived != 3 || !s.Connected {
		t.Errorf("stats of the other replica: %+v", s)
	}
}

func TestInstallationsDoNotHearEachOther(t *testing.T) {
	server := testnats.Start(t, "")
	one := openBus(t, replica.Config{URLs: []string{server.URL()}, Prefix: replica.DefaultPrefix("https://one.example.com")})
	two := openBus(t, replica.Config{URLs: []string{server.URL()}, Prefix: replica.DefaultPrefix("https://two.example.com")})
	stop, err := two.Fabric.Subscribe("phn_a", func([]byte) { t.Error("another installation's message was delivered") })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := one.Fabric.Publish(t.Context(), "phn_a", []byte("m")); !errors.Is(err, relay.ErrNobody) {
		t.Errorf("to a device of another installation: %v", err)
	}
}

// TestServerGoesAndComes kills NATS and starts it again.
func TestServerGoesAndComes(t *testing.T) {
	server := testnats.Start(t, "")
	c := replica.Config{URLs: []string{server.URL()}}
	here, there := openBus(t, c), openBus(t, c)
	far := make(chan string, 8)
	near := make(chan string, 8)
	on := func(b *replica.Bus, address string, to chan<- string) {
		stop, err := b.Fabric.Subscribe(address, func(m []byte) { to <- string(m) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	on(there, "phn_far", far)
	on(here, "phn_near", near)
	theirs, stop := there.Notices.Subscribe("phone/1")
	defer stop()

	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	until(t, "both know that the server is gone", func() bool { return !here.Connected() && !there.Connected() })
	if err := here.Fabric.Publish(t.Context(), "phn_far", []byte("lost")); err == nil || errors.Is(err, relay.ErrNobody) {
		t.Errorf("to another replica without NATS: %v, want an error that is not ErrNobody", err)
	}
	if err := here.Fabric.Publish(t.Context(), "phn_near", []byte("near")); err != nil {
		t.Errorf("to this replica without NATS: %v", err)
	}
	if got := <-near; got != "near" {
		t.Errorf("delivered %q", got)
	}
	here.Notices.Publish("phone/1")
	mine, stop := here.Notices.Subscribe("phone/2")
	defer stop()
	here.Notices.Publish("phone/2")
	heard(t, mine, "this process without NATS")
	on(there, "phn_new", far) // a device that came meanwhile

	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	until(t, "both are connected again", func() bool { return here.Connected() && there.Connected() })
	heard(t, theirs, "who waited while notices were lost")
	for _, address := range []string{"phn_far", "phn_new"} {
		until(t, address+" is reached again", func() bool { return here.Fabric.Publish(t.Context(), address, []byte(address)) == nil })
		if got := <-far; got != address {
			t.Errorf("delivered %q, want %q: what failed is not sent later", got, address)
		}
	}
	if s := here.Stats(); s.Disconnects != 1 || s.Reconnects != 1 {
		t.Errorf("stats: %+v", s)
	}
}

// TestServerComesLater opens a bus before there is a server.
func TestServerComesLater(t *testing.T) {
	server := testnats.Start(t, "")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	b := openBus(t, replica.Config{URLs: []string{server.URL()}})
	if b.Connected() {
		t.Fatal("connected to nothing")
	}
	got := make(chan string, 1)
	stop, err := b.Fabric.Subscribe("phn_a", func(m []byte) { got <- string(m) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	until(t, "it is connected", b.Connected)
	other := openBus(t, replica.Config{URLs: []string{server.URL()}})
	until(t, "the device is reached", func() bool { return other.Fabric.Publish(t.Context(), "phn_a", []byte("m")) == nil })
	if m := <-got; m != "m" {
		t.Errorf("delivered %q", m)
	}
}

// TestClosedBus goes on within the process.
func TestClosedBus(t *testing.T) {
	server := testnats.Start(t, "")
	b := openBus(t, replica.Config{URLs: []string{server.URL()}})
	got := make(chan string, 1)
	stop, err := b.Fabric.Subscribe("phn_a", func(m []byte) { got <- string(m) })
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if err := b.Fabric.Publish(t.Context(), "phn_a", []byte("m")); err != nil || <-got != "m" {
		t.Errorf("within the process: %v", err)
	}
	stop()
	c, stop := b.Notices.Subscribe("t")
	defer stop()
	b.Notices.Publish("t")
	heard(t, c, "this process")
}

// TestStrangers on the same subjects: what is no message is dropped, and a subscriber that answers nothing costs a bounded
// wait.
func TestStrangers(t *testing.T) {
	server := testnats.Start(t, "")
	b := openBus(t, replica.Config{URLs: []string{server.URL()}, Prefix: "p"})
	raw, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c, stop := b.Notices.Subscribe("phone/1")
	defer stop()
	for _, data := range [][]byte{nil, []byte("short"), make([]byte, 8), make([]byte, 9), make([]byte, 5000)} {
		if err := raw.Publish("p.notice", data); err != nil {
			t.Fatal(err)
		}
	}
	if err := raw.Publish("p.notice", []byte("12345678phone/1")); err != nil {
		t.Fatal(err)
	}
	heard(t, c, "after what was no notice, this process")

	if _, err := raw.SubscribeSync("p.link.cGhuX2E"); err != nil { // phn_a
		t.Fatal(err)
	}
	if err := raw.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := b.Fabric.Publish(t.Context(), "phn_a", []byte("m")); err == nil || errors.Is(err, relay.ErrNobody) {
		t.Errorf("to somebody who does not answer: %v", err)
	}
}

// TestSubscriberThatDoesNotReturn is told of no more than it has room for.
func TestSubscriberThatDoesNotReturn(t *testing.T) {
	server := testnats.Start(t, "")
	c := replica.Config{URLs: []string{server.URL()}}
	here, there := openBus(t, c), openBus(t, c)
	release := make(chan struct{})
	stop, err := there.Fabric.Subscribe("phn_slow", func([]byte) { <-release })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	defer close(release)
	got := make(chan struct{}, 1)
	stopQuick, err := there.Fabric.Subscribe("phn_quick", func([]byte) { got <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer stopQuick()
	taken := 0
	for ; err == nil && taken < 10_000; taken++ {
		err = here.Fabric.Publish(t.Context(), "phn_slow", []byte("m"))
	}
	if err == nil || taken > 1000 {
		t.Errorf("%d messages were taken for somebody who reads none", taken)
	}
	if err := here.Fabric.Publish(t.Context(), "phn_quick", []byte("m")); err != nil {
		t.Errorf("to another device meanwhile: %v", err)
	}
	<-got
}

func TestUserAndPassword(t *testing.T) {
	server := testnats.Start(t, `authorization { users = [
		{ user: postern, password: right, permissions: { publish: ["own.>"], subscribe: ["own.>"] } }
	] }`)
	address := func(password string) string { return fmt.Sprintf("nats://postern:%s@%s", password, server.Address()) }
	c := replica.Config{URLs: []string{address("right")}, Prefix: "own"}
	here, there := openBus(t, c), openBus(t, c) // all that is needed lies below the prefix
	got := make(chan string, 1)
	stop, err := there.Fabric.Subscribe("phn_a", func(m []byte) { got <- string(m) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := here.Fabric.Publish(t.Context(), "phn_a", []byte("m")); err != nil || <-got != "m" {
		t.Errorf("with the right password: %v", err)
	}
	if wrong := openBus(t, replica.Config{URLs: []string{address("wrong")}, Prefix: "own"}); wrong.Connected() {
		t.Error("connected with the wrong password")
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]replica.Config{
		"no address":       {Prefix: "p"},
		"not an address":   {Prefix: "p", URLs: []string{"nats.example.com"}},
		"another protocol": {Prefix: "p", URLs: []string{"https://secret@nats.example.com"}},
		"a wild prefix":    {Prefix: "p.*", URLs: []string{"nats://127.0.0.1:1"}},
		"no prefix":        {URLs: []string{"nats://127.0.0.1:1"}},
		"no such file":     {Prefix: "p", URLs: []string{"nats://127.0.0.1:1"}, CAFile: "/nonexistent/ca.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := replica.Open(c)
			if err == nil {
				b.Close()
				t.Fatal("it was opened")
			}
			t.Log(err)
		})
	}
}

// BenchmarkPublish is a message from one replica to another, until it stands in line there.
func BenchmarkPublish(b *testing.B) {
	server := testnats.Start(b, "")
	open := func() *replica.Bus {
		bus, err := replica.Open(replica.Config{URLs: []string{server.URL()}, Prefix: "p"})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(bus.Close)
		return bus
	}
	here, there := open(), open()
	stop, err := there.Fabric.Subscribe("phn_a", func([]byte) {})
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	m := make([]byte, 512)
	start := time.Now()
	for b.Loop() {
		if err := here.Fabric.Publish(b.Context(), "phn_a", m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(time.Since(start).Microseconds())/float64(b.N), "us/op")
}

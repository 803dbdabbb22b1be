package testport_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern/internal/testport"
)

func TestFor(t *testing.T) {
	given := make(map[string]bool)
	for range 200 {
		address := testport.For(t, "tcp")
		if given[address] {
			t.Fatalf("%s was given twice", address)
		}
		given[address] = true
		for range 2 { // and again, as after a restart
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	// No port that the kernel chooses is one of them, whether for a listener or for a connection.
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, a := range []net.Addr{l.Addr(), c.LocalAddr()} {
			if given[a.String()] {
				t.Fatalf("the kernel gave %s away", a)
			}
		}
	}
}

func TestReserve(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	address, err := testport.Reserve(ctx, "udp")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Whoever else asks, in this process or another, meets the claim until the end, and not after it.
	claim := "127.0.0.2" + strings.TrimPrefix(address, "127.0.0.1")
	if l, err := net.Listen("tcp", claim); err == nil {
		l.Close()
		t.Errorf("%s is not kept from others", address)
	}
	end()
	for late := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		l, err := net.Listen("tcp", claim)
		if err == nil {
			l.Close()
			break
		}
		if time.Now().After(late) {
			t.Fatalf("%s was never given back: %v", address, err)
		}
	}
	if _, err := testport.Reserve(ctx, "udp"); err == nil {
		t.Error("reserved after the end")
	}
}

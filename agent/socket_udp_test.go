package agent_test

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/postern/postern/agent"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
	"github.com/postern/postern/internal/testport"
)

func TestUDP(t *testing.T) {
	u := agent.UDP{Address: testport.For(t, "udp")}
	ctx, cancel := context.WithCancel(t.Context())
	in, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- u.Plug(ctx, hid.DefaultIdentity(), func() { close(in) }, func(ctx context.Context, r hid.Reports) error {
			return hid.Serve(ctx, r, echo{}, ctaphid.Config{})
		})
	}()
	<-in

	host, err := udp.Dial(u.Address, "")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	hello, err := ctaphid.Packets(ctaphid.Message{CID: ctaphid.Broadcast, Command: ctaphid.Init, Payload: []byte("01234567")})
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Write(t.Context(), hello[0]); err != nil {
		t.Fatal(err)
	}
	answer, err := host.Read(t.Context())
	if err != nil || string(answer[7:15]) != "01234567" || binary.BigEndian.Uint32(answer[15:]) == 0 {
		t.Errorf("the key says %x, %v", answer, err)
	}

	// A second key finds the place taken, and people are told so.
	err = u.Plug(t.Context(), hid.DefaultIdentity(), func() { t.Error("two keys at one port") }, nil)
	if taken, ok := errors.AsType[*hid.Unavailable](err); !ok || !strings.Contains(taken.Message, "Another key") || taken.Next == "" {
		t.Errorf("a second key: %v", err)
	}

	// The place is free again once the first has gone.
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	again := false
	if err := u.Plug(t.Context(), hid.DefaultIdentity(), func() { again = true }, func(context.Context, hid.Reports) error { return nil }); err != nil || !again {
		t.Errorf("the next key: %v", err)
	}
}

func TestUDPStaysOnTheMachine(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "192.0.2.1:8111", "[::1]:8111", "localhost:8111", ""} {
		err := agent.UDP{Address: address}.Plug(t.Context(), hid.DefaultIdentity(), func() { t.Errorf("a key at %q", address) }, nil)
		if _, ok := errors.AsType[*hid.Unavailable](err); !ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// echo is an authenticator that answers what it is told.
type echo struct{}

func (echo) Handle(_ context.Context, request []byte) []byte { return request }

func (echo) AwaitingUser() bool { return false }

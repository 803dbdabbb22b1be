package testport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// The ports to give away: below those that kernels choose (Linux from 32768, others from 49152), above the services that
// a machine usually runs.
const (
	lowest  = 20000
	highest = 29999
)

// For reserves a port, "tcp" or "udp", until the end of the test, and returns its address, HOST:PORT.
func For(t testing.TB, network string) string {
	t.Helper()
	address, claim, err := reserve(t.Context(), network)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = claim.Close() })
	return address
}

// Reserve reserves a port, "tcp" or "udp", until ctx ends, and returns its address, HOST:PORT.
func Reserve(ctx context.Context, network string) (string, error) {
	address, claim, err := reserve(ctx, network)
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = claim.Close() })
	return address, nil
}

// reserve claims a port at an address of the loopback interface that nobody uses otherwise, so that the port stays free at
// the one that programs use.
func reserve(ctx context.Context, network string) (address string, claim io.Closer, err error) {
	var config net.ListenConfig
	count := highest - lowest + 1
	start := rand.IntN(count)
	for n := range count {
		if err = ctx.Err(); err != nil {
			return "", nil, err
		}
		port := strconv.Itoa(lowest + (start+n)%count)
		if claim, err = config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.2", port)); err != nil {
			continue
		}
		address = net.JoinHostPort("127.0.0.1", port)
		var there io.Closer
		if network == "udp" {
			there, err = config.ListenPacket(ctx, network, address)
		} else {
			there, err = config.Listen(ctx, network, address)
		}
		if err == nil {
			err = there.Close()
		}
		if err == nil {
			return address, claim, nil
		}
		err = errors.Join(err, claim.Close())
	}
	return "", nil, fmt.Errorf("testport: none of %d ports from %d on can be had: %w", count, lowest, err)
}

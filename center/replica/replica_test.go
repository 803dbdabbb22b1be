package replica_test

import (
	"testing"
	"time"

	"github.com/postern/postern/center/replica"
	"github.com/postern/postern/internal/testnats"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/relay/fabrictest"
)

// within bounds waits for what happens soon.
const within = 30 * time.Second

func openBus(t *testing.T, c replica.Config) *replica.Bus {
	t.Helper()
	if c.Prefix == "" {
		c.Prefix = replica.DefaultPrefix("https://postern.example.com")
	}
	b, err := replica.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// until waits for what other goroutines and processes bring about.
func until(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !yes(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to that: %s", what)
		}
	}
}

func TestFabric(t *testing.T) {
	server := testnats.Start(t, "")
	fabrictest.Run(t, func(t *testing.T) (here, there relay.Fabric) {
		c := replica.Config{URLs: []string{server.URL()}}
		return openBus(t, c).Fabric, openBus(t, c).Fabric
	})
}

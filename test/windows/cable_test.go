package windows

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// cable carries connections to a server, until it is pulled out.
type cable struct {
	url string // of this end

	mu     sync.Mutex
	pulled bool
	open   map[net.Conn]bool
}

func newCable(t *testing.T, server string) *cable {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{url: "http://localhost:" + port, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		_ = l.Close()
		c.pull()
	})
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			go c.carry(here, strings.Replace(to.Host, "localhost", "127.0.0.1", 1))
		}
	}()
	return c
}

func (c *cable) carry(here net.Conn, server string) {
	there, err := net.Dial("tcp", server)
	if err != nil {
		_ = here.Close()
		return
	}
	if !c.hold(here, there) {
		return
	}
	go func() {
		_, _ = io.Copy(there, here)
		c.drop(here, there)
	}()
	_, _ = io.Copy(here, there)
	c.drop(here, there)
}

// hold keeps connections; where the cable is pulled out it closes them.
func (c *cable) hold(all ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range all {
		if c.pulled {
			_ = conn.Close()
			continue
		}
		c.open[conn] = true
	}
	return !c.pulled
}

func (c *cable) drop(all ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range all {
		delete(c.open, conn)
		_ = conn.Close()
	}
}

// pull ends all connections and takes no new ones.
func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = true
	for conn := range c.open {
		_ = conn.Close()
	}
	clear(c.open)
}

// plug makes the cable carry again.
func (c *cable) plug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = false
}

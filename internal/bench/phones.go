package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	ws "github.com/coder/websocket"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

// Arguments with which this program runs as the server whose memory is measured.
const (
	phonesServer     = "phones-server"
	phonesServerBare = "phones-server-bare"
)

const (
	manyPhones = 10_000
	spareFiles = 500 // descriptors of a process beside its connections
	// The link takes 3,000 connections a minute from one address, so the phones come from several.
	phonesPerAddress = 1000
	phonesAtOnce     = 32
	keepAliveEvery   = 15 * time.Second
	memoryFolder     = "/dev/shm"
)

// usage is the memory of a server, in bytes.
type usage struct {
	Heap     float64 // in use, after a collection
	Stacks   float64
	Resident float64 // as the system sees it
}

// hello is what a server says once it listens.
type hello struct {
	Address string
	Phones  []postern.PhoneID
}

// phoneKey is the identity key of a phone, by its number: the server seeds the public half, the other process signs.
func phoneKey(n int) ed25519.PrivateKey {
	seed := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("bench phone "), uint32(n))) // #nosec G115 -- small
	return ed25519.NewKeyFromSeed(seed[:])
}

// measurePhones connects phones to a whole control center in a process of its own, and then as many idle WebSockets to a
// bare server, and looks how much larger each process has become.
func measurePhones(ctx context.Context) ([]figure, error) {
	count := manyPhones
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return nil, err
	}
	// The runtime has raised the soft limit to the hard one already.
	if most := int(files.Cur) - spareFiles; count > most { // #nosec G115 -- small
		fmt.Fprintf(os.Stderr, "bench: phones: %d files may be open here, so there are %d phones and not %d\n", files.Cur, most, count)
		count = most
	}
	ours, err := connected(ctx, phonesServer, count)
	if err != nil {
		return nil, err
	}
	bare, err := connected(ctx, phonesServerBare, count)
	if err != nil {
		return nil, err
	}
	const against = "an idle WebSocket of the same library and net/http"
	name := fmt.Sprintf("link.idle_%d", count)
	return []figure{
		{Name: name + ".resident", Value: ours.Resident, Unit: "bytes each", Baseline: bare.Resident, Against: against},
		{Name: name + ".heap", Value: ours.Heap, Unit: "bytes each", Baseline: bare.Heap, Against: against},
		{Name: name + ".stacks", Value: ours.Stacks, Unit: "bytes each", Baseline: bare.Stacks, Against: against},
	}, nil
}

// connected starts a server, connects so many to it, and tells by how much its memory grew for each.
func connected(ctx context.Context, kind string, count int) (grown usage, err error) {
	self, err := os.Executable()
	if err != nil {
		return grown, err
	}
	cmd := exec.CommandContext(ctx, self, kind, fmt.Sprint(count))
	cmd.Stderr = os.Stderr
	if _, err := os.Stat(memoryFolder); err == nil { // each phone's hello is a commit, and no disk is measured here
		cmd.Env = append(os.Environ(), "TMPDIR="+memoryFolder)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return grown, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return grown, err
	}
	if err := cmd.Start(); err != nil {
		return grown, err
	}
	defer func() { err = errors.Join(err, in.Close(), cmd.Wait()) }()
	said := json.NewDecoder(out)
	var at hello
	if err := said.Decode(&at); err != nil {
		return grown, fmt.Errorf("%s: %w", kind, err)
	}
	look := func() (u usage, err error) {
		if _, err := in.Write([]byte{'\n'}); err != nil {
			return u, err
		}
		if err := said.Decode(&u); err != nil {
			return u, err
		}
		u.Resident, err = residentMegabytes(cmd.Process.Pid)
		u.Resident *= 1e6
		return u, err
	}
	before, err := look()
	if err != nil {
		return grown, err
	}
	var kept crowd
	defer kept.close()
	alive, stop := context.WithCancel(ctx)
	defer stop()
	go kept.keepAlive(alive)
	numbers := make([]int, count)
	for n := range numbers {
		numbers[n] = n
	}
	if err := each(ctx, numbers, phonesAtOnce, func(ctx context.Context, n int) error {
		proof := ""
		if len(at.Phones) > 0 {
			caller, err := signed.NewCaller(signed.Phone, "http://"+at.Address, nil, time.Now)
			if err != nil {
				return err
			}
			caller.SignAs(string(at.Phones[n]), phoneKey(n))
			if proof, err = caller.Proof(http.MethodGet, relay.Path, nil); err != nil {
				return err
			}
		}
		conn, err := dialThin(ctx, at.Address, byte(2+n/phonesPerAddress), proof)
		if err == nil {
			kept.add(conn)
		}
		return err
	}); err != nil {
		return grown, fmt.Errorf("%s: %w", kind, err)
	}
	after, err := look()
	per := func(after, before float64) float64 { return (after - before) / float64(count) }
	return usage{per(after.Heap, before.Heap), per(after.Stacks, before.Stacks), per(after.Resident, before.Resident)}, err
}

// crowd are the other ends of the connections, as thin as can be: what they cost is nobody's matter.
type crowd struct {
	mu  sync.Mutex
	all []net.Conn
}

func (c *crowd) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, conn)
}

func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.all {
		_ = conn.Close()
	}
}

// keepAlive sends the pings without which the relay takes a device for away.
func (c *crowd) keepAlive(ctx context.Context) {
	ping := clientFrame(relay.Encode(relay.Ping{}))
	for tick := time.NewTicker(keepAliveEvery); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		c.mu.Lock()
		all := c.all
		c.mu.Unlock()
		for _, conn := range all {
			_, _ = conn.Write(ping)
		}
	}
}

// clientFrame is a binary WebSocket message in one frame, masked with zeros (RFC 6455 §5.2).
func clientFrame(payload []byte) []byte {
	b := []byte{0x82}
	if len(payload) < 126 {
		b = append(b, 0x80|byte(len(payload))) // #nosec G115 -- checked
	} else {
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(len(payload))) // #nosec G115 -- a proof is short
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// dialThin opens a WebSocket with nothing but a socket, from a loopback address of its own choice, says hello where there is
// a proof, and waits for the welcome.
func dialThin(ctx context.Context, address string, from byte, proof string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, from)}, KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (net.Conn, error) { return nil, errors.Join(err, conn.Close()) }
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return fail(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", relay.Path, address, relay.Subprotocol); err != nil {
		return fail(err)
	}
	in := bufio.NewReaderSize(conn, 1024)
	answer, err := http.ReadResponse(in, nil) //nolint:bodyclose // there is none after a 101, and conn is closed otherwise
	if err == nil && answer.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("the server answers %s", answer.Status)
	}
	if err != nil || proof == "" {
		if err != nil {
			return fail(err)
		}
		return conn, conn.SetDeadline(time.Time{})
	}
	if _, err := conn.Write(clientFrame(relay.Encode(relay.Hello{Proof: proof}))); err != nil {
		return fail(err)
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(in, head); err != nil {
		return fail(err)
	}
	frame := make([]byte, head[1])
	if _, err := io.ReadFull(in, frame); err != nil {
		return fail(err)
	}
	if !bytes.HasPrefix(frame, []byte{2}) {
		return fail(fmt.Errorf("the relay answers %q and not a welcome", frame))
	}
	return conn, conn.SetDeadline(time.Time{})
}

// servePhones is the other process: it says hello, and for each line it reads how much memory it uses, until there are no
// more.
func servePhones(kind, count string) error {
	ctx := context.Background()
	say := json.NewEncoder(os.Stdout)
	if kind == phonesServerBare {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(idleWebSocket)}
		go func() { _ = server.Serve(l) }()
		if err := say.Encode(hello{Address: l.Addr().String()}); err != nil {
			return err
		}
		return errors.Join(sayUsage(say), server.Close())
	}
	w, err := newWorld(ctx, 20, 1, entrasim.Levers{})
	if err != nil {
		return err
	}
	var n int
	if _, err := fmt.Sscan(count, &n); err != nil {
		return err
	}
	phones, err := w.seedPhones(ctx, n)
	if err != nil {
		return err
	}
	if err := say.Encode(hello{w.center.Config.Listen, phones}); err != nil {
		return err
	}
	if err := sayUsage(say); err != nil {
		return err
	}
	return w.stop()
}

func idleWebSocket(w http.ResponseWriter, r *http.Request) {
	c, err := ws.Accept(w, r, &ws.AcceptOptions{CompressionMode: ws.CompressionDisabled, Subprotocols: []string{relay.Subprotocol}})
	if err != nil {
		return
	}
	for err == nil {
		_, _, err = c.Read(r.Context())
	}
}

func sayUsage(say *json.Encoder) error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for range 3 { // stacks shrink by half in a collection
			runtime.GC()
		}
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if err := say.Encode(usage{Heap: float64(m.HeapInuse), Stacks: float64(m.StackInuse)}); err != nil {
			return err
		}
	}
	return nil
}

// seedPhones puts enrolled phones into the store, each of a user of its own.
func (w *world) seedPhones(ctx context.Context, count int) (all []postern.PhoneID, err error) {
	now := time.Now()
	err = w.center.Store.Atomically(ctx, func(ctx context.Context) error {
		for n := range count {
			user := postern.User{
				ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: w.integration.ID, Version: 1, ObjectID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n),
				UPN: fmt.Sprintf("phone%d@bench.example", n), DisplayName: "Bench", Phase: postern.PhasePaired, CreatedAt: now, UpdatedAt: now,
			}
			if err := w.center.Store.CreateUser(ctx, user); err != nil {
				return err
			}
			phone := postern.Phone{
				ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: w.integration.ID, UserID: user.ID, Version: 1, Name: "bench", Platform: "bench",
				State: postern.PhoneActive, Assurance: postern.AssuranceFile, IdentityKey: phoneKey(n).Public().(ed25519.PublicKey),
				SealKey: make([]byte, 32), LinkKey: make([]byte, 32), CreatedAt: now,
			}
			if err := w.center.Store.CreatePhone(ctx, phone); err != nil {
				return err
			}
			all = append(all, phone.ID)
		}
		return nil
	})
	return all, err
}

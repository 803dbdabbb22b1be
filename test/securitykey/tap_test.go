package securitykey

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// tap is a UDP port that passes everything on to a key and reads what comes
// back. It assembles and decodes with code of its own, so that it cannot share
// a mistake with the key.
type tap struct {
	client, key *net.UDPConn

	mu        sync.Mutex
	from      *net.UDPAddr // whoever spoke last
	asking    assembly
	telling   assembly
	asked     []byte // the last CBOR or U2F request
	exchanges []exchange
	answers   map[byte]int // CBOR answers by status
	problems  []string
}

// assembly is the messages of one direction that are not whole yet, by channel.
type assembly map[uint32]*message

type message struct {
	command byte
	want    int
	data    []byte
}

const (
	reportSize  = 64
	initPacket  = 0x80
	commandMsg  = 0x83
	commandCBOR = 0x90
)

// add takes a report; a message is returned when it is whole.
func (a assembly) add(r []byte) (*message, error) {
	if len(r) != reportSize {
		return nil, fmt.Errorf("a report of %d bytes", len(r))
	}
	cid := binary.BigEndian.Uint32(r)
	if r[4]&initPacket != 0 {
		a[cid] = &message{command: r[4], want: int(binary.BigEndian.Uint16(r[5:]))}
		r = r[7:]
	} else {
		r = r[5:]
	}
	m := a[cid]
	if m == nil {
		return nil, fmt.Errorf("a continuation of nothing on channel %x", cid)
	}
	m.data = append(m.data, r[:min(len(r), m.want-len(m.data))]...)
	if len(m.data) < m.want {
		return nil, nil
	}
	delete(a, cid)
	return m, nil
}

func newTap(t *testing.T, key *net.UDPAddr) *tap {
	t.Helper()
	p := &tap{asking: assembly{}, telling: assembly{}, answers: map[byte]int{}}
	var err error
	if p.key, err = net.DialUDP("udp4", nil, key); err != nil {
		t.Fatal(err)
	}
	if p.client, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(p.toKey)
	running.Go(p.toClient)
	t.Cleanup(func() {
		_, _ = p.key.Close(), p.client.Close()
		running.Wait()
	})
	return p
}

func (p *tap) port() int { return p.client.LocalAddr().(*net.UDPAddr).Port }

func (p *tap) toKey() {
	buf := make([]byte, 2*reportSize)
	for {
		n, from, err := p.client.ReadFromUDP(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.from = from
		if m, _ := p.asking.add(buf[:n]); m != nil {
			p.asked = m.data
		}
		p.mu.Unlock()
		_, _ = p.key.Write(buf[:n])
	}
}

func (p *tap) toClient() {
	buf := make([]byte, 2*reportSize)
	for {
		n, err := p.key.Read(buf)
		if err != nil {
			if errors.Is(err, syscall.ECONNREFUSED) {
				continue // nobody listened for a moment
			}
			return
		}
		p.mu.Lock()
		p.look(buf[:n])
		to := p.from
		p.mu.Unlock()
		if to != nil {
			_, _ = p.client.WriteToUDP(buf[:n], to)
		}
	}
}

// look reads one report of the key.
func (p *tap) look(r []byte) {
	m, err := p.telling.add(r)
	if err != nil {
		p.problem("%v", err)
		return
	}
	if m == nil || (m.command != commandCBOR && m.command != commandMsg) {
		return
	}
	p.exchanges = append(p.exchanges, exchange{m.command, p.asked, m.data})
	if m.command == commandCBOR {
		p.answer(m.data)
	}
}

var (
	strict = func() cbor.DecMode {
		m, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4}.DecMode()
		if err != nil {
			panic(err)
		}
		return m
	}()
	canonical = func() cbor.EncMode {
		m, err := cbor.CTAP2EncOptions().EncMode()
		if err != nil {
			panic(err)
		}
		return m
	}()
)

// answer holds one response to the form of CTAP 2.1 §8: a status alone, or
// success and one map that encodes to the same bytes again.
func (p *tap) answer(b []byte) {
	if len(b) == 0 {
		p.problem("an empty answer")
		return
	}
	p.answers[b[0]]++
	body := b[1:]
	if len(body) == 0 {
		return
	}
	if b[0] != 0 {
		p.problem("status %#x with data", b[0])
	}
	var v map[any]any
	if err := strict.Unmarshal(body, &v); err != nil {
		p.problem("%x: %v", body, err)
		return
	}
	if again, err := canonical.Marshal(v); err != nil || !bytes.Equal(again, body) {
		p.problem("%x is not canonical", body)
	}
}

func (p *tap) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// report tells the test what was seen.
func (p *tap) report(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.problems {
		t.Error(s)
	}
	if p.answers[0] == 0 {
		t.Error("no answer came by: the tap sits in the wrong place")
	}
	t.Logf("CBOR answers by status: %v", p.answers)
}

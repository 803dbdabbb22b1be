package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// letter is what the devices of the property test send: who to whom, the how manyth, and some weight.
func letter(from, to byte, count uint64, weight int) []byte {
	b := binary.BigEndian.AppendUint64([]byte{from, to}, count)
	return append(b, bytes.Repeat([]byte{'.'}, weight)...)
}

// TestEverythingAtMostOnceAndInOrder lets devices of two pairs and a stranger write to each other while connections
// break, move between hubs and are dialled in vain, and readers stop reading.
func TestEverythingAtMostOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		steps := rapid.IntRange(10, 80).Draw(rt, "steps")
		moves := rapid.Bool().Draw(rt, "moves")
		var failure string
		synctest.Test(t, func(t *testing.T) {
			r := paired("a", "b", "a", "c")
			runWorld(t, t.Context(), r, func(w *world) { failure = storm(w, seed, steps, moves) })
		})
		if failure != "" {
			rt.Fatal(failure)
		}
	})
}

// storm returns what went wrong.
func storm(w *world, seed uint64, steps int, moves bool) string {
	random := rand.New(rand.NewPCG(seed, 1))
	names := []string{"a", "b", "c", "d"} // d is paired with nobody
	mayTalk := map[[2]byte]bool{{'a', 'b'}: true, {'b', 'a'}: true, {'a', 'c'}: true, {'c', 'a'}: true}
	devices := make(map[byte]*device)
	sent := make(map[[2]byte]uint64)
	heard := make(map[[2]byte]uint64)
	refused := make(map[byte]int)
	for i, name := range names {
		devices[name[0]] = w.device(i%2, name)
	}
	var failure string
	fail := func(format string, args ...any) {
		if failure == "" {
			failure = fmt.Sprintf(format, args...)
		}
	}
	// take reads what a device has, at most n events.
	take := func(name byte, n int) {
		ended, end := context.WithCancel(w.ctx)
		end()
		for range n {
			synctest.Wait()
			e, err := devices[name].Next(ended)
			if err != nil {
				return
			}
			switch e := e.(type) {
			case Data:
				way := [2]byte{e.Payload[0], e.Payload[1]}
				count := binary.BigEndian.Uint64(e.Payload[2:])
				if !mayTalk[way] || way[1] != name || e.Peer != string(way[:1]) {
					fail("%c got what %s sent to %c", name, e.Peer, way[1])
				}
				if count <= heard[way] {
					fail("%s: number %d after %d", way, count, heard[way])
				}
				heard[way] = count
			case Refusal:
				refused[name]++
			}
		}
	}
	for range steps {
		name := names[random.IntN(len(names))][0]
		d := devices[name]
		switch random.IntN(12) {
		case 0, 1, 2, 3, 4:
			for range 1 + random.IntN(20) {
				way := [2]byte{name, names[random.IntN(len(names))][0]}
				ctx, cancel := context.WithTimeout(w.ctx, 10*time.Millisecond)
				if d.Send(ctx, string(way[1:]), letter(name, way[1], sent[way]+1, random.IntN(9000))) == nil {
					sent[way]++
				}
				cancel()
			}
		case 5, 6, 7:
			take(name, 1+random.IntN(40))
		case 8, 9:
			d.breaks()
		case 10:
			time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		case 11:
			if moves {
				d.mu.Lock()
				d.hub = random.IntN(2)
				d.mu.Unlock()
			}
			d.setDown(random.IntN(3) == 0)
		}
		for i, h := range w.hubs {
			h.mu.Lock()
			sessions := maps.Clone(h.sessions)
			h.mu.Unlock()
			for name, s := range sessions {
				s.mu.Lock()
				if s.data > MaxWaiting || s.bytes > MaxWaitingBytes || len(s.waiting) > MaxWaiting+maxNotices {
					fail("hub %d keeps %d payloads, %d bytes, %d frames for %s", i, s.data, s.bytes, len(s.waiting), name)
				}
				s.mu.Unlock()
			}
		}
	}
	for _, d := range devices {
		d.setDown(false)
	}
	for range 4 { // everybody connects again and reads everything
		time.Sleep(longPause)
		for name := range devices {
			take(name, 1000)
		}
	}
	for way := range mayTalk {
		// Where no session was lost and nothing refused, everything that was sent arrived.
		synctest.Wait()
		if devices[way[0]].hellos+devices[way[1]].hellos == 2 && refused[way[0]] == 0 && heard[way] != sent[way] {
			fail("%s: %d of %d arrived, in sessions that were never lost", way, heard[way], sent[way])
		}
		d := devices[way[0]]
		sent[way]++
		d.says(string(way[1:]), string(letter(way[0], way[1], sent[way], 1)))
		take(way[1], 1000)
		if heard[way] != sent[way] {
			fail("%s: after the storm nothing arrives", way)
		}
	}
	return failure
}

func FuzzMessage(f *testing.F) {
	for _, m := range []message{
		{kind: messageData, from: "a", via: pairing.Peer(), body: []byte("x")},
		{kind: messagePresence, session: sessionID{1}, from: "a", body: []byte{2, 1}},
		{kind: messageRefusal, from: "a", body: []byte("link_peer_slow")},
		{kind: messageClaim, from: "a"},
	} {
		f.Add(m.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := decodeMessage(b)
		if !ok {
			if m.kind != 0 || m.body != nil {
				t.Fatalf("a failed parse yields %+v", m)
			}
			return
		}
		if again := m.encode(); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

package hid_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// bus joins several hosts to one device, as a system does that lets every
// program read all a device says.
type bus struct {
	device *hid.PipeEnd // the hosts' end
	hosts  []chan ctaphid.Report
	turn   sync.Mutex
}

// plug gives a device's end and as many hosts.
func plug(ctx context.Context, hosts int) (*bus, *hid.PipeEnd) {
	host, device := hid.Pipe()
	b := &bus{device: host}
	for range hosts {
		b.hosts = append(b.hosts, make(chan ctaphid.Report, 512))
	}
	go func() {
		for {
			r, err := host.Read(ctx)
			if err != nil {
				return
			}
			for _, h := range b.hosts {
				if len(h) == cap(h) { // like a system that keeps the newest for a program that does not read
					<-h
				}
				h <- r
			}
		}
	}()
	return b, device
}

// end is one host's end of a bus. It takes its time before every report.
type end struct {
	*bus
	host  int
	delay []time.Duration
}

func (e *end) Read(ctx context.Context) (ctaphid.Report, error) {
	select {
	case r := <-e.hosts[e.host]:
		return r, nil
	case <-ctx.Done():
		return ctaphid.Report{}, ctx.Err()
	}
}

func (e *end) Write(ctx context.Context, r ctaphid.Report) error {
	time.Sleep(e.delay[0])
	e.delay = append(e.delay[1:], e.delay[0])
	e.turn.Lock()
	defer e.turn.Unlock()
	return e.device.Write(ctx, r)
}

// step is one thing a host does.
type step struct {
	do    string
	size  int
	limit time.Duration // of requests that are cancelled
}

func genSteps(t *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			do:    rapid.SampledFrom([]string{"cbor", "ping", "msg", "wink", "lock", "ask", "stubborn", "msg ask", "pause"}).Draw(t, "do"),
			size:  rapid.SampledFrom([]int{1, 57, 58, 200, 1200, ctaphid.MaxPayload}).Draw(t, "size"),
			limit: time.Duration(rapid.IntRange(0, 900).Draw(t, "limit")) * time.Millisecond,
		}
	}), 1, 8).Draw(t, "steps")
}

// take does a step and tells what was wrong about it. Whatever other hosts do,
// everything is done in the end, and in bounded time.
func (s step) take(ctx context.Context, c *hid.Channel) error {
	data := bytes.Repeat([]byte{echo}, s.size)
	same := func(got []byte, err error) error {
		if err != nil || !bytes.Equal(got, data) {
			return fmt.Errorf("%s of %d bytes: %d bytes, %w", s.do, s.size, len(got), err)
		}
		return nil
	}
	switch s.do {
	case "cbor":
		return same(c.CBOR(ctx, data))
	case "ping":
		return same(c.Ping(ctx, data))
	case "msg":
		data = append(data[:min(len(data), 1000)], 0x90, 0x00)
		return same(c.Msg(ctx, data[:len(data)-2]))
	case "wink":
		return c.Wink(ctx)
	case "lock":
		return errors.Join(c.Lock(ctx, 2*time.Second), c.Wink(ctx), c.Lock(ctx, 0))
	case "msg ask":
		data = []byte{0x69, 0x85}
		return same(c.Msg(ctx, []byte{ask}))
	case "pause":
		time.Sleep(s.limit)
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	begun := time.Now()
	got, err := c.CBOR(limited, []byte(s.do[:1]))
	if took := time.Since(begun); took > s.limit+2*time.Second {
		return fmt.Errorf("%s for %v took %v", s.do, s.limit, took)
	}
	if s.do == "stubborn" && err == nil && string(got) == "s" || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("%s for %v: %q, %w", s.do, s.limit, got, err)
}

// TestTwoHosts lets two hosts do what they like at the same time.
func TestTwoHosts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plans := [][]step{genSteps(rt), genSteps(rt)}
		delays := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 20).Draw(rt, "delays")
		var wrong []string
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
			b, device := plug(ctx, len(plans))
			k := new(fullKey)
			served := make(chan error)
			go func() { served <- hid.Serve(ctx, device, k, ctaphid.Config{Lock: true}) }()
			var hosts sync.WaitGroup
			for i, plan := range plans {
				e := &end{bus: b, host: i}
				for _, ms := range delays[min(i, len(delays)-1):] {
					e.delay = append(e.delay, time.Duration(ms)*time.Millisecond)
				}
				hosts.Go(func() {
					c, err := hid.Open(ctx, e)
					for n := 0; err == nil && n < len(plan); n++ {
						err = plan[n].take(ctx, c)
					}
					if err != nil {
						k.note(fmt.Sprintf("host %d: %v", i, err))
					}
				})
			}
			hosts.Wait()
			stop()
			if err := <-served; err != nil {
				k.note("Serve: " + err.Error())
			}
			for _, line := range k.saw() {
				if bytes.Contains([]byte(line), []byte(": ")) || line == "two at once" {
					wrong = append(wrong, line)
				}
			}
		})
		if len(wrong) > 0 {
			rt.Fatalf("%q", wrong)
		}
	})
}

// TestLocked: who asks for a channel while another has the device locked waits.
func TestLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := serve(t, new(key))
		if err := open(t, host).Lock(t.Context(), 3*time.Second); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := hid.Open(ctx, host); !errors.Is(err, ctaphid.ChannelBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("locked for longer than one waits: %v", err)
		}
		open(t, host)
		if waited := time.Since(begun); waited < 2900*time.Millisecond || waited > 3200*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestIdleSilence: nobody asked, nobody answers.
func TestIdleSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := serve(t, new(key))
		c := open(t, host)
		for _, data := range []string{"", "e"} {
			if data != "" {
				if _, err := c.CBOR(t.Context(), []byte(data)); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			if r, err := host.Read(ctx); err == nil {
				t.Errorf("unasked for: %x", r)
			}
			cancel()
		}
	})
}

// FuzzChannel plays a device that gives a channel and then says anything: the
// input is reports, each after a byte of milliseconds. A host gets its answer or
// an error in bounded time.
func FuzzChannel(f *testing.F) {
	report := func(b ...byte) []byte { return append([]byte{1}, append(b, make([]byte, 64-len(b))...)...) }
	f.Add(report(0, 0, 0, 1, 0x90, 0, 1, 0))
	f.Add(report(0, 0, 0, 1, 0xBB, 0, 1, 2))
	f.Add(report(0, 0, 0, 1, 0xBF, 0, 1, 6))
	f.Add(slices.Concat(report(0, 0, 0, 1, 0x90, 0, 60), report(0, 0, 0, 1, 0)))
	f.Fuzz(func(t *testing.T, input []byte) {
		synctest.Test(t, func(t *testing.T) {
			host, device := hid.Pipe()
			var playing sync.WaitGroup
			playing.Go(func() { impersonate(t.Context(), device, input) })
			c := open(t, host)
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, _ = c.CBOR(ctx, []byte{4})
			_, _ = c.CBOR(ctx, []byte{4})
			if took := time.Since(begun); took > 2*time.Minute {
				t.Errorf("took %v", took)
			}
			_ = host.Close()
			playing.Wait()
		})
	})
}

func impersonate(ctx context.Context, device *hid.PipeEnd, input []byte) {
	for {
		r, err := device.Read(ctx)
		if err != nil {
			return
		}
		if r[4] == 0x80|byte(ctaphid.Init) {
			answer := ctaphid.Report{4: r[4], 6: 17, 18: 1, 19: 2}
			binary.BigEndian.PutUint32(answer[:], r.CID())
			copy(answer[7:15], r[7:15])
			if device.Write(ctx, answer) != nil {
				return
			}
			continue
		}
		for ; len(input) > ctaphid.ReportSize; input = input[1+ctaphid.ReportSize:] {
			time.Sleep(time.Duration(input[0]) * time.Millisecond)
			if device.Write(ctx, ctaphid.Report(input[1:1+ctaphid.ReportSize])) != nil {
				return
			}
		}
	}
}

package usbip_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/usbip"
)

func (h *host) wantReport(seq uint32, want ctaphid.Report) {
	h.t.Helper()
	if a := h.answer(); a.unlink || a.seq != seq || a.status != 0 || !bytes.Equal(a.data, want[:]) {
		h.t.Fatalf("got %+v, want submit %d answered with %x", a, seq, want)
	}
}

func (h *host) want(seq uint32, status int32, length int) {
	h.t.Helper()
	if a := h.answer(); a.unlink || a.seq != seq || a.status != status || a.length != length {
		h.t.Fatalf("got %+v, want submit %d answered with status %d, length %d", a, seq, status, length)
	}
}

func (h *host) wantUnlink(seq uint32, status int32) {
	h.t.Helper()
	if a := h.answer(); !a.unlink || a.seq != seq || a.status != status {
		h.t.Fatalf("got %+v, want unlink %d answered with status %d", a, seq, status)
	}
}

// settle returns when the device has dealt with all that was sent before.
func (h *host) settle() {
	h.t.Helper()
	h.want(h.submit(true, 0, 1, "80 08 0000 0000 0100", nil), 0, 1)
}

func TestReportToHost(t *testing.T) {
	h, device := serve(t, usbip.Server{}).plugIn(t)
	first, second := h.poll(), h.poll()
	h.settle() // an answer to either poll would come first
	for i, seq := range []uint32{first, second} {
		if err := device.Write(t.Context(), report(i)); err != nil {
			t.Fatal(err)
		}
		h.wantReport(seq, report(i))
	}
	// Between two polls reports wait.
	for i := range 3 {
		if err := device.Write(t.Context(), report(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		h.wantReport(h.poll(), report(i))
	}
	large := h.submit(true, 1, 512, "", nil)
	if err := device.Write(t.Context(), report(9)); err != nil {
		t.Fatal(err)
	}
	h.wantReport(large, report(9))
	h.want(h.submit(true, 1, 63, "", nil), -75, 0)
	h.want(h.submit(true, 2, 64, "", nil), -32, 0)
}

func TestReportFromHost(t *testing.T) {
	h, device := serve(t, usbip.Server{}).plugIn(t)
	var seqs []uint32
	for i := range 3 {
		seqs = append(seqs, h.output(report(i)))
	}
	overEP0 := h.submit(false, 0, 64, "21 09 0002 0000 4000", bytes.Repeat([]byte{7}, 64))
	for i, seq := range append(seqs, overEP0) {
		want := report(i)
		if seq == overEP0 {
			want = ctaphid.Report(bytes.Repeat([]byte{7}, 64))
		}
		got, err := device.Read(t.Context())
		if err != nil || got != want {
			t.Fatalf("report %x, %v; want %x", got, err, want)
		}
		h.want(seq, 0, 64)
	}
	// Other sizes reach the bus and nobody else.
	h.want(h.submit(false, 1, 3, "", []byte{1, 2, 3}), 0, 3)
	h.want(h.submit(false, 1, 0, "", nil), 0, 0)
	h.want(h.submit(false, 1, 65, "", make([]byte, 65)), -32, 0)
	h.want(h.submit(false, 2, 1, "", []byte{1}), -32, 0)
	last := h.output(report(5))
	if got, err := device.Read(t.Context()); err != nil || got != report(5) {
		t.Errorf("report %x, %v", got, err)
	}
	h.want(last, 0, 64)
}

func TestReadEndsWithContext(t *testing.T) {
	h, device := serve(t, usbip.Server{}).plugIn(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := device.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v", err)
	}
	if err := device.Write(ctx, report(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
	h.conn.Close()
	if _, err := device.Read(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Read after the host went: %v", err)
	}
	if err := device.Write(t.Context(), report(0)); !errors.Is(err, io.EOF) {
		t.Errorf("Write after the host went: %v", err)
	}
}

func TestUnlink(t *testing.T) {
	h, device := serve(t, usbip.Server{}).plugIn(t)
	first, second := h.poll(), h.poll()
	h.wantUnlink(h.unlink(first), -104)
	h.wantUnlink(h.unlink(first), 0)
	h.wantUnlink(h.unlink(4711), 0)
	if err := device.Write(t.Context(), report(1)); err != nil {
		t.Fatal(err)
	}
	h.wantReport(second, report(1))
	h.wantUnlink(h.unlink(second), 0)

	taken, withdrawn, kept := h.output(report(1)), h.output(report(2)), h.output(report(3))
	h.wantUnlink(h.unlink(withdrawn), -104)
	for i, seq := range map[int]uint32{1: taken} {
		if got, err := device.Read(t.Context()); err != nil || got != report(i) {
			t.Fatalf("report %x, %v", got, err)
		}
		h.want(seq, 0, 64)
	}
	if got, err := device.Read(t.Context()); err != nil || got != report(3) {
		t.Fatalf("report %x, %v: the withdrawn one came through", got, err)
	}
	h.want(kept, 0, 64)
}

// TestUnlinkRaces withdraws polls while reports arrive. Each poll is answered
// once or withdrawn, never both; no report is lost, doubled or out of order; and
// an unlink is told of coming too late only after the answer it was too late for.
func TestUnlinkRaces(t *testing.T) {
	const reports = 2000
	h, device := serve(t, usbip.Server{}).plugIn(t)
	failed := make(chan error, 1)
	go func() {
		for i := range reports {
			// Waiting until the one before arrived keeps within what the device holds.
			if i%100 == 99 {
				if _, err := device.Read(context.Background()); err != nil {
					failed <- err
					return
				}
			}
			if err := device.Write(context.Background(), report(i)); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	random := rand.New(rand.NewPCG(1, 2))
	for got := 0; got < reports; {
		poll := h.poll()
		unlink, answered := uint32(0), false
		if random.IntN(2) == 0 {
			unlink = h.unlink(poll)
		}
		for unlink != 0 || !answered {
			a := h.answer()
			switch {
			case !a.unlink && len(a.data) == 64:
				if a.seq != poll || answered || ctaphid.Report(a.data) != report(got) {
					t.Fatalf("report %d: %+v for poll %d", got, a, poll)
				}
				answered = true
				if got++; got%100 == 99 {
					h.output(report(0))
				}
			case !a.unlink: // the go-ahead was taken
				continue
			case a.seq != unlink || answered != (a.status == 0):
				t.Fatalf("unlink %d: %+v, answered %v", unlink, a, answered)
			default:
				unlink, answered = 0, true
			}
		}
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

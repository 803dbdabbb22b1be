package relay

import (
	"context"
	"testing"
)

// BenchmarkForward sends a payload from a workstation to a phone and an answer back: over a bare pipe, through one
// hub, and through two.
func BenchmarkForward(b *testing.B) {
	payload := make([]byte, 256)
	b.Run("pipe", func(b *testing.B) {
		one, other := Pipe()
		go func() {
			for {
				f, err := other.Read(b.Context())
				if err != nil {
					return
				}
				_ = other.Write(b.Context(), f)
			}
		}()
		for b.Loop() {
			_ = one.Write(b.Context(), payload)
			if _, err := one.Read(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, hub := range map[string]int{"hub": 0, "two hubs": 1} {
		b.Run(name, func(b *testing.B) {
			runWorld(b, context.Background(), paired("phone", "desk"), func(w *world) {
				for _, h := range w.hubs {
					h.limits.FramesPerSecond = 1 << 30
				}
				desk := w.device(0, "desk")
				phone := w.device(hub, "phone")
				present := func(d *device) {
					for {
						e, err := d.Next(w.ctx)
						if err != nil {
							b.Fatal(err)
						}
						if p, ok := e.(Presence); ok && p.State == Present {
							return
						}
					}
				}
				present(desk)
				present(phone)
				w.all.Go(func() {
					for {
						e, err := phone.Next(w.ctx)
						if err != nil {
							return
						}
						if d, ok := e.(Data); ok {
							_ = phone.Send(w.ctx, d.Peer, d.Payload)
						}
					}
				})
				for b.Loop() {
					if err := desk.Send(w.ctx, "phone", payload); err != nil {
						b.Fatal(err)
					}
					if e, err := desk.Next(w.ctx); err != nil || short(e)[:5] != "phone" {
						b.Fatal(e, err)
					}
				}
			})
		})
	}
}

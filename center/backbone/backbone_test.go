package backbone

import (
	"context"
	"sync"
	"testing"
)

func TestNoticesReachThoseWhoWait(t *testing.T) {
	var b InProcess
	b.Publish("nobody listens")
	one, stopOne := b.Subscribe("phone/1")
	two, stopTwo := b.Subscribe("phone/1")
	other, stopOther := b.Subscribe("phone/2")
	defer stopOther()
	b.Publish("phone/1")
	b.Publish("phone/1") // the first is unread: they are one
	ended, end := context.WithCancel(t.Context())
	end()
	for name, c := range map[string]<-chan struct{}{"one": one, "two": two} {
		if !Wait(t.Context(), c) {
			t.Errorf("%s heard nothing", name)
		}
		if Wait(ended, c) {
			t.Errorf("%s heard it twice", name)
		}
	}
	if Wait(ended, other) {
		t.Error("another topic was heard")
	}
	stopOne()
	stopTwo()
	b.Publish("phone/1")
	if Wait(ended, one) || len(b.waits) != 1 {
		t.Errorf("after the end it still listens: %d topics", len(b.waits))
	}
}

func TestManyAtOnce(t *testing.T) {
	var b InProcess
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			c, stop := b.Subscribe("t")
			defer stop()
			b.Publish("t")
			if !Wait(t.Context(), c) {
				t.Error("heard nothing")
			}
		})
	}
	wg.Wait()
	if len(b.waits) != 0 {
		t.Errorf("%d topics are left", len(b.waits))
	}
}

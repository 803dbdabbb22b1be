package inventory_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/policy/inventory"
)

// told counts what is published of inventories.
type told struct {
	backbone.Backbone
	n atomic.Int64
}

func (b *told) Publish(topic string) {
	b.n.Add(1)
	b.Backbone.Publish(topic)
}

// TestPagesAreToldOnceASecond: however quickly a reading gets on, pages are told of each step, of the end, and in between
// once a second at most.
func TestPagesAreToldOnceASecond(t *testing.T) {
	w := newWorld(t, 2000, postern.PermissionsFull)
	w.fail["report"] = postern.Errorf(postern.CodeEntraPermission, "") // so everybody is looked at
	b := &told{Backbone: w.Inventory.Notices}
	w.Inventory.Notices = b
	notices, stop := b.Subscribe(inventory.Topic(w.integration.ID))
	defer stop()
	begun := w.clock()
	if s := w.read(t, true); s.Users != 2000 {
		t.Fatalf("%+v", s)
	}
	const steps = 5                                     // it was asked for, three steps more, the end
	passed := int64(w.clock().Sub(begun) / time.Second) // in which the connector waited for its turn
	still := b.n.Swap(0)
	if still > steps+passed {
		t.Errorf("told %d times in %d seconds", still, passed)
	}
	select {
	case <-notices:
	default:
		t.Error("nobody who listens was told")
	}
	w.point = func(name string) {
		if name == "before a transaction" {
			w.pass(time.Second)
		}
	}
	if s := w.read(t, true); s.Users != 2000 {
		t.Fatalf("%+v", s)
	}
	w.point = nil
	if n := b.n.Load(); n < still+5 {
		t.Errorf("told %d times where a second passed with every transaction, %d where none did", n, still)
	}
}

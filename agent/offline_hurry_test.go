package agent

import (
	"log/slog"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/offline"
	"github.com/postern/postern/link/workstation"
)

// TestHurried: whoever presses the button while something runs is served when it has ended, however long that would have others
// wait; what the control center says of an end hurries once.
func TestHurried(t *testing.T) {
	shelf, err := offline.Open(offline.Env{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	d := newDuty(nil, shelf, time.Now, slog.New(slog.DiscardHandler), func() {}, func() {})
	id := postern.NewPairingID([16]byte{1})
	runs := func(meanwhile func(*job)) *job {
		j := d.jobs[id]
		if j == nil {
			j = new(job)
			d.jobs[id] = j
		}
		j.running, j.hurried = true, false
		meanwhile(j)
		d.ended(t.Context(), id, j, &waiting{nil, refusedEvery})
		return j
	}
	ending := &postern.OfflineOffer{State: postern.OfflineEnding, BatchID: postern.Bytes{1}}
	ended := workstation.Status{Phones: []workstation.Phone{{Pairing: id, Offline: &postern.OfflineOffer{State: postern.OfflineEnded}}}}
	for _, c := range []struct {
		name      string
		meanwhile func(*job)
		waits     bool
	}{
		{"nothing happened", func(*job) {}, true},
		{"the button was pressed", func(*job) { d.want(id) }, false},
		{"and once it was served", func(*job) {}, true},
		{"the control center ended it", func(*job) { d.hurry(id, ending) }, false},
		{"and says so again", func(*job) { d.hurry(id, ending) }, true},
		{"Entra has let go of it", func(*job) { d.follow(t.Context(), ended) }, false},
		{"and ended another", func(*job) {
			d.hurry(id, &postern.OfflineOffer{State: postern.OfflineEnding, BatchID: postern.Bytes{2}})
		}, false},
	} {
		if j := runs(c.meanwhile); j.notBefore.IsZero() == c.waits {
			t.Errorf("%s: the next is not before %v", c.name, j.notBefore)
		}
	}
}

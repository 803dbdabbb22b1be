package extension

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/workstation"
)

// unreachable is a control center that is not there until it is, and then lets everybody go.
type unreachable struct {
	asked int
	there bool
}

func (u *unreachable) RoundTrip(_ context.Context, r signed.Request) (*signed.Response, error) {
	if r.Method != http.MethodDelete {
		return nil, errors.New("nobody asked for that")
	}
	u.asked++
	if !u.there {
		return nil, errors.New("no answer")
	}
	return &signed.Response{Status: 204}, nil
}

// TestToldLater: a control center that could not be told that the browser left hears it when it can be reached, and only
// then are the keys of the place forgotten.
func TestToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		center := &unreachable{}
		d := &desk{T: t}
		app := New(Config{Host: d, Env: workstation.Env{Random: rand.Reader, Transport: center}})
		place := func(id string) left {
			return left{&workstation.State{
				Server: "https://postern.example", ID: "wks_0123456789abcdefghjkmnpqrs", IntegrationID: "int_1", Name: id,
				IdentityKey: make([]byte, 32), LinkKey: make([]byte, 32),
			}, time.Now()}
		}
		app.kept.Left = []left{place("a")}
		go app.departing(ctx)
		time.Sleep(3*leftAgain + time.Second)
		synctest.Wait()
		if center.asked < 3 || len(app.kept.Left) != 1 {
			t.Errorf("asked %d times while nobody answered, and %d places are kept", center.asked, len(app.kept.Left))
		}
		center.there = true
		time.Sleep(leftAgain)
		synctest.Wait()
		if len(app.kept.Left) != 0 {
			t.Error("the place is kept although the control center knows")
		}
		before := center.asked
		time.Sleep(time.Hour)
		if center.asked != before {
			t.Error("the control center is told again")
		}
		center.there = false
		old := place("b")
		old.Since = time.Now().Add(-leftFor)
		app.kept.Left = []left{old}
		app.gone <- struct{}{}
		time.Sleep(leftAgain)
		synctest.Wait()
		if len(app.kept.Left) != 0 {
			t.Error("a place is kept for ever")
		}
		cancel()
		synctest.Wait()
	})
}

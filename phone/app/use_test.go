package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone/app"
)

// TestUsesAreTold: the control center hears of the hour of a sign-in with a passkey it manages, once, when it is asked
// anyhow, and of nothing else: neither of a registration nor of a passkey that is the user's own business.
func TestUsesAreTold(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	v := d.await("an offer", func(v app.View) bool { return v.Offer != nil && v.Offer.Step == "ask" })
	d.do(app.CommandAccept, app.Accept{ID: v.Offer.ID})
	v = d.await("the passkey", func(v app.View) bool {
		return v.Offer != nil && v.Offer.Step == "done" && len(v.Keys) == 1 && v.Keys[0].State == app.KeyReady && v.Keys[0].PasskeyID != ""
	})
	d.do(app.CommandClose, app.Close{})
	key := v.Keys[0]

	var calls []signed.Request
	asked, refuse := 0, true
	d.mu.Lock()
	d.alters = func(r signed.Request, answer *signed.Response) {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL, "/self"):
			asked++
		case strings.HasSuffix(r.URL, "/use"):
			calls = append(calls, r)
			if refuse { // as if the answer got lost
				answer.Status, answer.Body = http.StatusServiceUnavailable, []byte(`{"code":"unavailable","detail":"Later."}`)
			}
		}
	}
	d.mu.Unlock()
	// inStep has the app ask the control center, and waits until it did.
	inStep := func() int {
		t.Helper()
		d.mu.Lock()
		before := asked
		d.mu.Unlock()
		d.do(app.CommandVisible, app.Visible{Visible: true})
		d.await("the answer", func(app.View) bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			return asked > before
		})
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(calls)
	}
	// toldMore asks until more than n calls were made: a sign-in is noted after its answer is on the way, and a question that
	// was already under way knows nothing of it.
	toldMore := func(n int) int {
		t.Helper()
		told := 0
		for range 50 {
			if told = inStep(); told > n {
				break
			}
		}
		return told
	}
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	d.person()
	other := entra("alex@example.com")
	other.RP.ID, other.RP.Name = "example.com", "Another"
	if _, err := c.platform.Create(t.Context(), other, "https://example.com"); err != nil {
		t.Fatal(err)
	}
	private := signIn()
	private.RPID = "example.com"
	if _, err := c.platform.Get(t.Context(), private, "https://example.com"); err != nil {
		t.Fatal(err)
	}
	if n := inStep(); n != 0 {
		t.Fatalf("told of what is not managed: %+v", calls)
	}
	if _, err := c.platform.Get(t.Context(), signIn(), origin); err != nil {
		t.Fatal(err)
	}
	hour := d.now().UTC().Truncate(time.Hour)
	if toldMore(0) == 0 {
		t.Fatal("a sign-in was not told of")
	}
	d.mu.Lock()
	refuse = false
	n := len(calls)
	d.mu.Unlock()
	if told := toldMore(n); told != n+1 {
		t.Errorf("told %d times after it was refused %d times", told, n)
	}
	d.mu.Lock()
	last := calls[len(calls)-1]
	d.mu.Unlock()
	if last.Method != http.MethodPut || !strings.HasSuffix(last.URL, "/passkeys/"+string(key.PasskeyID)+"/use") {
		t.Errorf("told by %s %s", last.Method, last.URL)
	}
	var body map[string]any
	if err := json.Unmarshal(last.Body, &body); err != nil || len(body) != 1 {
		t.Errorf("told %s, %v", last.Body, err)
	}
	if at, err := time.Parse(time.RFC3339, body["used_at"].(string)); err != nil || at.Truncate(time.Hour) != at || at.Before(hour.Add(-time.Hour)) || at.After(hour) {
		t.Errorf("told of %v at %v", body, hour)
	}
	d.open() // what was told is not told again after a reload
	d.await("the phone", func(v app.View) bool { return v.Phone != nil })
	if told := inStep(); told != n+1 {
		t.Errorf("told %d times", told-n)
	}
	var kept int64
	if err := w.center.Store.DB().QueryRowContext(t.Context(), "SELECT used_at FROM passkey_uses WHERE passkey_id = ?", string(key.PasskeyID)).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if at := time.UnixMilli(kept).UTC(); at.Format(time.RFC3339) != body["used_at"] {
		t.Errorf("told of %v, and %v is kept", body["used_at"], at)
	}
}

package stream_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
)

// receiver keeps what a webhook sent, and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []delivery
	status int
	stuck  chan struct{} // while it is open, answers wait
}

type delivery struct {
	ID, Stamp, Signature, Type string
	Body                       string
}

func newReceiver(t *testing.T, ca authority) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		status, stuck := r.status, r.stuck
		if status < 300 {
			r.got = append(r.got, delivery{q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp"), q.Header.Get("webhook-signature"), q.Header.Get("Content-Type"), string(body)})
		}
		r.mu.Unlock()
		if stuck != nil {
			<-stuck
		}
		if status == http.StatusFound {
			w.Header().Set("Location", "https://127.0.0.1:1/secret")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<script>words of the receiver</script>")
	}))
	r.TLS = &tls.Config{Certificates: []tls.Certificate{ca.tls(t, "127.0.0.1")}}
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) { r.mu.Lock(); r.status = status; r.mu.Unlock() }

func (r *receiver) all() []delivery { r.mu.Lock(); defer r.mu.Unlock(); return slices.Clone(r.got) }

func TestWebhook(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		ca := newAuthority(t)
		r := newReceiver(t, ca)
		w.fill(2)
		made := w.create(postern.AuditStreamInput{Kind: postern.StreamWebhook, Address: r.URL + "/in", CA: ca.pem, Beginning: true})
		if !strings.HasPrefix(made.Secret, "whsec_") || made.Stream.State != postern.StreamBehind {
			t.Fatalf("%+v", made.Stream)
		}
		one := w.deliver(made.Stream.ID)
		if one.State != postern.StreamCurrent || one.Lag != 0 || one.Cursor != 3 || one.DeliveredAt == nil {
			t.Fatalf("%+v", one)
		}
		got := r.all()
		if len(got) != 3 {
			t.Fatalf("%d deliveries", len(got))
		}
		var e postern.AuditEvent
		if err := json.Unmarshal([]byte(got[1].Body), &e); err != nil || e.Sequence != 2 || string(e.ID) != got[1].ID || got[1].Type != "application/json" {
			t.Fatalf("%+v %v", got[1], err)
		}
		// An unavailable receiver loses nothing and sees nothing twice that it took.
		r.answer(http.StatusServiceUnavailable)
		w.fill(3)
		one = w.deliver(made.Stream.ID)
		if one.State != postern.StreamFailing || !strings.Contains(one.Problem, "503") || one.Lag != 3 || one.NextAttempt == nil || strings.Contains(one.Problem, "script") {
			t.Fatalf("%+v", one)
		}
		w.deliver(made.Stream.ID)
		one = w.deliver(made.Stream.ID) // the third failure is told
		if one.Failures != 3 || one.Lag != 4 {
			t.Fatalf("%+v", one)
		}
		r.answer(http.StatusOK)
		if one = w.deliver(made.Stream.ID); one.State != postern.StreamCurrent || one.Problem != "" || one.Failures != 0 {
			t.Fatalf("%+v", one)
		}
		var sequences []int64
		for _, d := range r.all() {
			var e postern.AuditEvent
			if err := json.Unmarshal([]byte(d.Body), &e); err != nil {
				t.Fatal(err)
			}
			sequences = append(sequences, e.Sequence)
		}
		if !slices.Equal(sequences, []int64{1, 2, 3, 4, 5, 6, 7, 8}) {
			t.Fatalf("the receiver got %v", sequences)
		}
		// A redirect is not followed.
		r.answer(http.StatusFound)
		w.fill(1)
		if one = w.deliver(made.Stream.ID); !strings.Contains(one.Problem, "302") {
			t.Fatalf("%+v", one)
		}
	})
}

// verifyPython is a receiver of Standard Webhooks in another language, written from the specification alone.
const verifyPython = `
import base64, hashlib, hmac, json, sys
d = json.load(sys.stdin)
keys = [base64.b64decode(k.removeprefix("whsec_")) for k in d["secrets"]]
signed = (d["id"] + "." + d["stamp"] + "." + d["body"]).encode()
given = [s.split(",", 1) for s in d["signature"].split(" ")]
for key in keys:
    want = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    print(any(version == "v1" and hmac.compare_digest(want, value) for version, value in given))
`

func pythonSays(t *testing.T, d delivery, secrets ...string) string {
	t.Helper()
	in, err := json.Marshal(map[string]any{"id": d.ID, "stamp": d.Stamp, "signature": d.Signature, "body": d.Body, "secrets": secrets})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", verifyPython)
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

func TestWebhookSignaturesAndRotation(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t)
	r := newReceiver(t, ca)
	made := w.create(postern.AuditStreamInput{Kind: postern.StreamWebhook, Format: postern.AuditOCSF, Address: r.URL, CA: ca.pem})
	w.fill(1)
	w.deliver(made.Stream.ID)
	first := r.all()[0]
	if got := pythonSays(t, first, made.Secret, "whsec_AAAA"); got != "True False" {
		t.Fatalf("%s of %+v", got, first)
	}
	changed := first
	changed.Body = strings.Replace(changed.Body, "created", "removed", 1)
	if got := pythonSays(t, changed, made.Secret); got != "False" {
		t.Fatal(got)
	}
	rotated, err := w.Rotate(w.ctx(), made.Stream.ID, made.Stream.Version)
	if err != nil || rotated.Secret == made.Secret || rotated.Stream.OldSecretUntil == nil {
		t.Fatal(rotated.Stream, err)
	}
	if _, err := w.Rotate(w.ctx(), made.Stream.ID, made.Stream.Version); !postern.IsCode(err, postern.CodeStale) {
		t.Fatal(err)
	}
	w.deliver(made.Stream.ID)
	all := r.all()
	if got := pythonSays(t, all[len(all)-1], made.Secret, rotated.Secret); got != "True True" {
		t.Fatal(got)
	}
	w.at = w.at.Add(25 * time.Hour)
	w.fill(1)
	if one := w.deliver(made.Stream.ID); one.OldSecretUntil != nil {
		t.Fatalf("%+v", one)
	}
	all = r.all()
	if got := pythonSays(t, all[len(all)-1], made.Secret, rotated.Secret); got != "False True" {
		t.Fatal(got)
	}
	// Neither secret is in the trail, in the database or in what is sent.
	events, err := w.trail.Events(t.Context(), auditAll)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{made.Secret, rotated.Secret} {
		if strings.Contains(string(text), strings.TrimPrefix(secret, "whsec_")) {
			t.Fatal("a secret is in the trail")
		}
	}
}

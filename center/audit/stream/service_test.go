package stream_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/stream"
)

var auditAll = audit.Query{Limit: 1000}

func TestFormIsChecked(t *testing.T) {
	w := newWorld(t)
	good := postern.AuditStreamInput{Name: "siem", Kind: postern.StreamSyslog, Format: postern.AuditCEF, Address: "udp://127.0.0.1:514"}
	for name, change := range map[string]func(in *postern.AuditStreamInput){
		"no name":           func(in *postern.AuditStreamInput) { in.Name = " " },
		"control character": func(in *postern.AuditStreamInput) { in.Name = "a\nb" },
		"csv":               func(in *postern.AuditStreamInput) { in.Format = postern.AuditCSV },
		"kind":              func(in *postern.AuditStreamInput) { in.Kind = "kafka" },
		"plain elsewhere":   func(in *postern.AuditStreamInput) { in.Address = "tcp://192.0.2.1:514" },
		"plain by name":     func(in *postern.AuditStreamInput) { in.Address = "udp://localhost:514" },
		"no port":           func(in *postern.AuditStreamInput) { in.Address = "tls://siem.example.com" },
		"path":              func(in *postern.AuditStreamInput) { in.Address = "tls://siem.example.com:6514/x" },
		"other scheme":      func(in *postern.AuditStreamInput) { in.Address = "gopher://127.0.0.1:514" },
		"http": func(in *postern.AuditStreamInput) {
			in.Kind, in.Address = postern.StreamWebhook, "http://siem.example.com/"
		},
		"password": func(in *postern.AuditStreamInput) {
			in.Kind, in.Address = postern.StreamWebhook, "https://u:p@siem.example.com/"
		},
		"ca":          func(in *postern.AuditStreamInput) { in.CA = "none" },
		"certificate": func(in *postern.AuditStreamInput) { in.ClientCertificate = "none" },
	} {
		in := good
		change(&in)
		if _, err := w.Create(w.ctx(), in); !postern.IsCode(err, postern.CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	made := w.create(good)
	if made.Secret != "" {
		t.Error("a syslog stream has a signing secret")
	}
	if _, err := w.Create(w.ctx(), good); !postern.IsCode(err, postern.CodeConflict) {
		t.Error(err)
	}
	if _, err := w.Rotate(w.ctx(), made.Stream.ID, 1); !postern.IsCode(err, postern.CodeConflict) {
		t.Error(err)
	}
	changed := good
	changed.Version, changed.Kind, changed.Address = 1, postern.StreamWebhook, "https://siem.example.com/"
	if _, err := w.Update(w.ctx(), made.Stream.ID, changed); !postern.IsCode(err, postern.CodeInvalid) {
		t.Error(err)
	}
	changed = good
	changed.Version, changed.Format = 1, postern.AuditOCSF
	if one, err := w.Update(w.ctx(), made.Stream.ID, changed); err != nil || one.Version != 2 || one.Format != postern.AuditOCSF {
		t.Error(one, err)
	}
	if _, err := w.Update(w.ctx(), made.Stream.ID, changed); !postern.IsCode(err, postern.CodeStale) {
		t.Error(err)
	}
	if err := w.Remove(w.ctx(), made.Stream.ID, 2); err != nil {
		t.Error(err)
	}
	events, err := w.trail.Events(t.Context(), auditAll)
	if err != nil || len(events) != 3 || events[1].Fields["before.format"] != "cef" || events[1].Fields["after.format"] != "ocsf" {
		t.Errorf("%+v %v", events, err)
	}
}

func TestPausedAndHeldStreamsSendNothing(t *testing.T) {
	onBoth(t, func(w *world) {
		t := w.t
		ca := newAuthority(t)
		r := newReceiver(t, ca)
		made := w.create(postern.AuditStreamInput{Kind: postern.StreamWebhook, Address: r.URL, CA: ca.pem})
		one, err := w.Pause(w.ctx(), made.Stream.ID, 1, true)
		if err != nil || one.State != postern.StreamPaused {
			t.Fatal(one, err)
		}
		if w.deliver(made.Stream.ID); len(r.all()) != 0 {
			t.Fatal("a paused stream sent")
		}
		if one, err = w.Pause(w.ctx(), made.Stream.ID, 2, false); err != nil {
			t.Fatal(err)
		}
		now := w.at
		if held, err := w.store.HoldAuditStream(t.Context(), one.ID, "another replica", now, now.Add(time.Minute)); err != nil || !held {
			t.Fatal(held, err)
		}
		if w.deliver(one.ID); len(r.all()) != 0 {
			t.Fatal("a stream that another replica holds sent")
		}
		if held, err := w.store.AdvanceAuditStream(t.Context(), one.ID, "somebody", 99, now); err != nil || held {
			t.Fatal(held, err)
		}
		w.at = w.at.Add(2 * time.Minute) // the other one died
		if one = w.deliver(one.ID); one.Lag != 0 || len(r.all()) != 3 {
			t.Fatalf("%+v, %d deliveries", one, len(r.all()))
		}
		// Going back is not possible.
		if held, err := w.store.HoldAuditStream(t.Context(), one.ID, "me", w.at, w.at.Add(time.Minute)); err != nil || !held {
			t.Fatal(held, err)
		}
		if moved, err := w.store.AdvanceAuditStream(t.Context(), one.ID, "me", 1, now); err != nil || moved {
			t.Fatal(moved, err)
		}
	})
}

func TestLocalAddressesAreRefused(t *testing.T) {
	w := newWorld(t)
	strict := stream.New(stream.Options{Store: w.store, Audit: w.trail, Sealer: w.trail.Sealer, Logger: nil})
	for _, address := range []string{"https://127.0.0.1:1/", "https://[::1]:1/", "https://169.254.169.254/latest", "https://0.0.0.0/", "https://localhost/", "https://[::ffff:127.0.0.1]/"} {
		made, err := strict.Create(w.ctx(), postern.AuditStreamInput{Name: address, Kind: postern.StreamWebhook, Format: postern.AuditJSON, Address: address})
		if err != nil {
			t.Fatal(err)
		}
		got, err := strict.Test(w.ctx(), made.Stream.ID)
		if err != nil || got.OK || !strings.Contains(got.Message, "does not send") {
			t.Errorf("%s: %+v %v", address, got, err)
		}
	}
}

// TestASlowSinkHoldsUpNobody runs two streams, one of which never answers.
func TestASlowSinkHoldsUpNobody(t *testing.T) {
	w := newWorld(t)
	ca := newAuthority(t)
	slow, quick := newReceiver(t, ca), newReceiver(t, ca)
	slow.stuck = make(chan struct{})
	defer close(slow.stuck)
	w.create(postern.AuditStreamInput{Name: "slow", Kind: postern.StreamWebhook, Address: slow.URL, CA: ca.pem})
	w.create(postern.AuditStreamInput{Name: "quick", Kind: postern.StreamWebhook, Address: quick.URL, CA: ca.pem})
	w.trail.Recorded = w.Wake
	ctx, stop := context.WithCancel(w.ctx())
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()
	w.fill(3)
	for deadline := time.Now().Add(20 * time.Second); len(quick.all()) < 4; {
		if time.Now().After(deadline) {
			t.Fatalf("the quick sink has %d entries", len(quick.all()))
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	<-ended
}

package rotate_test

import (
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/rotate"
)

const day = 24 * time.Hour

// TestWarnings goes through the last two months of a certificate, hour by hour.
func TestWarnings(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(62)
	ends := *w.integration().Credential.EndOf()
	var at []int
	for w.clock().Before(ends.Add(3 * day)) {
		before := len(w.alarms)
		w.must(w.Watch(t.Context(), rotate.WatchJob{}))
		for range w.alarms[before:] {
			at = append(at, int(ends.Sub(w.clock()).Hours()))
		}
		w.pass(6 * time.Hour)
	}
	want := slices.Clone(postern.CredentialWarnings)
	if len(at) != len(want) {
		t.Fatalf("people were told %d times, at %v hours before the end", len(at), at)
	}
	for n, days := range want {
		if left := at[n] - days*24; left > 0 || left < -6 {
			t.Errorf("the warning of %d days came %d hours before the end", days, at[n])
		}
	}
	if w.count(audit.CredentialEnding) != len(want)-1 || w.count(audit.CredentialEnded) != 1 {
		t.Errorf("%d and %d entries", w.count(audit.CredentialEnding), w.count(audit.CredentialEnded))
	}
}

// TestLateWarning holds that a credential that is urgent when it is first seen is told of once, and a new one anew.
func TestLateWarning(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(10)
	for range 3 {
		w.must(w.Watch(t.Context(), rotate.WatchJob{}))
	}
	if len(w.alarms) != 1 || w.alarms[0].Credential != postern.CredentialCertificate {
		t.Fatalf("%+v", w.alarms)
	}
	w.begin(postern.RotationInput{Days: 50, Now: true})
	w.over(postern.RotationDone)
	w.must(w.Watch(t.Context(), rotate.WatchJob{}))
	if len(w.alarms) != 2 {
		t.Fatalf("%+v", w.alarms)
	}
}

// TestSecretsEnd finds the end of a secret in the registration, where it can be told from others; or in the form.
func TestSecretsEnd(t *testing.T) {
	w := newWorld(t)
	w.withSecret()
	if s, err := w.Status(t.Context(), w.id); err != nil || s.Level != postern.CredentialUnknown || s.EndsAt != nil {
		t.Fatalf("%+v %v", s, err)
	}
	w.must(w.Watch(t.Context(), rotate.WatchJob{}))
	found := w.integration().Credential.EndsAt
	if found == nil || !found.Equal(w.registration().Secrets[0].Ends) {
		t.Fatalf("the secret ends %v", found)
	}
	i, ends := w.integration(), w.clock().Add(20*day)
	_, err := w.integrations.Update(t.Context(), w.id, postern.IntegrationInput{
		Version: i.Version, ApplicationName: i.ApplicationName, TenantID: i.TenantID, ClientID: i.ClientID, CredentialEndsAt: &ends,
	})
	w.must(err)
	if s, err := w.Status(t.Context(), w.id); err != nil || s.Level != postern.CredentialSoon || *s.DaysLeft != 20 {
		t.Errorf("%+v %v", s, err)
	}
	w.must(w.Watch(t.Context(), rotate.WatchJob{}))
	if len(w.alarms) != 1 {
		t.Errorf("%+v", w.alarms)
	}
}

// TestAutomatic rotates a certificate by itself, 30 days before it ends, where that is wanted.
func TestAutomatic(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(31)
	_, err := w.SetSettings(t.Context(), w.id, postern.RotationSettings{Automatic: true, OverlapHours: 2})
	w.must(err)
	_, err = w.SetSettings(t.Context(), w.id, postern.RotationSettings{})
	w.refused(err, postern.CodeStale)
	w.must(w.Watch(t.Context(), rotate.WatchJob{}))
	if s, err := w.Status(t.Context(), w.id); err != nil || s.Rotation != nil {
		t.Fatalf("%+v %v", s, err)
	}
	w.pass(2 * day)
	w.must(w.Watch(t.Context(), rotate.WatchJob{}))
	r := w.until(postern.RotationOverlap)
	if !r.Automatic || r.OverlapUntil.Sub(*r.SwitchedAt) != 2*time.Hour {
		t.Errorf("%+v", r)
	}
	w.over(postern.RotationDone)
	w.alone()
}

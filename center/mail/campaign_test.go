package mail_test

import (
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
)

// phone pairs a phone with a user, now.
func (w *world) phone(t *testing.T, u postern.User) {
	t.Helper()
	p := postern.Phone{
		ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: u.IntegrationID, UserID: u.ID, Version: 1, Name: "Phone",
		State: postern.PhoneActive, Assurance: postern.AssuranceGated, CreatedAt: w.clock(),
	}
	p.IdentityKey = []byte(p.ID)
	if err := w.store.CreatePhone(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func TestCampaign(t *testing.T) {
	w := newWorld(t)
	w.withServer(t, postern.MailPlain)
	paired, done := w.user(t, "Paired", "paired@contoso.example", postern.PhasePaired), w.user(t, "Done", "done@contoso.example", postern.PhaseActive)
	late := w.user(t, "Late", "late@contoso.example", postern.PhasePaired)
	invited, briefly := w.user(t, "Invited", "invited@contoso.example", postern.PhaseEligible), w.user(t, "Briefly", "briefly@contoso.example", postern.PhaseEligible)
	w.phone(t, paired)
	w.phone(t, done)
	w.invitation(t, invited, 72*time.Hour)
	w.invitation(t, briefly, 24*time.Hour)
	campaign := usualCampaign() // Monday to Friday, 9 to 17 in Berlin; first after 2 days, then every 3, 2 in all
	if _, err := w.SetMessages(t.Context(), w.integration.ID, postern.Messages{Language: postern.German, Campaign: campaign}); err != nil {
		t.Fatal(err)
	}
	count := func(u postern.User) int { return len(w.outbox(t, u)) }
	// Hour by hour for two weeks, from a Tuesday, 10:00 UTC on; each hour twice, as after a crash.
	first := map[string]time.Time{}
	for range 14 * 24 {
		for range 2 {
			if err := w.Remember(t.Context(), mail.CampaignJob{}); err != nil {
				t.Fatal(err)
			}
		}
		w.run(t)
		for _, u := range []postern.User{paired, late, invited, briefly} {
			if _, seen := first[u.DisplayName]; !seen && count(u) > 0 {
				first[u.DisplayName] = w.clock()
			}
		}
		if w.clock().Day() == 25 && w.clock().Hour() == 20 {
			w.phone(t, late) // Wednesday evening: two days later it is night, and then a weekend
		}
		w.pass(time.Hour)
	}
	if got, want := first["Paired"], time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("the first reminder went out at %s, want %s", got, want)
	}
	if got, want := first["Late"], time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("the first reminder after the weekend went out at %s, want %s, which is 9 in Berlin", got, want)
	}
	if got, want := first["Invited"], time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("the invitation that ends was reminded of at %s, want %s", got, want)
	}
	for u, want := range map[*postern.User]int{&paired: 2, &late: 2, &done: 0, &invited: 1, &briefly: 0} {
		if got := count(*u); got != want {
			t.Errorf("%s got %d messages, want %d", u.DisplayName, got, want)
		}
	}
	out, err := w.PreviewCampaign(t.Context(), w.integration.ID, postern.Campaign{FirstDays: 1, EveryDays: 1, AtMost: 3, UntilHour: 24, TimeZone: "UTC"})
	if err != nil || out.Due != 2 {
		t.Errorf("a campaign of three would write to %+v, %v", out, err)
	}
	if n := count(paired); n != 2 {
		t.Errorf("the preview wrote: %d messages", n)
	}
}

package provision_test

import (
	"testing"
	"time"

	"github.com/postern/postern"
)

// TestNoteUse: what a phone says of its own active passkeys is kept to the hour, and nothing else is.
func TestNoteUse(t *testing.T) {
	w := newWorld(t, 0)
	w.reset(t)
	w.start(t)
	w.obtainPasskey(t)
	held, err := w.store.PasskeysOfPhone(t.Context(), w.phone.ID)
	if err != nil || len(held) != 1 {
		t.Fatalf("%+v %v", held, err)
	}
	id := held[0].ID
	tell := func(used time.Time) error {
		return w.passkeys.NoteUse(t.Context(), w.phone.ID, id, postern.PasskeyUse{UsedAt: used})
	}
	kept := func() time.Time {
		t.Helper()
		var at int64
		if err := w.store.DB().QueryRowContext(t.Context(), "SELECT used_at FROM passkey_uses WHERE passkey_id = ?", string(id)).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return time.UnixMilli(at).UTC()
	}
	now := w.clock().UTC()
	hour := now.Truncate(time.Hour)
	for _, c := range []struct {
		used, want time.Time
	}{
		{hour.Add(-5*time.Hour + 17*time.Minute), hour.Add(-5 * time.Hour)},
		{hour.Add(-9 * time.Hour), hour.Add(-5 * time.Hour)}, // late word of an earlier use
		{now.Add(time.Minute), hour},                         // by a clock that is a little ahead
	} {
		if err := tell(c.used); err != nil {
			t.Fatal(err)
		}
		if got := kept(); !got.Equal(c.want) {
			t.Errorf("told of %v, kept %v, want %v", c.used, got, c.want)
		}
	}
	for name, used := range map[string]time.Time{"in the future": now.Add(time.Hour), "never": {}} {
		if err := tell(used); !postern.IsCode(err, postern.CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.passkeys.NoteUse(t.Context(), "phn_other", id, postern.PasskeyUse{UsedAt: now}); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("another phone: %v", err)
	}
	w.must(t, func() error { _, err := w.passkeys.RevokePasskey(t.Context(), id); return err })
	if err := tell(now); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("a passkey that was revoked: %v", err)
	}
	if got := kept(); !got.Equal(hour) {
		t.Errorf("kept %v", got)
	}
}

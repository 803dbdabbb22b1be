package channel

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const origin = "https://postern.contoso.com"

func invitation() Invitation {
	return Invitation{PairingID: [16]byte{1}, LinkKey: PublicKey{2}, Secret: Secret{3}, Expires: t0.Add(InvitationLife)}
}

// drawn is the text of a QR code with these members instead of an invitation's.
func drawn(t testing.TB, change func(fields)) string {
	t.Helper()
	i := invitation()
	f := fields{1: uint64(1), 2: i.PairingID[:], 3: i.LinkKey[:], 4: i.Secret[:], 5: uint64(i.Expires.Unix())}
	change(f)
	data, err := encodeFields(f)
	if err != nil {
		t.Fatal(err)
	}
	return origin + "/p#" + base64.RawURLEncoding.EncodeToString(data)
}

func TestInvitation(t *testing.T) {
	text, err := invitation().URL(origin)
	if err != nil {
		t.Fatal(err)
	}
	if text != drawn(t, func(fields) {}) {
		t.Errorf("another text than specified: %s", text)
	}
	from, got, err := ParseInvitation(text, t0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(invitation(), got); diff != "" || from != origin {
		t.Errorf("read from %q (-want +got):\n%s", from, diff)
	}
}

// TestInvitationOfThisMachine: a demonstration runs without a certificate, and nowhere else may a code name http.
func TestInvitationOfThisMachine(t *testing.T) {
	for origin, good := range map[string]bool{
		"http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true,
		"http://192.0.2.1": false, "http://localhost.example.com": false, "ftp://localhost": false,
	} {
		text, err := invitation().URL(origin)
		if (err == nil) != good {
			t.Errorf("%s: %v", origin, err)
		}
		if err != nil {
			text = origin + strings.TrimPrefix(drawn(t, func(fields) {}), "https://postern.contoso.com")
		}
		if from, _, err := ParseInvitation(text, t0); (err == nil) != good || good && from != origin {
			t.Errorf("%s: read from %q: %v", origin, from, err)
		}
	}
}

func TestInvitationRefused(t *testing.T) {
	good := drawn(t, func(fields) {})
	for name, c := range map[string]struct {
		text string
		now  time.Time
		want error
	}{
		"empty":          {"", t0, ErrInvitationForeign},
		"another page":   {"https://example.com/", t0, ErrInvitationForeign},
		"not https":      {strings.Replace(good, "https", "http", 1), t0, ErrInvitationForeign},
		"user info":      {strings.Replace(good, "//", "//contoso.com@", 1), t0, ErrInvitationForeign},
		"another path":   {strings.Replace(good, "/p#", "/q#", 1), t0, ErrInvitationForeign},
		"a query":        {strings.Replace(good, "/p#", "/p?a=b#", 1), t0, ErrInvitationForeign},
		"cut":            {good[:len(good)-1], t0, ErrInvitationForeign},
		"longer":         {good + "A", t0, ErrInvitationForeign},
		"broken line":    {good[:60] + "\r\n" + good[60:], t0, ErrInvitationForeign},
		"too long":       {good + strings.Repeat("A", MaxInvitation), t0, ErrInvitationForeign},
		"no version":     {drawn(t, func(f fields) { delete(f, 1) }), t0, ErrInvitationForeign},
		"version 0":      {drawn(t, func(f fields) { f[1] = uint64(0) }), t0, ErrInvitationForeign},
		"no secret":      {drawn(t, func(f fields) { delete(f, 4) }), t0, ErrInvitationForeign},
		"short key":      {drawn(t, func(f fields) { f[3] = make([]byte, 31) }), t0, ErrInvitationForeign},
		"long id":        {drawn(t, func(f fields) { f[2] = make([]byte, 17) }), t0, ErrInvitationForeign},
		"no expiry":      {drawn(t, func(f fields) { delete(f, 5) }), t0, ErrInvitationForeign},
		"newer":          {drawn(t, func(f fields) { clear(f); f[1] = uint64(2) }), t0, ErrInvitationVersion},
		"newer, expired": {drawn(t, func(f fields) { f[1] = uint64(2) }), t0.Add(time.Hour), ErrInvitationVersion},
		"just expired":   {good, t0.Add(InvitationLife), ErrInvitationExpired},
		"long expired":   {good, t0.Add(time.Hour), ErrInvitationExpired},
		"for ever":       {drawn(t, func(f fields) { f[5] = uint64(1 << 63) }), t0, ErrInvitationClock},
		"for an hour":    {good, t0.Add(-time.Hour), ErrInvitationClock},
	} {
		from, got, err := ParseInvitation(c.text, c.now)
		if !errors.Is(err, c.want) || got != (Invitation{}) || from != "" {
			t.Errorf("%s: %v, want %v; read %v", name, err, c.want, got)
		}
	}
	if _, _, err := ParseInvitation(good, t0.Add(InvitationLife-time.Second)); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	if _, _, err := ParseInvitation(drawn(t, func(f fields) { f[99] = "more" }), t0); err != nil {
		t.Errorf("with a member to come: %v", err)
	}
}

func TestInvitationOrigin(t *testing.T) {
	for _, o := range []string{"", "http://contoso.com", "https://", "https://contoso.com/", "https://contoso.com/x", "https://a@contoso.com", "https://contoso.com#a", "https://" + strings.Repeat("a", 400)} {
		if text, err := invitation().URL(o); err == nil || text != "" {
			t.Errorf("%q: drawn", o)
		}
	}
}

// TestSecretsDoNotShow prints what holds secrets in every way programs print.
func TestSecretsDoNotShow(t *testing.T) {
	i := invitation()
	for n := range i.Secret {
		i.Secret[n] = 0xA5
	}
	key, err := StaticFromBytes(i.Secret[:])
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(asJSON)
	for _, v := range []any{i, &i, i.Secret, &i.Secret, key, &key, i.Secret.LogValue(), key.LogValue()} {
		shown += fmt.Sprintf("%v %+v %#v %x %s %d %q", v, v, v, v, v, v, v)
	}
	for _, secret := range []string{"a5a5", "A5A5", "165 165", "165,165", "0xa5", "paWl"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%s shows in %s", secret, shown)
		}
	}
	i.Secret.Wipe()
	if i.Secret != (Secret{}) {
		t.Error("a wiped secret is still there")
	}
}

func FuzzInvitation(f *testing.F) {
	f.Add(drawn(f, func(fields) {}))
	f.Add(drawn(f, func(m fields) { m[1] = uint64(2) }))
	f.Add("https://postern.contoso.com/p#")
	f.Fuzz(func(t *testing.T, text string) {
		from, i, err := ParseInvitation(text, t0)
		if err != nil {
			if from != "" || i != (Invitation{}) {
				t.Fatal("a code that is refused gives something")
			}
			return
		}
		if !i.Expires.After(t0) {
			t.Fatal("an expired code was read")
		}
		again, err := i.URL(from)
		if err != nil {
			t.Fatalf("what was read cannot be drawn: %v", err)
		}
		if _, j, err := ParseInvitation(again, t0); err != nil || i != j {
			t.Fatalf("drawn and read again it is %v, %v", j, err)
		}
	})
}

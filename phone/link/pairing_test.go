package link

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/signed"
)

const server = "https://postern.example.com"

// silence is a control center that is never asked.
type silence struct{ t *testing.T }

func (s silence) RoundTrip(_ context.Context, r signed.Request) (*signed.Response, error) {
	s.t.Errorf("the control center was asked: %s %s", r.Method, r.URL)
	return nil, errors.New("nobody there")
}

// TestCodes: a code that is not for this phone is refused before anybody is asked, in words for whoever holds the phone.
func TestCodes(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	caller, err := signed.NewCaller(signed.Phone, server, silence{t}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	key, err := channel.GenerateStatic(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := New(Config{API: caller, Key: key, Random: rand.Reader, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	text := func(origin string, expires time.Time) string {
		i := channel.Invitation{PairingID: [16]byte{1}, LinkKey: key.Public(), Secret: channel.Secret{1}, Expires: expires}
		url, err := i.URL(origin)
		if err != nil {
			t.Fatal(err)
		}
		return url
	}
	for name, c := range map[string]struct {
		text string
		code postern.Code
	}{
		"another control center": {text("https://postern.example.org", now.Add(time.Minute)), postern.CodeInvalid},
		"expired":                {text(server, now.Add(-time.Second)), postern.CodePairingExpired},
		"too far ahead":          {text(server, now.Add(time.Hour)), postern.CodeInvalid},
		"somebody else's QR":     {"https://example.com/menu#today", postern.CodeInvalid},
		"too few letters":        {"K7QF-01AB", postern.CodeInvalid},
		"letters that are none":  {"K7QF-01AB-CDEU", postern.CodeInvalid},
		"nothing":                {" ", postern.CodeInvalid},
	} {
		_, err := l.Pair(t.Context(), c.text, nil)
		e := postern.AsError(err)
		if e.Code != c.code || e.Message == "" || e.Next == "" || e.Next == "." {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestKeysThatDiffer: the control center cannot slip another key under a code that told one.
func TestKeysThatDiffer(t *testing.T) {
	one, two := channel.PublicKey{1}, channel.PublicKey{2}
	for _, c := range []struct {
		scanned channel.PublicKey
		told    []byte
		want    channel.PublicKey
		ok      bool
	}{
		{one, one[:], one, true},
		{one, nil, one, true},
		{channel.PublicKey{}, two[:], two, true},
		{one, two[:], one, false},
		{channel.PublicKey{}, nil, one, false},
		{channel.PublicKey{}, two[:31], one, false},
	} {
		got := Candidate{Workstation: Workstation{Key: c.scanned}}
		if err := got.accept(c.told); (err == nil) != c.ok || c.ok && got.Key != c.want {
			t.Errorf("%v told %v: %v, %v", c.scanned, c.told, got.Key, err)
		}
	}
}

// words is a control center that answers one call after the other, by codes; the last one again and again.
type words struct {
	codes []postern.Code
	asked int
}

func (w *words) RoundTrip(context.Context, signed.Request) (*signed.Response, error) {
	e := postern.Errorf(w.codes[min(w.asked, len(w.codes)-1)], "")
	w.asked++
	body, err := json.Marshal(postern.ProblemOf(e))
	return &signed.Response{Status: e.Status(), Date: time.Now(), Body: body}, err
}

// TestGivenUpAtTheComputer: a pairing that ended while its handshake was under way says so at once, not when its time is over.
func TestGivenUpAtTheComputer(t *testing.T) {
	center := &words{codes: []postern.Code{postern.CodeUnavailable, postern.CodePairingOver}}
	caller, err := signed.NewCaller(signed.Phone, server, center, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	caller.SignAs(string(postern.NewID[postern.PhoneID](postern.PrefixPhone)), key)
	l := New(Config{API: caller})
	m := &meeting{heard: make(chan []byte, 1), news: make(chan struct{}, 1), err: make(chan error, 1)}
	ended := make(chan error)
	go func() {
		_, err := l.hear(t.Context(), m, postern.NewPairingID([16]byte{1}))
		ended <- err
	}()
	for {
		m.wake()
		select {
		case err := <-ended:
			if !postern.IsCode(err, postern.CodePairingOver) || center.asked != 2 {
				t.Errorf("asked %d times: %v", center.asked, err)
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
}

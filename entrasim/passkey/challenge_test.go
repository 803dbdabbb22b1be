package passkey_test

import (
	"crypto/sha1" //nolint:gosec // x5t
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/postern/postern/entrasim/passkey"
)

// The challenge looks like those of the real service, down to its length.
func TestChallengeShape(t *testing.T) {
	rp := newRP(t)
	for _, user := range []string{"", testUser} {
		text, err := rp.RequestChallenge(testTenant, user, nil, testNow.Add(time.Hour))
		must(t, err)
		if n := len(text); n < passkey.ChallengeSize-3 || n > passkey.ChallengeSize {
			t.Errorf("challenge has %d bytes, want %d", n, passkey.ChallengeSize)
		}
		parts := strings.Split(text, ".")
		if len(parts) != 5 {
			t.Fatalf("%d parts", len(parts))
		}
		raw, err := base64.RawURLEncoding.DecodeString(parts[0])
		must(t, err)
		var header struct {
			Alg, Enc string
			X5C      []string
			X5T      string
		}
		must(t, json.Unmarshal(raw, &header))
		if header.Alg != "RSA-OAEP-256" || header.Enc != "A256GCM" || len(header.X5C) != 1 {
			t.Fatalf("header %s", raw)
		}
		der, err := base64.StdEncoding.DecodeString(header.X5C[0])
		must(t, err)
		cert, err := x509.ParseCertificate(der)
		must(t, err)
		if _, err := uuid.Parse(cert.Subject.CommonName); err != nil || cert.Issuer.CommonName != "MS-Organization-Access" {
			t.Errorf("certificate of %s issued by %s", cert.Subject, cert.Issuer)
		}
		sum := sha1.Sum(der) //nolint:gosec // x5t
		if header.X5T != strings.ToUpper(hex.EncodeToString(sum[:])) {
			t.Errorf("x5t %s", header.X5T)
		}
	}
}

func TestChallengeRoundTrip(t *testing.T) {
	rp := newRP(t)
	rapid.Check(t, func(t *rapid.T) {
		want := passkey.Challenge{
			Tenant: rapid.String().Draw(t, "tenant"), User: rapid.String().Draw(t, "user"),
			Purpose: rapid.SampledFrom([]passkey.Purpose{passkey.ForRegistration, passkey.ForSignIn}).Draw(t, "purpose"),
			Expires: time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "expires"), 0).UTC(),
			Nonce:   rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "nonce"),
		}
		want.Tenant, want.User = strings.ToValidUTF8(want.Tenant, ""), strings.ToValidUTF8(want.User, "")
		text, err := rp.Challenges.Seal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rp.Challenges.Open(text, want.Expires.Add(-time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		_, err = rp.Challenges.Open(text, want.Expires)
		wantRapid(t, err, passkey.ReasonChallengeExpired)
	})
}

// No change of a single character goes unnoticed, wherever it is.
func TestChallengeTampering(t *testing.T) {
	rp := newRP(t)
	text, err := rp.RequestChallenge(testTenant, testUser, nil, testNow.Add(time.Hour))
	must(t, err)
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(text)-1).Draw(t, "place")
		c := rapid.SampledFrom([]byte("ABCabc012-_.=\n {")).Draw(t, "character")
		if text[i] == c {
			return
		}
		changed := text[:i] + string(c) + text[i+1:]
		if rapid.Bool().Draw(t, "insert") {
			changed = text[:i] + string(c) + text[i:]
		}
		_, err := rp.Challenges.Open(changed, testNow)
		wantRapid(t, err, passkey.ReasonChallenge)
	})
	other, err := passkey.New(nil)
	must(t, err)
	_, err = other.Challenges.Open(text, testNow)
	wantReason(t, err, passkey.ReasonChallenge)
}

func wantRapid(t *rapid.T, err error, want passkey.Reason) {
	var r *passkey.Refusal
	if !errors.As(err, &r) || r.Reason != want {
		t.Fatalf("got %v, want a refusal for %s", err, want)
	}
}

func BenchmarkSeal(b *testing.B) {
	rp := newRP(b)
	for b.Loop() {
		_, err := rp.RequestChallenge(testTenant, testUser, nil, testNow.Add(time.Hour))
		must(b, err)
	}
}

func BenchmarkOpen(b *testing.B) {
	rp := newRP(b)
	text, err := rp.RequestChallenge(testTenant, testUser, nil, testNow.Add(time.Hour))
	must(b, err)
	for b.Loop() {
		_, err := rp.Challenges.Open(text, testNow)
		must(b, err)
	}
}

func FuzzOpen(f *testing.F) {
	rp := newRP(f)
	text, err := rp.RequestChallenge(testTenant, testUser, nil, testNow.Add(time.Hour))
	must(f, err)
	f.Add(text)
	f.Add("....")
	f.Add("")
	f.Fuzz(func(t *testing.T, in string) {
		ch, err := rp.Challenges.Open(in, testNow)
		if in == text {
			must(t, err)
			return
		}
		if err == nil {
			t.Fatalf("opened a challenge nobody sealed: %+v", ch)
		}
	})
}

package push

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func raw(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVector is the example of RFC 8291 §5 and appendix A.
func TestVector(t *testing.T) {
	key, err := ecdh.P256().NewPrivateKey(raw(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	plaintext := []byte("When I grow up, I want to be a watermelon")
	got, err := encryptWith(key, raw(t, "DGv6ra1nlYgDCS1FRnbzlw"), plaintext,
		raw(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
		raw(t, "BTBZMqHH6r4Tts7J_aSIgg"), len(plaintext)+1)
	if err != nil {
		t.Fatal(err)
	}
	want := raw(t, "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	if !bytes.Equal(got, want) {
		t.Errorf("the body is\n%x, want\n%x", got, want)
	}
}

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"142.250.74.1": true, "17.57.1.1": true, "2a00:1450:4001::1": true, "::ffff:142.250.74.1": true,
		"127.0.0.1": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "198.18.0.1": false, "192.0.0.192": false, "203.0.113.5": false, "224.0.0.1": false, "255.255.255.255": false,
		"240.0.0.1": false, "::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false,
		"ff02::1": false, "fec0::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false,
		"2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "::127.0.0.1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %v", address, got)
		}
	}
	for address, want := range map[string]bool{
		"142.250.74.1:443": true, "142.250.74.1:80": false, "142.250.74.1:22": false, "127.0.0.1:443": false, "[::1]:443": false, "nonsense": false,
	} {
		if got := checkAddress(address) == nil; got != want {
			t.Errorf("%s may be called: %v", address, got)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for text, want := range map[string]bool{
		"https://fcm.googleapis.com/fcm/send/abc:def":     true,
		"https://web.push.apple.com:443/QA":               true,
		"http://fcm.googleapis.com/fcm/send/abc":          false,
		"https://user:secret@fcm.googleapis.com/":         false,
		"https://fcm.googleapis.com:8443/":                false,
		"https://10.0.0.1/":                               false,
		"https://[::1]/":                                  false,
		"https://":                                        false,
		"https:opaque":                                    false,
		"https://fcm.googleapis.com/#f":                   false,
		"":                                                false,
		"https://a.example/" + string(make([]byte, 1024)): false,
	} {
		if _, err := endpointOf(text, false); (err == nil) != want {
			t.Errorf("%.60s: %v", text, err)
		}
	}
	if _, err := endpointOf("https://127.0.0.1:8443/x", true); err != nil {
		t.Error(err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-5": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second,
		"Wed, 04 Mar 2026 12:01:00 GMT": time.Minute, "Wed, 04 Mar 2026 11:00:00 GMT": 0, "99999999999999999999": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q is %s, want %s", header, got, want)
		}
	}
}

func TestLimiterForgets(t *testing.T) {
	l := limiter{last: make(map[string]time.Time)}
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	if !l.admit("a", now) || l.admit("a", now.Add(quietPeriod-1)) || !l.admit("b", now) || !l.admit("a", now.Add(quietPeriod)) {
		t.Error("one in each period, for each of them")
	}
	for n := range maxRecent {
		l.last[strconv.Itoa(n)] = now
	}
	if l.admit("c", now) {
		t.Error("it grows without bound")
	}
	if !l.admit("c", now.Add(2*quietPeriod)) || len(l.last) > 2 {
		t.Errorf("it does not forget: %d", len(l.last))
	}
}

func BenchmarkEncrypt(b *testing.B) {
	key, err := ecdh.P256().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := encrypt([]byte(`{"kind":"request","workstation":"LAPTOP-1"}`), key.PublicKey().Bytes(), make([]byte, authSize)); err != nil {
			b.Fatal(err)
		}
	}
}

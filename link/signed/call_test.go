package signed_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/signed"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// far is a control center that answers as told.
type far struct {
	asked  []signed.Request
	answer func(r signed.Request) (*signed.Response, error)
}

func (f *far) RoundTrip(_ context.Context, r signed.Request) (*signed.Response, error) {
	f.asked = append(f.asked, r)
	return f.answer(r)
}

func caller(t *testing.T, f *far) (*signed.Caller, ed25519.PublicKey) {
	t.Helper()
	c, err := signed.NewCaller(signed.Phone, "https://postern.contoso.com/", f, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SignAs("phn_1", private)
	return c, public
}

// claims checks a request's signature and gives what it binds.
func claims(t *testing.T, key ed25519.PublicKey, r signed.Request) (c postern.PhoneProof) {
	t.Helper()
	jws, ok := strings.CutPrefix(r.Header["Authorization"], "Postern-Phone ")
	parts := strings.Split(jws, ".")
	if !ok || len(parts) != 3 {
		t.Fatalf("Authorization: %q", r.Header["Authorization"])
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		t.Fatal("the signature is not the device's")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequestsAreBound(t *testing.T) {
	f := &far{answer: func(signed.Request) (*signed.Response, error) {
		return &signed.Response{Status: 200, Body: []byte(`{"a":1}`)}, nil
	}}
	c, key := caller(t, f)
	var out struct{ A int }
	for range 2 {
		if err := c.Call(t.Context(), "PUT", "/self", map[string][]string{"wait": {"5"}}, map[string]int{"b": 2}, &out); err != nil || out.A != 1 {
			t.Fatal(out, err)
		}
	}
	hash := sha256.Sum256([]byte(`{"b":2}`))
	first, second := claims(t, key, f.asked[0]), claims(t, key, f.asked[1])
	if first.Method != http.MethodPut || first.Path != "/phone/v1/self?wait=5" || first.IssuedAt != now.Unix() || first.BodyHash != base64.RawURLEncoding.EncodeToString(hash[:]) {
		t.Errorf("%+v", first)
	}
	if first.ID == second.ID {
		t.Error("two requests have one id")
	}
	if f.asked[0].URL != "https://postern.contoso.com/phone/v1/self?wait=5" {
		t.Error(f.asked[0].URL)
	}
}

// TestWrongClock: the control center's time counts, once it said that the device's is wrong.
func TestWrongClock(t *testing.T) {
	ahead := 3 * time.Hour
	refused, err := json.Marshal(postern.ProblemOf(postern.Errorf(postern.CodePhoneClock, "")))
	if err != nil {
		t.Fatal(err)
	}
	f := &far{}
	c, key := caller(t, f)
	f.answer = func(r signed.Request) (*signed.Response, error) {
		if claims(t, key, r).IssuedAt != now.Add(ahead).Unix() {
			return &signed.Response{Status: 401, Date: now.Add(ahead), Body: refused}, nil
		}
		return &signed.Response{Status: 200, Body: []byte(`{}`)}, nil
	}
	if err := c.Call(t.Context(), "GET", "/self", nil, nil, nil); err != nil || len(f.asked) != 2 || c.Offset() != ahead {
		t.Errorf("%v after %d requests, %s ahead", err, len(f.asked), c.Offset())
	}
	ahead = -time.Hour // and when it changes its mind, it is asked once more and no oftener
	f.asked, f.answer = nil, func(signed.Request) (*signed.Response, error) {
		return &signed.Response{Status: 401, Date: now, Body: refused}, nil
	}
	if err := c.Call(t.Context(), "GET", "/self", nil, nil, nil); !postern.IsCode(err, postern.CodePhoneClock) || len(f.asked) != 2 {
		t.Errorf("%v after %d requests", err, len(f.asked))
	}
}

func TestAnswersOfOthers(t *testing.T) {
	for name, r := range map[string]*signed.Response{
		"a proxy":       {Status: 502, Body: []byte("<html>Bad gateway</html>")},
		"another page":  {Status: 200, Body: []byte("<html>Welcome</html>")},
		"a redirect":    {Status: 302},
		"no code in it": {Status: 400, Body: []byte(`{"detail":"no"}`)},
	} {
		c, _ := caller(t, &far{answer: func(signed.Request) (*signed.Response, error) { return r, nil }})
		var out struct{}
		if err := c.Call(t.Context(), "GET", "/self", nil, nil, &out); !postern.IsCode(err, postern.CodeUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, _ := caller(t, &far{answer: func(signed.Request) (*signed.Response, error) { return nil, errors.New("no route to host") }})
	err := c.Call(t.Context(), "GET", "/self", nil, nil, nil)
	if !postern.IsCode(err, postern.CodeUnavailable) || !strings.Contains(err.Error(), "cannot be reached: no route to host") {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for address, good := range map[string]bool{
		"https://postern.contoso.com": true, "https://postern.contoso.com:8443/": true, "http://localhost:8080": true, "http://[::1]:8080": true,
		"": false, "postern.contoso.com": false, "http://postern.contoso.com": false, "https://user@postern.contoso.com": false,
		"https://postern.contoso.com/?a": false, "https://postern.contoso.com/#a": false, "ftp://postern.contoso.com": false, "http://127.0.0.1.nip.io": false,
	} {
		if _, err := signed.NewCaller(signed.Workstation, address, nil, time.Now); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestHTTP holds the transport to its bounds.
func TestHTTP(t *testing.T) {
	long := strings.Repeat("a", 5<<20)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("Retry-After", "7")
		_, _ = w.Write([]byte(long))
	}))
	defer s.Close()
	r, err := signed.HTTP(nil).RoundTrip(t.Context(), signed.Request{Method: "GET", URL: s.URL})
	if err != nil || len(r.Body) != 4<<20 || r.RetryAfter != 7*time.Second || r.Date.IsZero() {
		t.Errorf("%d bytes, %s, %s, %v", len(r.Body), r.RetryAfter, r.Date, err)
	}
	if r, err := signed.HTTP(nil).RoundTrip(t.Context(), signed.Request{Method: "POST", URL: s.URL + "/elsewhere", Body: []byte("x")}); err != nil || r.Status != 307 {
		t.Errorf("%+v, %v", r, err)
	}
}

package extension

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/workstation"
)

// desk is an App whose browser remembers what it was told, and whose phones are authenticators.
type desk struct {
	*testing.T
	app     *App
	views   []View
	phones  []workstation.Phone
	devices map[postern.PhoneID]*authtest.Device
	asked   []postern.PhoneID
	fail    func(phone postern.PhoneID) error
	changed chan struct{}
	silent  bool      // no phone answers
	until   time.Time // the deadline that a phone was told last
}

func (d *desk) Load(context.Context) ([]byte, error)   { return nil, nil }
func (d *desk) Save(context.Context, []byte) error     { return nil }
func (d *desk) Attach(context.Context) error           { return nil }
func (d *desk) Detach(context.Context) error           { return nil }
func (d *desk) Complete(context.Context, Answer) error { return nil }
func (d *desk) Window(context.Context, bool) error     { return nil }
func (d *desk) Status() workstation.Status             { return workstation.Status{Phones: slices.Clone(d.phones)} }
func (d *desk) Changed() <-chan struct{}               { return d.changed }
func (d *desk) View(data []byte) {
	var v View
	if err := json.Unmarshal(data, &v); err != nil {
		d.Error(err)
	}
	d.views = append(d.views, v)
}

func (d *desk) Request(ctx context.Context, phone postern.PhoneID, r workstation.Request) ([]byte, error) {
	d.asked, d.until = append(d.asked, phone), r.Deadline
	if d.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if d.fail != nil {
		if err := d.fail(phone); err != nil {
			return nil, err
		}
	}
	r.Asked("42")
	r.Waiting(channel.StatusUPNeeded)
	return d.devices[phone].Handle(ctx, r.CTAP), nil
}

func newDesk(t *testing.T, names ...postern.PhoneID) *desk {
	t.Helper()
	d := &desk{T: t, devices: map[postern.PhoneID]*authtest.Device{}, changed: make(chan struct{})}
	for _, name := range names {
		d.phones = append(d.phones, workstation.Phone{ID: name, Name: string(name), Presence: relay.Present})
		d.devices[name] = authtest.New(t)
	}
	d.app = New(Config{Host: d, Browser: "Chrome 156", Env: workstation.Env{Random: rand.Reader}})
	d.app.run = t.Context()
	return d
}

// hold has a call of a page answered.
func (d *desk) hold(ctx context.Context, kind string, data []byte) ([]byte, error) {
	d.Helper()
	parsed, err := parseCall(kind, data)
	if err != nil {
		d.Fatal(err)
	}
	c := d.app.ceremony(1, parsed)
	d.app.open[1], d.app.shown = c, c
	return d.app.hold(ctx, d, c)
}

// collected is client data (WebAuthn §5.8.1).
type collected struct {
	Type, Origin string
	CrossOrigin  bool
}

// clientData reads what was signed.
func clientData(t *testing.T, response []byte) (c collected) {
	t.Helper()
	var out struct {
		Response struct {
			ClientDataJSON string `json:"clientDataJSON"`
		}
	}
	if err := json.Unmarshal(response, &out); err != nil {
		t.Fatal(err)
	}
	data, err := base64.RawURLEncoding.DecodeString(out.Response.ClientDataJSON)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatIsSigned(t *testing.T) {
	d := newDesk(t, "phn_a")
	made, err := d.hold(t.Context(), KindCreate, details(t, KindCreate, map[string]any{"authenticatorSelection": map[string]any{"residentKey": "required"}}, from("https://login.microsoft.com", true)))
	if err != nil {
		t.Fatal(err)
	}
	if c := clientData(t, made); c.Type != "webauthn.create" || c.Origin != "https://login.microsoft.com" || c.CrossOrigin {
		t.Errorf("registration: %+v", c)
	}
	got, err := d.hold(t.Context(), KindGet, details(t, KindGet, nil, from("https://login.microsoft.com", false)))
	if err != nil {
		t.Fatal(err)
	}
	if c := clientData(t, got); c.Type != "webauthn.get" || !c.CrossOrigin {
		t.Errorf("embedded sign-in: %+v", c)
	}
	shown := slices.ContainsFunc(d.views, func(v View) bool {
		return v.Request != nil && v.Request.Step == RequestWaiting && v.Request.Digits == "42"
	})
	if !shown {
		t.Error("the digits were never shown")
	}
}

// TestHostileOrigins: whatever a page or a frame calls itself, it gets nothing of another site, and no phone is asked.
func TestHostileOrigins(t *testing.T) {
	tests := map[string]struct{ origin, rpID string }{
		"another site":         {"https://evil.example", "login.microsoft.com"},
		"a look-alike":         {"https://login.microsoft.com.evil.example", "login.microsoft.com"},
		"a suffix in a label":  {"https://evillogin.microsoft.com", "login.microsoft.com"},
		"a subdomain's name":   {"https://microsoft.com", "login.microsoft.com"},
		"a public suffix":      {"https://evil.github.io", "github.io"},
		"a top-level domain":   {"https://login.microsoft.com", "com"},
		"a registry's suffix":  {"https://evil.co.uk", "co.uk"},
		"plain http":           {"http://login.microsoft.com", "login.microsoft.com"},
		"an IP address":        {"https://203.0.113.7", "203.0.113.7"},
		"an IPv6 address":      {"https://[2001:db8::1]", "2001:db8::1"},
		"another scheme":       {"ftp://login.microsoft.com", "login.microsoft.com"},
		"another extension":    {"chrome-extension://eaiabablbilcpegihlomhlbcehmbdodf", "eaiabablbilcpegihlomhlbcehmbdodf"},
		"a user before it":     {"https://login.microsoft.com@evil.example", "login.microsoft.com"},
		"a path in it":         {"https://evil.example/https://login.microsoft.com", "login.microsoft.com"},
		"upper case":           {"https://login.microsoft.com", "LOGIN.microsoft.com"},
		"a dot at the end":     {"https://login.microsoft.com", "login.microsoft.com."},
		"letters that look so": {"https://login.microsoft.com", "login.micrοsoft.com"},
		"a port as part of it": {"https://login.microsoft.com:8443", "login.microsoft.com:8443"},
		"everybody's own host": {"http://evil.localhost", "localhost"},
	}
	for name, test := range tests {
		for _, kind := range []string{KindGet, KindCreate} {
			t.Run(name+", "+kind, func(t *testing.T) {
				d := newDesk(t, "phn_a")
				more := map[string]any{"rpId": test.rpID}
				if kind == KindCreate {
					more = map[string]any{"rp": map[string]any{"id": test.rpID, "name": "x"}}
				}
				_, err := d.hold(t.Context(), kind, details(t, kind, more, from(test.origin, true)))
				if err == nil || len(d.asked) > 0 {
					t.Fatalf("answered: %v, asked %v", err, d.asked)
				}
				if e := domError(err); e.Name != "SecurityError" || strings.Contains(e.Message, test.origin) {
					t.Errorf("the page gets %+v", e)
				}
			})
		}
	}
}

// TestOutcomes: what the page gets of each outcome, and what the person reads.
func TestOutcomes(t *testing.T) {
	get := details(t, KindGet, nil, from("https://login.microsoft.com", true))
	tests := map[string]struct {
		prepare func(d *desk)
		data    []byte
		name    string
		code    postern.Code
	}{
		"nothing for this site": {data: get, name: "NotAllowedError", code: "no_passkey"},
		"no phone":              {data: get, name: "NotAllowedError", code: "no_phone", prepare: func(d *desk) { d.phones = nil }},
		"not allowed": {data: get, name: "NotAllowedError", code: "phone_refused", prepare: func(d *desk) {
			d.fail = func(postern.PhoneID) error { return &workstation.Refusal{Reason: channel.ReasonNotAllowed} }
		}},
		"an empty challenge": {data: details(t, KindGet, map[string]any{"challenge": ""}, from("https://login.microsoft.com", true)), name: "DataError", code: "failed"},
		"refused": {
			data: details(t, KindCreate, nil, from("https://login.microsoft.com", true)), name: "NotAllowedError", code: "denied",
			prepare: func(d *desk) { d.devices["phn_a"].User.Answer = authtest.Refuse(authenticator.ErrDenied) },
		},
		"no algorithm": {
			data: details(t, KindCreate, map[string]any{"pubKeyCredParams": []any{map[string]any{"type": "public-key", "alg": -65535}}}, from("https://login.microsoft.com", true)),
			name: "NotSupportedError", code: "unsupported",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, "phn_a")
			if test.prepare != nil {
				test.prepare(d)
			}
			kind := KindGet
			if strings.Contains(string(test.data), `"rp"`) {
				kind = KindCreate
			}
			_, err := d.hold(t.Context(), kind, test.data)
			if err == nil {
				t.Fatal("answered")
			}
			if e := domError(err); e.Name != test.name {
				t.Errorf("the page gets %+v of %v", e, err)
			}
			if p := wordsFor(err); p == nil || p.Code != test.code || p.Message == "" {
				t.Errorf("the person reads %+v of %v", p, err)
			}
		})
	}
}

// TestTriesAgain: while the page waits, a phone that could not be reached is asked again, or another one.
func TestTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "phn_a", "phn_b")
		d.fail = func(phone postern.PhoneID) error {
			if phone == "phn_a" {
				return postern.Errorf(postern.CodeLinkPeerGone, "")
			}
			return nil
		}
		type result struct {
			response []byte
			err      error
		}
		done := make(chan result)
		go func() {
			response, err := d.hold(t.Context(), KindCreate, details(t, KindCreate, nil, from("https://login.microsoft.com", true)))
			done <- result{response, err}
		}()
		last := func(step string) {
			t.Helper()
			synctest.Wait()
			if v := d.views[len(d.views)-1]; v.Request.Step != step {
				t.Fatalf("the window shows %+v, want %s", v.Request, step)
			}
		}
		do := func(what act) {
			t.Helper()
			if err := d.app.act(1, what); err != nil {
				t.Fatal(err)
			}
		}
		last(RequestChoose)
		do(act{phone: "phn_a"})
		last(RequestFailed)
		do(act{retry: true})
		last(RequestFailed)
		do(act{phone: "phn_b"})
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		if want := []postern.PhoneID{"phn_a", "phn_a", "phn_b"}; !slices.Equal(d.asked[:3], want) {
			t.Errorf("asked %v", d.asked)
		}
	})
}

// TestPicks: a phone that is there is asked before one that is not, and one with a notice never.
func TestPicks(t *testing.T) {
	d := newDesk(t, "phn_a", "phn_b", "phn_c")
	d.phones[0].Presence = relay.Gone
	d.phones[2].Notice = &postern.PhoneNotice{Code: postern.CodeUserSuspended}
	parsed, err := parseCall(KindGet, details(t, KindGet, nil, from("https://login.microsoft.com", true)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.app.pick(t.Context(), d, &ceremony{call: parsed}); err != nil || got != "phn_b" {
		t.Errorf("picked %s, %v", got, err)
	}
}

// TestNobodyAnswers: the page's time ends the request, and the person reads why.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "phn_a")
		d.silent = true
		time.Sleep(300 * time.Millisecond) // off the whole second
		data := details(t, KindGet, map[string]any{"timeout": 1}, from("https://login.microsoft.com", true))
		began := time.Now()
		_, err := d.hold(t.Context(), KindGet, data)
		if took := time.Since(began); took != minTimeout {
			t.Errorf("it took %v", took)
		}
		if shown := d.app.open[1].view.Deadline; !d.until.Equal(shown) || shown.Nanosecond() != 0 || shown.After(began.Add(minTimeout)) {
			t.Errorf("the phone ends at %v, the window at %v", d.until, shown)
		}
		if e := domError(err); e.Name != "NotAllowedError" {
			t.Errorf("the page gets %+v", e)
		}
		if p := wordsFor(err); p == nil || p.Code != "late" {
			t.Errorf("the person reads %+v of %v", p, err)
		}
	})
}

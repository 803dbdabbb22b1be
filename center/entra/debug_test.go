package entra

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
)

// debugging opens a tenant whose HTTP Debug writes into the buffer.
func debugging(f *fakeEntra, out *bytes.Buffer, change ...func(*Options)) (*Tenant, *fakeClock) {
	return f.open(append([]func(*Options){func(o *Options) {
		o.Logger = slog.New(slog.NewJSONHandler(out, nil))
		o.DebugUntil = func() time.Time { return time.Now().Add(time.Hour) }
	}}, change...)...)
}

// Whatever the secrets look like, and wherever the server repeats them, none of them is in the log, in no spelling.
func TestDebugHoldsNoSecret(t *testing.T) {
	cert, key := keyPair(t, 2048, nil)
	var token, challenge, quoted string
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session="+challenge)
		w.Header().Set("X-Unknown", "carries "+token)
		switch {
		case strings.Contains(r.URL.Path, "creationOptions"):
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(optionsJSON(func(m map[string]any) { m["challenge"] = encodeBinary([]byte(challenge)) }))
		case r.Method == http.MethodPost:
			graphRefuses(w, 400, "badRequest", "The value "+quoted+" of "+token+" is wrong, and so is "+body(r))
		default:
			w.Header().Set("WWW-Authenticate", `Bearer claims="`+challenge+`"`)
			graphRefuses(w, 404, "itemNotFound", "Nothing for "+r.Header.Get("Authorization")+" and "+quoted)
		}
	})
	f.token = func(w http.ResponseWriter, form url.Values) bool {
		if strings.HasPrefix(quoted, "refuse") {
			writeJSON(w, 400, map[string]any{"error": "invalid_request", "error_description": "AADSTS1: You sent " + form.Encode() + " and " + form.Get("client_assertion") + form.Get("password")})
			return true
		}
		writeJSON(w, 200, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": token, "refresh_token": "refresh-" + token})
		return true
	}
	secret := rapid.StringMatching(`s-[A-Za-z0-9~_.+/=&%" \\<>ä-]{12,60}[a-z]`)
	rapid.Check(t, func(rt *rapid.T) {
		one, two, attestation := secret.Draw(rt, "secret"), secret.Draw(rt, "password"), secret.Draw(rt, "attestation")
		challenge = rapid.StringMatching(`c-[A-Za-z0-9._-]{30,80}`).Draw(rt, "challenge")
		token = unsignedJWT(map[string]any{"roles": []string{"User.Read.All"}, "n": challenge})
		quoted = rapid.SampledFrom([]string{one, two, challenge, "refuse " + two}).Draw(rt, "quoted")
		credential := rapid.SampledFrom([]Credential{
			{Kind: postern.CredentialSecret, ClientSecret: one},
			{Kind: postern.CredentialCertificate, Certificate: cert, PrivateKey: key},
			{Kind: postern.CredentialServiceAccount, ClientSecret: one, Username: "svc@contoso.com", Password: two},
		}).Draw(rt, "credential")
		if credential.ClientSecret == "" && quoted == one || credential.Password == "" && strings.HasSuffix(quoted, two) {
			quoted = challenge // a server cannot quote what it was never told
		}
		var out bytes.Buffer
		tenant, _ := debugging(f, &out, func(o *Options) { o.Credential, o.Transport = credential, f.server.Client().Transport })
		_, err1 := tenant.CreationOptions(ctx, "u@contoso.com", 5)
		_, err2 := tenant.RegisterPasskey(ctx, "u@contoso.com", "Postern", NewCredential{ID: []byte("the-credential-id"), ClientDataJSON: []byte(`{"challenge":"` + encodeBinary([]byte(challenge)) + `"}`), AttestationObject: []byte(attestation)})
		_, err3 := tenant.GroupByID(ctx, "g")
		secrets := []string{token, encodeBinary([]byte(challenge)), encodeBinary([]byte(attestation))}
		for _, s := range []string{credential.ClientSecret, credential.Password} {
			if s != "" {
				secrets = append(secrets, s)
			}
		}
		logged := out.String()
		texts := map[string]string{"log": logged, "errors": fmt.Sprint(err1, err2, err3)}
		var lines strings.Builder
		for line := range strings.SplitSeq(strings.TrimSpace(logged), "\n") {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				rt.Fatalf("not JSON: %s", line)
			}
			for _, v := range m {
				fmt.Fprintln(&lines, v)
			}
		}
		texts["the log's values"] = lines.String()
		for where, text := range texts {
			for _, s := range secrets {
				quotedForm, _ := json.Marshal(s)
				for _, form := range []string{s, url.QueryEscape(s), strings.Trim(string(quotedForm), `"`), base64.StdEncoding.EncodeToString([]byte(s))} {
					if strings.Contains(text, form) {
						rt.Fatalf("%s hold %q:\n%s", where, form, text)
					}
				}
			}
		}
		if !strings.Contains(logged, "u@contoso.com") && !strings.HasPrefix(quoted, "refuse") || !strings.Contains(logged, "http debug") {
			rt.Fatalf("the log lost what it is for:\n%s", logged)
		}
	})
}

func TestDebugShowsWhatHelps(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		graphRefuses(w, 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	})
	var out bytes.Buffer
	tenant, _ := debugging(f, &out)
	_, _ = tenant.FindGroups(ctx, "Postern Group")
	_, _ = tenant.send(ctx, call{op: opListUsers, method: http.MethodGet, path: "/users", query: query{{"$top", "5"}, {"$skiptoken", "opaque-page-position"}, {"code", "123456789"}}})
	logged := out.String()
	for _, want := range []string{
		`"method":"GET"`, "/v1.0/groups?$filter=displayName%20eq", "Authorization_RequestDenied", "Insufficient privileges",
		`"status":403`, "request-id", "11111111-2222", "grant_type=client_credentials", "$top=5", "Authorization: [hidden]",
	} {
		if !strings.Contains(logged, want) {
			t.Errorf("the log does not hold %q", want)
		}
	}
	for _, not := range []string{"opaque-page-position", "123456789", testSecret} {
		if strings.Contains(logged, not) {
			t.Errorf("the log holds %q", not)
		}
	}
}

func TestDebugSwitchesItselfOff(t *testing.T) {
	f := newFake(t, emptyGroup)
	var out bytes.Buffer
	clock := &fakeClock{now: time.Now()}
	until := clock.Now().Add(time.Minute)
	tenant, _ := f.open(func(o *Options) {
		o.Now, o.Sleep = clock.Now, clock.Sleep
		o.Logger, o.DebugUntil = slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return until }
	})
	if _, err := tenant.GroupByID(ctx, "g"); err != nil || out.Len() == 0 {
		t.Fatalf("%v; nothing written while it is on", err)
	}
	_ = clock.Sleep(ctx, time.Minute)
	out.Reset()
	if _, err := tenant.GroupByID(ctx, "g"); err != nil || out.Len() != 0 {
		t.Errorf("%v; written after the time: %s", err, out.String())
	}
}

func TestDebugOfOtherBodies(t *testing.T) {
	var r redactor
	for contentType, body := range map[string]string{
		"text/html": "<html>secret page</html>", "application/json": "{not json secret", "application/x-www-form-urlencoded": "a=%zz&secret",
		"": "secret",
	} {
		if got := r.body(contentType, []byte(body)); strings.Contains(got, "secret") || got == "" {
			t.Errorf("%q writes %q", contentType, got)
		}
	}
	long := `{"message":"` + strings.Repeat("x", 2*maxWritten) + `"}`
	if got := r.body("application/json", []byte(long)); len(got) > maxWritten+10 {
		t.Errorf("%d bytes written", len(got))
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("application/json", []byte(`{"access_token":"abcdefgh","error":{"code":"x","message":"abcdefgh"}}`), "abcdefgh")
	f.Add("application/x-www-form-urlencoded", []byte("client_secret=abcdefgh&scope=abcdefgh"), "abcdefgh")
	f.Fuzz(func(t *testing.T, contentType string, body []byte, secret string) {
		if len(secret) < 6 || strings.Contains(secret, "\x00") {
			return // too short to hunt, or of the mark below
		}
		var r redactor
		r.learn(secret)
		got := r.clean(r.body(contentType, body))
		if strings.Contains(strings.ReplaceAll(got, hidden, "\x00"), secret) {
			t.Errorf("%q is in %q", secret, got)
		}
	})
}

func FuzzGraphError(f *testing.F) {
	f.Add(403, []byte(`{"error":{"code":"Authorization_RequestDenied","message":"m","innererror":{"request-id":"x"}}}`))
	f.Add(429, []byte(`{"error":"x"}`))
	f.Add(500, []byte("<html>"))
	tenant := &Tenant{opts: Options{TenantID: testTenant, Credential: Credential{ClientSecret: testSecret}, Now: time.Now}}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := tenant.refusal(call{op: opRegister, on: object{"user", "u"}}, status, http.Header{}, body)
		if e.Code == "" || e.Message == "" || e.Next == "" || len(e.Message) > 4*maxWords+600 {
			t.Errorf("refusal %+v", e)
		}
		if strings.ContainsAny(e.Message, "\n\r\x00") || strings.Contains(e.Error(), testSecret) {
			t.Errorf("the sentence is %q", e.Message)
		}
	})
}

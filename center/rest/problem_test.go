package rest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

// TestEveryCodeIsAnswered: whatever code a service gives, the answer has its status, sentence and next step.
func TestEveryCodeIsAnswered(t *testing.T) {
	h := newHouse(t)
	h.loose = true // a real service gives only codes that belong to the operation
	token := h.token(postern.PermIntegrationsWrite)
	for code, entry := range postern.Catalogue() {
		h.domain.fail = postern.Errorf(code, "Exactly this.").OnField("tenant_id").Because(errors.New("for the log only"))
		p := problem(t, h.send(http.MethodPost, "/api/v1/integrations", `{"application_name":"a","tenant_id":"b","client_id":"c"}`, bearer(token)))
		if p.Status != entry.Status || p.Code != code || p.Title != entry.Message || p.Detail != "Exactly this." || p.Next != entry.Next || p.Field != "tenant_id" {
			t.Errorf("%s is answered as %+v", code, p)
		}
	}
	if !strings.Contains(h.log.String(), "for the log only") {
		t.Error("the cause did not reach the log")
	}
}

func TestOtherErrorsKeepTheirTextToThemselves(t *testing.T) {
	h := newHouse(t)
	token := h.token(postern.PermIntegrationsRead)
	for _, try := range []struct {
		err  error
		code postern.Code
	}{
		{errors.New("dial tcp 10.1.2.3: secret"), postern.CodeInternal},
		{context.DeadlineExceeded, postern.CodeUnavailable},
		{context.Canceled, postern.CodeUnavailable},
	} {
		h.domain.fail = try.err
		answer := h.send(http.MethodGet, "/api/v1/integrations", "", bearer(token))
		p := problem(t, answer)
		if p.Code != try.code || strings.Contains(p.Detail, "secret") {
			t.Errorf("%v is answered as %+v", try.err, p)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	h := newHouse(t)
	e := postern.Errorf(postern.CodeEntraThrottled, "")
	e.After = 1500 * time.Millisecond
	h.domain.fail = e
	answer := h.send(http.MethodGet, "/api/v1/integrations", "", bearer(h.token(postern.PermIntegrationsRead)))
	if got := answer.Header.Get("Retry-After"); got != "2" {
		t.Fatalf("Retry-After is %q", got)
	}
}

func TestRequestsAreChecked(t *testing.T) {
	h := newHouse(t)
	write, read := bearer(h.token(postern.PermIntegrationsWrite)), bearer(h.token(postern.PermUsersRead, postern.PermAuditRead))
	const add = "/api/v1/integrations"
	for name, try := range map[string]struct {
		method, path, body string
		as                 with
		code               postern.Code
		field              string
	}{
		"no body":           {http.MethodPost, add, "", write, postern.CodeInvalid, "body"},
		"not JSON":          {http.MethodPost, add, `{"client_secret":"hush",`, write, postern.CodeInvalid, "body"},
		"a missing field":   {http.MethodPost, add, `{"application_name":"a","client_id":"c"}`, write, postern.CodeInvalid, "tenant_id"},
		"an unknown field":  {http.MethodPost, add, `{"application_name":"a","tenant_id":"b","client_id":"c","hush":1}`, write, postern.CodeInvalid, "hush"},
		"a wrong type":      {http.MethodPost, add, `{"application_name":1,"tenant_id":"b","client_id":"c"}`, write, postern.CodeInvalid, "application_name"},
		"a wrong value":     {http.MethodPut, add + "/int_1/state", `{"version":1,"state":"hush"}`, write, postern.CodeInvalid, "state"},
		"no version":        {http.MethodPut, add + "/int_1/state", `{"state":"ENABLED"}`, write, postern.CodeInvalid, "version"},
		"no If-Match":       {http.MethodDelete, add + "/int_1", "", write, postern.CodeInvalid, "version"},
		"unknown parameter": {http.MethodGet, "/api/v1/users?hush=1", "", read, postern.CodeInvalid, "hush"},
		"a wrong parameter": {http.MethodGet, "/api/v1/users?limit=hush", "", read, postern.CodeInvalid, "limit"},
		"too high a limit":  {http.MethodGet, "/api/v1/audit/events?limit=100000", "", read, postern.CodeInvalid, "limit"},
		"too large a body":  {http.MethodPost, add, `{"client_secret":"` + strings.Repeat("hush", 100_000) + `"}`, write, postern.CodeTooLarge, ""},
		"an unknown path":   {http.MethodGet, "/api/v1/hush", "", read, postern.CodeNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(h.domain.called())
			answer := h.send(try.method, try.path, try.body, try.as)
			p := problem(t, answer)
			if p.Code != try.code || p.Field != try.field {
				t.Fatalf("answered %+v, want %s on %q", p, try.code, try.field)
			}
			if strings.Contains(strings.ReplaceAll(p.Detail, "hush:", ""), "hush") && p.Code == postern.CodeInvalid && p.Field != "hush" {
				t.Fatalf("the answer quotes what was sent: %s", p.Detail)
			}
			if len(h.domain.called()) != before {
				t.Fatal("it reached the service all the same")
			}
		})
	}
}

func TestVersions(t *testing.T) {
	h := newHouse(t)
	as := bearer(h.token(postern.PermIntegrationsWrite, postern.PermIntegrationsRead))
	answer := h.send(http.MethodGet, "/api/v1/integrations/int_1", "", as)
	tag := answer.Header.Get("ETag")
	if tag != `"7"` {
		t.Fatalf("the ETag is %s", tag)
	}
	const state = "/api/v1/integrations/int_1/state"
	for name, try := range map[string]struct {
		body, match string
		want        int64 // 0: refused
	}{
		"in the body":     {`{"version":7,"state":"ENABLED"}`, "", 7},
		"as If-Match":     {`{"state":"ENABLED"}`, tag, 7},
		"as a weak tag":   {`{"state":"ENABLED"}`, "W/" + tag, 7},
		"as a number":     {`{"state":"ENABLED"}`, "7", 7},
		"both":            {`{"version":7,"state":"ENABLED"}`, tag, 7},
		"two of them":     {`{"version":6,"state":"ENABLED"}`, tag, 0},
		"anything at all": {`{"state":"ENABLED"}`, "*", 0},
	} {
		h.domain.last = nil
		answer := h.send(http.MethodPut, state, try.body, as, header("If-Match", try.match))
		if try.want == 0 {
			wantProblem(t, answer, postern.CodeInvalid, "If-Match")
			continue
		}
		wantStatus(t, answer, http.StatusOK)
		if h.domain.last != try.want {
			t.Errorf("%s: version %v reached the service", name, h.domain.last)
		}
	}
	wantStatus(t, h.send(http.MethodDelete, "/api/v1/integrations/int_1", "", as, header("If-Match", tag)), http.StatusNoContent)
}

func TestOtherSitesAreRefused(t *testing.T) {
	h := newHouse(t)
	const path = "/api/v1/tokens"
	crossSite := header("Sec-Fetch-Site", "cross-site")
	wantProblem(t, h.send(http.MethodPost, path, "{}", crossSite), postern.CodeCrossOrigin, "")
	wantProblem(t, h.send(http.MethodPost, path, "{}", header("Origin", "https://evil.example")), postern.CodeCrossOrigin, "")
	wantProblem(t, h.send(http.MethodPost, path, "{}", header("Sec-Fetch-Site", "same-origin")), postern.CodeUnauthenticated, "")
	wantProblem(t, h.send(http.MethodGet, path, "", crossSite), postern.CodeUnauthenticated, "")
	answer := h.send(http.MethodGet, path, "", crossSite, bearer(h.token(postern.PermTokens)))
	wantStatus(t, answer, http.StatusOK)
	for name := range answer.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("the answer has %s", name)
		}
	}
}

func TestAnswersAreGuarded(t *testing.T) {
	h := newHouse(t)
	answer := h.send(http.MethodGet, "/api/v1/me", "")
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

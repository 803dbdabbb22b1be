package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

var ctx = context.Background()

func TestPagingFollowsLinks(t *testing.T) {
	var f *fakeEntra
	f = newFake(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("$skiptoken") {
		case "":
			writeJSON(w, 200, map[string]any{
				"value":           []any{map[string]any{"id": "1", "userPrincipalName": "a@contoso.com", "accountEnabled": true}},
				"@odata.nextLink": f.server.URL + "/v1.0/users?$top=999&$skiptoken=x%2By",
			})
		default:
			writeJSON(w, 200, map[string]any{"value": []any{map[string]any{"id": "2", "userPrincipalName": "b_fabrikam.com#EXT#@contoso.com"}}})
		}
	})
	tenant, _ := f.open()
	var got []string
	for u, err := range tenant.AllUsers(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %t %t", u.ObjectID, u.Enabled, u.Guest))
	}
	if want := []string{"1 true false", "2 true true"}; !slices.Equal(got, want) {
		t.Errorf("users %v, want %v", got, want)
	}
	if calls := f.seen(); len(calls) != 2 || calls[1] != "GET /v1.0/users?$top=999&$skiptoken=x%2By" {
		t.Errorf("the link was not followed as it came: %q", calls)
	}
}

// A page that links elsewhere must not take the token there.
func TestPagingRefusesForeignLinks(t *testing.T) {
	other := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, 200, map[string]any{"value": []any{}})
	})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, 200, map[string]any{"value": []any{}, "@odata.nextLink": other.server.URL + "/v1.0/users?p=2"})
	})
	tenant, _ := f.open()
	_, err := tenant.Users(ctx, "", 10)
	wantCode(t, err, postern.CodeEntraAnswerUnexpected)
	if n := len(other.seen()); n != 0 {
		t.Errorf("%d requests went to the other host", n)
	}
}

// A stored place of another Graph is not asked: the reading begins anew.
func TestForeignPlacesAreLeft(t *testing.T) {
	other := newFake(t, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]any{"value": []any{}}) })
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]any{"value": []any{}}) })
	tenant, _ := f.open()
	if _, err := tenant.UsersDelta(ctx, other.server.URL+"/v1.0/users/delta?$deltatoken=x"); !ResyncNeeded(err) {
		t.Errorf("%v is no reason to begin anew", err)
	}
	if m, err := tenant.MemberChanges(ctx, other.server.URL+"/v1.0/groups/delta?$deltatoken=x", []string{"g"}); err != nil || !m.Expired {
		t.Errorf("%+v, %v", m, err)
	}
	if n := len(other.seen()) + len(f.seen()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other := newFake(t, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]any{"id": "x"}) })
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.server.URL+"/v1.0/groups/g", http.StatusFound)
	})
	tenant, _ := f.open()
	_, err := tenant.GroupByID(ctx, "g")
	wantCode(t, err, postern.CodeEntraAnswerUnexpected)
	if n := len(other.seen()); n != 0 {
		t.Errorf("%d requests followed the redirect", n)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status  int
		code    string
		want    postern.Code
		message string // a part of the sentence
	}{
		{400, "Request_BadRequest", postern.CodeEntraRefused, "words of Graph"},
		{400, "Request_MultipleObjectsWithSameKeyValue", postern.CodeEntraAlreadyExists, "words of Graph"},
		{401, "InvalidAuthenticationToken", postern.CodeEntraTokenRefused, "read a group"},
		{403, "Authorization_RequestDenied", postern.CodeEntraPermission, "GroupMember.Read.All"},
		{403, "accessDenied", postern.CodeEntraPermission, "application permission"},
		{403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", postern.CodeEntraLicence, "licence"},
		{403, "Directory_QuotaExceeded", postern.CodeEntraRefused, "number of directory objects"},
		{404, "Request_ResourceNotFound", postern.CodeEntraNotFound, "group the-group"},
		{405, "methodNotAllowed", postern.CodeEntraRefused, "in this form"},
		{409, "Conflict", postern.CodeEntraAlreadyExists, "already"},
		{418, "teapot", postern.CodeEntraAnswerUnexpected, "418"},
		{429, "TooManyRequests", postern.CodeEntraThrottled, "slow down"},
		{500, "UnknownError", postern.CodeEntraUnavailable, "500"},
		{503, "serviceNotAvailable", postern.CodeEntraUnavailable, "503"},
		{504, "UnknownError", postern.CodeEntraUnavailable, "504"},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.code), func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) { graphRefuses(w, c.status, c.code, "The words of Graph.") })
			tenant, _ := f.open()
			_, err := tenant.GroupByID(ctx, "the-group")
			e := wantCode(t, err, c.want)
			if !strings.Contains(e.Message, c.message) {
				t.Errorf("the sentence %q does not say %q", e.Message, c.message)
			}
			var g *GraphError
			if !errors.As(err, &g) || g.Status != c.status || g.Code != c.code || g.RequestID == "" {
				t.Errorf("the cause is %+v", g)
			}
			if c.status == 429 && e.After <= 0 {
				t.Error("a throttled call does not say how long to wait")
			}
		})
	}
}

func TestUserNotFound(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		graphRefuses(w, 404, "Request_ResourceNotFound", "Resource does not exist.")
	})
	tenant, _ := f.open()
	_, err := tenant.User(ctx, "nobody@contoso.com")
	e := wantCode(t, err, postern.CodeEntraUserNotFound)
	if !strings.Contains(e.Message, "nobody@contoso.com") {
		t.Errorf("the sentence %q does not name the user", e.Message)
	}
}

// What is not Graph's error object, or not JSON at all, still becomes one of our errors.
func TestStrangeAnswers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a proxy's page": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("<html>Sign in to the proxy</html>"))
		},
		"nothing":        func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) },
		"a list":         func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, []int{1}) },
		"the wrong type": func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]any{"id": 5}) },
		"a page as refusal": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte("<html>"))
		},
		"more than a page": func(w http.ResponseWriter, r *http.Request) {
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range maxAnswer>>20 + 2 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, answer)
			tenant, _ := f.open()
			_, err := tenant.GroupByID(ctx, "g")
			wantCode(t, err, postern.CodeEntraAnswerUnexpected)
			if n := len(f.seen()); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestIdentifiersCannotChangeThePath(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	tenant, _ := f.open()
	for _, id := range []string{"", ".", "..", "a\nb", "a\x00", strings.Repeat("x", maxIdentifier+1), "\xff"} {
		if err := tenant.DeletePasskey(ctx, "alice@contoso.com", id); err == nil {
			t.Errorf("the method id %.10q was sent", id)
		}
		if err := tenant.DeletePasskey(ctx, id, "method"); err == nil {
			t.Errorf("the user %.10q was sent", id)
		}
		if err := tenant.RemoveMember(ctx, "group", id); err == nil {
			t.Errorf("the member %.10q was sent", id)
		}
	}
	if calls := f.seen(); len(calls) != 0 {
		t.Errorf("requests left: %q", calls)
	}
	if err := tenant.DeletePasskey(ctx, "a#EXT#@contoso.com", "a/b?c"); err != nil {
		t.Fatal(err)
	}
	if err := tenant.RemoveMember(ctx, "g", "u/../v"); err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.Passkeys(ctx, "$o'neil@contoso.com"); err == nil {
		t.Error("an empty answer was taken for a list")
	}
	want := []string{
		"DELETE /v1.0/users/a%23EXT%23@contoso.com/authentication/fido2Methods/a%2Fb%3Fc",
		"DELETE /v1.0/groups/g/members/u%2F..%2Fv/$ref",
		"GET /v1.0/users('$o%27%27neil@contoso.com')/authentication/fido2Methods",
	}
	if calls := f.seen(); !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
}

func TestRequestHeaders(t *testing.T) {
	var agent, id, accept string
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		agent, id, accept = r.UserAgent(), r.Header.Get("client-request-id"), r.Header.Get("Accept")
		writeJSON(w, 200, map[string]any{"id": "g"})
	})
	tenant, _ := f.open()
	const wanted = "0b54f5a2-7c0f-4d1c-9f43-3a6ad1b9e001"
	if _, err := tenant.GroupByID(WithRequestID(ctx, wanted), "g"); err != nil {
		t.Fatal(err)
	}
	if agent != "Postern/test" || id != wanted || accept != "application/json" {
		t.Errorf("User-Agent %q, client-request-id %q, Accept %q", agent, id, accept)
	}
	if _, err := tenant.GroupByID(WithRequestID(ctx, "not a uuid\r\nX: y"), "g"); err != nil {
		t.Fatal(err)
	}
	if id == "" || strings.Contains(id, "not") {
		t.Errorf("client-request-id %q", id)
	}
}

func TestEndedContext(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]any{"id": "g"}) })
	tenant, _ := f.open()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := tenant.GroupByID(ended, "g")
	wantCode(t, err, postern.CodeEntraUnreachable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not tell that the context ended", err)
	}
}

func TestUnreachable(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {})
	tenant, clock := f.open(func(o *Options) { o.Cloud.CAs = nil })
	_, err := tenant.GroupByID(ctx, "g")
	e := wantCode(t, err, postern.CodeEntraUnreachable)
	if !strings.Contains(e.Message, "not trusted") || !strings.Contains(e.Next, "CA") {
		t.Errorf("an untrusted certificate gives %q, %q", e.Message, e.Next)
	}
	if len(clock.sleeps()) != 0 {
		t.Error("an untrusted certificate was tried again")
	}
	tenant, clock = f.open()
	f.server.Close()
	_, err = tenant.GroupByID(ctx, "g")
	e = wantCode(t, err, postern.CodeEntraUnreachable)
	if !strings.Contains(e.Message, "127.0.0.1") {
		t.Errorf("the sentence %q does not name the host", e.Message)
	}
	if n := len(clock.sleeps()); n != patienceOf[Interactive].tries-1 {
		t.Errorf("a refused connection was tried again %d times", n)
	}
}

type countingObserver struct{ exchanges, waits []string }

func (o *countingObserver) Exchange(op, class string, _ time.Duration) {
	o.exchanges = append(o.exchanges, op+" "+class)
}

func (o *countingObserver) Wait(op, reason string, _ time.Duration) {
	o.waits = append(o.waits, op+" "+reason)
}

func TestObserver(t *testing.T) {
	n := 0
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			graphRefuses(w, 503, "serviceNotAvailable", "")
			return
		}
		writeJSON(w, 200, map[string]any{"id": "g"})
	})
	var o countingObserver
	tenant, _ := f.open(func(opts *Options) { opts.Observer = &o })
	if _, err := tenant.GroupByID(ctx, "g"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"token 2xx", "token 2xx", "groups.get 5xx", "groups.get 2xx"}; !slices.Equal(o.exchanges, want) {
		t.Errorf("exchanges %q, want %q", o.exchanges, want)
	}
	if want := []string{"groups.get retry"}; !slices.Equal(o.waits, want) {
		t.Errorf("waits %q, want %q", o.waits, want)
	}
}

package entra

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

// batching answers $batch: part decides each part, and the answers come in any order.
func batching(part func(url string) (status int, headers map[string]string, body any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in batchRequest
		if r.URL.Path != "/v1.0/$batch" || r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&in) != nil || len(in.Requests) > batchSize {
			graphRefuses(w, 400, "BadRequest", "Not a batch.")
			return
		}
		var out []any
		for _, p := range in.Requests {
			if status, headers, body := part(p.URL); status != 0 {
				out = append(out, map[string]any{"id": p.ID, "status": status, "headers": headers, "body": body})
			}
		}
		rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		writeJSON(w, 200, map[string]any{"responses": out})
	}
}

func userOf(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "/users/"), "/authentication/fido2Methods")
}

func onePasskey(id string) any {
	return map[string]any{"value": []any{map[string]any{"id": "key of " + id, "displayName": "k"}}}
}

func userNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("user%d@contoso.com", i)
	}
	return names
}

func TestBatchAnswersAreMatchedById(t *testing.T) {
	f := newFake(t, batching(func(url string) (int, map[string]string, any) { return 200, nil, onePasskey(userOf(url)) }))
	tenant, _ := f.open()
	users := userNames(45)
	n := 0
	for got, err := range tenant.PasskeysOf(ctx, users) {
		if err != nil || got.User != users[n] || len(got.Passkeys) != 1 || got.Passkeys[0].ID != "key of "+users[n] {
			t.Fatalf("answer %d: %+v, %v", n, got, err)
		}
		n++
	}
	if n != 45 || len(f.seen()) != 3 {
		t.Errorf("%d answers in %d requests, want 45 in 3", n, len(f.seen()))
	}
}

func TestBatchPartsFailAlone(t *testing.T) {
	asked := map[string]int{}
	f := newFake(t, batching(func(url string) (int, map[string]string, any) {
		user := userOf(url)
		asked[user]++
		switch {
		case strings.HasPrefix(user, "user1@") && asked[user] == 1:
			return 429, map[string]string{"Retry-After": "3"}, map[string]any{"error": map[string]any{"code": "TooManyRequests"}}
		case strings.HasPrefix(user, "user2@"):
			return 404, nil, map[string]any{"error": map[string]any{"code": "Request_ResourceNotFound"}}
		case strings.HasPrefix(user, "user3@") && asked[user] == 1:
			return 503, nil, nil
		case strings.HasPrefix(user, "user4@"):
			return 0, nil, nil // no answer at all
		case strings.HasPrefix(user, "user5@"):
			return 200, nil, "not a page"
		case strings.HasPrefix(user, "user6@"):
			return 403, nil, map[string]any{"error": map[string]any{"code": "Authorization_RequestDenied"}}
		}
		return 200, nil, onePasskey(user)
	}))
	tenant, clock := f.open()
	want := map[string]postern.Code{
		"user2@contoso.com": postern.CodeEntraUserNotFound, "user4@contoso.com": postern.CodeEntraAnswerUnexpected,
		"user5@contoso.com": postern.CodeEntraAnswerUnexpected, "user6@contoso.com": postern.CodeEntraPermission, "": postern.CodeInvalid,
	}
	n := 0
	for got, err := range tenant.PasskeysOf(ctx, append(userNames(8), "")) {
		n++
		if code, ok := want[got.User]; ok {
			wantCode(t, err, code)
		} else if err != nil || len(got.Passkeys) != 1 {
			t.Errorf("%s: %+v, %v", got.User, got.Passkeys, err)
		}
	}
	if n != 9 {
		t.Errorf("%d answers", n)
	}
	if asked["user1@contoso.com"] != 2 || asked["user3@contoso.com"] != 2 || asked["user0@contoso.com"] != 1 || asked["user2@contoso.com"] != 1 {
		t.Errorf("asked %v; only what was refused for the moment is asked again", asked)
	}
	if !slices.Contains(clock.sleeps(), 3*time.Second) {
		t.Errorf("slept %v although a part asked for 3 s", clock.sleeps())
	}
}

func TestBatchThatStaysThrottled(t *testing.T) {
	f := newFake(t, batching(func(string) (int, map[string]string, any) {
		return 429, map[string]string{"Retry-After": "1"}, nil
	}))
	tenant, _ := f.open()
	for _, err := range tenant.PasskeysOf(ctx, userNames(1)) {
		e := wantCode(t, err, postern.CodeEntraThrottled)
		if e.After <= 0 {
			t.Error("After is missing")
		}
	}
	if n := len(f.seen()); n > patienceOf[Interactive].tries {
		t.Errorf("asked %d times", n)
	}
}

func TestBatchIgnoresAnswersNobodyAskedFor(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, 200, map[string]any{"responses": []any{
			map[string]any{"id": "-1", "status": 200, "body": onePasskey("x")},
			map[string]any{"id": "99", "status": 200},
			map[string]any{"id": "x", "status": 200},
			map[string]any{"id": "00", "status": 200, "body": onePasskey("y")},
			map[string]any{"id": "0", "status": 200, "body": onePasskey("z")},
		}})
	})
	tenant, _ := f.open()
	for got, err := range tenant.PasskeysOf(ctx, userNames(1)) {
		if err != nil || len(got.Passkeys) != 1 || got.Passkeys[0].ID != "key of z" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestBatchPartWithASecondPage(t *testing.T) {
	var f *fakeEntra
	f = newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/next" {
			writeJSON(w, 200, onePasskey("second page"))
			return
		}
		batching(func(url string) (int, map[string]string, any) {
			return 200, nil, map[string]any{"value": []any{map[string]any{"id": "first"}}, "@odata.nextLink": f.server.URL + "/next"}
		})(w, r)
	})
	tenant, _ := f.open()
	for got, err := range tenant.PasskeysOf(ctx, userNames(1)) {
		if err != nil || len(got.Passkeys) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestBatchStopsWithItsContext(t *testing.T) {
	f := newFake(t, batching(func(url string) (int, map[string]string, any) { return 200, nil, onePasskey("x") }))
	tenant, _ := f.open()
	ending, cancel := context.WithCancel(ctx)
	defer cancel()
	n := 0
	for range tenant.PasskeysOf(ending, userNames(100)) {
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("%d answers after the context ended", n)
	}
}

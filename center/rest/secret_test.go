package rest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern"
)

// TestSecretsStayOut: whatever is sent where, right or wrong, no secret of the request turns up in the log or in a
// problem document.
func TestSecretsStayOut(t *testing.T) {
	h := newHouse(t)
	h.loose = true
	good := h.token(postern.Permissions...)
	var targets []struct{ method, path string }
	for path, item := range h.api.OpenAPI().Paths {
		for method, here := range map[string]bool{
			http.MethodGet: item.Get != nil, http.MethodPost: item.Post != nil, http.MethodPut: item.Put != nil, http.MethodDelete: item.Delete != nil,
		} {
			if here {
				targets = append(targets, struct{ method, path string }{method, strings.ReplaceAll(path, "{id}", "x_1")})
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9~]{24}`).Draw(t, "secret")
		target := rapid.SampledFrom(targets).Draw(t, "target")
		field := rapid.SampledFrom([]string{
			"client_secret", "client_private_key", "service_account_password", "private_key", "code", "proof", "name", "state", "version", "unknown",
		}).Draw(t, "field")
		body, err := json.Marshal(map[string]any{field: secret, "application_name": "a", "tenant_id": "b", "client_id": "c"})
		if err != nil {
			t.Fatal(err)
		}
		text := string(body)
		if rapid.Bool().Draw(t, "cut") {
			text = text[:len(text)-rapid.IntRange(1, 10).Draw(t, "by")]
		}
		var authorization string
		switch rapid.IntRange(0, 4).Draw(t, "authorization") {
		case 0:
			authorization = "Bearer " + good
		case 1:
			authorization = "Bearer ptn_" + secret
		case 2:
			authorization = "Postern-Phone " + secret
		case 3:
			authorization = secret
		}
		h.domain.fail = nil
		if rapid.Bool().Draw(t, "fails") {
			h.domain.fail = postern.Errorf(postern.CodeEntraSecretWrong, "")
		}
		address := "198.51.100." + rapid.StringMatching(`[1-9][0-9]`).Draw(t, "address")
		answer := h.send(target.method, target.path+"?query="+secret, text,
			header("Authorization", authorization), header("Cookie", "__Host-postern="+secret), header("X-Request-Id", secret),
			func(r *http.Request) { r.RemoteAddr = address + ":1" })
		said, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(said), secret) && answer.StatusCode >= 400 {
			t.Fatalf("%s %s answered %s", target.method, target.path, said)
		}
		if log := h.log.String(); strings.Contains(log, secret) || strings.Contains(log, good) {
			t.Fatalf("the log tells a secret")
		}
		h.log.mu.Lock()
		h.log.b.Reset()
		h.log.mu.Unlock()
	})
}
